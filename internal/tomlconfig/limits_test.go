package tomlconfig

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestCheck(t *testing.T) {
	many := func(text string) string { return strings.Repeat(text, 100_000) }
	for _, c := range []struct {
		name, text string
		deep       bool
	}{
		{"an empty file", "", false},
		{"128 arrays", "a=" + strings.Repeat("[", 128) + strings.Repeat("]", 128), false},
		{"129 arrays", "a=" + strings.Repeat("[", 129) + strings.Repeat("]", 129), true},
		{"arrays that are never closed", "a=" + many("["), true},
		{"inline tables", "a=" + many("{a="), true},
		{"a dotted key", many("a.") + "a=1", true},
		{"a dotted key of quoted parts", many(`"a" . `) + "a=1", true},
		{"a dotted table", "[" + many("a.") + "a]", true},
		{"dotted keys within inline tables", "a=" + strings.Repeat("{"+strings.Repeat("a.", 30)+"a=", 5), true},
		{"brackets after a string with a quote at its end", `a=["""x"""",` + many("["), true},
		{"brackets after a literal with two quotes at its end", `a=['''x''''',` + many("["), true},
		{"brackets after an escaped backslash", `a=["\\",` + many("["), true},
		{"brackets after a string that is not closed", "a=\"x\nb=" + many("["), true},
		{"brackets in a string", `a="` + many("[") + `"`, false},
		{"brackets in a literal", `a='` + many("[") + `'`, false},
		{"brackets in a string of several lines", `a="""` + many("[\n") + `"""`, false},
		{"brackets after an escaped quote", `a="\"` + many("[") + `"`, false},
		{"brackets in a comment", "# " + many("["), false},
		{"many tables", many("[[a]]\nb.c={d=[1.5,2.5]}\n"), false},
		{"many floats", "a=[" + many("1.5,\n") + "]", false},
		{"closing brackets only", many("]"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := check([]byte(c.text), unlimited)
			if (err != nil) != c.deep {
				t.Errorf("%v, want too deep: %t", err, c.deep)
			}
			if err != nil && len(err.Error()) > 300 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
		})
	}
	err := check([]byte("a = 1\nb = "+many("[")), unlimited)
	if want := "line 2, column 133: nested deeper than 128 levels: b = [[["; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// A file may have many keys, tables and values, and long keys, but not so many that a parser needs more than a second or 64 MiB.
// (B52) Files that phases write, from what many modules say, have no such limit.
func TestCheckCounts(t *testing.T) {
	for _, c := range []struct {
		name, text string
		refused    string
	}{
		{"25,000 tables of a key", strings.Repeat("[[a]]\nb=1\n", 25_000), ""},
		{"one more", strings.Repeat("[[a]]\nb=1\n", 25_001), "line 50001, column 1: more than 50000 keys, tables and values"},
		{"tables in a line", "a=[" + strings.Repeat("{},", 25_001), "line 1, column 75001: more than 50000"},
		{"numbers", "a=[" + strings.Repeat("1,", 50_001), "more than 50000"},
		{"text with such signs", "a='" + strings.Repeat("=[{,", 50_001) + "'", ""},
		{"a long key", strings.Repeat("x", 1<<20) + " = 1\n", ""},
		{"many keys in a table with a long name", "[" + strings.Repeat("x", 1<<19) + "]\n" + strings.Repeat("a=1\n", 20), "line 17, column 2: the keys, each with the names of the tables around it, have more than 8 MiB"},
		{"many keys in a table with a quoted long name", "[\"" + strings.Repeat("x", 1<<19) + "\"]\n" + strings.Repeat("a=1\n", 20), "line 17, column 2: the keys"},
		{"many keys within a long key", strings.Repeat("x", 1<<19) + " = {" + strings.Repeat("a=1,", 20) + "}\n", "the keys"},
		{"many keys in a table of many names", "[a" + strings.Repeat(".a", 100) + "]\n" + strings.Repeat("a=1\n", 5000), "the keys"},
	} {
		err := check([]byte(c.text), mostValues)
		if c.refused == "" && err != nil || c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)) {
			t.Errorf("%s: %v, want %q", c.name, err, c.refused)
		}
		if err := check([]byte(c.text), unlimited); err != nil {
			t.Errorf("%s, of a phase: %v", c.name, err)
		}
	}
}

// FuzzCheck compares with the parser: what passes the check and the parser has no value that lies deeper than a
// table's header and a value may together.
func FuzzCheck(f *testing.F) {
	f.Add("[a.b]\nc.d = [[1], {e = '''x''''}] # [[[\nf=\"\\\"[\"")
	f.Fuzz(func(t *testing.T, text string) {
		var values map[string]any
		if check([]byte(text), mostValues) != nil {
			return
		}
		if _, err := toml.Decode(text, &values); err == nil && depth(values) > 2*deepest+2 {
			t.Errorf("%d levels", depth(values))
		}
	})
}

func depth(value any) int {
	deepest := 0
	switch value := value.(type) {
	case map[string]any:
		for _, below := range value {
			deepest = max(deepest, depth(below))
		}
	case []any:
		for _, below := range value {
			deepest = max(deepest, depth(below))
		}
	case []map[string]any:
		for _, below := range value {
			deepest = max(deepest, depth(below))
		}
	default:
		return 0
	}
	return deepest + 1
}
