package invoke

import (
	"bytes"
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/process"
)

// Why a bin/detect could not be started is said in a way that tells what to do, and names the file once.
func TestNotStarted(t *testing.T) {
	for _, test := range []struct {
		name, text string
		mode       os.FileMode
		want       string
	}{
		{"mode", "#!/bin/sh\n", 0o644, "it is not executable (mode 0644), chmod +x it"},
		{"empty", "", 0o755, "it is empty"},
		{"no interpreter", "#!/no/such/interpreter -e\n", 0o755, `its first line is "#!/no/such/interpreter -e": there is no interpreter /no/such/interpreter in this image`},
		{"Windows", "#!/bin/sh\r\nexit 0\r\n", 0o755, `first line is "#!/bin/sh\r": Windows line endings; save the file with Unix line endings`},
		{"relative", "#!no-such-shell\n", 0o755, `an interpreter is named by its absolute path, for instance #!/usr/bin/env no-such-shell`},
		{"nothing named", "#!\nexit 0\n", 0o755, "it names no interpreter"},
		{"not executable itself", "#!/etc/passwd\n", 0o755, `its first line is "#!/etc/passwd": that interpreter cannot be started: permission denied`},
		{"no #!", "echo hello\n", 0o755, `its first line is "echo hello", not one that names an interpreter`},
		{"blank before #!", " #!/bin/sh\n", 0o755, `its first line is " #!/bin/sh", not one`},
		{"byte order mark", "\xef\xbb\xbf#!/bin/sh\n", 0o755, "it begins with a byte order mark"},
		{"anything", "\x01\x00\x02", 0o755, "it is neither a script with a #! line nor a program for linux/" + runtime.GOARCH},
		{"a program for another machine", "\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 60), 0o755, "exec format error: it is neither a script with a #! line nor a program for linux/" + runtime.GOARCH},
		{"a program for macOS", "\xcf\xfa\xed\xfe\x0c\x00", 0o755, "it is neither a script with a #! line nor a program for linux/" + runtime.GOARCH},
		{"a program for Windows", "MZ\x90\x00", 0o755, "it is neither a script with a #! line nor a program for linux/" + runtime.GOARCH},
	} {
		dir := t.TempDir()
		tree(t, dir, map[string]string{"bin/detect": test.text})
		check(t, os.Chmod(filepath.Join(dir, "bin/detect"), test.mode))
		demandNotStarted(t, test.name, dir, dir, test.want)
	}
}

// The same for what is not a file, or not there.
func TestNothingToStart(t *testing.T) {
	for _, test := range []struct {
		name  string
		files map[string]string
		want  string
	}{
		{"nothing", map[string]string{"bin/build": ""}, "there is no such file"},
		{"a directory", map[string]string{"bin/detect/x": ""}, "it is a directory"},
		{"a hidden file, which is like nothing", map[string]string{"bin/.keep": "", "bin/.detect": ""}, "there is no such file"},
		{"a suffix", map[string]string{"bin/detect.sh": ""}, "there is no such file, but detect.sh, which nothing runs: rename it to detect"},
		{"another case", map[string]string{"bin/Detect": ""}, "but Detect, which"},
		{"mistyped", map[string]string{"bin/detcet": "", "bin/build": ""}, "but detcet, which"},
		{"a link", map[string]string{"bin/detect": "-> ../nowhere"}, "it is a link to ../nowhere, which is not there"},
	} {
		dir := t.TempDir()
		tree(t, dir, test.files)
		demandNotStarted(t, test.name, dir, dir, test.want)
	}
	dir := t.TempDir()
	tree(t, dir, map[string]string{"bin/detect": "#!/bin/sh\n"})
	check(t, os.Chmod(filepath.Join(dir, "bin/detect"), 0o755))
	missing := filepath.Join(dir, "missing")
	demandNotStarted(t, "the application is not there", dir, missing, "its working directory "+missing)
}

func demandNotStarted(t *testing.T, name, dir, app, want string) {
	t.Helper()
	d := Environment{App: app, Platform: dir}.RunDetect(t.Context(), at(dir), 0)
	if d.Outcome != buildpack.Errored || d.ExitCode != buildpack.NoExitCode || d.Cause == nil || !strings.Contains(d.Cause.Error(), want) {
		t.Errorf("%s: %s %d %v, want %q", name, d.Outcome, d.ExitCode, d.Cause, want)
		return
	}
	if strings.Contains(d.Cause.Error(), "but .") {
		t.Errorf("%s: takes a hidden file for it: %v", name, d.Cause)
	}
	if path := filepath.Join(dir, "bin/detect"); strings.Count(d.Cause.Error(), path) != 1 {
		t.Errorf("%s: does not name the file once: %v", name, d.Cause)
	}
}

// Whatever a file is, and for whatever reason the system does not run it, something is said.
func FuzzUnrunnable(f *testing.F) {
	for _, text := range []string{"", "#!", "#!/bin/sh\r\n", "\xef\xbb\xbf#!", "MZ", "text", "\x7fELF"} {
		f.Add([]byte(text))
	}
	path := filepath.Join(f.TempDir(), "detect")
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, os.WriteFile(path, data, 0o600))
		for _, err := range []error{syscall.ENOEXEC, syscall.ENOENT, syscall.EACCES} {
			c := process.Command{Path: path}
			if said := notStarted(c, err).Error(); strings.ContainsAny(said, "\n\r\x00\x1b") {
				t.Errorf("%q", said)
			}
		}
	})
}

// An executable for which there is no process says what allows how many.
func TestNoProcessLeft(t *testing.T) {
	err := notStarted(process.Command{Path: os.DevNull, Dir: t.TempDir()}, syscall.EAGAIN)
	want := fmt.Sprintf("could not start %s: %v: process limit reached: that of the user (ulimit -u) or of the container (pids.max)", os.DevNull, syscall.EAGAIN)
	if err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// A program of another distribution names a loader that this image does not have. The system then says that the program is
// not found.
func TestLoaderMissing(t *testing.T) {
	data, err := os.ReadFile("/bin/true")
	check(t, err)
	file, err := elf.NewFile(bytes.NewReader(data))
	check(t, err)
	for _, part := range file.Progs {
		if part.Type == elf.PT_INTERP {
			copy(data[part.Off:], "/no")
		}
	}
	dir := t.TempDir()
	tree(t, dir, map[string]string{"bin/detect": string(data)})
	check(t, os.Chmod(filepath.Join(dir, "bin/detect"), 0o755))
	demandNotStarted(t, "a loader is missing", dir, dir, "no such file or directory: it needs an interpreter or a loader that is missing in this image")
}
