package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"

	"github.com/cnb-prelude/prelude/internal/staged"
	"github.com/cnb-prelude/prelude/platform"
)

// analyzed is the analyzed.toml that the next phases read.
type analyzed struct {
	path string
	file platform.Analyzed
}

// readAnalyzed reads it before anything else is done, so that a malformed one is known before images are built.
func readAnalyzed(path string, log io.Writer) (analyzed, error) {
	file, err := platform.ReadAnalyzed(path, slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelError})))
	return analyzed{path, file}, err
}

// name makes the extended image the run image, of which nothing is left to extend. All else in the file stays. image is a tag:
// a rebase takes what has it by then, so that it finds an image that is extended, too.
func (a analyzed) name(image, reference string) error {
	run := map[string]any{}
	tables := a.file.Images()
	if old, ok := tables["run-image"].(map[string]any); ok {
		maps.Copy(run, old)
	}
	run["image"], run["reference"] = image, reference
	delete(run, "extend")
	tables["run-image"] = run
	changed, err := a.file.WithImages(tables)
	if err != nil {
		return fmt.Errorf("%s: %w", a.path, err)
	}
	text, err := changed.Encode()
	if err != nil {
		return fmt.Errorf("%s: %w", a.path, err)
	}
	return staged.Write(a.path, text)
}
