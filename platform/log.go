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
	level, known := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "warning": slog.LevelWarn, "error": slog.LevelError,
	}[strings.ToLower(text)]
	if !known {
		return 0, fmt.Errorf("unknown log level %q: want debug, info, warn or error", text)
	}
	return level, nil
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
	mark, code := "", ""
	switch {
	case r.Level >= slog.LevelError:
		mark, code = "ERROR: ", "31;1"
	case r.Level >= slog.LevelWarn:
		mark, code = "Warning: ", "33;1"
	}
	if l.colour && mark != "" {
		mark = "\x1b[" + code + "m" + mark + "\x1b[0m"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := io.WriteString(l.out, mark+strings.TrimSuffix(r.Message, "\n")+"\n")
	return err
}

func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *lines) WithGroup(string) slog.Handler      { return l }
