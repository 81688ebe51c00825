// Package otlp_test reads a trace of the detector with OpenTelemetry's own code. It is a module of its own, so that nothing of
// OpenTelemetry reaches the executables.
package otlp_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"go.opentelemetry.io/collector/pdata/ptrace"
)

func TestOpenTelemetryReadsTheTrace(t *testing.T) {
	dir := t.TempDir()
	for _, made := range []string{"app", "layers", "some/app"} {
		if err := os.MkdirAll(filepath.Join(dir, made), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	write(t, dir, "order.toml", "[[order]]\n[[order.group]]\nid = \"some/app\"\nversion = \"1\"\n", 0o644)
	write(t, dir, "buildpacks/some_app/1/buildpack.toml", "api = \"0.12\"\n[buildpack]\nid = \"some/app\"\nversion = \"1\"\n[[targets]]\n", 0o644)
	write(t, dir, "buildpacks/some_app/1/bin/detect", "#!/bin/sh\necho hello\nexit 7\n", 0o755)
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "detector"), "./cmd/detector")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s\n%s", err, out)
	}
	detect := exec.Command(filepath.Join(dir, "detector"), "-app", "app", "-buildpacks", "buildpacks", "-order", "order.toml", "-layers", "layers", "-telemetry", "-baseline=false")
	detect.Dir = dir
	detect.Env = []string{"CNB_PLATFORM_API=0.13", "PATH=" + os.Getenv("PATH"), "CNB_OTEL_TRACEPARENT=00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
	if os.Geteuid() == 0 { // the detector refuses to run as root
		detect.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		open(t, dir)
	}
	out, _ := detect.CombinedOutput()
	if code := detect.ProcessState.ExitCode(); code != 21 {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "layers/tracing/lifecycle/detect.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var spans []ptrace.Span
	for line := range bytes.Lines(data) {
		traces, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(line)
		if err != nil {
			t.Fatal(err)
		}
		spans = append(spans, traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0))
	}
	if len(spans) != 2 {
		t.Fatalf("%d spans, want the module's and the phase's", len(spans))
	}
	module, phase := spans[0], spans[1]
	if module.Name() != "bin/detect some/app" || module.ParentSpanID() != phase.SpanID() || module.Status().Code() != ptrace.StatusCodeError {
		t.Errorf("%s, parent %s, status %s", module.Name(), module.ParentSpanID(), module.Status().Code())
	}
	if code, _ := module.Attributes().Get("cnb.exit_code"); code.Int() != 7 {
		t.Errorf("exit code %d, want 7", code.Int())
	}
	if size, _ := module.Attributes().Get("cnb.output_bytes"); size.Int() != 6 {
		t.Errorf("%d bytes of output, want 6", size.Int())
	}
	if phase.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" || phase.ParentSpanID().String() != "00f067aa0ba902b7" || module.TraceID() != phase.TraceID() {
		t.Errorf("trace %s, parent %s: want the platform's", phase.TraceID(), phase.ParentSpanID())
	}
	if code, _ := phase.Attributes().Get("cnb.exit_code"); code.Int() != 21 || phase.Events().Len() != 1 || phase.Events().At(0).Name() != "candidate" {
		t.Errorf("exit code %d, %d events; want 21 and one candidate", code.Int(), phase.Events().Len())
	}
	if start, end := phase.StartTimestamp(), phase.EndTimestamp(); start > module.StartTimestamp() || end < module.EndTimestamp() {
		t.Errorf("the phase is from %s to %s, the module from %s to %s", start, end, module.StartTimestamp(), module.EndTimestamp())
	}
}

func write(t *testing.T, dir, name, text string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// open makes a directory, and those above it that the test made, usable for a user without privileges.
func open(t *testing.T, dir string) {
	t.Helper()
	for _, path := range []string{filepath.Join(dir, "layers"), dir, filepath.Dir(dir)} {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
}
