package release

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestOnlyAStaticBusyboxCounts: busybox is put into images that have no libraries, so one that needs some is as good as none.
func TestOnlyAStaticBusyboxCounts(t *testing.T) {
	static := filepath.Join(t.TempDir(), "static")
	source := static + ".go"
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() {}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", "build", "-o", static, source)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	dynamic, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	for executable, want := range map[string]string{static: "", dynamic: "missing: busybox-static"} {
		if out := need(t, executable); !strings.HasPrefix(out, want) || want == "" && out != "" {
			t.Errorf("with %s as busybox: %q, want %q", executable, out, want)
		}
	}
}

// need is what need.sh prints about busybox to a user who cannot install packages.
func need(t *testing.T, busybox string) string {
	t.Helper()
	bin := t.TempDir()
	if err := os.Symlink(busybox, filepath.Join(bin, "busybox")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, "id"), []byte("#!/bin/sh\necho 1000\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("../../need.sh", "busybox")
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, _ := cmd.CombinedOutput()
	return string(out)
}
