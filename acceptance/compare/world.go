package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// nobody is the user as whom detectors run if we are root: they refuse root.
const nobody = 65534

// detectorTimeout is how long a detector may take; after that it is ended, and that is its outcome.
const detectorTimeout = 2 * time.Minute

// world is a directory with all that a detector reads: order.toml, buildpacks, app, and, if they are there, extensions,
// system.toml, run.toml, analyzed.toml, platform and build-config.
type world struct {
	dir string
	// env is what the platform sets besides the paths.
	env []string
	// app is copied to the app directory before each run, if it is set: modules may change it.
	app string
	// platformAPI is the one at which the world is looked at.
	platformAPI string
}

// outcome is what a detector did that others could depend on.
type outcome struct {
	exit int
	// group, plan and analyzed are the files' values, nil for a file that is not there.
	group, plan, analyzed map[string]any
	// generated has the contents of the files below <layers>/generated, by name. Directories end in "/".
	generated map[string]string
	// said are the lines of the output that platforms look for, without colours.
	said []string
	// errs are the modules that errored, as the output names them: "some/a@1 (7)".
	errs []string
	// output is all that was printed.
	output string
}

// run runs a detector in the world. Everything has the same path for each of them, because modules see the paths.
func (w world) run(detector string) outcome {
	path := func(name string) string { return filepath.Join(w.dir, name) }
	layers := path("layers")
	check(os.RemoveAll(layers))
	check(os.Mkdir(layers, 0o777))
	check(os.Chmod(layers, 0o777))
	if text, err := os.ReadFile(path("analyzed.toml")); err == nil {
		check(os.WriteFile(path("layers/analyzed.toml"), text, 0o666))
		check(os.Chmod(path("layers/analyzed.toml"), 0o666))
	}
	w.freshApp()
	ctx, cancel := context.WithTimeout(context.Background(), detectorTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, detector)
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=/", "CNB_PLATFORM_API=" + w.platformAPI, "CNB_APP_DIR=" + path("app"), "CNB_BUILDPACKS_DIR=" + path("buildpacks"),
		"CNB_EXTENSIONS_DIR=" + path("extensions"), "CNB_PLATFORM_DIR=" + path("platform"), "CNB_LAYERS_DIR=" + layers, "CNB_ORDER_PATH=" + path("order.toml"),
		"CNB_SYSTEM_PATH=" + path("system.toml"), "CNB_RUN_PATH=" + path("run.toml"), "CNB_BUILD_CONFIG_DIR=" + path("build-config"),
	}, w.env...)
	cmd.Dir = w.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	err := cmd.Run()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		check(err)
	}
	return w.outcome(cmd.ProcessState.ExitCode(), output.String())
}

// loud is the world with a level at which modules that errored are told of.
func (w world) loud() world {
	w.env = slices.DeleteFunc(slices.Clone(w.env), func(set string) bool {
		return set == "CNB_LOG_LEVEL=warn" || set == "CNB_LOG_LEVEL=error"
	})
	return w
}

// called says what the platform sets, for people.
func (w world) called() string {
	if len(w.env) == 0 {
		return ""
	}
	return strings.Join(w.env, " ") + "\n"
}

func (w world) outcome(exit int, output string) outcome {
	layers := filepath.Join(w.dir, "layers")
	o := outcome{exit: exit, output: output, said: said(output), errs: errs(output), generated: map[string]string{}}
	for name, value := range map[string]*map[string]any{"group.toml": &o.group, "plan.toml": &o.plan, "analyzed.toml": &o.analyzed} {
		text, err := os.ReadFile(filepath.Join(layers, name))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		check(err)
		if _, err := toml.Decode(string(text), value); err != nil {
			*value = map[string]any{"not TOML": string(text)}
		}
	}
	root := filepath.Join(layers, "generated")
	if _, err := os.Stat(root); err != nil {
		return o
	}
	names, err := testhelpers.Names(root)
	check(err)
	for _, name := range names {
		text, _ := os.ReadFile(filepath.Join(root, name)) // directories and links are their names alone
		o.generated[name] = string(text)
	}
	return o
}

var (
	colours = regexp.MustCompile("\x1b\\[[0-9;]*m")
	// wanted are the lines that platforms and their tests look for, up to where the wording is each detector's own.
	wanted = regexp.MustCompile(strings.Join([]string{
		`^\d+ of \d+ buildpacks participating$`,
		`^[\w./-]+ +\d[\d.]*$`,
		`^ERROR: No buildpack groups passed detection\.$`,
		`^ERROR: Please check that you are running against the correct path\.$`,
		`^ERROR: failed to detect: no buildpacks participating$`,
		`^ERROR: failed to detect: buildpack\(s\) failed with err$`,
		`failed to initialize detector: reading order: failed to read order file: .*`,
		`buildpack API version '[0-9.]+' is incompatible with the lifecycle`,
		`Platform requested experimental feature 'Dockerfiles'`,
		`(Prepending|Appending) \d+ system buildpack\(s\) to group`,
		`new runtime base image '.*' not found in run metadata`,
		`No (analyzed|run) metadata found at path ".*"`,
	}, "|"))
)

var errLine = regexp.MustCompile(`(?m)^err: +(\S+@\S+?)( \(\d+\))?(, .*)?$`)

// errs are the modules with an err: line, each once, sorted. Where the line stands, and what follows it, is each detector's own.
func errs(output string) (modules []string) {
	for _, found := range errLine.FindAllStringSubmatch(colours.ReplaceAllString(output, ""), -1) {
		modules = append(modules, found[1]+found[2])
	}
	slices.Sort(modules)
	return slices.Compact(modules)
}

// said are the lines of an output that platforms look for: once each, because how often something is said depends on how
// the order is searched.
func said(output string) (lines []string) {
	seen := map[string]bool{}
	for _, line := range strings.Split(colours.ReplaceAllString(output, ""), "\n") {
		if found := wanted.FindString(line); found != "" && !seen[found] {
			seen[found] = true
			lines = append(lines, found)
		}
	}
	return lines
}
