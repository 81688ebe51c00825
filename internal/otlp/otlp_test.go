package otlp

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestOpenJoinsThePlatformsTrace(t *testing.T) {
	for _, test := range []struct{ name, parent, id, span string }{
		{"a trace context", parent, "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"},
		{"none", "", "", ""},
		{"a malformed one", "00-4bf9-00f0-01", "", ""},
		{"upper case, which W3C does not allow", strings.ToUpper(parent), "", ""},
		{"an id of zeros, which stands for none", "00-" + zeros + "-00f067aa0ba902b7-01", "", ""},
	} {
		trace, err := Open(filepath.Join(t.TempDir(), "tracing/lifecycle/detect.jsonl"), test.parent, "1")
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case test.id != "" && (trace.ID != test.id || trace.Parent != test.span):
			t.Errorf("%s: trace %q, parent %q", test.name, trace.ID, trace.Parent)
		case test.id == "" && (len(trace.ID) != 32 || trace.ID == zeros || trace.Parent != ""):
			t.Errorf("%s: want a trace of its own, got %q, parent %q", test.name, trace.ID, trace.Parent)
		}
		trace.Close()
	}
}

func TestSpansAreAppended(t *testing.T) {
	path := filepath.Join(t.TempDir(), "detect.jsonl")
	if err := os.WriteFile(path, []byte("{}\n"), 0o664); err != nil {
		t.Fatal(err)
	}
	trace, err := Open(path, parent, "1", Attribute{"cnb.platform_api", "0.15"})
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1, 5)
	trace.Write(Span{ID: "00f067aa0ba902b8", Parent: trace.Parent, Name: "bin/detect", Start: at, End: at.Add(time.Second),
		Attributes: []Attribute{{"exit_code", 7}, {"ahead", true}}, Events: []Event{{"candidate", at, nil}}, Failed: "exit code 7"})
	if err := trace.Close(); err != nil {
		t.Fatal(err)
	}
	data, _ := os.ReadFile(path)
	lines := strings.Split(strings.TrimSpace(string(data)), "\n")
	if len(lines) != 2 || lines[0] != "{}" || !json.Valid([]byte(lines[1])) {
		t.Fatalf("%q", lines)
	}
	for _, want := range []string{
		`"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"`, `"spanId":"00f067aa0ba902b8"`, `"parentSpanId":"00f067aa0ba902b7"`,
		`"startTimeUnixNano":"1000000005"`, `"endTimeUnixNano":"2000000005"`, `{"key":"exit_code","value":{"intValue":"7"}}`,
		`{"key":"ahead","value":{"boolValue":true}}`, `{"key":"cnb.platform_api","value":{"stringValue":"0.15"}}`, `"status":{"code":2,"message":"exit code 7"}`,
	} {
		if !strings.Contains(lines[1], want) {
			t.Errorf("%s is not in %s", want, lines[1])
		}
	}
}
