package buildpack

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/internal/api"
)

// Distro is a distribution of an operating system. An empty field matches anything.
type Distro struct {
	Name    string `toml:"name"`
	Version string `toml:"version"`
}

// Target is what a module supports, or what an image is: operating system, architecture and, perhaps, distribution.
// An empty field matches anything.
type Target struct {
	OS, Arch, Variant string
	// Distros: a module lists those it supports (none: all); an image has at most one.
	Distros []Distro
}

// MatchTargets returns nil if one of a module's targets matches the image's, or if there are none, and else an error that
// says which fields differ, wanted and found: "wants arch arm64, found amd64".
func MatchTargets(targets []Target, image Target) error {
	if len(targets) == 0 {
		return nil
	}
	var texts []string
	for _, target := range targets {
		mismatches := target.mismatches(image)
		if len(mismatches) == 0 || target.isWildcard() || image.isWildcard() {
			return nil
		}
		if text := strings.Join(mismatches, " and "); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return errors.New(strings.Join(texts, "; or "))
}

// mismatches compares field by field. Empty on either side matches, except that a module which lists distributions does not
// match an image whose distribution is unknown.
func (t Target) mismatches(image Target) []string {
	var found []string
	compare := func(field, want, have string) {
		if want != "" && have != "" && want != have {
			found = append(found, mismatch(field, want, have))
		}
	}
	compare("os", t.OS, image.OS)
	compare("arch", t.Arch, image.Arch)
	compare("variant", t.Variant, image.Variant)
	if len(t.Distros) > 0 && !t.hasDistro(image) {
		found = append(found, mismatch("distro", distroNames(t.Distros), distroNames(image.Distros)))
	}
	return found
}

// mismatch says what differs. Other names of an architecture are answered with the one that counts.
func mismatch(field, want, found string) string {
	text := fmt.Sprintf("wants %s %s, found %s", field, want, found)
	aliases := map[string]string{
		"x86_64": "amd64", "x86-64": "amd64", "x64": "amd64", "i386": "386", "i686": "386", "x86": "386",
		"aarch64": "arm64", "arm64/v8": "arm64",
	}
	lower := strings.ToLower(want)
	if cmp.Or(aliases[lower], lower) == found {
		text += fmt.Sprintf(" (which is how %s has to be written)", want)
	}
	return text
}

// isWildcard reports whether the target is how some modules say that they support anything.
func (t Target) isWildcard() bool { return t.OS == "*" && t.Arch == "*" }

func (t Target) hasDistro(image Target) bool {
	return len(image.Distros) > 0 && slices.ContainsFunc(t.Distros, func(d Distro) bool { return d.matches(image.Distros[0]) })
}

func (d Distro) matches(o Distro) bool {
	return (d.Name == "" || o.Name == "" || d.Name == o.Name) && (d.Version == "" || o.Version == "" || d.Version == o.Version)
}

func distroNames(distros []Distro) string {
	if len(distros) == 0 {
		return "none that is known"
	}
	names := make([]string, len(distros))
	for i, d := range distros {
		names[i] = strings.TrimSpace(cmp.Or(d.Name, "any distro") + " " + d.Version)
	}
	return strings.Join(names, " or ")
}

// InferTargets returns the targets of a module: those declared, those of its stacks, or linux if it has executables in bin;
// hasBin reports whether it has one of that name. None match any image.
func (d Descriptor) InferTargets(kind Kind, declared api.Version, hasBin func(name string) bool) []Target {
	if len(d.Targets) > 0 {
		return d.Targets
	}
	var targets []Target
	for _, stack := range d.Stacks {
		switch {
		case stack == "io.buildpacks.stacks.bionic" && (declared.AtLeast(api.V(0, 10)) || len(d.Stacks) == 1):
			targets = append(targets, Target{OS: "linux", Arch: "amd64", Distros: []Distro{{Name: "ubuntu", Version: "18.04"}}})
		case stack == "*":
			targets = append(targets, Target{})
		}
	}
	executables := map[Kind][]string{KindBuildpack: {"build"}, KindExtension: {"detect", "generate"}}
	if len(targets) == 0 && slices.ContainsFunc(executables[kind], hasBin) {
		return []Target{{OS: "linux"}}
	}
	return targets
}
