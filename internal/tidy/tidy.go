// Package tidy makes what others have written fit to be shown: what modules print is meant for a terminal, or for none.
package tidy

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// terminalCodes are what terminals take for colours and the like.
var terminalCodes = regexp.MustCompile("\x1b(?:\\[[0-?]*[ -/]*[@-~]|\\][^\x07\x1b]*(?:\x07|\x1b\\\\)|[@-Z\\\\^_])")

// Text is a text without colours for terminals, with a mark for what else cannot be seen or turns the direction of writing
// around.
func Text(text string) string {
	text = terminalCodes.ReplaceAllString(strings.ReplaceAll(text, "\r\n", "\n"), "")
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

// LastLine is the last line of an output that says something, as a terminal would show it, with "…" for what is beyond so
// many characters. A line that begins inside a quotation takes the one before it along. It is empty if there is none.
func LastLine(output []byte, longest int) string {
	line, rest := cutLastLine(string(output))
	if quoteOpen(line) {
		if before, _ := cutLastLine(rest); quoteOpen(before) {
			line = before + " " + line
		}
	}
	return clip(line, longest)
}

func quoteOpen(line string) bool { return strings.Count(line, `"`)%2 == 1 }

// cutLastLine returns the last line that says something, and what is before it.
func cutLastLine(rest string) (line, before string) {
	for rest != "" {
		rest = strings.TrimRight(rest, "\r\n")
		at := strings.LastIndexAny(rest, "\r\n") + 1 // what a carriage return goes back over is not seen
		line := strings.TrimSpace(Text(strings.ToValidUTF8(rest[at:], "\uFFFD")))
		if line = strings.ReplaceAll(line, "\t", " "); line != "" {
			return line, rest[:at]
		}
		rest = rest[:at]
	}
	return "", ""
}

func clip(line string, longest int) string {
	if utf8.RuneCountInString(line) <= longest {
		return line
	}
	return strings.TrimSpace(string([]rune(line)[:longest-1])) + "…"
}

// longestName is how many bytes of a name are shown.
const longestName = 200

// Name is the name of a file, the target of a link or a module's id as a message shows it: in quotes if it has line feeds, escape sequences
// or what else cannot be seen, and without the end of a very long one.
func Name(name string) string {
	if len(name) > longestName {
		name = strings.ToValidUTF8(name[:longestName], "") + "…"
	}
	if Text(name) != name || strings.ContainsAny(name, "\n\t") || !utf8.ValidString(name) {
		return strconv.Quote(name)
	}
	return name
}
