package phase

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/otlp"
	"github.com/cnb-prelude/prelude/platform"
)

// Tracing writes the spans of a phase (RFC 0131, "build observability"): one for each executable of a module when it ends, and
// one for the phase at the end. A phase that is killed leaves the former. Nothing in them names images, URLs, paths of the app
// or people. A nil Tracing writes nothing. Ran may be called by several goroutines.
type Tracing struct {
	trace   *otlp.Trace
	span    otlp.Span
	modules string
}

// OpenTracing opens the trace of a phase: <layers>/tracing/lifecycle/detect.jsonl or generate.jsonl. It returns nil if no trace
// is asked for.
func OpenTracing(in platform.Inputs, version string) (*Tracing, error) {
	if !in.Telemetry {
		return nil, nil
	}
	name := "detect"
	if in.Phase == platform.Generator {
		name = "generate"
	}
	dir := filepath.Join(in.LayersDir, "tracing")
	api := otlp.Attribute{Key: "cnb.platform_api", Value: in.PlatformAPI.String()}
	trace, err := otlp.Open(filepath.Join(dir, "lifecycle", name+".jsonl"), in.TraceParent, version, api)
	if err != nil {
		return nil, err
	}
	for _, kind := range []buildpack.Kind{buildpack.KindBuildpack, buildpack.KindExtension} {
		if err := os.MkdirAll(filepath.Join(dir, string(kind)+"s"), 0o775); err != nil {
			return nil, errors.Join(err, trace.Close())
		}
	}
	span := otlp.Span{ID: otlp.NewSpanID(), Parent: trace.Parent, Name: name, Start: time.Now()}
	return &Tracing{trace, span, dir}, nil
}

// ID is the id of the trace; empty if there is none.
func (t *Tracing) ID() string {
	if t == nil {
		return ""
	}
	return t.trace.ID
}

// ForModules is the directory below which modules may write traces of their own; empty if no trace is written.
func (t *Tracing) ForModules() string {
	if t == nil {
		return ""
	}
	return t.modules
}

// Executable is one run of bin/detect or bin/generate.
type Executable struct {
	// Name is "bin/detect" or "bin/generate".
	Name       string
	Module     *buildpack.Module
	Start, End time.Time
	Attributes []otlp.Attribute
	// Failed is what went wrong, without words of the module; empty if nothing did.
	Failed string
}

// Ran writes the span of an executable that has ended.
func (t *Tracing) Ran(e Executable) {
	if t == nil {
		return
	}
	t.trace.Write(otlp.Span{
		ID: otlp.NewSpanID(), Parent: t.span.ID, Name: e.Name + " " + e.Module.ID, Start: e.Start, End: e.End, Failed: e.Failed,
		Attributes: append([]otlp.Attribute{
			{Key: "cnb.module.kind", Value: string(e.Module.Kind)}, {Key: "cnb.module.id", Value: e.Module.ID},
			{Key: "cnb.module.version", Value: e.Module.Version}, {Key: "cnb.buildpack_api", Value: e.Module.Descriptor.API},
		}, e.Attributes...),
	})
}

// Event notes something that happened in the phase.
func (t *Tracing) Event(name string, attributes ...otlp.Attribute) {
	if t == nil {
		return
	}
	if len(t.span.Events) < mostEvents {
		t.span.Events = append(t.span.Events, otlp.Event{Name: name, Time: time.Now(), Attributes: attributes})
	}
}

// mostEvents bounds the last line of a trace.
const mostEvents = 256

// End writes the span of the phase, which ends with an exit code.
func (t *Tracing) End(code int) error {
	if t == nil {
		return nil
	}
	t.span.End = time.Now()
	t.span.Attributes = []otlp.Attribute{{Key: "cnb.exit_code", Value: code}}
	if code != 0 {
		t.span.Failed = "the phase failed"
	}
	t.trace.Write(t.span)
	return t.trace.Close()
}
