package platform

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// Status is a line on a terminal that says how far a long detection is, so that a person sees that it is alive. It comes
// only after a while, is written over itself, and is erased before anything else is printed. A nil Status shows nothing.
type Status struct {
	terminal io.Writer
	// columns is the width of the terminal.
	columns func() int
	// first is how long nothing is shown, next how long a line stays as it is.
	first, next time.Duration

	// count guards what the line is made of, draw what is on the terminal. Counting never waits for the terminal, which
	// may be stopped.
	count, draw              sync.Mutex
	since                    time.Time
	candidate, done, running int
	timer                    *time.Timer
	shown, stopped           bool
}

// NewStatus is a status line on a terminal that has so many columns at the moment.
func NewStatus(terminal io.Writer, columns func() int) *Status {
	return &Status{terminal: terminal, columns: columns, first: time.Second, next: 250 * time.Millisecond}
}

// statusKey is the key of a context's value.
type statusKey struct{}

// WithStatus hands the status line down to the code that knows how far it is.
func WithStatus(ctx context.Context, s *Status) context.Context {
	return context.WithValue(ctx, statusKey{}, s)
}

// StatusOf is nil, which shows nothing, if there is none.
func StatusOf(ctx context.Context) *Status {
	s, _ := ctx.Value(statusKey{}).(*Status)
	return s
}

// Candidate says that the next candidate is being judged.
func (s *Status) Candidate() {
	if s == nil {
		return
	}
	s.count.Lock()
	defer s.count.Unlock()
	s.candidate++
}

// Running says how many modules are done and how many are running.
func (s *Status) Running(done, running int) {
	if s == nil {
		return
	}
	s.count.Lock()
	defer s.count.Unlock()
	s.done, s.running = done, running
	if s.timer == nil {
		s.since = time.Now()
		s.timer = time.AfterFunc(s.first, s.show)
	}
}

// Stop erases the line; it does not come again.
func (s *Status) Stop() {
	if s == nil {
		return
	}
	s.draw.Lock()
	defer s.draw.Unlock()
	s.stopped = true
	s.erase()
}

func (s *Status) show() {
	s.draw.Lock()
	defer s.draw.Unlock()
	if s.stopped {
		return
	}
	s.shown = true
	io.WriteString(s.terminal, start+s.text()+toEnd) //nolint:errcheck // there is no other place to say so
	s.count.Lock()
	defer s.count.Unlock()
	s.timer.Reset(s.next)
}

// What a terminal is told: to go to the start of the line, and to erase from there to its end.
const start, toEnd = "\r", "\x1b[K"

// text is one line, short enough not to begin another.
func (s *Status) text() string {
	s.count.Lock()
	defer s.count.Unlock()
	text := fmt.Sprintf("detecting for %d s: modules: %d done, %d running; candidate %d",
		int(time.Since(s.since).Seconds()), s.done, s.running, s.candidate)
	return text[:max(0, min(len(text), s.columns()-1))]
}

func (s *Status) erase() {
	if s.shown {
		io.WriteString(s.terminal, start+toEnd) //nolint:errcheck // as above
		s.shown = false
	}
}

// Over is a writer to something that may be the same terminal: it erases the line before it writes.
func (s *Status) Over(w io.Writer) io.Writer {
	if s == nil {
		return w
	}
	return over{s, w}
}

type over struct {
	status *Status
	io.Writer
}

func (o over) Write(p []byte) (int, error) {
	o.status.draw.Lock()
	defer o.status.draw.Unlock()
	o.status.erase()
	return o.Writer.Write(p)
}
