package platform

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
)

// GeneratedVersion is the version of the shape of generated.toml that this package writes.
const GeneratedVersion = 1

// Generated is generated.toml: all that a later extend step has to know to apply the generated Dockerfiles.
type Generated struct {
	Version     int    `toml:"version"`
	PlatformAPI string `toml:"platform-api"`

	RunImage   GeneratedRunImage   `toml:"run-image"`
	BuildImage GeneratedBuildImage `toml:"build-image"`
	// Dockerfiles in the order of their application, the build image's and the run image's each on its own.
	Dockerfiles []GeneratedDockerfile `toml:"dockerfiles,omitempty"`
	// Ignored are the run.Dockerfiles that a later switch overrules.
	Ignored []IgnoredDockerfile `toml:"ignored,omitempty"`
	// Provided are the entries of the build plan that extensions were given; they are no longer in plan.toml.
	Provided []Provided `toml:"provided,omitempty"`
	// Rerun is for generator itself: what it needs to do the same again.
	Rerun *Rerun `toml:"rerun,omitempty"`
}

// GeneratedRunImage is the run image to extend, or to use as it is. Image is empty if it is not known.
type GeneratedRunImage struct {
	Image string `toml:"image,omitempty"`
	// SwitchedBy is the id of the extension that switched to it; empty if none did.
	SwitchedBy string `toml:"switched-by,omitempty"`
	Extend     bool   `toml:"extend"`
}

// GeneratedBuildImage is the build image. Reference is empty if it is not known.
type GeneratedBuildImage struct {
	Reference string `toml:"reference,omitempty"`
	Extend    bool   `toml:"extend"`
}

// GeneratedDockerfile is a Dockerfile to apply. Path and Context are relative to the generated directory.
type GeneratedDockerfile struct {
	Kind         buildpack.DockerfileKind `toml:"kind"`
	Extension    string                   `toml:"extension"`
	Version      string                   `toml:"version"`
	Path         string                   `toml:"path"`
	Digest       string                   `toml:"digest"`
	Instructions int                      `toml:"instructions"`      // after FROM
	From         string                   `toml:"from,omitempty"`    // the image that it switches to; empty if it extends
	Context      string                   `toml:"context,omitempty"` // empty if the app directory is the context
	Args         []buildpack.Arg          `toml:"args,omitempty"`
}

// IgnoredDockerfile is a run.Dockerfile that a later switch overrules.
type IgnoredDockerfile struct {
	Extension   string `toml:"extension"`
	Path        string `toml:"path"`
	OverruledBy string `toml:"overruled-by"`
}

// Provided is an entry of the build plan that an extension was given.
type Provided struct {
	Extension string              `toml:"extension"`
	Requires  []buildpack.Require `toml:"requires"`
}

// Rerun is what generator has to know to do the same again on what generation left: it changes its own inputs.
type Rerun struct {
	// Extensions of the group, "<id>@<version>". If they are others now, nothing here counts.
	Extensions []string `toml:"extensions,omitempty"`
	// Plan and Analyzed are the digests of those files as generation left them. If one is another now, somebody has
	// written a new one, and what is here about it does not count.
	Plan     string `toml:"plan,omitempty"`
	Analyzed string `toml:"analyzed,omitempty"`
	// Entries of the plan that extensions took, in the order of Provided.
	Entries []RerunEntry `toml:"entries,omitempty"`
	// Images are the run-image and the build-image table of analyzed.toml as they were before.
	Images map[string]any `toml:"images,omitempty"`
}

// RerunEntry is an entry of the plan that an extension took.
type RerunEntry struct {
	Providers []buildpack.Provider `toml:"providers"`
}

// Encode is the text of generated.toml.
func (g Generated) Encode() ([]byte, error) { return toml.Marshal(g) }

// For returns the Dockerfiles for one kind of image, in the order of their application.
func (g Generated) For(kind buildpack.DockerfileKind) []GeneratedDockerfile {
	return slices.DeleteFunc(slices.Clone(g.Dockerfiles), func(d GeneratedDockerfile) bool { return d.Kind != kind })
}

// Digest is how generated.toml names the contents of a file: "sha256:" and the sum in hexadecimal digits.
func Digest(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

// ReadGenerated reads a generated.toml; a missing or empty one, such as /dev/null, is nil, and no error. Unknown keys are
// ignored. A file that is malformed, has an unknown version, or names a path out of the generated directory is an error.
func ReadGenerated(path string) (*Generated, error) {
	g, err := read("generated metadata", path, files.Result, ParseGenerated)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return g, err
}

// ParseGenerated reads the bytes of a generated.toml, as ReadGenerated does; path is for messages.
func ParseGenerated(path string, data []byte) (*Generated, error) {
	if len(data) == 0 {
		return nil, nil
	}
	var g Generated
	if err := decodeResult(path, data, &g); err != nil {
		return nil, err
	}
	if g.Version != GeneratedVersion {
		return nil, fmt.Errorf("%s: version is %d, want %d", path, g.Version, GeneratedVersion)
	}
	var paths []string
	for _, d := range g.Dockerfiles {
		if !slices.Contains(buildpack.DockerfileKinds(), d.Kind) {
			return nil, fmt.Errorf("%s: a Dockerfile of %q has the kind %q, want build or run", path, d.Extension, d.Kind)
		}
		paths = append(paths, d.Path, cmp.Or(d.Context, d.Path))
	}
	for _, d := range g.Ignored {
		paths = append(paths, d.Path)
	}
	for _, p := range paths {
		if strings.ContainsRune(p, 0) || !filepath.IsLocal(p) || filepath.Clean(p) == "." {
			return nil, fmt.Errorf("%s: %q is not a path below the generated directory", path, p)
		}
	}
	return &g, nil
}
