package tidy

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// Excerpt keeps the beginning and the end of what is written to it.
type Excerpt struct {
	// Keep is how many bytes are kept of each.
	Keep int

	mu   sync.Mutex
	head []byte
	// tail is a ring of the last bytes after the head; next is where the coming byte goes once it is full.
	tail []byte
	next int
	// after counts all bytes that came after the head.
	after int64
}

// Shorten is a text of which the middle is left out if it is longer than twice as many bytes as are to be kept of its
// beginning and of its end.
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
	room := min(e.Keep-len(e.head), len(p))
	e.head = append(e.head, p[:room]...)
	p = p[room:]
	e.after += int64(len(p))
	if len(p) > e.Keep {
		p = p[len(p)-e.Keep:]
	}
	room = min(e.Keep-len(e.tail), len(p))
	e.tail = append(e.tail, p[:room]...)
	for p = p[room:]; len(p) > 0; {
		copied := copy(e.tail[e.next:], p)
		e.next = (e.next + copied) % e.Keep
		p = p[copied:]
	}
	return n, nil
}

// Bytes is what was kept, with a line that says how much was not.
func (e *Excerpt) Bytes() []byte {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.after == 0 {
		return e.head
	}
	return joined(e.head, e.end(), e.left())
}

// Text is what was kept, as text in which no character is cut in two, with a line that says how much was not.
func (e *Excerpt) Text() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	head, tail, left := e.head, e.end(), e.left()
	if left > 0 {
		for len(head) > 0 && len(tail) > 0 && !utf8.Valid(lastRune(head)) {
			head, left = head[:len(head)-1], left+1
		}
		for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
			tail, left = tail[1:], left+1
		}
	}
	return strings.ToValidUTF8(string(joined(head, tail, left)), "\uFFFD")
}

// end is the tail in the order in which it was written.
func (e *Excerpt) end() []byte {
	return append(e.tail[e.next:len(e.tail):len(e.tail)], e.tail[:e.next]...)
}

// left is how many bytes were not kept.
func (e *Excerpt) left() int64 { return e.after - int64(len(e.tail)) }

func joined(head, tail []byte, left int64) []byte {
	all := make([]byte, 0, len(head)+len(tail)+64)
	all = append(all, head...)
	if left > 0 {
		all = append(all, fmt.Sprintf("\n[… %d bytes left out …]\n", left)...)
	}
	return append(all, tail...)
}

// lastRune is the last character of a text, or what there is of it.
func lastRune(text []byte) []byte {
	for i := len(text) - 1; i >= max(0, len(text)-utf8.UTFMax); i-- {
		if utf8.RuneStart(text[i]) {
			return text[i:]
		}
	}
	return nil
}
