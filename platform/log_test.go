package platform

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func written(level string, colour bool, say func(*slog.Logger)) (stdout, stderr string) {
	var out, errOut bytes.Buffer
	parsed, err := ParseLevel(level)
	if err != nil {
		panic(err)
	}
	say(NewLogger(&out, &errOut, parsed, colour))
	return out.String(), errOut.String()
}

func all(log *slog.Logger) {
	log.Debug("d")
	log.Info("i")
	log.Warn("w")
	log.Error("e")
}

// B06: info and debug go to stdout; warnings and errors, marked as such, to stderr.
func TestStreams(t *testing.T) {
	for _, test := range []struct{ level, stdout, stderr string }{
		{"debug", "d\ni\n", "Warning: w\nERROR: e\n"},
		{"info", "i\n", "Warning: w\nERROR: e\n"},
		{"warn", "", "Warning: w\nERROR: e\n"},
		{"error", "", "ERROR: e\n"},
		{"INFO", "i\n", "Warning: w\nERROR: e\n"},
	} {
		if stdout, stderr := written(test.level, false, all); stdout != test.stdout || stderr != test.stderr {
			t.Errorf("%s: %q and %q", test.level, stdout, stderr)
		}
	}
	for _, unknown := range []string{"", "loud", "info ", "0"} {
		if _, err := ParseLevel(unknown); err == nil {
			t.Errorf("level %q is known", unknown)
		}
	}
}

// B08: whatever is in a message, it is printed as it is.
func TestMessagesAreNoFormats(t *testing.T) {
	const message = "100% sure, %s %d %v %!x(MISSING) \\n {{.}} \x1b[31m"
	stdout, stderr := written("debug", false, func(log *slog.Logger) {
		log.Info(message)
		log.Error(message)
	})
	if stdout != message+"\n" || stderr != "ERROR: "+message+"\n" {
		t.Errorf("%q and %q", stdout, stderr)
	}
	if stdout, _ := written("info", false, func(log *slog.Logger) { log.Info("two\nlines\n") }); stdout != "two\nlines\n" {
		t.Errorf("%q", stdout)
	}
}

// B07, as far as it is decided here: only marks are coloured, and only when asked to.
func TestColour(t *testing.T) {
	stdout, stderr := written("debug", true, all)
	if stdout != "d\ni\n" || stderr != "\x1b[33;1mWarning: \x1b[0mw\n\x1b[31;1mERROR: \x1b[0me\n" {
		t.Errorf("%q and %q", stdout, stderr)
	}
	if stdout, stderr := written("debug", false, all); strings.Contains(stdout+stderr, "\x1b") {
		t.Errorf("%q and %q", stdout, stderr)
	}
}
