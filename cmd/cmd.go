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

// Main runs a phase with the arguments and the environment of the process, and returns its exit code. All that is logged
// goes to stdout, in the order in which it happens; stderr takes only the usage after a wrong flag.
func Main(executable platform.Phase) int {
	// Modules run as the same user. Without this they could read registry credentials from the environment of this process,
	// and write its memory. Where the system refuses it, all else works.
	unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) //nolint:errcheck // see above
	in, err := platform.Parse(executable, os.Args[1:], os.Getenv, os.Stderr)
	if err == nil && in.Version { // first, and without anything that it does not need
		fmt.Println(version())
		return 0
	}
	ctx, kill, stop := untilSignal(os.Exit)
	defer stop()
	var stdout io.Writer = os.Stdout
	colour := term.IsTerminal(int(os.Stdout.Fd()))
	if in.NoColor || os.Getenv("NO_COLOR") != "" { // of modules, too
		colour, stdout = false, &tidy.Uncoloured{To: stdout}
	}
	level, _ := platform.ParseLevel(in.LogLevel) // a bad one is among Parse's errors
	// Where there are no colours, there is no status line either.
	var status *statusline.Line
	if colour && level == slog.LevelInfo && os.Getenv("TERM") != "dumb" {
		status = statusline.New(stdout, columns)
	}
	log := platform.NewLogger(status.Over(stdout), level, colour)
	switch {
	case err != nil:
	case in.Help:
		in.WriteHelp(stdout)
	default:
		err = run{in: in, stdout: stdout, log: log, status: status, kill: kill}.main(ctx)
	}
	return exitCode(err, log)
}

// columns is how wide the terminal is at the moment.
func columns() int {
	if columns, _, err := term.GetSize(int(os.Stdout.Fd())); err == nil && columns > 0 {
		return columns
	}
	return 80
}

func version() string {
	if Commit == "" {
		return Version
	}
	return Version + "+" + Commit
}

// main runs a phase, and writes its trace and its report. If one of these cannot be written, the phase does not fail.
func (r run) main(ctx context.Context) error {
	if os.Geteuid() == 0 {
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
	if r.in.Phase == platform.Generator {
		err = r.generate(ctx)
	} else {
		err = r.detect(ctx)
	}
	code := 0
	if exit := platform.ExitOf(err); exit != nil {
		code = exit.Code
	}
	if failed := r.tracing.End(code); failed != nil {
		log.Warn("the trace is not complete: " + failed.Error())
	}
	if unwritten := r.record.Write(version(), err); unwritten != nil {
		log.Warn(unwritten.Error())
	}
	return err
}

// exitCode says on the log why a phase ends badly, if that has not been said yet.
func exitCode(err error, log *slog.Logger) int {
	exit := platform.ExitOf(err)
	if exit == nil {
		return 0
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
