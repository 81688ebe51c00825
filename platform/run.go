package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// RunImages are the run images that a platform knows: run.toml.
type RunImages struct {
	Images []RunImageInfo `toml:"images"`
}

// RunImageInfo is a run image and its mirrors.
type RunImageInfo struct {
	Image   string   `toml:"image"`
	Mirrors []string `toml:"mirrors"`
}

// ReadRun reads a run.toml; a missing one, said at info level, knows no images.
func ReadRun(path string, log *slog.Logger) (RunImages, error) {
	run, err := read("run file", path, files.Config, func(path string, data []byte) (run RunImages, err error) {
		warnings, err := tomlconfig.Decode(data, &run)
		warn(log, path, warnings)
		return run, inFile(path, err)
	})
	if errors.Is(err, fs.ErrNotExist) {
		log.Info(fmt.Sprintf("No run metadata found at path %q", path))
		return run, nil
	}
	return run, err
}

// Knows reports whether an image is one of these or a mirror of one. Names are compared as registries understand them,
// without digests.
func (r RunImages) Knows(image string) bool {
	wanted := canonical(image)
	is := func(name string) bool { return canonical(name) == wanted }
	for _, info := range r.Images {
		if is(info.Image) || slices.ContainsFunc(info.Mirrors, is) {
			return true
		}
	}
	return false
}

// canonical is the name of an image in full – registry, repository, tag – without its digest.
func canonical(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if ref, err := name.ParseReference(image); err == nil {
		return ref.Name()
	}
	return image
}
