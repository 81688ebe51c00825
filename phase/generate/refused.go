package generate

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/cnb-prelude/prelude/internal/staged"
	"github.com/cnb-prelude/prelude/platform"
)

// refusedFile is where the text of a file is kept because of which generation has failed, below the layers directory. It
// is not called Dockerfile, and does not end in .toml: it is not to be applied.
const refusedFile = "prelude-refused.txt"

// refusal is an error about the text of a file that an extension left.
type refusal struct {
	error
	name string
	text []byte
}

func (r *refusal) Unwrap() error { return r.error }

// keepRefused keeps the text that an error of generation is about, if it is about one, and says with the error where: the
// generated tree has become what it was before. Another text from an earlier run is gone then.
func keepRefused(in platform.Inputs, err error, log *slog.Logger) error {
	var exit *platform.Exit
	if !errors.As(err, &exit) || !exit.InGeneration() {
		return err
	}
	var r *refusal
	path := refusedPath(in)
	if !errors.As(err, &r) || path == "" {
		forgetRefused(in)
		return err
	}
	if unwritten := staged.Replace(path, r.text); unwritten != nil {
		log.Warn(fmt.Sprintf("the text of %s is not kept: %s", r.name, unwritten))
		return err
	}
	return exit.WithHint(fmt.Sprintf("the whole %s is in %s", r.name, path))
}

// forgetRefused removes what keepRefused has kept in an earlier run. What it cannot have written, say a link, stays.
func forgetRefused(in platform.Inputs) {
	path := refusedPath(in)
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		os.Remove(path) // where that is not allowed, keepRefused has not written it either
	}
}

// refusedPath is empty if the layers directory is below the generated one, which holds only what has been checked.
func refusedPath(in platform.Inputs) string {
	layers, generated := withoutLinks(in.LayersDir), withoutLinks(in.GeneratedDir)
	if below, err := filepath.Rel(generated, layers); err == nil && filepath.IsLocal(below) {
		return ""
	}
	return filepath.Join(in.LayersDir, refusedFile)
}

// withoutLinks is a path with its links followed, or the path itself if it leads nowhere.
func withoutLinks(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}
