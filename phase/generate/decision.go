package generate

import (
	"fmt"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/dockerfile"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
)

// leftDockerfile is a Dockerfile and the id of the extension that left it.
type leftDockerfile struct {
	dockerfile.Dockerfile
	extension string
}

// dockerfilesOf are the Dockerfiles of a kind, in the order of the group.
func dockerfilesOf(all []Extension, kind buildpack.DockerfileKind) []leftDockerfile {
	var left []leftDockerfile
	for _, e := range all {
		for _, d := range e.Dockerfiles {
			if d.Kind == kind {
				left = append(left, leftDockerfile{d.Dockerfile, e.Module.ID})
			}
		}
	}
	return left
}

// Decision is which run image the generated Dockerfiles ask for.
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

// decide walks the run.Dockerfiles in group order: the last one that switches decides, and those before it are ignored.
func decide(dockerfiles []leftDockerfile, known platform.RunImages) Decision {
	var decision Decision
	var before []string
	for _, d := range dockerfiles {
		if d.From != "" {
			decision = Decision{Image: d.From, SwitchedBy: d.extension, Known: known.Knows(d.From), Ignored: slices.Clone(before)}
		}
		if d.Instructions > 0 {
			decision.Extend = true
			decision.Extending = append(decision.Extending, d.extension)
		}
		before = append(before, d.extension)
	}
	decision.Dockerfiles = len(dockerfiles)
	return decision
}

// check is an error if the platform's policy does not allow the switch: listed allows images of run.toml, never allows none.
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

// replaces reports whether the run image becomes another one than analyzed.toml has.
func (d Decision) replaces(a platform.Analyzed, at api.Version) bool {
	same := at.AtLeast(api.V(0, 12)) && a.NamesRunImage() && a.RunImage.Image == d.Image
	return d.Switches() && !same
}

// rewrite is analyzed.toml with the decision in it.
func (d Decision) rewrite(a platform.Analyzed, at api.Version) platform.Analyzed {
	if d.replaces(a, at) {
		a = a.SwitchedTo(d.Image)
	}
	return a.ExtendingRun(d.Extend)
}
