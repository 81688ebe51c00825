package report

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/staged"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/phase/detect"
	"github.com/cnb-prelude/prelude/phase/generate"
	"github.com/cnb-prelude/prelude/platform"
)

// Record keeps what a phase works out on its way – target, detection, generation – for the report that is made of it at the
// end. They are the values that log and exit code derive from.
type Record struct {
	in      platform.Inputs
	started time.Time

	// TraceID is the id of the trace that the phase writes; empty if it writes none.
	TraceID string
	// Context is what was known before the first step; nil if that is not known yet.
	Context *phase.RunContext
	// Detection and Generation are the results of the two steps; nil for one that was not begun.
	Detection  *detect.Result
	Generation *generate.Result

	mu       sync.Mutex // for what goroutines add
	warnings []string
}

// NewRecord starts the record of a phase.
func NewRecord(in platform.Inputs) *Record { return &Record{in: in, started: time.Now()} }

// Listen returns a logger that says the same as the one given, and notes its warnings if a report is asked for.
func (r *Record) Listen(log *slog.Logger) *slog.Logger {
	if r.in.ReportPath == "" {
		return log
	}
	return slog.New(listener{log.Handler(), r})
}

type listener struct {
	slog.Handler
	record *Record
}

// Enabled: warnings are noted even if they are not to be said.
func (l listener) Enabled(ctx context.Context, level slog.Level) bool {
	return level == slog.LevelWarn || l.Handler.Enabled(ctx, level)
}

func (l listener) Handle(ctx context.Context, entry slog.Record) error {
	if entry.Level == slog.LevelWarn {
		l.record.mu.Lock()
		l.record.warnings = append(l.record.warnings, entry.Message)
		l.record.mu.Unlock()
	}
	if !l.Handler.Enabled(ctx, entry.Level) {
		return nil
	}
	return l.Handler.Handle(ctx, entry)
}

// Write writes the report of a phase that ends with an error, or with none, if one is asked for. version is that of the
// executable. That the report cannot be written is an error.
func (r *Record) Write(version string, err error) error {
	if r.in.ReportPath == "" {
		return nil
	}
	text, err := r.report(version, err).Encode(r.in.ReportPath)
	if err != nil {
		return fmt.Errorf("no report is written: %w", err)
	}
	return staged.Write(r.in.ReportPath, text)
}

// report makes a report of what the record holds. version is that of the executable, and err how the phase ends.
func (r *Record) report(version string, err error) Report {
	report := Report{
		Version: Version, Phase: r.in.Phase, Prelude: version, PlatformAPI: r.in.PlatformAPI.String(), ExecEnv: r.in.ExecEnv,
		Outcome: outcome(err), Inputs: each(r.in.Settings(), func(s platform.Setting) Setting { return Setting(s) }),
		Candidates: []Candidate{}, Modules: []Module{}, Group: []Ref{}, Dropped: []Dropped{}, Warnings: list(r.warnings),
		Timings: Timings{Started: r.started.UTC().Truncate(time.Millisecond), TotalMS: millis(time.Since(r.started))},
		TraceID: r.TraceID,
	}
	if c := r.Context; c != nil {
		report.Target, report.BuildImage = target(c.Environment.Target), c.Analyzed.BuildReference
	}
	r.addDetection(&report)
	r.addGeneration(&report)
	report.Plan = r.plan()
	return report
}

// outcome is how a phase ends, from the error that also the exit code derives from.
func outcome(err error) Outcome {
	exit := platform.ExitOf(err)
	if exit == nil {
		return Outcome{}
	}
	return Outcome{ExitCode: exit.Code, Error: exit.Error(), Hint: exit.Hint()}
}

func target(t buildpack.Target) *Target {
	report := &Target{OS: t.OS, Arch: t.Arch, Variant: t.Variant}
	for _, d := range t.Distros {
		report.Distro, report.DistroVersion = d.Name, d.Version
	}
	return report
}

// list is a list that is not nil, so that it is [] in JSON.
func list[T any](l []T) []T { return append([]T{}, l...) }

// each is the list of what becomes of each value of a list. It is not nil.
func each[A, B any](from []A, become func(A) B) []B {
	all := make([]B, 0, len(from))
	for _, one := range from {
		all = append(all, become(one))
	}
	return all
}

// refs are the names of modules.
func refs(from []buildpack.Ref) []Ref { return each(from, func(r buildpack.Ref) Ref { return Ref(r) }) }
