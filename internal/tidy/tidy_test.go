package tidy

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext\n":                      "plain\ttext\n",
		"\x1b[31;1mred\x1b[0m":               "red",
		"\x1b]0;title\x07text":               "text",
		"a\r\nb\rc\x00d\u009be\u202ef\u2067": "a\nb\uFFFDc\uFFFDd\uFFFDe\uFFFDf\uFFFD",
		"\x1b":                               "\uFFFD",
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestLastLine(t *testing.T) {
	for _, test := range []struct{ name, output, want string }{
		{"nothing", "", ""},
		{"only white space", " \n\t\r\n\n", ""},
		{"one line without its end", "no lock file", "no lock file"},
		{"the last of several", "one\ntwo\nthree\n", "three"},
		{"empty lines do not count", "words\n\n  \n\t\n", "words"},
		{"white space around it is not shown", "\t  words here \n", "words here"},
		{"Windows line endings", "one\r\ntwo\r\n", "two"},
		{"a carriage return goes back over a progress line", "10%\r50%\rdone\n", "done"},
		{"colours are left out", "\x1b[31;1mERROR:\x1b[0m no lock\n", "ERROR: no lock"},
		{"a line of nothing but codes does not count", "words\n\x1b[0m\n", "words"},
		{"what would turn the writing around is marked", "a\u202Eb", "a\uFFFDb"},
		{"a byte that is no character is marked", "a\xffb", "a\uFFFDb"},
		{"a tab within is a blank", "a\tb", "a b"},
		{"inside a quotation", "ok\nno \"lock\nfile\"\n", `no "lock file"`},
		{"a quotation mark alone", "ok\n5\" tall\n", `5" tall`},
		{"20 characters are not too long", strings.Repeat("ä", 20), strings.Repeat("ä", 20)},
		{"21 are", strings.Repeat("ä", 21), strings.Repeat("ä", 19) + "…"},
	} {
		if got := LastLine([]byte(test.output), 20); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func FuzzLastLine(f *testing.F) {
	f.Add([]byte("one\n\x1b[31mtwo\x1b[0m\r\n"))
	f.Add([]byte("\x1b]8;;http://x\x07link\x1b]8;;\x07"))
	f.Fuzz(func(t *testing.T, output []byte) {
		line := LastLine(output, 200)
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\t\x1b\x00") || utf8.RuneCountInString(line) > 200 {
			t.Errorf("%q", line)
		}
		if line != strings.TrimSpace(line) {
			t.Errorf("%q has white space around it", line)
		}
	})
}

func TestName(t *testing.T) {
	for name, want := range map[string]string{
		"a plain-name_1.0":       "a plain-name_1.0",
		"grün":                   "grün",
		"a\nERROR: b":            `"a\nERROR: b"`,
		"\x1b]0;title\a":         `"\x1b]0;title\a"`,
		"\xff":                   `"\xff"`,
		"a\u202eb":               `"a\u202eb"`,
		strings.Repeat("x", 201): strings.Repeat("x", 200) + "…",
	} {
		if got := Name(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
	}
}

// Whatever is in a file, a message about it is a line of reasonable length that does nothing to a terminal.
func TestShown(t *testing.T) {
	for _, test := range []struct{ why, line, want string }{
		{"a plain line", "  name = 'a'\r", "name = 'a'"},
		{"a tab is no harm", "a\tb", "a\tb"},
		{"an escape sequence", "a\x1b[2Jb", "ab"},
		{"no text at all", "\x7fELF\x02\x00\xff", "\uFFFDELF\uFFFD\uFFFD\uFFFD"},
		{"a long line", strings.Repeat("x", 5000), strings.Repeat("x", longestLine) + "…"},
	} {
		if got := Shown(test.line); got != test.want {
			t.Errorf("%s: %q, want %q", test.why, got, test.want)
		}
	}
}
