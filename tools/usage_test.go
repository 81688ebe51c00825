package tools

import (
	"bytes"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// TestUsage: -help prints on standard output, so that it can be piped into a pager. What is missing is named on standard error.
func TestUsage(t *testing.T) {
	bin := t.TempDir()
	if err := testhelpers.Executables(".", bin, "./builder", "./overlay", "./extend", "./dist", "./image", "./try"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		call           string
		code           int
		stdout, stderr string // a part of each; empty: nothing
	}{
		{"builder -help", 0, "Usage: builder -from", ""},
		{"overlay -help", 0, "Usage: overlay -lifecycle", ""},
		{"extend -help", 0, "Usage: extend -kind", ""},
		{"try -help", 0, "Examples:", ""},
		{"dist -help", 0, "-arch", ""},
		{"image -help", 0, "-arch", ""},
		{"builder", 2, "", "-from is missing"},
		{"builder -from x", 2, "", "-to is missing"},
		{"builder -from x -to y z", 2, "", `unexpected argument "z"`},
		{"builder -form x", 2, "", "not defined: -form (builder -help lists the options)"},
		{"overlay", 2, "", "-lifecycle is missing"},
		{"overlay -lifecycle x", 2, "", "-o is missing"},
		{"dist -o", 2, "", "needs an argument: -o"},
	} {
		args := strings.Fields(c.call)
		command := exec.Command(filepath.Join(bin, args[0]), args[1:]...)
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		err := command.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if code := command.ProcessState.ExitCode(); code != c.code || !shows(stdout.String(), c.stdout) || !shows(stderr.String(), c.stderr) {
			t.Errorf("%s: exit code %d\n--- stdout\n%s\n--- stderr\n%s", c.call, code, &stdout, &stderr)
		}
	}
}

// shows reports whether a text has a part, or is empty where the part is.
func shows(text, part string) bool {
	return strings.Contains(text, part) && (text == "") == (part == "")
}
