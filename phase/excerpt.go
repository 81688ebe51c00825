package phase

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// outputShown is how many bytes of a module's output or of a Dockerfile are in the report, half of them from its end.
const outputShown = 32 << 10

// shorten is a text with what is in its middle left out if it is long.
func shorten(text []byte) string {
	var e excerpt
	e.Write(text) //nolint:errcheck // never fails
	return e.take()
}

// excerpt keeps the beginning and the end of what is written to it.
type excerpt struct {
	mu         sync.Mutex
	head, tail []byte
	left       int
}

// Write never fails.
func (e *excerpt) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := len(p)
	room := min(outputShown/2-len(e.head), len(p))
	e.head = append(e.head, p[:room]...)
	e.tail = append(e.tail, p[room:]...)
	if extra := len(e.tail) - outputShown/2; extra > 0 {
		e.left += extra
		e.tail = append(e.tail[:0], e.tail[extra:]...)
	}
	return n, nil
}

// take is what was kept, as text; the excerpt is empty then.
func (e *excerpt) take() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	head, tail, left := e.head, e.tail, e.left
	e.head, e.tail, e.left = nil, nil, 0
	if left > 0 {
		for len(head) > 0 && len(tail) > 0 && !utf8.Valid(lastRune(head)) { // don't cut a character in two
			head, left = head[:len(head)-1], left+1
		}
		for len(tail) > 0 && !utf8.RuneStart(tail[0]) {
			tail, left = tail[1:], left+1
		}
		head = fmt.Appendf(head, "\n[… %d bytes left out …]\n", left)
	}
	return strings.ToValidUTF8(string(head)+string(tail), "\uFFFD")
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
