package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/diff"
)

// theirDetector is where a builder has its own.
const theirDetector = "/cnb/lifecycle/detector"

// comparison runs the builder's own detector in the same world, and compares the results. The exit code is 1 if they differ.
func (o options) comparison(ctx context.Context, ours *world, e engine, out io.Writer) (int, error) {
	theirs, err := ours.scene.build()
	defer theirs.remove()
	if err != nil {
		return 0, err
	}
	theirs.program, theirs.reportAs = theirDetector, ""
	if err := theirs.detect(ctx, e, &theirs.said); err != nil {
		return 0, err
	}
	difference, err := ours.differs(theirs)
	if err != nil {
		return 0, err
	}
	if difference == "" {
		fmt.Fprintln(out, "compare: the builder's own detector agrees")
		return ours.code, nil
	}
	fmt.Fprintf(out, "compare: the builder's own detector differs\n%s", difference)
	return 1, nil
}

// differs returns a diff from what the other detector made: the exit code, the group, the plan, the run image and the Dockerfiles.
func (w *world) differs(theirs *world) (string, error) {
	var text strings.Builder
	if w.code != theirs.code {
		fmt.Fprintf(&text, "exit code %d, and ours %d; its words:\n%s", theirs.code, w.code, &theirs.said)
	}
	if w.code != 0 || theirs.code != 0 {
		return text.String(), nil
	}
	names := []string{"group.toml", "plan.toml", "analyzed.toml"}
	for _, one := range []*world{w, theirs} {
		found, err := namesBelow(one.root("layers/generated"))
		if err != nil {
			return "", err
		}
		for _, name := range found {
			names = append(names, filepath.ToSlash(filepath.Join("generated", name)))
		}
	}
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		is, err := w.comparable(name)
		was, theirErr := theirs.comparable(name)
		if err := errors.Join(err, theirErr); err != nil {
			return "", err
		}
		if !bytes.Equal(is, was) {
			text.Write(diff.Diff("its "+name, was, "our "+name, is))
		}
	}
	return text.String(), nil
}

// comparable is a file of the layers directory in a form in which it can be compared: of TOML only the values count.
func (w *world) comparable(name string) ([]byte, error) {
	text, err := os.ReadFile(w.root("layers", name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil || filepath.Ext(name) != ".toml" {
		return text, err
	}
	var values map[string]any
	if err := toml.Unmarshal(text, &values); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if run, ok := values["run-image"].(map[string]any); ok && name == "analyzed.toml" {
		values = map[string]any{"image": run["image"], "extend": run["extend"] == true} // platforms write and read more than detection
	}
	var canonical bytes.Buffer
	err = toml.NewEncoder(&canonical).Encode(values)
	return canonical.Bytes(), err
}
