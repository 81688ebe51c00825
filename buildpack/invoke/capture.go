package invoke

import "fmt"

// keep is how many bytes of output are kept from the beginning, and how many from the end (B30).
const keep = 1 << 20

// capture keeps the first and the last MiB of what is written to it.
type capture struct {
	head []byte
	// tail is a ring of the last bytes after the head; next is where the coming byte goes once it is full.
	tail []byte
	next int
	// after counts all bytes that came after the head.
	after int64
}

// Write never fails.
func (c *capture) Write(p []byte) (int, error) {
	n := len(p)
	room := min(keep-len(c.head), len(p))
	c.head = append(c.head, p[:room]...)
	p = p[room:]
	c.after += int64(len(p))
	if len(p) > keep {
		p = p[len(p)-keep:]
	}
	room = min(keep-len(c.tail), len(p))
	c.tail = append(c.tail, p[:room]...)
	for p = p[room:]; len(p) > 0; {
		copied := copy(c.tail[c.next:], p)
		c.next = (c.next + copied) % keep
		p = p[copied:]
	}
	return n, nil
}

// Bytes is what was kept, with a line that says how much was not. Nothing may be written afterwards.
func (c *capture) Bytes() []byte {
	if c.after == 0 {
		return c.head
	}
	all := make([]byte, 0, len(c.head)+len(c.tail)+64)
	all = append(all, c.head...)
	if left := c.after - int64(len(c.tail)); left > 0 {
		all = append(all, fmt.Sprintf("\n[… %d bytes left out …]\n", left)...)
	}
	all = append(all, c.tail[c.next:]...)
	return append(all, c.tail[:c.next]...)
}
