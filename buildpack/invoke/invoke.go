// Package invoke runs the executables of modules, bin/detect and bin/generate: with the environment, the arguments and the
// plan file of the specifications. It reads their answers and explains why one could not be run.
package invoke

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/BurntSushi/toml"
	"golang.org/x/sys/unix"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/process"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

// keep is how many bytes of output are kept from the beginning, and how many from the end.
const keep = 1 << 20

// RunDetect runs a module's bin/detect; timeout 0 means none. An extension without bin/detect passes, with the build plan of
// its detect/plan.toml if there is one (Image Extension specification, "Detection").
func (e Environment) RunDetect(ctx context.Context, m *buildpack.Module, timeout time.Duration) (d buildpack.Detection) {
	executable := filepath.Join(m.Dir, "bin", "detect")
	if m.IsExtension() && isMissing(executable) {
		return staticDetection(m)
	}
	dir, err := os.MkdirTemp("", "prelude-detect-")
	if err != nil {
		return errored(buildpack.NoExitCode, nil, err)
	}
	plan := filepath.Join(dir, "plan.toml")
	defer discard(dir, plan)
	if err := makeEmpty(plan); err != nil {
		return errored(buildpack.NoExitCode, nil, err)
	}
	specified := map[string]string{}
	if m.API.AtLeast(api.V(0, 8)) {
		specified["CNB_PLATFORM_DIR"], specified["CNB_BUILD_PLAN_PATH"] = e.Platform, plan
	}
	e.trace(m, "detect", specified)
	env, err := e.variables(m, specified)
	if err != nil {
		return errored(buildpack.NoExitCode, nil, err)
	}
	defer func() { d = withHints(m, d) }()
	output := tidy.Excerpt{Keep: keep}
	err = e.run(ctx, process.Command{Path: executable, Args: []string{e.Platform, plan}, Env: env, Output: &output}, timeout)
	var exit *process.ExitError
	switch {
	case err == nil:
		return planned(m, plan, output.Bytes())
	case errors.As(err, &exit) && exit.Code == 100:
		return buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100, Output: output.Bytes()}
	case errors.As(err, &exit) && exit.Signal == 0:
		return errored(exit.Code, output.Bytes(), err)
	}
	return errored(buildpack.NoExitCode, output.Bytes(), err)
}

// staticDetection returns the detection of an extension without bin/detect.
func staticDetection(m *buildpack.Module) buildpack.Detection {
	plan := filepath.Join(m.Dir, "detect", "plan.toml")
	d := planned(m, plan, nil)
	if !isMissing(plan) {
		return d
	}
	warn := func(name, found, fix string) {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s %s has no %s, but %s, which nothing uses: %s", m.Kind, m.Ref, name, found, fix))
	}
	for _, name := range []string{"bin/detect", "detect/plan.toml"} {
		dir, base := filepath.Split(name)
		if info, err := os.Stat(filepath.Join(m.Dir, base)); err == nil && info.Mode().IsRegular() {
			warn(name, base, "move it to "+name)
		} else if other := files.Similar(filepath.Join(m.Dir, name)); other != "" {
			warn(name, dir+other, "rename it")
		}
	}
	return d
}

// makeEmpty makes an empty file. Every module gets one, so it takes fewer system calls than os.WriteFile.
func makeEmpty(path string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewSyscallError("close", unix.Close(fd))
}

// discard removes the plan and its directory; with fewer system calls than files.Remove if nothing else is in it.
func discard(dir, plan string) {
	if unix.Unlink(plan) != nil || unix.Rmdir(dir) != nil {
		files.Remove(dir) //nolint:errcheck // as much as can be removed
	}
}

// run runs a command in the application's directory, for no longer than the timeout, and explains how it failed.
func (e Environment) run(ctx context.Context, c process.Command, timeout time.Duration) error {
	c.Dir, c.Kill, c.Debug = e.App, e.Kill, e.Debug
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, timeout, fmt.Errorf("timed out after %s", timeout))
		defer cancel()
	}
	return explained(c, c.Run(ctx))
}

func errored(code int, output []byte, cause error) buildpack.Detection {
	return buildpack.Detection{Outcome: buildpack.Errored, ExitCode: code, Output: output, Cause: cause}
}

// planned returns the detection of a module that passed, if its plan is valid. A missing plan file counts as an empty one.
func planned(m *buildpack.Module, path string, output []byte) buildpack.Detection {
	var data []byte
	if info, err := os.Lstat(path); err != nil || !info.Mode().IsRegular() || info.Size() > 0 { // most write none
		data, err = files.Read(path, files.Config)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return errored(buildpack.NoExitCode, output, fmt.Errorf("build plan: %w", err))
		}
	}
	alternatives, warnings, err := buildpack.ParseBuildPlan(m.Ref, data)
	if err != nil {
		return errored(buildpack.NoExitCode, output, fmt.Errorf("invalid build plan: %w", err))
	}
	d := buildpack.Detection{Outcome: buildpack.Passed, Alternatives: alternatives, Output: output}
	if len(data) == 0 && printsPlan(output) {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s %s printed what looks like a build plan, but left none: write it to \"$CNB_BUILD_PLAN_PATH\", which is also the second argument", m.Kind, m.Ref))
	}
	for _, warning := range warnings {
		d.Warnings = append(d.Warnings, fmt.Sprintf("build plan of %s %s: %s", m.Kind, m.Ref, warning))
	}
	return d
}

// printsPlan reports whether an output has a line that begins a table of a build plan.
func printsPlan(output []byte) bool {
	text := append([]byte("\n"), output...)
	return bytes.Contains(text, []byte("\n[[provides]]\n")) || bytes.Contains(text, []byte("\n[[requires]]\n"))
}

// longestScript is how many bytes a script may have that is looked at.
const longestScript = 256 << 10

// ErrorHint returns what to try about bin/detect or bin/generate of a module that has ended with an error; empty if its script
// shows no mistake that is known.
func ErrorHint(m *buildpack.Module, name string) string {
	script, _ := files.Read(filepath.Join(m.Dir, name), longestScript) // then there is no hint
	return errorHint(name, script)
}

// withHints adds to a detection what its author may have got wrong, from how the script is written.
func withHints(m *buildpack.Module, d buildpack.Detection) buildpack.Detection {
	failed := d.Outcome == buildpack.Errored && d.ExitCode > 0
	if !failed && !(d.Outcome == buildpack.Passed && plansNothing(d)) {
		return d
	}
	script, _ := files.Read(filepath.Join(m.Dir, "bin", "detect"), longestScript) // then there is no hint
	hint := planHint(script, d.Output)
	if failed && hint == "" {
		hint = errorHint("bin/detect", script)
	}
	if hint != "" {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s %s: %s", m.Kind, m.Ref, hint))
	}
	return d
}

// plansNothing reports whether a module has left an empty build plan.
func plansNothing(d buildpack.Detection) bool {
	return len(d.Alternatives) == 1 && len(d.Alternatives[0].Provides) == 0 && len(d.Alternatives[0].Requires) == 0
}

// isMissing reports whether nothing has that name. A link that leads nowhere and what may not be looked at are not missing:
// using them says what is wrong.
func isMissing(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}

// HasGenerate reports whether the extension has a bin/generate.
func HasGenerate(m *buildpack.Module) bool {
	return !isMissing(filepath.Join(m.Dir, "bin", "generate"))
}

// GenerateRun is one bin/generate to run.
type GenerateRun struct {
	Module *buildpack.Module
	// Dir is the empty directory for its output.
	Dir string
	// Requires are the requirements that it has to provide.
	Requires []buildpack.Require
	// Output takes what it prints, without delay.
	Output io.Writer
	// Timeout 0 means none.
	Timeout time.Duration
}

// RunGenerate runs an extension's bin/generate (Image Extension specification, "Generation"). It is an error if it could not
// be run, or ended other than with exit code 0.
func (e Environment) RunGenerate(ctx context.Context, g GenerateRun) error {
	temp, err := os.MkdirTemp("", "prelude-generate-")
	if err != nil {
		return err
	}
	defer files.Remove(temp)
	path := filepath.Join(temp, "plan.toml")
	if err := writePlan(path, g.Requires); err != nil {
		return err
	}
	specified := map[string]string{"CNB_OUTPUT_DIR": g.Dir, "CNB_BP_PLAN_PATH": path, "CNB_PLATFORM_DIR": e.Platform}
	e.trace(g.Module, "generate", specified)
	env, err := e.variables(g.Module, specified)
	if err != nil {
		return err
	}
	executable := filepath.Join(g.Module.Dir, "bin", "generate")
	args := []string{g.Dir, e.Platform, path}
	return e.run(ctx, process.Command{Path: executable, Args: args, Env: env, Output: g.Output, Live: true}, g.Timeout)
}

// writePlan writes a buildpack plan: what a module is asked to provide.
func writePlan(path string, requires []buildpack.Require) error {
	text, err := toml.Marshal(struct {
		Entries []buildpack.Require `toml:"entries"`
	}{requires})
	if err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}
