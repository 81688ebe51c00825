// Package cmd is what both executables have in common: from arguments and environment to inputs, through a phase, to
// files and an exit code. It knows no rules of detection or generation.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/cnb-prelude/prelude/internal/statusline"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/report"
)

// Version and Commit are stamped by the build.
var (
	Version = "0.0.0"
	Commit  = ""
)

// Main runs a phase with the arguments and the environment of the process, and returns its exit code.
func Main(phase platform.Phase) int {
	// Modules run as the same user. Without this they could read registry credentials from the environment of this process,
	// and write its memory. Where the system refuses it, all else works.
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) //nolint:errcheck // see above
	p := process{
		args: os.Args[1:], getenv: os.Getenv, environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr,
		root:     os.Geteuid() == 0,
		terminal: term.IsTerminal(int(os.Stdout.Fd())),
		columns: func() int {
			if columns, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && columns > 0 {
				return columns
			}
			return 80
		},
	}
	return p.run(phase)
}

// process is what an executable is started with.
type process struct {
	args    []string
	getenv  func(string) string
	environ []string
	// stdout takes all that is logged, in the order in which it happens; stderr only the usage after a wrong flag.
	stdout, stderr io.Writer
	root           bool
	// terminal is true if stdout is one.
	terminal bool
	// columns is how wide it is at the moment.
	columns func() int
}

func (p process) run(phase platform.Phase) int {
	in, err := platform.Parse(phase, p.args, p.getenv, p.stderr)
	if err == nil && in.Version { // first, and without anything that it does not need
		fmt.Fprintln(p.stdout, version())
		return 0
	}
	ctx, kill, stop := untilSignal(os.Exit)
	defer stop()
	colour := p.terminal
	if in.NoColor || p.getenv("NO_COLOR") != "" { // of modules, too
		colour, p.stdout = false, &tidy.Uncoloured{To: p.stdout}
	}
	level, _ := platform.ParseLevel(in.LogLevel) // a bad one is among Parse's errors
	// Where there are no colours, there is no status line either.
	var status *statusline.Line
	if colour && level == slog.LevelInfo && p.getenv("TERM") != "dumb" {
		status = statusline.New(p.stdout, p.columns)
	}
	log := platform.NewLogger(status.Over(p.stdout), level, colour)
	switch {
	case err != nil:
	case in.Help:
		in.WriteHelp(p.stdout)
	default:
		err = p.execute(ctx, run{in: in, environ: p.environ, stdout: p.stdout, log: log, status: status, kill: kill})
	}
	return exitCode(err, log)
}

func version() string {
	if Commit == "" {
		return Version
	}
	return Version + "+" + Commit
}

func (p process) execute(ctx context.Context, r run) error {
	if p.root {
		return r.fail(errors.New("refusing to run as root"))
	}
	if err := phase.CheckDescriptors(); err != nil {
		return r.fail(err)
	}
	log := r.log
	r.record = report.NewRecord(r.in)
	r.log = r.record.Listen(log)
	phase.TellInputs(r.in, r.log)
	var err error
	if r.tracing, err = phase.OpenTracing(r.in, version()); err != nil {
		log.Warn("no trace is written: " + err.Error())
	}
	r.record.TraceID = r.tracing.ID()
	err = r.execute(ctx)
	if failed := r.tracing.End(codeOf(err)); failed != nil {
		log.Warn("the trace is not complete: " + failed.Error())
	}
	// A report tells of a run. That it cannot be written is no reason for a good one to fail.
	if unwritten := r.record.Write(version(), err); unwritten != nil {
		log.Warn(unwritten.Error())
	}
	return err
}

// failedTo is how a phase ends with an error that does not say so itself.
func failedTo(action string, err error) error {
	var exit *platform.Exit
	if err == nil || errors.As(err, &exit) {
		return err
	}
	return &platform.Exit{Code: platform.CodeFailed, Action: action, Err: err}
}

// codeOf is the exit code of a phase that ends with an error, or with none.
func codeOf(err error) int {
	var exit *platform.Exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return exit.Code
	}
	return platform.CodeFailed
}

// exitCode says on the log why a phase ends badly, if that has not been said yet.
func exitCode(err error, log *slog.Logger) int {
	var exit *platform.Exit
	switch {
	case err == nil:
		return 0
	case !errors.As(err, &exit):
		exit = &platform.Exit{Code: platform.CodeFailed, Err: err}
	}
	if exit.Err != nil {
		message := exit.Error()
		if hint := exit.Hint(); hint != "" {
			message += "\nhint: " + strings.ReplaceAll(hint, "\n", "\nhint: ")
		}
		log.Error(message)
	}
	return exit.Code
}
