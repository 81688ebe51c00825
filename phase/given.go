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

// TellInputs says at debug level which inputs are in force and which variables the platform and the builder give, by their
// names; and warns of what looks like a variable and is none.
func TellInputs(in platform.Inputs, log *slog.Logger) {
	log.Debug("======== Inputs ========")
	for _, s := range in.Settings() {
		log.Debug(s.Name + ": " + s.Value)
	}
	for _, dir := range []string{in.PlatformDir, in.BuildConfigDir} {
		if dir != "" {
			if names := variables(filepath.Join(dir, "env")); len(names) > 0 {
				log.Debug(fmt.Sprintf("variables from %s: %s", filepath.Join(dir, "env"), strings.Join(names, ", ")))
			}
		}
	}
	for _, warning := range misgiven(in) {
		log.Warn(warning)
	}
}

// variables are the names of the files of a directory.
func variables(dir string) (names []string) {
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

// misgiven finds inputs that have no effect, which is hardly meant.
func misgiven(in platform.Inputs) (warnings []string) {
	missing := func(path string) bool { _, err := os.Stat(path); return os.IsNotExist(err) }
	env := filepath.Join(in.PlatformDir, "env")
	beside := slices.DeleteFunc(variables(in.PlatformDir), func(name string) bool { return !variable.MatchString(name) })
	switch {
	case in.PlatformDir != "/platform" && missing(in.PlatformDir):
		warnings = append(warnings, fmt.Sprintf("-platform: %s does not exist, so modules get no variables from there", in.PlatformDir))
	case missing(env) && len(beside) > 0:
		warnings = append(warnings, fmt.Sprintf("%s is not read: variables are files in %s", filepath.Join(in.PlatformDir, beside[0]), env))
	}
	if in.SystemPath != "" && in.SystemPath != "/cnb/system.toml" && missing(in.SystemPath) {
		warnings = append(warnings, fmt.Sprintf("-system: %s does not exist, so there are no system buildpacks", in.SystemPath))
	}
	if in.BuildConfigDir == "" {
		return warnings
	}
	for _, name := range variables(filepath.Join(in.BuildConfigDir, "env")) {
		known := []string{"", "default", "override", "append", "prepend", "delim"}
		if base, suffix, _ := strings.Cut(name, "."); base != "" && !slices.Contains(known, suffix) {
			warnings = append(warnings, fmt.Sprintf("%s has no effect: want no suffix, or .default, .override, .append, .prepend or .delim",
				filepath.Join(in.BuildConfigDir, "env", name)))
		}
	}
	return warnings
}

// EndsWithLineFeed are the files with variables whose values end with a line feed, which is part of the value.
func EndsWithLineFeed(in platform.Inputs) (paths []string) {
	for _, dir := range []string{in.PlatformDir, in.BuildConfigDir} {
		if dir == "" {
			continue
		}
		for _, name := range variables(filepath.Join(dir, "env")) {
			path := filepath.Join(dir, "env", name)
			if value, err := files.Read(path, files.Config); err == nil && strings.HasSuffix(string(value), "\n") {
				paths = append(paths, path)
			}
		}
	}
	return paths
}
