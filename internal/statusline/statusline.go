// Package statusline shows on a terminal, in one line, how far a long detection is.
package statusline

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// Line appears only after a second, is written over itself, and is erased before anything else is printed. Its methods may
// be called by several goroutines; those of a nil Line do nothing.
type Line struct {
	terminal io.Writer
	// columns returns the width of the terminal.
	columns func() int
	// first is how long nothing is shown, next how long a line stays as it is.
	first, next time.Duration

	// count guards what the line consists of, draw guards the terminal. Counting never waits for the terminal, which may be
	// stopped.
	count, draw              sync.Mutex
	since                    time.Time
	candidate, done, running int
	timer                    *time.Timer
	shown, stopped           bool
}

// New returns a status line for a terminal. The function columns returns the terminal's present width.
func New(terminal io.Writer, columns func() int) *Line {
	return &Line{terminal: terminal, columns: columns, first: time.Second, next: 250 * time.Millisecond}
}

// Candidate counts one more candidate.
func (l *Line) Candidate() {
	if l == nil {
		return
	}
	l.count.Lock()
	defer l.count.Unlock()
	l.candidate++
}

// Running takes how many modules are done and how many are running. The first call starts the clock.
func (l *Line) Running(done, running int) {
	if l == nil {
		return
	}
	l.count.Lock()
	defer l.count.Unlock()
	l.done, l.running = done, running
	if l.timer == nil {
		l.since = time.Now()
		l.timer = time.AfterFunc(l.first, l.show)
	}
}

// Stop erases the line for good.
func (l *Line) Stop() {
	if l == nil {
		return
	}
	l.draw.Lock()
	defer l.draw.Unlock()
	l.stopped = true
	l.erase()
}

func (l *Line) show() {
	l.draw.Lock()
	defer l.draw.Unlock()
	if l.stopped {
		return
	}
	l.shown = true
	io.WriteString(l.terminal, start+l.text()+toEnd) //nolint:errcheck // there is no other place to report it
	l.count.Lock()
	defer l.count.Unlock()
	l.timer.Reset(l.next)
}

// Control sequences: go to the start of the line, and erase from there to its end.
const start, toEnd = "\r", "\x1b[K"

// text returns the line, cut to the width of the terminal.
func (l *Line) text() string {
	l.count.Lock()
	defer l.count.Unlock()
	text := fmt.Sprintf("detecting for %d s: modules: %d done, %d running; candidate %d",
		int(time.Since(l.since).Seconds()), l.done, l.running, l.candidate)
	return text[:max(0, min(len(text), l.columns()-1))]
}

func (l *Line) erase() {
	if l.shown {
		io.WriteString(l.terminal, start+toEnd) //nolint:errcheck // as in show
		l.shown = false
	}
}

// Over returns a writer that erases the line before it writes to w, which may be the same terminal.
func (l *Line) Over(w io.Writer) io.Writer {
	if l == nil {
		return w
	}
	return over{l, w}
}

type over struct {
	line *Line
	io.Writer
}

func (o over) Write(p []byte) (int, error) {
	o.line.draw.Lock()
	defer o.line.draw.Unlock()
	o.line.erase()
	return o.Writer.Write(p)
}
