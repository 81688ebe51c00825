// Package tidy makes what others have written fit to be shown: what modules print is meant for a terminal, or for none.
package tidy

import (
	"regexp"
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
// many characters. It is empty if there is none.
func LastLine(output []byte, longest int) string {
	rest := string(output)
	for rest != "" {
		rest = strings.TrimRight(rest, "\r\n")
		at := strings.LastIndexAny(rest, "\r\n") + 1 // what a carriage return goes back over is not seen
		line := strings.TrimSpace(Text(strings.ToValidUTF8(rest[at:], "\uFFFD")))
		if line = strings.ReplaceAll(line, "\t", " "); line != "" {
			return clip(line, longest)
		}
		rest = rest[:at]
	}
	return ""
}

func clip(line string, longest int) string {
	if utf8.RuneCountInString(line) <= longest {
		return line
	}
	return strings.TrimSpace(string([]rune(line)[:longest-1])) + "…"
}
