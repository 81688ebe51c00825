package tomlconfig

import (
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

func TestCheckNesting(t *testing.T) {
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
			err := CheckNesting([]byte(c.text))
			if (err != nil) != c.deep {
				t.Errorf("%v, want too deep: %t", err, c.deep)
			}
			if err != nil && len(err.Error()) > 200 {
				t.Errorf("a message of %d bytes", len(err.Error()))
			}
		})
	}
	err := CheckNesting([]byte("a = 1\nb = " + many("[")))
	if want := "line 2, column 133: nested deeper than 128 levels: b = [[["; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v\nwant %s", err, want)
	}
}

// FuzzCheckNesting compares with the parser: what passes the check and the parser has no value that lies deeper than a
// table's header and a value may together.
func FuzzCheckNesting(f *testing.F) {
	f.Add("[a.b]\nc.d = [[1], {e = '''x''''}] # [[[\nf=\"\\\"[\"")
	f.Fuzz(func(t *testing.T, text string) {
		var values map[string]any
		if CheckNesting([]byte(text)) != nil {
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
