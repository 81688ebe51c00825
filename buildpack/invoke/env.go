package invoke

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
)

// World is what every module of a run sees of the world around it.
type World struct {
	// App, Platform and BuildConfig are absolute paths. BuildConfig is empty if the Platform API has none yet.
	App, Platform, BuildConfig string
	// Target of the run image.
	Target buildpack.Target
	// ExecEnv is the execution environment.
	ExecEnv string
	// Environ is the environment of this process, "NAME=value" each; modules get only the variables that they may see.
	Environ []string
	// Debug takes messages for the debug level, from several goroutines; it may be nil.
	Debug func(message string)

	// once holds the values that were read for all modules; nil in a world that does not remember.
	once *[2]inherited
}

// Remembering is the same world, in which the files that environments are made of are read only for the first module that
// needs them.
func (w World) Remembering() World {
	w.once = new([2]inherited)
	return w
}

// inherited is the part of the environment that does not depend on the module, but for whether the module wants what the
// platform gives.
type inherited struct {
	read sync.Once
	env  map[string]string
	err  error
}

// handedOn says whether modules see a variable of this process's environment. Everything else – registry
// credentials above all – stays out (docs/reference.md, "What a module sees").
func handedOn(name string) bool {
	switch name {
	case "CNB_STACK_ID", "HOSTNAME", "HOME",
		"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy":
		return true
	}
	return isPathList(name)
}

// isPathList says whether the variable is one of the five whose values are lists of paths.
func isPathList(name string) bool {
	switch name {
	case "PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH":
		return true
	}
	return false
}

// environment is the environment of a module's executable: from this process's, from <platform>/env, from <build-config>/env,
// and then what the specification sets. An unreadable file is an error.
func (w World) environment(m *buildpack.Module, specified map[string]string) ([]string, error) {
	shared, err := w.inherited(m.Descriptor.ClearEnv)
	if err != nil {
		return nil, err
	}
	env := maps.Clone(shared)
	w.specify(env, m, specified)
	for name, value := range env {
		if strings.ContainsRune(value, 0) {
			return nil, fmt.Errorf("the value of the environment variable %s has a NUL byte in it, which no variable can have", name)
		}
	}
	return list(env), nil
}

// inherited is shared by all modules that ask for the same.
func (w World) inherited(clear bool) (map[string]string, error) {
	if w.once == nil {
		return w.readInherited(clear)
	}
	i := &w.once[0]
	if clear {
		i = &w.once[1]
	}
	i.read.Do(func() { i.env, i.err = w.readInherited(clear) })
	return i.env, i.err
}

func (w World) readInherited(clear bool) (map[string]string, error) {
	env := map[string]string{}
	for _, variable := range w.Environ {
		if name, value, ok := strings.Cut(variable, "="); ok && handedOn(name) {
			env[name] = value
		}
	}
	if !clear {
		if err := eachFile(filepath.Join(w.Platform, "env"), func(name, value string) { addPlatform(env, name, value) }); err != nil {
			return nil, err
		}
	}
	if w.BuildConfig != "" {
		if err := addBuildConfig(env, filepath.Join(w.BuildConfig, "env")); err != nil {
			return nil, err
		}
	}
	return env, nil
}

// specify sets what the specification gives to both bin/detect and bin/generate, and what is particular to one.
func (w World) specify(env map[string]string, m *buildpack.Module, particular map[string]string) {
	dir := "CNB_BUILDPACK_DIR"
	if m.IsExtension() {
		dir = "CNB_EXTENSION_DIR"
	}
	env[dir] = m.Dir
	for name, value := range particular {
		env[name] = value
	}
	if m.API.AtLeast(api.V(0, 10)) {
		env["CNB_TARGET_OS"], env["CNB_TARGET_ARCH"] = w.Target.OS, w.Target.Arch
		setKnown(env, "CNB_TARGET_ARCH_VARIANT", w.Target.Variant)
		if len(w.Target.Distros) > 0 {
			setKnown(env, "CNB_TARGET_DISTRO_NAME", w.Target.Distros[0].Name)
			setKnown(env, "CNB_TARGET_DISTRO_VERSION", w.Target.Distros[0].Version)
		}
	}
	if m.API.AtLeast(api.V(0, 12)) {
		env["CNB_EXEC_ENV"] = w.ExecEnv
	}
}

func setKnown(env map[string]string, name, value string) {
	if value != "" {
		env[name] = value
	}
}

func addPlatform(env map[string]string, name, value string) {
	if isPathList(name) && env[name] != "" {
		value += ":" + env[name]
	}
	env[name] = value
}

// addBuildConfig modifies the environment by the files of <build-config>/env, whose suffixes say how.
func addBuildConfig(env map[string]string, dir string) error {
	delimiters := map[string]string{}
	var changes []change
	err := eachFile(dir, func(file, value string) {
		name, action, _ := strings.Cut(file, ".")
		switch {
		case name == "": // a hidden file is no variable
			return
		case action == "delim":
			delimiters[name] = value
			return
		}
		changes = append(changes, change{name, action, value})
	})
	for _, c := range changes {
		c.apply(env, delimiters[c.name])
	}
	return err
}

// change is what one file of <build-config>/env does to a variable.
type change struct{ name, action, value string }

// apply does it; an unknown action does nothing.
func (c change) apply(env map[string]string, delimiter string) {
	old := env[c.name]
	switch c.action {
	case "override":
		env[c.name] = c.value
	case "append":
		if old != "" {
			old += delimiter
		}
		env[c.name] = old + c.value
	case "prepend":
		if old != "" {
			old = delimiter + old
		}
		env[c.name] = c.value + old
	case "", "default":
		if old == "" {
			env[c.name] = c.value
		}
	}
}

// eachFile calls back for every file in a directory, in the order of their names. Directories are skipped, links are
// followed; a missing directory has no files.
func eachFile(dir string, each func(name, contents string)) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("failed to read environment directory: %w", files.Explain(err))
	}
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("failed to read environment file: %w", err)
		}
		if info.IsDir() {
			continue
		}
		contents, err := files.Read(path, files.Config)
		if err != nil {
			return fmt.Errorf("failed to read environment file: %w", err)
		}
		each(entry.Name(), string(contents))
	}
	return nil
}

// list is the environment as the system takes it, sorted.
func list(env map[string]string) []string {
	variables := make([]string, 0, len(env))
	for name, value := range env {
		variables = append(variables, name+"="+value)
	}
	slices.Sort(variables)
	return variables
}
