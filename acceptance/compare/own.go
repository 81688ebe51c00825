package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// own is the world of an order that variables of the environment name, at a place of its own. Extensions are copied, and
// buildpacks, which may be large, are links to what they are, except for their descriptors: so anything here may be changed
// to find out what makes a difference.
func own(dir string) world {
	w := world{dir: dir}
	check(os.Mkdir(dir, 0o755))
	for variable, name := range map[string]string{"ORDER": "order.toml", "SYSTEM": "system.toml", "RUN": "run.toml", "ANALYZED": "analyzed.toml"} {
		if path := os.Getenv(variable); path != "" {
			copyFile(path, filepath.Join(dir, name))
		}
	}
	for variable, name := range map[string]string{"EXTENSIONS": "extensions", "PLATFORM": "platform", "BUILD_CONFIG": "build-config"} {
		if path := os.Getenv(variable); path != "" {
			check(testhelpers.CopyTree(path, filepath.Join(dir, name)))
		}
	}
	if path := os.Getenv("BUILDPACKS"); path != "" {
		linkModules(absolute(path), filepath.Join(dir, "buildpacks"))
	}
	for _, name := range []string{"CNB_EXEC_ENV", "CNB_EXPERIMENTAL_MODE", "CNB_LOG_LEVEL", "CNB_STACK_ID"} {
		if value := os.Getenv(name); value != "" {
			w.env = append(w.env, name+"="+value)
		}
	}
	if w.app = os.Getenv("APP"); w.app == "" {
		check(os.Mkdir(filepath.Join(dir, "app"), 0o755))
	}
	return w
}

func linkModules(from, to string) {
	versions, err := filepath.Glob(filepath.Join(from, "*", "*"))
	check(err)
	for _, version := range versions {
		files, err := os.ReadDir(version)
		if err != nil {
			continue // a file, or a link to nowhere
		}
		place := filepath.Join(to, strings.TrimPrefix(version, from))
		check(os.MkdirAll(place, 0o755))
		for _, file := range files {
			source, target := filepath.Join(version, file.Name()), filepath.Join(place, file.Name())
			if file.Name() == "buildpack.toml" {
				copyFile(source, target)
			} else {
				check(os.Symlink(source, target))
			}
		}
	}
}

// freshApp puts the application back to what it was: modules may have changed it.
func (w world) freshApp() {
	if w.app == "" {
		return
	}
	app := filepath.Join(w.dir, "app")
	check(os.RemoveAll(app))
	check(testhelpers.CopyTree(w.app, app))
	if os.Geteuid() == 0 {
		check(filepath.WalkDir(app, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, nobody, nobody)
		}))
	}
}

func copyFile(from, to string) {
	text, err := os.ReadFile(from)
	check(err)
	check(os.WriteFile(to, text, 0o644))
}
