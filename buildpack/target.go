package buildpack

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/internal/api"
)

// Distro is a distribution of an operating system. An empty field matches anything.
type Distro struct{ Name, Version string }

// Target is what a module supports, or what an image is: operating system, architecture and, perhaps, distribution.
// An empty field matches anything.
type Target struct {
	OS, Arch, Variant string
	// Distros: a module lists those it supports (none: all); an image has at most one.
	Distros []Distro
}

// Mismatch is one field in which an image is not what a module wants.
type Mismatch struct{ Field, Want, Found string }

// String says it in words: "wants arch arm64, found amd64".
func (m Mismatch) String() string {
	text := fmt.Sprintf("wants %s %s, found %s", m.Field, m.Want, m.Found)
	lower := strings.ToLower(m.Want)
	if name := cmp.Or(elsewhere()[lower], lower); name == m.Found {
		return fmt.Sprintf("%s (which is how %s has to be written)", text, m.Want)
	}
	return text
}

// elsewhere are names that others have for architectures, and those that the specification, and Go, have.
func elsewhere() map[string]string {
	return map[string]string{"x86_64": "amd64", "x86-64": "amd64", "x64": "amd64", "aarch64": "arm64", "arm64/v8": "arm64", "i386": "386", "i686": "386", "x86": "386"}
}

// MatchTargets returns nil if one of a module's targets matches the image's, or if there are none, and else an error that
// says which fields differ, wanted and found (docs/reference.md, "Which modules take part"; B24).
func MatchTargets(targets []Target, image Target) error {
	if len(targets) == 0 {
		return nil
	}
	var all TargetError
	for _, target := range targets {
		mismatches := target.differences(image)
		if len(mismatches) == 0 || target.isWildcard() || image.isWildcard() {
			return nil
		}
		all.PerTarget = append(all.PerTarget, mismatches)
	}
	return &all
}

// TargetError says why a module does not support an image.
type TargetError struct {
	// PerTarget are the fields that differ, for each of the module's targets.
	PerTarget [][]Mismatch
}

// Error is the part that follows "does not support this image: ".
func (e *TargetError) Error() string {
	var texts []string
	for _, mismatches := range e.PerTarget {
		var parts []string
		for _, m := range mismatches {
			parts = append(parts, m.String())
		}
		if text := strings.Join(parts, " and "); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return strings.Join(texts, "; or ")
}

// differences compares field by field. Empty on either side matches, except that a module which lists distributions
// does not match an image whose distribution is unknown.
func (t Target) differences(image Target) []Mismatch {
	var found []Mismatch
	compare := func(field, want, have string) {
		if want != "" && have != "" && want != have {
			found = append(found, Mismatch{Field: field, Want: want, Found: have})
		}
	}
	compare("os", t.OS, image.OS)
	compare("arch", t.Arch, image.Arch)
	compare("variant", t.Variant, image.Variant)
	if len(t.Distros) > 0 && !t.hasDistro(image) {
		found = append(found, Mismatch{Field: "distro", Want: distroNames(t.Distros), Found: distroNames(image.Distros)})
	}
	return found
}

// isWildcard: "*" for both is how some say anything.
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

// InferTargets are the targets of a module that declares none (docs/reference.md, "Which modules take part"). bin tells whether a file of that
// name is in the module's bin directory. A module that says nothing of what it needs has none, which match any image.
func (d Descriptor) InferTargets(kind Kind, declared api.Version, bin func(name string) bool) []Target {
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
	if len(targets) > 0 {
		return targets
	}
	if kind == KindBuildpack && bin("build") || kind == KindExtension && (bin("detect") || bin("generate")) {
		return []Target{{OS: "linux"}}
	}
	return nil
}
