package invoke

import (
	"cmp"
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
	// Environ is the environment of this process, "NAME=value" each, of which modules get only some variables.
	Environ []string
	// Kill cuts short the time that executables have to end, once it is closed; nil if nothing does.
	Kill <-chan struct{}
	// Debug takes messages for the debug level, from several goroutines; it may be nil.
	Debug func(message string)

	// remembered are the functions behind [Environment.inherited], for modules without and with clear-env; nil if each module
	// reads the files.
	remembered [2]func() (map[string]string, error)
}

// Remembering returns the same environment, which reads the files with variables only for the first module that needs them.
func (e Environment) Remembering() Environment {
	for i := range e.remembered {
		e.remembered[i] = sync.OnceValues(func() (map[string]string, error) { return e.readInherited(i == 1) })
	}
	return e
}

// handedOn reports whether modules see a variable of this process's environment. Others stay out, above all credentials.
func handedOn(name string) bool {
	switch name {
	case "CNB_STACK_ID", "CNB_OTEL_TRACEPARENT", "HOSTNAME", "HOME",
		"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "NO_PROXY", "no_proxy":
		return true
	}
	return isPathList(name)
}

// isPathList reports whether the value of a variable is a list of paths.
func isPathList(name string) bool {
	switch name {
	case "PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH", "CPATH", "PKG_CONFIG_PATH":
		return true
	}
	return false
}

// variables returns the environment of a module's executable, "NAME=value" each: variables of this process, of
// <platform>/env and of <build-config>/env, and then those of the specification, of which specified are particular to the
// executable. An unreadable file is an error.
func (e Environment) variables(m *buildpack.Module, specified map[string]string) ([]string, error) {
	shared, err := e.inherited(m.Descriptor.ClearEnv)
	if err != nil {
		return nil, err
	}
	own, err := assignments(e.specify(m, specified))
	if err != nil {
		return nil, err
	}
	all := maps.Clone(shared)
	maps.Copy(all, own)
	return slices.Sorted(maps.Values(all)), nil
}

// assignments returns variables as the system takes them, "NAME=value" each.
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
	i := 0
	if clearEnv {
		i = 1
	}
	if e.remembered[i] == nil {
		return e.readInherited(clearEnv)
	}
	return e.remembered[i]()
}

func (e Environment) readInherited(clearEnv bool) (map[string]string, error) {
	env := map[string]string{}
	for _, variable := range e.Environ {
		if name, value, ok := strings.Cut(variable, "="); ok && handedOn(name) {
			env[name] = value
		}
	}
	if !clearEnv {
		err := eachFile(filepath.Join(e.Platform, "env"), func(name, value string) {
			if isPathList(name) && env[name] != "" {
				value += ":" + env[name]
			}
			env[name] = value
		})
		if err != nil {
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

// specify returns the variables of the specification.
func (e Environment) specify(m *buildpack.Module, specified map[string]string) map[string]string {
	env := map[string]string{"CNB_" + strings.ToUpper(string(m.Kind)) + "_DIR": m.Dir}
	maps.Copy(env, specified)
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
	return env
}

// trace adds the variable with the file to which an executable of a module may write its trace.
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

// addBuildConfig modifies the environment by the files of <build-config>/env, whose suffixes say how. An unknown suffix does
// nothing.
func addBuildConfig(env map[string]string, dir string) error {
	type change struct{ name, suffix, value string }
	var changes []change
	delimiters := map[string]string{}
	err := eachFile(dir, func(file, value string) {
		name, suffix, _ := strings.Cut(file, ".")
		switch {
		case name == "": // a hidden file is no variable
		case suffix == "delim":
			delimiters[name] = value
		default:
			changes = append(changes, change{name, suffix, value})
		}
	})
	for _, c := range changes {
		old, delimiter := env[c.name], delimiters[c.name]
		if old == "" {
			delimiter = ""
		}
		switch c.suffix {
		case "override":
			env[c.name] = c.value
		case "append":
			env[c.name] = old + delimiter + c.value
		case "prepend":
			env[c.name] = c.value + delimiter + old
		case "", "default":
			env[c.name] = cmp.Or(old, c.value)
		}
	}
	return err
}

// mostVariables is how many bytes Linux takes as arguments and variables.
const mostVariables = 6 << 20

// eachFile calls each for every file in a directory, by name. Directories are skipped, links are followed; a missing
// directory has no files. Values that are too large for an executable are an error.
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
