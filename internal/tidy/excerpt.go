package tidy

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// Excerpt keeps the beginning and the end of what is written to it. Several goroutines may use it.
type Excerpt struct {
	Keep int // bytes of each

	mu         sync.Mutex
	head, tail []byte
	written    int // all bytes
}

// Shorten is a text of whose beginning and end so many bytes are kept each.
func Shorten(text []byte, keep int) string {
	e := Excerpt{Keep: keep}
	e.Write(text) //nolint:errcheck // never fails
	return e.Text()
}

// Write never fails.
func (e *Excerpt) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(p)
	e.written += n
	room := min(e.Keep-len(e.head), n)
	e.head, p = append(e.head, p[:room]...), p[room:]
	p = p[max(0, len(p)-e.Keep):]
	if over := len(e.tail) + len(p) - 2*e.Keep; over > 0 { // moves what is kept once for as many bytes as that is
		e.tail = append(e.tail[:0], e.tail[len(e.tail)+len(p)-e.Keep:]...)
	}
	e.tail = append(e.tail, p...)
	return n, nil
}

// Bytes is what was kept, with a line that says how much was not. No character is cut in two.
func (e *Excerpt) Bytes() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	head, tail := e.head, e.tail[max(0, len(e.tail)-e.Keep):]
	if len(head)+len(tail) == e.written {
		return slices.Concat(head, tail)
	}
	for range utf8.UTFMax - 1 {
		if r, size := utf8.DecodeLastRune(head); r == utf8.RuneError && size == 1 {
			head = head[:len(head)-1]
		}
		if len(tail) > 0 && !utf8.RuneStart(tail[0]) {
			tail = tail[1:]
		}
	}
	return fmt.Appendf(slices.Clip(head), "\n[… %d bytes left out …]\n%s", e.written-len(head)-len(tail), tail)
}

// Text is Bytes as text.
func (e *Excerpt) Text() string { return strings.ToValidUTF8(string(e.Bytes()), "\uFFFD") }
