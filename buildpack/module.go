// Package buildpack holds the values of the Buildpack and Image Extension specifications – modules, orders, build
// plans, targets, Dockerfiles – and reads them from bytes. It never touches the file system and never runs anything.
package buildpack

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/cnb-prelude/prelude/internal/api"
)

// Kind tells the two kinds of module apart.
type Kind string

// The kinds of module, as messages name them.
const (
	KindBuildpack Kind = "buildpack"
	KindExtension Kind = "extension"
)

// Ref names a module: its kind, id and version.
type Ref struct {
	Kind    Kind
	ID      string
	Version string
}

// String is "<id>@<version>", the form of every message.
func (r Ref) String() string { return r.ID + "@" + r.Version }

// Escaped is the id as the name of a directory: with "_" for "/".
func (r Ref) Escaped() string { return strings.ReplaceAll(r.ID, "/", "_") }

// Check refuses an id or a version that is missing or could leave its directory.
func (r Ref) Check() error {
	switch {
	case r.ID == "":
		return fmt.Errorf("%s without id: each element of a group of the order needs one", r.Kind)
	case r.Version == "":
		return fmt.Errorf("%s %q has no version: each element of a group of the order needs one", r.Kind, r.ID)
	case strings.HasPrefix(r.ID, "/") || strings.ContainsFunc(r.ID, unicode.IsControl) || slices.ContainsFunc(strings.Split(r.ID, "/"), isDots):
		return fmt.Errorf("%s id %q is not safe as the name of a directory", r.Kind, r.ID)
	case strings.ContainsAny(r.Version, `/\`) || strings.ContainsFunc(r.Version, unicode.IsControl) || isDots(r.Version):
		return fmt.Errorf("version %q of %s %q is not safe as the name of a directory", r.Version, r.Kind, r.ID)
	}
	return nil
}

func isDots(name string) bool { return name == "." || name == ".." }

// Element is one element of a group of an order, as it is written there.
type Element struct {
	Ref
	// Optional modules may fail; extensions are always optional.
	Optional bool
	// ExecEnv limits the element to these execution environments; empty means any.
	ExecEnv []string
}

// Group is a list of elements that are tried together.
type Group []Element

// Order is a list of groups that are tried from first to last.
type Order []Group

// Module is a buildpack or an image extension as it was found on disk.
type Module struct {
	Ref
	// API is the Buildpack API that the module declares; it is a supported one.
	API api.Version
	// Dir is the absolute path of the module's directory.
	Dir string
	// Descriptor is what buildpack.toml or extension.toml says.
	Descriptor Descriptor
	// Targets are those declared or, where none are, those inferred.
	Targets []Target
	// Warnings are about its descriptor.
	Warnings []string
}

// IsComposite reports whether the module is a buildpack that stands for an order of others.
func (m *Module) IsComposite() bool { return len(m.Descriptor.Order) > 0 }

// IsExtension reports whether the module is an image extension.
func (m *Module) IsExtension() bool { return m.Kind == KindExtension }

// Outcome is how a module answered detection.
type Outcome string

// The outcomes of detection.
const (
	// Passed: exit code 0 and a valid build plan, or an extension without bin/detect.
	Passed Outcome = "pass"
	// Failed: exit code 100, the module does not want to take part.
	Failed Outcome = "fail"
	// Errored: any other exit code, or it could not be started, timed out or left a bad build plan.
	Errored Outcome = "err"
	// Mismatched: it was not run, because it does not support the run image's target.
	Mismatched Outcome = "mismatch"
)

// NoExitCode stands for the exit code of a module that did not exit by itself.
const NoExitCode = -1

// Detection is what became of one module's bin/detect, once and for all.
type Detection struct {
	Outcome Outcome
	// ExitCode of bin/detect; NoExitCode if it was not run, not started, ended by a signal or left a bad build plan. It is 0 for an
	// extension without bin/detect.
	ExitCode int
	// Alternatives of its build plan, at least one if it passed: the top level of the file first, then each "or".
	Alternatives []Alternative
	// Output is what it printed, stdout and stderr as they came, without the middle of a very long one.
	Output []byte
	// Cause says what went wrong if it errored or mismatched; nil otherwise.
	Cause error
	// Warnings are about its build plan and its script.
	Warnings []string
}
