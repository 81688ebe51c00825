package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/buildpack"
)

// result is what is read of the detector's report, docs/report.schema.json. The packages that write it and generated.toml are for
// Linux only.
type result struct {
	Modules []reported
	Group   []ref
	Dropped []struct {
		ref
		Reason string
		Fact   *json.RawMessage
	}
}

type reported struct {
	ref
	Outcome, Cause, Output string
	ExitCode               *int
	Target                 struct{ Reason string }
	Alternatives           []alternative
}

type ref struct{ Kind, ID, Version string }

type alternative struct {
	Provides []string
	Requires []require
}

// readResult returns nil if there is no report.
func readResult(path string) (*result, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var r result
	return &r, json.Unmarshal(text, &r)
}

// generated is what is read of a generated.toml, docs/generated-toml.md.
type generated struct {
	RunImage struct {
		Image      string `toml:"image"`
		SwitchedBy string `toml:"switched-by"`
	} `toml:"run-image"`
	BuildImage struct {
		Reference string `toml:"reference"`
	} `toml:"build-image"`
	Dockerfiles []struct {
		Kind         string          `toml:"kind"`
		Extension    string          `toml:"extension"`
		Version      string          `toml:"version"`
		Path         string          `toml:"path"`
		Context      string          `toml:"context"`
		Instructions int             `toml:"instructions"`
		Args         []buildpack.Arg `toml:"args"`
	} `toml:"dockerfiles"`
}

// generated is the generated.toml that came out; it is empty if none did.
func (w *world) generated() (generated, error) {
	var g generated
	_, err := toml.DecodeFile(w.root("layers/generated.toml"), &g)
	if errors.Is(err, fs.ErrNotExist) {
		return g, nil
	}
	return g, err
}
