package statusline

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"
)

// screen is a terminal of one line at a time: what it would show after all that was written.
func screen(written string) string {
	var lines []string
	line, at := "", 0
	for len(written) > 0 {
		switch {
		case strings.HasPrefix(written, toEnd):
			line = line[:at]
			written = written[len(toEnd):]
			continue
		case written[0] == '\r':
			at = 0
		case written[0] == '\n':
			lines, line, at = append(lines, line), "", 0
		default:
			line = line[:at] + written[:1] + line[min(at+1, len(line)):]
			at++
		}
		written = written[1:]
	}
	return strings.Join(append(lines, line), "\n")
}

// shown is a status line that has been shown, on a terminal of so many columns.
func shown(columns int) (*Line, *bytes.Buffer) {
	var terminal bytes.Buffer
	s := New(&terminal, func() int { return columns })
	s.first, s.next = time.Hour, time.Hour
	s.Candidate()
	s.Candidate()
	s.Running(3, 1)
	s.show()
	return s, &terminal
}

func TestLineIsOneLine(t *testing.T) {
	s, terminal := shown(80)
	if got, want := screen(terminal.String()), "detecting for 0 s: modules: 3 done, 1 running; candidate 2"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	s.Running(4, 0)
	s.show()
	if got := screen(terminal.String()); !strings.HasSuffix(got, "4 done, 0 running; candidate 2") || strings.Contains(got, "\n") {
		t.Errorf("%q", got)
	}
	_, narrow := shown(12)
	if got := screen(narrow.String()); got != "detecting f" {
		t.Errorf("%q on 12 columns", got)
	}
	if _, none := shown(0); screen(none.String()) != "" {
		t.Errorf("%q on no columns", none)
	}
}

func TestLineGivesWayToMessages(t *testing.T) {
	s, terminal := shown(80)
	out := s.Over(terminal)
	io.WriteString(out, "one\n")
	s.show()
	io.WriteString(out, "two\n")
	s.show()
	s.Stop()
	s.show()
	if got, want := screen(terminal.String()), "one\ntwo\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// A detection that is over soon shows nothing; without a status line, nothing is in the way.
func TestLineComesLate(t *testing.T) {
	var terminal bytes.Buffer
	s := New(&terminal, func() int { return 80 })
	s.Candidate()
	s.Running(0, 1)
	s.Stop()
	if terminal.Len() > 0 {
		t.Errorf("%q was shown", terminal.String())
	}
	var none *Line
	none.Candidate()
	none.Running(1, 1)
	none.Stop()
	if none.Over(io.Discard) != io.Discard {
		t.Error("no status line changes something")
	}
}

// Who counts does not wait for a terminal that takes nothing.
func TestLineOnAStoppedTerminal(t *testing.T) {
	reader, writer := io.Pipe()
	s := New(writer, func() int { return 80 })
	s.first = 0
	s.Running(0, 1)
	if _, err := reader.Read(make([]byte, 1)); err != nil { // now it is in the middle of writing
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Candidate()
		s.Running(1, 0)
	}()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("counting waits for the terminal")
	}
	reader.Close()
	s.Stop()
}
