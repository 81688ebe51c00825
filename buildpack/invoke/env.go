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

// Environment is what all modules of a run get.
type Environment struct {
	// App, Platform and BuildConfig are absolute paths. BuildConfig is empty if the Platform API does not have it.
	App, Platform, BuildConfig string
	// Target is that of the run image.
	Target buildpack.Target
	// ExecEnv is the execution environment.
	ExecEnv string
	// Tracing is the directory below which modules may write traces; empty if no trace is written.
	Tracing string
	// Environ is the environment of this process, "NAME=value" each; modules get only the variables that they may see.
	Environ []string
	// Kill cuts short the time that executables have to end, once it is closed; nil if nothing does.
	Kill <-chan struct{}
	// Debug takes messages for the debug level, from several goroutines; it may be nil.
	Debug func(message string)

	// once holds the variables that were read for all modules; nil if each module reads them.
	once *[2]inherited
}

// Remembering returns the same environment, which reads the files with variables only for the first module that needs them.
func (e Environment) Remembering() Environment {
	e.once = new([2]inherited)
	return e
}

// ReadFilesAgain makes the environment read its files with variables anew: it was given other directories.
func (e *Environment) ReadFilesAgain() { e.once = nil }

// inherited are the variables that do not depend on the module, except on whether it wants those of the platform.
type inherited struct {
	read      sync.Once
	variables map[string]string
	err       error
}

// handedOn reports whether modules see a variable of this process's environment. Everything else stays out, above all
// registry credentials.
func handedOn(name string) bool {
	switch name {
	case "CNB_STACK_ID", "CNB_OTEL_TRACEPARENT", "HOSTNAME", "HOME",
		"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy":
		return true
	}
	return isPathList(name)
}

// isPathList reports whether the variable is one of the five whose values are lists of paths.
func isPathList(name string) bool {
	switch name {
	case "PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH":
		return true
	}
	return false
}

// variables returns the environment variables of a module's executable: those of this process, of <platform>/env and of
// <build-config>/env, and then those that the specification sets. An unreadable file is an error.
func (e Environment) variables(m *buildpack.Module, specified map[string]string) ([]string, error) {
	shared, err := e.inherited(m.Descriptor.ClearEnv)
	if err != nil {
		return nil, err
	}
	own := map[string]string{}
	e.specify(own, m, specified)
	if own, err = assignments(own); err != nil {
		return nil, err
	}
	all := maps.Clone(shared)
	maps.Copy(all, own)
	return slices.Sorted(maps.Values(all)), nil
}

// assignments are variables as the system takes them, "NAME=value" each.
func assignments(env map[string]string) (map[string]string, error) {
	assigned := make(map[string]string, len(env))
	for name, value := range env {
		if strings.ContainsRune(value, 0) {
			return nil, fmt.Errorf("the value of the environment variable %s has a NUL byte in it, which no variable can have", name)
		}
		assigned[name] = name + "=" + value
	}
	return assigned, nil
}

// inherited returns assignments that all modules share; the caller must not change them.
func (e Environment) inherited(clearEnv bool) (map[string]string, error) {
	if e.once == nil {
		return e.readInherited(clearEnv)
	}
	i := &e.once[0]
	if clearEnv {
		i = &e.once[1]
	}
	i.read.Do(func() { i.variables, i.err = e.readInherited(clearEnv) })
	return i.variables, i.err
}

func (e Environment) readInherited(clearEnv bool) (map[string]string, error) {
	env := map[string]string{}
	for _, variable := range e.Environ {
		if name, value, ok := strings.Cut(variable, "="); ok && handedOn(name) {
			env[name] = value
		}
	}
	if !clearEnv {
		if err := eachFile(filepath.Join(e.Platform, "env"), func(name, value string) { addPlatform(env, name, value) }); err != nil {
			return nil, err
		}
	}
	if e.BuildConfig != "" {
		if err := addBuildConfig(env, filepath.Join(e.BuildConfig, "env")); err != nil {
			return nil, err
		}
	}
	return assignments(env)
}

// specify sets the variables of the specification: those that both bin/detect and bin/generate get, and those particular to one.
func (e Environment) specify(env map[string]string, m *buildpack.Module, particular map[string]string) {
	dir := "CNB_BUILDPACK_DIR"
	if m.IsExtension() {
		dir = "CNB_EXTENSION_DIR"
	}
	env[dir] = m.Dir
	for name, value := range particular {
		env[name] = value
	}
	if m.API.AtLeast(api.V(0, 10)) {
		env["CNB_TARGET_OS"], env["CNB_TARGET_ARCH"] = e.Target.OS, e.Target.Arch
		setIfKnown(env, "CNB_TARGET_ARCH_VARIANT", e.Target.Variant)
		if len(e.Target.Distros) > 0 {
			setIfKnown(env, "CNB_TARGET_DISTRO_NAME", e.Target.Distros[0].Name)
			setIfKnown(env, "CNB_TARGET_DISTRO_VERSION", e.Target.Distros[0].Version)
		}
	}
	if m.API.AtLeast(api.V(0, 12)) {
		env["CNB_EXEC_ENV"] = e.ExecEnv
	}
}

// trace is the variable with the file to which an executable of a module may write its trace; none if no trace is written.
func (e Environment) trace(m *buildpack.Module, executable string, env map[string]string) {
	if e.Tracing != "" {
		env["CNB_OTEL_LOG_PATH"] = filepath.Join(e.Tracing, string(m.Kind)+"s", m.Escaped()+"@"+m.Version+"-"+executable+".jsonl")
	}
}

func setIfKnown(env map[string]string, name, value string) {
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

// apply changes the variable; an unknown action does nothing.
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

// mostVariables is how many bytes Linux takes as arguments and variables, however large the stack may be.
const mostVariables = 6 << 20

// eachFile calls each for every file in a directory, in the order of their names. Directories are skipped, links are
// followed; a missing directory has no files. What cannot be given to an executable is an error.
func eachFile(dir string, each func(name, contents string)) error {
	entries, err := os.ReadDir(dir)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("failed to read environment directory: %w", files.Explain(err))
	}
	total := 0
	for _, entry := range entries {
		path := filepath.Join(dir, entry.Name())
		info, err := os.Stat(path)
		if err != nil {
			return fmt.Errorf("failed to read environment file: %w", err)
		}
		if info.IsDir() {
			continue
		}
		contents, err := files.Read(path, files.Variable)
		if err != nil {
			return fmt.Errorf("failed to read environment file: %w", err)
		}
		if total += len(contents); total > mostVariables {
			return fmt.Errorf("failed to read environment directory: the files in %s have more than %d MiB, the limit of the system for variables", dir, mostVariables>>20)
		}
		each(entry.Name(), string(contents))
	}
	return nil
}
