// Package otlp writes spans of a trace to a file, each as a line of JSON in the format of OpenTelemetry's file exporter. A line
// is written when its span ends, so a process that is killed leaves the spans that had ended by then.
//
// It uses encoding/json alone: the ids of OTLP's JSON are hexadecimal, while the JSON of its protobuf messages has them in
// base64.
package otlp

import (
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// Trace is a file to which spans are appended. Its methods may be called by several goroutines.
type Trace struct {
	// ID is the trace's id, and Parent the span that the platform's trace context names; empty if there is none.
	ID, Parent string

	lock     sync.Mutex
	file     *os.File
	err      error
	resource []Attribute
	scope    object
}

// object is one of JSON.
type object map[string]any

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
	value := object{"stringValue": a.Value}
	switch v := a.Value.(type) {
	case int:
		value = object{"intValue": strconv.Itoa(v)} // 64 bits are strings in the JSON of protobuf
	case bool:
		value = object{"boolValue": v}
	}
	return json.Marshal(object{"key": a.Key, "value": value})
}

// traceparent is the form of W3C's trace context, level 1.
var traceparent = regexp.MustCompile(`^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}$`)

// program is the name of what writes the spans.
const program = "prelude"

// Open opens the file of a trace and makes its directories, all of them readable for the group. parent is the platform's trace
// context (a W3C traceparent); with none, or one that is malformed, the trace is one of its own. version is that of the program.
func Open(path, parent, version string, resource ...Attribute) (*Trace, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o775); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o664)
	if err != nil {
		return nil, err
	}
	t := &Trace{
		file: file, scope: object{"name": program, "version": version},
		resource: append([]Attribute{{"service.name", program}, {"service.version", version}}, resource...),
	}
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

// Write appends a span. Close returns its error.
func (t *Trace) Write(s Span) {
	line, err := json.Marshal(t.line(s))
	t.lock.Lock()
	defer t.lock.Unlock()
	if err == nil {
		_, err = t.file.Write(append(line, '\n'))
	}
	t.err = cmp.Or(t.err, err)
}

// Close closes the file. Its error is the first, of writing or of closing.
func (t *Trace) Close() error {
	return cmp.Or(t.err, t.file.Close())
}

// span is the JSON of OTLP's message Span (opentelemetry-proto, trace/v1).
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
	Status       object      `json:"status"`
}

type event struct {
	Time       string      `json:"timeUnixNano"`
	Name       string      `json:"name"`
	Attributes []Attribute `json:"attributes,omitempty"`
}

// line is a message TracesData with one span.
func (t *Trace) line(s Span) object {
	out := span{
		TraceID: t.ID, SpanID: s.ID, ParentSpanID: s.Parent, Name: s.Name, Kind: 1, // of the process itself
		Start: nanoseconds(s.Start), End: nanoseconds(s.End), Attributes: s.Attributes, Status: object{},
	}
	for _, e := range s.Events {
		out.Events = append(out.Events, event{nanoseconds(e.Time), e.Name, e.Attributes})
	}
	if s.Failed != "" {
		out.Status = object{"code": 2, "message": s.Failed} // an error
	}
	scopeSpans := object{"scope": t.scope, "spans": []span{out}}
	return object{"resourceSpans": []object{{"resource": object{"attributes": t.resource}, "scopeSpans": []object{scopeSpans}}}}
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }
