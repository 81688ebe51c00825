package phase

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/platform"
)

// CheckApp is an error if the app is not a directory: each module would fail in the same way.
func CheckApp(in platform.Inputs) error {
	info, err := os.Stat(in.AppDir)
	switch {
	case err != nil:
		err = fmt.Errorf("the app: %w", files.Explain(err))
	case !info.IsDir():
		err = fmt.Errorf("the app: %s is not a directory", in.AppDir)
	default:
		return nil
	}
	return platform.WithHint(err, "give the directory of the app with -app or CNB_APP_DIR")
}

// TellInputs logs at debug level which inputs are in force and which variables the platform and the builder give, by their
// names. It warns of inputs that have no effect.
func TellInputs(in platform.Inputs, log *slog.Logger) {
	log.Debug("======== Inputs ========")
	for _, s := range in.Settings() {
		log.Debug(s.Name + ": " + s.Value)
	}
	for _, env := range envDirs(in) {
		if names := fileNames(env); len(names) > 0 {
			log.Debug(fmt.Sprintf("variables from %s: %s", env, strings.Join(names, ", ")))
		}
	}
	for _, warning := range withoutEffect(in) {
		log.Warn(warning)
	}
}

// envDirs are the directories whose files are variables.
func envDirs(in platform.Inputs) (dirs []string) {
	for _, dir := range []string{in.PlatformDir, in.BuildConfigDir} {
		if dir != "" {
			dirs = append(dirs, filepath.Join(dir, "env"))
		}
	}
	return dirs
}

func fileNames(dir string) (names []string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if info, err := os.Stat(filepath.Join(dir, e.Name())); err == nil && !info.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// variable is what names of variables look like by convention.
var variable = regexp.MustCompile(`^[A-Z][A-Z0-9]*_[A-Z0-9_]+$`)

// withoutEffect finds inputs that have no effect, which is hardly meant.
func withoutEffect(in platform.Inputs) (warnings []string) {
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }
	missing := func(path string) bool { _, err := os.Stat(path); return os.IsNotExist(err) }
	for _, env := range envDirs(in) {
		for _, dir := range []string{env, filepath.Dir(env)} {
			if slices.Contains(fileNames(dir), ".env") {
				warn("%s sets no variables: each variable is a file of its own below %s, named like the variable", filepath.Join(dir, ".env"), env)
			}
		}
	}
	env := filepath.Join(in.PlatformDir, "env")
	names := fileNames(in.PlatformDir)
	beside := slices.IndexFunc(names, variable.MatchString)
	switch {
	case in.PlatformDir != "/platform" && missing(in.PlatformDir):
		warn("-platform: %s does not exist, so modules get no variables from there", in.PlatformDir)
	case missing(env) && beside >= 0:
		warn("%s is not read: variables are files in %s", filepath.Join(in.PlatformDir, names[beside]), env)
	}
	if in.SystemPath != "" && in.SystemPath != "/cnb/system.toml" && missing(in.SystemPath) {
		warn("-system: %s does not exist, so there are no system buildpacks", in.SystemPath)
	}
	if in.BuildConfigDir == "" {
		return warnings
	}
	known := []string{"", "default", "override", "append", "prepend", "delim"}
	for _, name := range fileNames(filepath.Join(in.BuildConfigDir, "env")) {
		if base, suffix, _ := strings.Cut(name, "."); base != "" && !slices.Contains(known, suffix) {
			path := filepath.Join(in.BuildConfigDir, "env", name)
			warn("%s has no effect: want no suffix, or .default, .override, .append, .prepend or .delim", path)
		}
	}
	return warnings
}

// EndsWithLineFeed are the files with variables whose values end with a line feed, which is part of the value.
func EndsWithLineFeed(in platform.Inputs) (paths []string) {
	for _, env := range envDirs(in) {
		for _, name := range fileNames(env) {
			path := filepath.Join(env, name)
			if value, err := files.Read(path, files.Config); err == nil && strings.HasSuffix(string(value), "\n") {
				paths = append(paths, path)
			}
		}
	}
	return paths
}
