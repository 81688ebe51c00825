package phase

import (
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
)

// runDockerfile is what has to be known of a run.Dockerfile to decide about the run image.
type runDockerfile struct {
	extension string
	// from is the image that it switches to; empty if it extends the base_image argument.
	from string
	// instructions after FROM.
	instructions int
}

// runDecision is which run image the generated Dockerfiles ask for (contract, section 6, "Which run image").
type runDecision struct {
	// image is what a run.Dockerfile switches to, and by is the extension that left it; empty if none does.
	image, by string
	// switcher is the index of the run.Dockerfile that decides, -1 if none switches. Those before it are ignored.
	switcher int
	// extend is true if a run.Dockerfile that counts has something to apply.
	extend bool
}

// decideRunImage walks the run.Dockerfiles, in group order, from last to first: the last one that switches decides.
func decideRunImage(dockerfiles []runDockerfile) runDecision {
	decision := runDecision{switcher: -1}
	for i := len(dockerfiles) - 1; i >= 0; i-- {
		d := dockerfiles[i]
		decision.extend = decision.extend || d.instructions > 0
		if d.from != "" {
			decision.switcher, decision.image, decision.by = i, d.from, d.extension
			return decision
		}
	}
	return decision
}

func (d runDecision) switches() bool { return d.switcher >= 0 }

// ignores says whether the run.Dockerfile of an index is overruled.
func (d runDecision) ignores(index int) bool { return index < d.switcher }

// replaces says whether the run image becomes another one than analyzed.toml has.
func (d runDecision) replaces(a platform.Analyzed, at api.Version) bool {
	same := at.AtLeast(api.V(0, 12)) && a.NamesRunImage() && a.RunImage.Image == d.image
	return d.switches() && !same
}

// rewrite is analyzed.toml with the decision in it. Where it names no run image and none is switched to, nothing is
// written about one.
func (d runDecision) rewrite(a platform.Analyzed, at api.Version) platform.Analyzed {
	if d.replaces(a, at) {
		a = a.SwitchedTo(d.image)
	}
	if !a.NamesRunImage() {
		return a
	}
	return a.ExtendingRun(d.extend)
}
