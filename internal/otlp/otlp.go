// Package otlp writes spans of a trace to a file, each as a line of JSON in the format of OpenTelemetry's file exporter. A line is
// written when its span ends, so a process that is killed leaves the spans that had ended by then.
//
// It uses encoding/json alone: the ids of OTLP's JSON are hexadecimal, while the JSON of its protobuf messages has them in base64.
package otlp

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// Trace is a file to which spans are appended. A nil Trace takes none. Its methods may be called by several goroutines.
type Trace struct {
	// ID is the trace's id, and Parent the span that the platform's trace context names; empty if there is none.
	ID, Parent string

	lock     sync.Mutex
	file     *os.File
	err      error
	resource []Attribute
	scope    scope
}

// Span is a piece of work that has ended.
type Span struct {
	ID, Parent string
	Name       string
	Start, End time.Time
	Attributes []Attribute
	Events     []Event
	// Failed is what went wrong; empty if nothing did.
	Failed string
}

// Event is something that happened during a span.
type Event struct {
	Name       string
	Time       time.Time
	Attributes []Attribute
}

// Attribute is a name with a value: a string, an int or a bool.
type Attribute struct {
	Key   string
	Value any
}

// MarshalJSON writes the attribute in OTLP's form.
func (a Attribute) MarshalJSON() ([]byte, error) {
	value := map[string]any{}
	switch v := a.Value.(type) {
	case int:
		value["intValue"] = strconv.Itoa(v) // 64 bits are strings in the JSON of protobuf
	case bool:
		value["boolValue"] = v
	default:
		value["stringValue"] = v
	}
	return json.Marshal(struct {
		Key   string         `json:"key"`
		Value map[string]any `json:"value"`
	}{a.Key, value})
}

// traceparent is the form of W3C's trace context, level 1.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`)

// Open opens the file of a trace and makes its directories, all of them readable for the group. parent is the platform's trace
// context (a W3C traceparent); with none, or one that is malformed, the trace is one of its own. name and version are those of the
// program.
func Open(path, parent, name, version string, resource ...Attribute) (*Trace, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o775); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o664)
	if err != nil {
		return nil, err
	}
	t := &Trace{file: file, resource: append([]Attribute{{"service.name", name}, {"service.version", version}}, resource...), scope: scope{name, version}}
	if m := traceparent.FindStringSubmatch(parent); m != nil && m[1] != zeros && m[2] != zeros[:16] {
		t.ID, t.Parent = m[1], m[2]
	} else {
		t.ID = random(16)
	}
	return t, nil
}

const zeros = "00000000000000000000000000000000"

// NewSpanID returns an id for a span.
func NewSpanID() string { return random(8) }

func random(bytes int) string {
	id := make([]byte, bytes)
	rand.Read(id) //nolint:errcheck // never fails
	return hex.EncodeToString(id)
}

// Write appends a span. Errors are told by Close.
func (t *Trace) Write(s Span) {
	if t == nil {
		return
	}
	line, err := json.Marshal(t.line(s))
	t.lock.Lock()
	defer t.lock.Unlock()
	if err == nil {
		_, err = t.file.Write(append(line, '\n'))
	}
	t.err = errors.Join(t.err, err)
}

// Close closes the file. Its error is the first of those of writing.
func (t *Trace) Close() error {
	if t == nil {
		return nil
	}
	return errors.Join(t.err, t.file.Close())
}

// The rest is the JSON of OTLP's message TracesData (opentelemetry-proto, trace/v1).
type tracesData struct {
	ResourceSpans []resourceSpans `json:"resourceSpans"`
}

type resourceSpans struct {
	Resource   resource     `json:"resource"`
	ScopeSpans []scopeSpans `json:"scopeSpans"`
}

type resource struct {
	Attributes []Attribute `json:"attributes"`
}

type scopeSpans struct {
	Scope scope  `json:"scope"`
	Spans []span `json:"spans"`
}

type scope struct {
	Name    string `json:"name"`
	Version string `json:"version,omitempty"`
}

type span struct {
	TraceID      string      `json:"traceId"`
	SpanID       string      `json:"spanId"`
	ParentSpanID string      `json:"parentSpanId,omitempty"`
	Name         string      `json:"name"`
	Kind         int         `json:"kind"`
	Start        string      `json:"startTimeUnixNano"`
	End          string      `json:"endTimeUnixNano"`
	Attributes   []Attribute `json:"attributes,omitempty"`
	Events       []event     `json:"events,omitempty"`
	Status       status      `json:"status"`
}

type event struct {
	Time       string      `json:"timeUnixNano"`
	Name       string      `json:"name"`
	Attributes []Attribute `json:"attributes,omitempty"`
}

type status struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
}

// The kinds and codes of OTLP that are used.
const (
	kindInternal = 1
	codeError    = 2
)

func (t *Trace) line(s Span) tracesData {
	out := span{
		TraceID: t.ID, SpanID: s.ID, ParentSpanID: s.Parent, Name: s.Name, Kind: kindInternal,
		Start: nanoseconds(s.Start), End: nanoseconds(s.End), Attributes: s.Attributes,
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, event{nanoseconds(e.Time), e.Name, e.Attributes})
	}
	if s.Failed != "" {
		out.Status = status{codeError, s.Failed}
	}
	return tracesData{[]resourceSpans{{resource{t.resource}, []scopeSpans{{t.scope, []span{out}}}}}}
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
