package store

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
)

// A module that is not where the order says is answered with what there is.
func TestInstead(t *testing.T) {
	s := modules(t, map[string]string{
		"bp/some_a/1.0/buildpack.toml": "", "bp/some_a/1.1/buildpack.toml": "",
		"bp/some/b/1/buildpack.toml":      "",
		"ext/some_e/1/extension.toml":     "",
		"ext/other_g/1/bin/detect":        "",
		"ext/other_h/1/extensions.toml":   "",
		"bp/other_i/1/Buildpack.toml":     "",
		"bp/a-quite-special-id/1/bin/any": "",
	})
	for _, test := range []struct {
		why  string
		ref  buildpack.Ref
		want string
	}{
		{"another version", bp("some/a", "1"), "some/a is installed as 1.0, 1.1"},
		{"a directory for each part of the id", bp("some/b", "1"), filepath.Join(s.Buildpacks, "some/b/1") + `, but in the name of the directory "/" is written as "_"`},
		{"an extension among the buildpacks of the order", bp("some/e", "1"), "it is installed as extension: list it in [[order-extensions]]"},
		{"a buildpack among the extensions of the order", ext("some/a", "1.0"), "it is installed as buildpack: list it in [[order]]"},
		{"a descriptor with a letter too many", ext("other/h", "1"), "extensions.toml: the descriptor of this extension should be extension.toml"},
		{"a descriptor in upper case", bp("other/i", "1"), "Buildpack.toml: the descriptor of this buildpack should be buildpack.toml"},
		{"a directory without a descriptor", ext("other/g", "1"), "is there, but it has no extension.toml"},
		{"an id that is nearly right", bp("a-qiute-special-id", "1"), "did you mean a-quite-special-id?"},
		{"nothing of the kind", bp("wholly-unheard-of", "1"), ""},
	} {
		_, err := s.Module(test.ref)
		var missing *hinted
		if !errors.As(err, &missing) || !strings.Contains(missing.Hint(), test.want) || test.want == "" && missing.Hint() != "" {
			t.Errorf("%s: %v, hint %q, want %q", test.why, err, missing.Hint(), test.want)
		}
	}
}

// An API that is absent or wrong is named with file and key.
func TestAPIErrorSaysWhere(t *testing.T) {
	for _, test := range []struct{ why, text, place, hint string }{
		{"no api", "[extension]\nid = \"a\"\n", ": there is no key api", `begin the file with a line such as api = "0.12"`},
		{"nothing at all", "", ": there is no key api", `begin the file with a line such as api = "0.12"`},
		{"below the table", "[extension]\nid = \"a\"\napi = \"0.10\"\n", ": there is no key api", `begin the file with a line such as api = "0.12"`},
		{"too new", "# comment\napi = \"0.99\"\n", ": line 2: api", ""},
		{"empty", "api = \"\"\n", ": line 1: api", ""},
	} {
		s := modules(t, map[string]string{"ext/a/1/extension.toml": test.text})
		_, err := s.Module(ext("a", "1"))
		var incompatible *APIError
		if !errors.As(err, &incompatible) || !strings.Contains(err.Error(), filepath.Join(s.Extensions, "a/1/extension.toml")+test.place) || incompatible.Hint() != test.hint {
			t.Errorf("%s: %v, hint %q", test.why, err, incompatible.Hint())
		}
	}
}

// An id or a version that is not the order's is said: its author believes that it counts.
func TestOtherNames(t *testing.T) {
	for _, test := range []struct{ why, text, want string }{
		{"as it should be", "[buildpack]\nid = \"some/a\"\nversion = \"1\"\n", ""},
		{"without a version, as in a repository", "[buildpack]\nid = \"some/a\"\n", ""},
		{"another id", "[buildpack]\nid = \"some/b\"\n", `line 3: buildpack.id is "some/b", but the order and directory say "some/a", which is used`},
		{"another version", "[buildpack]\nid = \"some/a\"\nversion = \"{{.version}}\"\n", `line 4: buildpack.version is "{{.version}}", but the order and directory say "1", which is used`},
	} {
		s := modules(t, map[string]string{"bp/some_a/1/buildpack.toml": "api = \"0.10\"\n" + test.text})
		m, err := s.Module(bp("some/a", "1"))
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		if test.want != "" {
			want = []string{filepath.Join(s.Buildpacks, "some_a/1/buildpack.toml") + ": " + test.want}
		}
		if diff := cmp.Diff(want, m.Warnings); diff != "" {
			t.Errorf("%s: %s", test.why, diff)
		}
	}
}
