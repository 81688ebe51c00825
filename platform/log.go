package platform

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
)

// ParseLevel reads the value of -log-level. Tekton's catalogue and the reference lifecycle know "warn" as "warning", too.
func ParseLevel(text string) (slog.Level, error) {
	switch strings.ToLower(text) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("unknown log level %q: want debug, info, warn or error", text)
}

// NewLogger returns a logger of plain lines on one stream, in the order in which things happen; warnings and errors are
// marked as such. Messages are never used as formats.
func NewLogger(out io.Writer, level slog.Level, colour bool) *slog.Logger {
	return slog.New(&lines{out: out, level: level, colour: colour})
}

type lines struct {
	mu     sync.Mutex
	out    io.Writer
	level  slog.Level
	colour bool
}

func (l *lines) Enabled(_ context.Context, level slog.Level) bool { return level >= l.level }

// Handle writes one record as a line. Attributes are not used: what a person should know is in the message.
func (l *lines) Handle(_ context.Context, r slog.Record) error {
	mark := ""
	switch {
	case r.Level >= slog.LevelError:
		mark = l.paint("31;1", "ERROR: ")
	case r.Level >= slog.LevelWarn:
		mark = l.paint("33;1", "Warning: ")
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.out, mark+strings.TrimSuffix(r.Message, "\n")+"\n")
	return err
}

func (l *lines) paint(code, text string) string {
	if !l.colour {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *lines) WithGroup(string) slog.Handler      { return l }
