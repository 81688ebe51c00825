package phase

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// Record keeps the values that a phase works out on its way – order, resolution or failure, generation – for the report
// that is made of them at the end. They are those that log and exit code derive from. Without a report there is no record:
// all methods of a nil one do nothing.
type Record struct {
	in      platform.Inputs
	started time.Time

	target     *buildpack.Target
	order      *buildpack.OrderFile
	resolution *resolve.Resolution
	failure    *resolve.Failure
	plan       []buildpack.PlanEntry
	generation *generationRecord

	detecting, generating span

	mu       sync.Mutex // for what goroutines add
	runs     map[buildpack.Ref]run
	warnings []string
}

// span is when something ran.
type span struct{ from, to time.Time }

// run is one bin/detect.
type run struct {
	span
	module    *buildpack.Module
	detection buildpack.Detection
}

// generationRecord is what is known of generation.
type generationRecord struct {
	request    Request
	extensions []extensionRecord
	// output is what the extension that runs prints.
	output *excerpt
	// done is nil unless all went well.
	done *Generation
}

// extensionRecord is what is known of one extension.
type extensionRecord struct {
	span
	extended
	given  []buildpack.Require
	output string
	err    error
}

// NewRecord starts the record of a phase; it is nil if no report is asked for.
func NewRecord(in platform.Inputs) *Record {
	if in.ReportPath == "" {
		return nil
	}
	return &Record{in: in, started: time.Now(), runs: map[buildpack.Ref]run{}}
}

// Listen returns a logger that says the same as the one given, and notes its warnings.
func (r *Record) Listen(log *slog.Logger) *slog.Logger {
	if r == nil {
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

// Sees notes what modules are told of the run image.
func (r *Record) Sees(s Surroundings) {
	if r != nil {
		r.target = &s.World.Target
	}
}

// detects notes that detection begins, with what order.
func (r *Record) detects(order buildpack.OrderFile) {
	if r != nil {
		r.order, r.detecting.from = &order, time.Now()
	}
}

// timing measures each bin/detect.
func (r *Record) timing(of detect) detect {
	if r == nil {
		return of
	}
	return func(ctx context.Context, m *buildpack.Module) buildpack.Detection {
		from := time.Now()
		d := of(ctx, m)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.runs[m.Ref] = run{span{from, time.Now()}, m, d}
		return d
	}
}

// detected notes the answer, of which there is at most one.
func (r *Record) detected(resolution *resolve.Resolution, failure *resolve.Failure) {
	if r == nil {
		return
	}
	r.detecting.to, r.resolution, r.failure = time.Now(), resolution, failure
	if resolution != nil {
		r.plan = resolution.Plan
	}
}

// generates notes that generation begins, and from what. It returns where extensions are to print.
func (r *Record) generates(request Request, output io.Writer) io.Writer {
	if r == nil {
		return output
	}
	r.generating.from = time.Now()
	r.plan = request.Plan
	r.generation = &generationRecord{request: request, output: &excerpt{}}
	return io.MultiWriter(r.generation.output, output)
}

// extends starts the record of one extension and returns what ends it.
func (r *Record) extends(m *buildpack.Module, given []buildpack.Require) func(extended, error) {
	if r == nil {
		return func(extended, error) {}
	}
	from := time.Now()
	return func(e extended, err error) {
		g := r.generation
		e.module = m
		g.extensions = append(g.extensions, extensionRecord{span{from, time.Now()}, e, given, g.output.take(), err})
	}
}

// generated notes how generation ended.
func (r *Record) generated(request Request, done *Generation) {
	if r != nil {
		r.generating.to, r.generation.done, r.generation.request = time.Now(), done, request
	}
}

// Write writes the report of a phase that ends with an error, or with none. version is that of the executable.
func (r *Record) Write(version string, err error) error {
	if r == nil {
		return nil
	}
	text, err := r.report(version, err).Encode(r.in.ReportPath)
	if err != nil {
		return err
	}
	return platform.WriteFile(r.in.ReportPath, text)
}
