package platform

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
)

func written(level string, colour bool, say func(*slog.Logger)) string {
	var out bytes.Buffer
	parsed, err := ParseLevel(level)
	if err != nil {
		panic(err)
	}
	say(NewLogger(&out, parsed, colour))
	return out.String()
}

func all(log *slog.Logger) {
	log.Debug("d")
	log.Info("i")
	log.Warn("w")
	log.Error("e")
}

// All levels go to one stream, in order; warnings and errors are marked as such.
func TestLevels(t *testing.T) {
	for _, test := range []struct{ level, want string }{
		{"debug", "d\ni\nWarning: w\nERROR: e\n"},
		{"info", "i\nWarning: w\nERROR: e\n"},
		{"warn", "Warning: w\nERROR: e\n"},
		{"warning", "Warning: w\nERROR: e\n"},
		{"error", "ERROR: e\n"},
		{"INFO", "i\nWarning: w\nERROR: e\n"},
	} {
		if got := written(test.level, false, all); got != test.want {
			t.Errorf("%s: %q", test.level, got)
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
	got := written("debug", false, func(log *slog.Logger) {
		log.Info(message)
		log.Error(message)
	})
	if got != message+"\nERROR: "+message+"\n" {
		t.Errorf("%q", got)
	}
	if got := written("info", false, func(log *slog.Logger) { log.Info("two\nlines\n") }); got != "two\nlines\n" {
		t.Errorf("%q", got)
	}
}

// B07, the part that is decided here: only marks are coloured, and only when asked to.
func TestColour(t *testing.T) {
	if got := written("debug", true, all); got != "d\ni\n\x1b[33;1mWarning: \x1b[0mw\n\x1b[31;1mERROR: \x1b[0me\n" {
		t.Errorf("%q", got)
	}
	if got := written("debug", false, all); strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}
