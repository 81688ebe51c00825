// Package tidy makes what others have written fit to be shown: what modules print is meant for a terminal, or for none.
package tidy

import (
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

const (
	longestName = 200 // bytes of a name that is shown
	mostHeld    = 64  // bytes of a code that comes in several writes
)

// terminalCodes are what terminals take for colours and the like.
var terminalCodes = Pattern("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-Z\\\\^_])")

// Text is a text without terminal codes, with a mark for other invisible characters and those that turn the direction of
// writing around.
func Text(text string) string {
	text = terminalCodes().ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n', r == '\t':
			return r
		case unicode.IsControl(r), r >= 0x202A && r <= 0x202E, r >= 0x2066 && r <= 0x2069:
			return '\uFFFD'
		}
		return r
	}, text)
}

// LastLine is the last line of an output that has words, as a terminal would show it, with "…" for what is beyond so many
// characters. A line that begins inside a quotation takes the one before it along. It is empty if there is none.
func LastLine(output []byte, longest int) string {
	quoteOpen := func(line string) bool { return strings.Count(line, `"`)%2 == 1 }
	line, rest := cutLastLine(string(output))
	if quoteOpen(line) {
		if before, _ := cutLastLine(rest); quoteOpen(before) {
			line = before + " " + line
		}
	}
	if runes := []rune(line); len(runes) > longest {
		line = strings.TrimSpace(string(runes[:longest-1])) + "…"
	}
	return line
}

// cutLastLine returns the last line that has words, and what is before it.
func cutLastLine(rest string) (line, before string) {
	for rest != "" && line == "" {
		rest = strings.TrimRight(rest, "\r\n")
		at := strings.LastIndexAny(rest, "\r\n") + 1 // what a carriage return goes back over is not seen
		line = strings.ReplaceAll(strings.TrimSpace(Text(strings.ToValidUTF8(rest[at:], "\uFFFD"))), "\t", " ")
		rest = rest[:at]
	}
	return line, rest
}

// Name is a name as a message shows it: in quotes if it has invisible characters, and without the end of a very long one.
func Name(name string) string {
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[:longestName], "") + "…"
	}
	if Text(name) != name || strings.ContainsAny(name, "\n\t") || !utf8.ValidString(name) {
		return strconv.Quote(name)
	}
	return name
}

// Plural is one of two forms, for one thing or for any other number of them.
func Plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Count is a number of things: "1 module", "2 modules".
func Count(n int, what string) string { return fmt.Sprintf("%d %s", n, Plural(n, what, what+"s")) }

// Uncoloured passes on what is written to it, except for the terminal codes that set colours and the like (ECMA-48, SGR). It
// holds the beginning of such a code back until the rest is written. Several goroutines may use it.
type Uncoloured struct {
	To io.Writer

	mu   sync.Mutex
	held []byte
}

// A terminal forgets the beginning of a code when another begins; taken out together, they cannot leave a new one.
var (
	colour    = Pattern(`(?:\x1b(?:\[[0-9;:]*)?)*\x1b\[[0-9;:]*m`)
	beginning = Pattern(`(?:\x1b(?:\[[0-9;:]*)?)+$`)
)

func (u *Uncoloured) Write(p []byte) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := p
	if len(u.held) > 0 || bytes.IndexByte(p, '\x1b') >= 0 {
		text, u.held = colour().ReplaceAll(append(u.held, p...), nil), nil
		if at := beginning().FindIndex(text); at != nil && len(text)-at[0] <= mostHeld {
			text, u.held = text[:at[0]], bytes.Clone(text[at[0]:])
		}
	}
	if _, err := u.To.Write(text); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Pattern returns a regular expression that is compiled when it is first needed; most runs need few.
func Pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}

// longestLine is how many bytes of a line are shown.
const longestLine = 200

// Shown returns a line of a file as a message shows it: shortened, and without what a terminal would obey.
func Shown(line string) string {
	line = strings.TrimSpace(line)
	cut := ""
	if len(line) > longestLine {
		line, cut = line[:longestLine], "…"
	}
	return Text(strings.ToValidUTF8(line, "\uFFFD")) + cut
}
