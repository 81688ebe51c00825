package generate

import (
	"fmt"
	"slices"

	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
)

// runDockerfile is a run.Dockerfile.
type runDockerfile struct {
	extension string
	// from is the image that it switches to; empty if it extends the base_image argument.
	from string
	// instructions after FROM.
	instructions int
}

// Decision is which run image the generated Dockerfiles ask for (docs/reference.md, "Generation").
type Decision struct {
	// Image is what a run.Dockerfile switches to, and SwitchedBy is the id of the extension that left it; empty if none does.
	Image, SwitchedBy string
	// Known reports whether run.toml has the image that is switched to.
	Known bool
	// Extend is true if a run.Dockerfile that counts has something to apply.
	Extend bool
	// Dockerfiles is how many run.Dockerfiles there are.
	Dockerfiles int
	// Ignored are the ids of the extensions whose run.Dockerfiles come before the one that switches, Extending those of others
	// whose run.Dockerfiles have instructions after FROM.
	Ignored, Extending []string
}

// decide walks the run.Dockerfiles, in group order, from last to first: the last one that switches decides.
func decide(dockerfiles []runDockerfile, known platform.RunImages) Decision {
	decision := Decision{Dockerfiles: len(dockerfiles)}
	for _, d := range slices.Backward(dockerfiles) {
		switch {
		case decision.Switches():
			decision.Ignored = append(decision.Ignored, d.extension)
			continue
		case d.instructions > 0:
			decision.Extend = true
			decision.Extending = append(decision.Extending, d.extension)
		}
		if d.from != "" {
			decision.Image, decision.SwitchedBy, decision.Known = d.from, d.extension, known.Knows(d.from)
		}
	}
	slices.Reverse(decision.Ignored)
	slices.Reverse(decision.Extending)
	return decision
}

// check returns an error if the platform's policy does not allow the switch: listed allows images of run.toml, never allows none.
func (d Decision) check(policy string) error {
	if !d.Switches() || policy != "never" && (policy != "listed" || d.Known) {
		return nil
	}
	why := "the platform allows no extension to switch the run image"
	if policy == "listed" {
		why = "the platform allows only run images that run.toml lists"
	}
	return platform.WithHint(
		fmt.Errorf("extension %s switches the run image to %s, but %s (-run-image-switch %s)", d.SwitchedBy, d.Image, why, policy),
		"the builder's maintainer can list the image in run.toml, or the platform can change the policy")
}

// Switches reports whether a run.Dockerfile switches the run image.
func (d Decision) Switches() bool { return d.Image != "" }

// ignores reports whether the run.Dockerfile of an index is overruled: all of them come before the one that switches.
func (d Decision) ignores(index int) bool { return index < len(d.Ignored) }

// replaces reports whether the run image becomes another one than analyzed.toml has.
func (d Decision) replaces(a platform.Analyzed, at api.Version) bool {
	same := at.AtLeast(api.V(0, 12)) && a.NamesRunImage() && a.RunImage.Image == d.Image
	return d.Switches() && !same
}

// rewrite is analyzed.toml with the decision in it. Where it names no run image and none is switched to, nothing is
// written about one.
func (d Decision) rewrite(a platform.Analyzed, at api.Version) platform.Analyzed {
	if d.replaces(a, at) {
		a = a.SwitchedTo(d.Image)
	}
	if !a.NamesRunImage() {
		return a
	}
	return a.ExtendingRun(d.Extend)
}
