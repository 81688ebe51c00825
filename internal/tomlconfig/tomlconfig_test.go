package tomlconfig

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

type sample struct {
	API  string `toml:"api"`
	List []struct {
		ID       string         `toml:"id"`
		Optional bool           `toml:"optional"`
		Metadata map[string]any `toml:"metadata"`
	} `toml:"list"`
	Anything any `toml:"anything"`
}

// B11: an unknown key is a warning with its line and the nearest known key.
func TestUnknownKeys(t *testing.T) {
	for _, test := range []struct {
		why, text string
		want      []string
	}{
		{"known keys are not warned of", "api = '1'\n[[list]]\nid = 'a'\n", nil},
		{"a letter too many", "apis = '1'\n", []string{`line 1: unknown key "apis" (did you mean "api"?)`}},
		{"two letters swapped, in a table of an array", "\n[[list]]\nid = 'a'\noptoinal = true\n", []string{`line 4: unknown key "list.optoinal" (did you mean "optional"?)`}},
		{"nothing like it", "something-else = 1\n", []string{`line 1: unknown key "something-else"`}},
		{"keys match whatever their case, as in the reference", "API = '1'\n[[List]]\nId = 'a'\n", nil},
		{"below metadata everything goes", "[[list]]\n[list.metadata]\nx.y.z = 1\n[anything]\nx = 1\n[anything.y]\n", nil},
		{"a whole unknown table", "[tables]\nx = 1\n", []string{`line 1: unknown key "tables"`}},
		{"several, in the order of the file", "x1 = 1\nx2 = 2\n", []string{`line 1: unknown key "x1"`, `line 2: unknown key "x2"`}},
		{"after a byte order mark", "\xef\xbb\xbfapi = '1'\nidd = 2\n", []string{`line 2: unknown key "idd"`}},
		{"in a file that only the deciding library reads", "\xff\xfeapi = '1'\napis = 2\n", []string{`unknown key "apis" (did you mean "api"?)`}},
		{"each time in an array of tables", "[[list]]\nidd = 1\n[[list]]\nidd = 1\n", []string{`line 2: unknown key "list.idd" (did you mean "id"?)`, `line 4: unknown key "list.idd" (did you mean "id"?)`}},
		{"in tables on one line", "list = [{idd = 1}, {id = 'a'},\n {ie = 1}]\n", []string{`line 1: unknown key "list.idd" (did you mean "id"?)`, `line 2: unknown key "list.ie" (did you mean "id"?)`}},
		{"a dotted key", "[[list]]\nx.y = 1\n", []string{`line 2: unknown key "list.x.y"`}},
		{"an unknown table counts once, with all below it", "x = {y = 1, z = {a = 1}}\n[u]\nv = 1\n[u.w]\nw = 1\n", []string{`line 1: unknown key "x"`, `line 2: unknown key "u"`}},
		{"a long one is shortened", strings.Repeat("x", 100_000) + " = 1\n", []string{`line 1: unknown key "` + strings.Repeat("x", 200) + `…"`}},
	} {
		var into sample
		warnings, err := Decode([]byte(test.text), &into)
		if err != nil {
			t.Errorf("%s: %v", test.why, err)
		}
		var got []string
		for _, w := range warnings {
			got = append(got, w.String())
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.why, diff)
		}
	}
}

// Twenty unknown keys of a file are enough.
func TestManyUnknownKeys(t *testing.T) {
	for line, text := range map[int]string{1: strings.Repeat("[[x]]\na = 1\n", 30), 0: "\xff\xfe" + strings.Repeat("[[x]]\n", 30)} {
		var into sample
		warnings, err := Decode([]byte(text), &into)
		if err != nil || len(warnings) != 21 || warnings[0].Line != line || warnings[20].String() != "and 10 more unknown keys" {
			t.Errorf("%v, %d warnings: %v", err, len(warnings), warnings)
		}
	}
}

// What the reference's library reads is read, and means the same.
func TestReadsWhatTheReferenceReads(t *testing.T) {
	for why, text := range map[string]string{
		"a UTF-8 byte order mark":                     "\xef\xbb\xbfapi = '0.10'\n",
		"Windows line ends":                           "api = '0.10'\r\n[[list]]\r\nid = 'a'\r\n",
		"upper case keys":                             "API = '0.10'\n",
		"no newline at the end":                       "api = '0.10'",
		"TOML 1.1: line breaks in an inline table":    "api = '0.10'\nlist = [{\n id = 'a',\n optional = true,\n}]\n",
		"TOML 1.1: \\e and \\x in strings":            "api = '0.10'\nanything = \"\\e\\x41\"\n",
		"TOML 1.1: times without seconds":             "api = '0.10'\nanything = 2001-02-03 04:05\n",
		"an array of tables that is written in place": "api = '0.10'\nlist = [{id = 'a'}, {id = 'b'}]\n",
		"early dates and hexadecimal numbers":         "api = '0.10'\n[anything]\na = 0001-01-01\nb = 0xf_f\n",
		"an empty array where tables are expected":    "api = '0.10'\nlist = []\n",
	} {
		var into sample
		if _, err := Decode([]byte(text), &into); err != nil || into.API != "0.10" {
			t.Errorf("%s: api %q, %v", why, into.API, err)
		}
	}
}

// A malformed file is an error with line, column and the line itself.
func TestMalformed(t *testing.T) {
	for _, test := range []struct {
		why, text string
		line      int
		at        string
	}{
		{"a value that is not closed", "api = '1'\n[[list]]\nid = \"a\n", 3, `id = "a`},
		{"no value", "api =\n", 1, "api ="},
		{"a number where text is expected", "\napi = 1\n", 2, "api = 1"},
		{"text where true or false is expected", "[[list]]\noptional = 'true'\n", 2, "optional = 'true'"},
		{"a table where an array is expected", "[list]\nid = 'a'\n", 1, "[list]"},
		{"a key twice", "api = '1'\napi = '2'\n", 2, "api = '2'"},
		{"bytes that are not UTF-8", "api = '\xff'\n", 1, "api = '\xff'"},
		{"the wrong type after a byte order mark, which for which both libraries are asked", "\xef\xbb\xbfapi = '1'\nlist = 1\n", 2, "list = 1"},
		{"an unknown key before a number that is too large", "unknown = 1\n[[list]]\nid = 'a'\nx = 99999999999999999999\n", 4, "x = 99999999999999999999"},
		{"an unknown key before a day that is none", "unknown = 1\nx = 2001-13-01\n", 2, "x = 2001-13-01"},
		{"the first of several of the same name", "[[list]]\nid = 1\n[[list]]\nid = 'a'\n", 2, "id = 1"},
		{"an unknown key before a wrong type", "unknown = 1\napi = 1\n", 2, "api = 1"},
		{"a header that is not closed", "api = '1'\n[[list\nid = 'a'\n", 2, "[[list"},
		{"a mistake after a byte order mark", "\xef\xbb\xbf\nlist = [\n", 2, "list = ["},
	} {
		var into sample
		_, err := Decode([]byte(test.text), &into)
		var e *SyntaxError
		if !errors.As(err, &e) {
			t.Errorf("%s: %v, want a *SyntaxError", test.why, err)
			continue
		}
		if strings.Contains(e.Message, "struct") {
			t.Errorf("%s: speaks of Go: %s", test.why, e.Message)
		}
		if e.Line != test.line || e.Column < 1 || e.Text != test.at || strings.Contains(e.Message, "toml:") {
			t.Errorf("%s: %#v; want line %d, %q", test.why, e, test.line, test.at)
		}
		if !strings.HasPrefix(e.Error(), "line ") || !strings.Contains(e.Error(), ", column ") {
			t.Errorf("%s: %s", test.why, e)
		}
	}
}

// However long a line is, and a key or a value in it, a message about it is not.
func TestMalformedLong(t *testing.T) {
	long := strings.Repeat("x", 1<<20)
	for _, text := range []string{"api = " + long, "api = '1'\napi = '" + long + "\n", long + " = 1\n" + long + " = 1\n", "api = 2001-" + strings.Repeat("1", 1<<20) + "\n", "api = {" + long + " = 1}\n"} {
		var into sample
		if _, err := Decode([]byte(text), &into); err == nil || len(err.Error()) > 600 {
			t.Errorf("%.100s…: %.1000s", text, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("api = '1'\n[[list]]\nid = 'a'\nx = 1\n"))
	f.Add([]byte("\xef\xbb\xbf[list\n"))
	f.Add([]byte("[a.b]\nc = {d = 1}\n'' = 2\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var into sample
		warnings, err := Decode(data, &into)
		lines := strings.Count(string(data), "\n") + 1
		for _, w := range warnings {
			if w.Line < 0 || w.Line > lines || w.Key == "" && !strings.Contains(string(data), "\"\"") && !strings.Contains(string(data), "''") {
				t.Errorf("%+v", w)
			}
		}
		if err == nil && len(data) > 0 && wantsWarning(t, data) != (len(warnings) > 0) {
			t.Errorf("%v, which is wrong", warnings)
		}
		var e *SyntaxError
		if err != nil && (!errors.As(err, &e) || e.Line < 1 || e.Line > lines+1 || e.Column < 1 || e.Message == "") {
			t.Errorf("%#v", err)
		}
	})
}

// wantsWarning asks the deciding library alone.
func wantsWarning(t *testing.T, data []byte) bool {
	var into sample
	meta, err := toml.Decode(string(data), &into)
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(meta.Undecoded(), func(key toml.Key) bool {
		_, known := lookUp(reflect.TypeFor[sample](), key)
		return !known
	})
}
