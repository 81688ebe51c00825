package buildpack

import (
	"bytes"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

func TestParseBuildPlan(t *testing.T) {
	node := Ref{Kind: KindBuildpack, ID: "some/node", Version: "1"}
	for _, test := range []struct {
		why, text string
		want      []Alternative
	}{
		{"an untouched file", "", []Alternative{{}}},
		{"only comments", "# nothing\n", []Alternative{{}}},
		{"provides and requires", "[[provides]]\nname = 'a'\n[[provides]]\nname = 'b'\n[[requires]]\nname = 'a'\n", []Alternative{{Provides: []string{"a", "b"}, Requires: []Require{{Name: "a"}}}}},
		{"alternatives: the top level first, then each or", "[[or]]\n[[or.provides]]\nname = 'b'\n[[or]]\n[[or.requires]]\nname = 'c'\n[[provides]]\nname = 'a'\n", []Alternative{{Provides: []string{"a"}}, {Provides: []string{"b"}}, {Requires: []Require{{Name: "c"}}}}},
		{"an empty top level counts as an alternative", "[[or]]\n[[or.provides]]\nname = 'b'\n", []Alternative{{}, {Provides: []string{"b"}}}},
		{"metadata keeps its types", "[[requires]]\nname = 'a'\n[requires.metadata]\nversion = '1'\ncount = 3\nratio = 1.0\nyes = true\nlist = [1, 'x']\n[requires.metadata.deep.er]\nx = 1\n", []Alternative{{Requires: []Require{{Name: "a", Metadata: map[string]any{
			"version": "1", "count": int64(3), "ratio": 1.0, "yes": true, "list": []any{int64(1), "x"}, "deep": map[string]any{"er": map[string]any{"x": int64(1)}},
		}}}}}},
		{"an empty top-level version is none", "[[requires]]\nname = 'a'\nversion = ''\n", []Alternative{{Requires: []Require{{Name: "a"}}}}},
		{"written in place", "provides = [{name = 'a'}]\nor = [{requires = [{name = 'b'}]}]\n", []Alternative{{Provides: []string{"a"}}, {Requires: []Require{{Name: "b"}}}}},
	} {
		got, warnings, err := ParseBuildPlan(node, []byte(test.text))
		if err != nil || len(warnings) > 0 {
			t.Errorf("%s: %v %v", test.why, warnings, err)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.why, diff)
		}
	}
}

func TestParseBuildPlanRefuses(t *testing.T) {
	const both = `buildpack some/node has a "version" key and a "metadata.version" which cannot be specified together. "metadata.version" should be used instead`
	const alone = `buildpack some/node has a "version" key which is not supported. "metadata.version" should be used instead`
	for _, test := range []struct {
		kind       Kind
		text, want string
	}{
		{KindBuildpack, "[[requires]]\nname = 'a'\nversion = '1'\n", alone},
		{KindBuildpack, "[[or]]\n[[or.requires]]\nname = 'a'\nversion = '1'\n", alone},
		{KindBuildpack, "[[requires]]\nname = 'a'\nversion = '1'\n[requires.metadata]\nversion = '2'\n", both},
		{KindExtension, "[[requires]]\nname = 'a'\n", `extension some/node outputs "requires" which is not allowed`},
		{KindExtension, "[[or]]\n[[or.requires]]\nname = 'a'\n", `extension some/node outputs "requires" which is not allowed`},
		{KindBuildpack, "[[provides]]\nname = 1\n", "line 2, column 8: "},
		{KindBuildpack, "[[provides]]\nname = \n", "line 2, column "},
		{KindBuildpack, "provides = 'a'\n", "line 1, column "},
	} {
		_, _, err := ParseBuildPlan(Ref{Kind: test.kind, ID: "some/node", Version: "1"}, []byte(test.text))
		if err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%s: %v, want %s", test.text, err, test.want)
		}
	}
}

func TestParseBuildPlanWarns(t *testing.T) { // B11
	_, warnings, err := ParseBuildPlan(Ref{}, []byte("[[provide]]\nname = 'a'\n[[requires]]\nname = 'b'\nmeta-data = 1\n"))
	var got []string
	for _, w := range warnings {
		got = append(got, w.String())
	}
	want := []string{`line 1: unknown key "provide" (did you mean "provides"?)`, `line 5: unknown key "requires.meta-data" (did you mean "metadata"?)`}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v %s", err, diff)
	}
}

// A build plan that parses, written as a buildpack plan is and read again, is the same.
func FuzzBuildPlan(f *testing.F) {
	f.Add([]byte("[[provides]]\nname = 'a'\n[[requires]]\nname = 'b'\n[requires.metadata]\nd = 1979-05-27T07:32:00Z\nl = 1979-05-27T07:32:00\nx = 1979-05-27\ny = 07:32:00.5\n"))
	f.Add([]byte("[[or]]\n[[or.requires]]\nname = 'a'\n[or.requires.metadata]\na = [1, [2.5, 'x'], {b = true}]\nc = inf\n'' = {}\n"))
	f.Add([]byte("[[requires]]\nname = \"\\u00e9\\n\"\nversion = '1'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		alternatives, _, err := ParseBuildPlan(Ref{Kind: KindBuildpack, ID: "a", Version: "1"}, data)
		if err != nil {
			return
		}
		for _, a := range alternatives {
			type plan struct {
				Entries []Require `toml:"entries"`
			}
			first := encodeTOML(plan{a.Requires})
			if first == nil {
				return // the encoder has no form for it, which whoever writes it reports
			}
			var again plan
			if _, err := toml.Decode(string(first), &again); err != nil {
				t.Fatalf("not readable any more: %v\n%s", err, first)
			}
			if second := encodeTOML(again); !bytes.Equal(first, second) {
				t.Fatalf("first\n%s\nthen\n%s", first, second)
			}
		}
	})
}

func encodeTOML(value any) []byte {
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(value); err != nil {
		return nil
	}
	return text.Bytes()
}
