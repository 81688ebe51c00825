package report

import (
	"context"
	"log/slog"
	"sync"
	"time"

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
		return err
	}
	return staged.Write(r.in.ReportPath, text)
}
