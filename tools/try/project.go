package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"
	ignore "github.com/sabhiram/go-gitignore"
)

// project is what pack reads of an app's project.toml for a build.
type project struct {
	Include []string `toml:"include"`
	Exclude []string `toml:"exclude"`
	// Group are the buildpacks; Buildpacks in schema 0.1.
	Group      []projectBuildpack `toml:"group"`
	Buildpacks []projectBuildpack `toml:"buildpacks"`
	Env        any                `toml:"env"`
	Build      struct {
		Env []projectVariable `toml:"env"`
	} `toml:"build"`
	Pre  any `toml:"pre"`
	Post any `toml:"post"`

	env []projectVariable
}

type projectVariable struct {
	Name    string   `toml:"name"`
	Value   string   `toml:"value"`
	ExecEnv []string `toml:"exec-env"`
}

type projectBuildpack struct {
	ID      string `toml:"id"`
	Version string `toml:"version"`
	URI     string `toml:"uri"`
	Script  any    `toml:"script"`
}

// readProject reads project.toml of an app: schema 0.1 has a table build, the later ones io.buildpacks. Without one it is empty.
func readProject(app string) (project, error) {
	path := filepath.Join(app, "project.toml")
	if _, err := os.Stat(path); app == "" || errors.Is(err, fs.ErrNotExist) {
		return project{}, nil
	}
	var file struct {
		Head struct {
			Schema string `toml:"schema-version"`
		} `toml:"_"`
		Build toml.Primitive `toml:"build"`
		IO    struct {
			Buildpacks toml.Primitive `toml:"buildpacks"`
		} `toml:"io"`
	}
	meta, err := toml.DecodeFile(path, &file)
	if err != nil {
		return project{}, fmt.Errorf("%s: %w", path, err)
	}
	var p project
	switch file.Head.Schema {
	case "", "0.1":
		var old struct {
			project
			Env []projectVariable `toml:"env"`
		}
		if meta.IsDefined("build") {
			err = meta.PrimitiveDecode(file.Build, &old)
		}
		p = old.project
		p.Group, p.env = old.Buildpacks, old.Env
	case "0.2", "0.3":
		if meta.IsDefined("io", "buildpacks") {
			err = meta.PrimitiveDecode(file.IO.Buildpacks, &p)
		}
		p.env = p.Build.Env
	default:
		err = fmt.Errorf("schema-version %q is unknown; known are 0.1, 0.2 and 0.3", file.Head.Schema)
	}
	if err == nil {
		err = p.check()
	}
	if err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// check refuses what pack refuses, and what try cannot do as pack does.
func (p project) check() error {
	if len(p.Include) > 0 && len(p.Exclude) > 0 {
		return errors.New("it has both include and exclude")
	}
	if p.Pre != nil || p.Post != nil {
		return errors.New("try does not read io.buildpacks.pre and post; name the whole order with -order")
	}
	for _, b := range p.Group {
		if b.Script != nil {
			return fmt.Errorf("try has no inline buildpacks (%s)", cmp.Or(b.ID, "without id"))
		}
		if b.ID == "" && b.URI == "" {
			return errors.New("a buildpack of its group has neither id nor uri")
		}
	}
	return nil
}

// leaveOut reports which files of the app are no part of it; nil if all are.
func (p project) leaveOut(app string) func(string) bool {
	if len(p.Exclude) > 0 {
		return ignore.CompileIgnoreLines(p.Exclude...).MatchesPath
	}
	if len(p.Include) == 0 {
		return nil
	}
	included := ignore.CompileIgnoreLines(p.Include...)
	return func(name string) bool { // what is included may be below a directory that is not
		return !included.MatchesPath(name) && !isDir(filepath.Join(app, name))
	}
}
