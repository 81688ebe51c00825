package tidy

import (
	"bytes"
	"io"
	"regexp"
	"sync"
)

// Uncoloured passes on what is written to it, except for the terminal codes that set colours and the like (ECMA-48, SGR). It
// holds the beginning of such a code back until the rest is written.
type Uncoloured struct {
	To io.Writer

	mu   sync.Mutex
	held []byte
}

// mostHeld is how long a code may be that comes in several writes.
const mostHeld = 64

// A terminal forgets the beginning of a code when another begins; taken out together, they cannot leave a new one.
var (
	colour    = regexp.MustCompile(`(?:\x1b(?:\[[0-9;:]*)?)*\x1b\[[0-9;:]*m`)
	beginning = regexp.MustCompile(`(?:\x1b(?:\[[0-9;:]*)?)+$`)
)

// Write may be called by several goroutines.
func (u *Uncoloured) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := p
	if len(u.held) > 0 || bytes.IndexByte(p, '\x1b') >= 0 {
		text = colour.ReplaceAll(append(u.held, p...), nil)
		u.held = nil
		if at := beginning.FindIndex(text); at != nil && len(text)-at[0] <= mostHeld {
			text, u.held = text[:at[0]], bytes.Clone(text[at[0]:])
		}
	}
	if _, err := u.To.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}
