package tidy

import (
	"bytes"
	"testing"
)

func TestUncoloured(t *testing.T) {
	for _, test := range []struct{ why, text, want string }{
		{"no codes", "a\nb\r\n", "a\nb\r\n"},
		{"colours, with and without numbers", "\x1b[31;1mred\x1b[0m \x1b[38:2:1:2:3mrgb\x1b[m", "red rgb"},
		{"other codes are passed on", "\x1b[2K\x1b[1A\x1b]0;title\a\x1b[?25l", "\x1b[2K\x1b[1A\x1b]0;title\a\x1b[?25l"},
		{"a private code that ends in m sets no colour", "\x1b[>4;2m", "\x1b[>4;2m"},
		{"a code within a code leaves none", "\x1b[\x1b[0m31mx \x1b\x1b[0m[31mx", "31mx [31mx"},
		{"text between codes", "\x1b[1m\x1b[2m", ""},
		{"an m that belongs to none", "m\x1bm", "m\x1bm"},
	} {
		for size := 1; size <= len(test.text); size++ {
			if got := uncoloured(t, []byte(test.text), size); got != test.want {
				t.Errorf("%s, %d bytes at a time: %q, want %q", test.why, size, got, test.want)
			}
		}
	}
}

// uncoloured writes a text in pieces, and a line feed so that nothing is held back.
func uncoloured(t *testing.T, text []byte, size int) string {
	t.Helper()
	var out bytes.Buffer
	u := Uncoloured{To: &out}
	for rest := append(bytes.Clone(text), '\n'); len(rest) > 0; {
		piece := rest[:min(size, len(rest))]
		if n, err := u.Write(piece); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
		rest = rest[len(piece):]
	}
	return string(bytes.TrimSuffix(out.Bytes(), []byte("\n")))
}

// FuzzUncoloured: no colour is left, nothing else is lost, and how much is written at a time makes no difference.
func FuzzUncoloured(f *testing.F) {
	f.Add([]byte("a\x1b[0mb\x1b[\x1b[1;2m3m"), 3)
	f.Add([]byte("\x1b\x1b\x1b[m\x1b]"), 1)
	f.Fuzz(func(t *testing.T, text []byte, size int) {
		if size < 1 || len(text) > mostHeld {
			t.Skip("codes that long are held back in part")
		}
		whole := uncoloured(t, text, len(text)+1)
		if got := uncoloured(t, text, size); got != whole {
			t.Errorf("%q becomes %q, and %q with %d bytes at a time", text, whole, got, size)
		}
		if colour().MatchString(whole) {
			t.Errorf("%q becomes %q", text, whole)
		}
		if !bytes.ContainsRune(text, '\x1b') && whole != string(text) {
			t.Errorf("%q becomes %q", text, whole)
		}
	})
}
