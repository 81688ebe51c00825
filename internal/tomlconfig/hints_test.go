package tomlconfig

import (
	"errors"
	"strings"
	"testing"
)

// What authors write in place of TOML is answered with what to write.
func TestHints(t *testing.T) {
	for _, test := range []struct{ why, text, hint string }{
		{"a table where there can be several", "[list]\nid = 'a'\n", "write [[list]]"},
		{"the same, with blanks and a comment", "  [ list ] # modules\nid = 'a'\n", "write [[list]]"},
		{"an array of tables where there is one", "[[table]]\nname = 'a'\n", "write [table]"},
		{"a number where text is wanted", "api = 0.10 # the newest\n", `put the value in quotes: api = "0.10"`},
		{"true where text is wanted", "[[list]]\nid = true\n", `put the value in quotes: id = "true"`},
		{"text where true or false is wanted", "[[list]]\noptional = 'true'\n", "leave the quotes out: optional = true"},
		{"text without quotes", "api = abc\n", `text stands in quotes: key = "value"`},
		{"quotes of a word processor", "api = “0.10”\n", `use plain quotes`},
		{"YAML", "list:\n  - id: a\n", "this looks like YAML"},
		{"YAML with a value", "api: 0.10\n", "this looks like YAML"},
		{"UTF-16, as some editors write", "\xff\xfea\x00p\x00i\x00=\x001\x00", "save the file as UTF-8"},
		{"UTF-16, the other way round", "\xfe\xff\x00a\x00p\x00i\x00=\x001", "save the file as UTF-8"},
		{"a mistake that says nothing of what was meant", "api = '1'\napi = '2'\n", ""},
	} {
		var into struct {
			API   string `toml:"api"`
			Table struct {
				Name string `toml:"name"`
			} `toml:"table"`
			List []struct {
				ID       string `toml:"id"`
				Optional bool   `toml:"optional"`
			} `toml:"list"`
		}
		_, err := Decode([]byte(test.text), &into)
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, want a *SyntaxError", test.why, err)
			continue
		}
		if !strings.Contains(e.Hint(), test.hint) || test.hint == "" && e.Hint() != "" {
			t.Errorf("%s: %s; hint %q, want %q", test.why, e, e.Hint(), test.hint)
		}
	}
}
