package buildpack

import (
	"strings"
	"testing"
)

// B21: an id or a version that could leave its directory is an error that names it.
func TestUnsafeNames(t *testing.T) {
	for _, test := range []struct{ id, version, named string }{
		{"..", "1", `".."`},
		{".", "1", `"."`},
		{"a/../b", "1", `"a/../b"`},
		{"../b", "1", `"../b"`},
		{"a/..", "1", `"a/.."`},
		{"/etc", "1", `"/etc"`},
		{"a\x00b", "1", `"a\x00b"`},
		{"a", "..", `".."`},
		{"a", ".", `"."`},
		{"a", "1/2", `"1/2"`},
		{"a", "../1", `"../1"`},
		{"a", "/1", `"/1"`},
		{"a", `1\2`, `"1\\2"`},
		{"a", "1\x00", `"1\x00"`},
		{"", "1", "without id"},
		{"a", "", "has no version"},
	} {
		for _, kind := range []Kind{KindBuildpack, KindExtension} {
			err := Ref{Kind: kind, ID: test.id, Version: test.version}.Check()
			if err == nil || !strings.Contains(err.Error(), test.named) || !strings.Contains(err.Error(), string(kind)) {
				t.Errorf("%s %q version %q: %v, want an error naming %s", kind, test.id, test.version, err, test.named)
			}
		}
	}
	for _, ref := range []Ref{
		{ID: "a", Version: "1"}, {ID: "a/b", Version: "1.2.3-rc.1+build"}, {ID: "a..b", Version: "1..2"}, {ID: "...", Version: "..."},
		{ID: "paketo-buildpacks/node.js", Version: "latest"}, {ID: "a//b", Version: " 1"}, {ID: "ü", Version: "ß"},
	} {
		if err := ref.Check(); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
}

func TestEscaped(t *testing.T) {
	if got := (Ref{ID: "a/b/c_d"}).Escaped(); got != "a_b_c_d" {
		t.Error(got)
	}
}
