package store

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
)

func modules(t *testing.T, files map[string]string) *Store {
	t.Helper()
	dir := t.TempDir()
	for name, contents := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return &Store{Buildpacks: filepath.Join(dir, "bp"), Extensions: filepath.Join(dir, "ext")}
}

func bp(id, version string) buildpack.Ref {
	return buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: version}
}

func ext(id, version string) buildpack.Ref {
	return buildpack.Ref{Kind: buildpack.KindExtension, ID: id, Version: version}
}

func TestModule(t *testing.T) {
	s := modules(t, map[string]string{
		"bp/some_deep_id/1.2/buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"some/deep/id\"\n", "bp/some_deep_id/1.2/bin/build": "",
		"ext/some_deep_id/1.2/extension.toml": "api = \"0.9\"\n[extension]\nid = \"some/deep/id\"\n",
	})
	m, err := s.Module(bp("some/deep/id", "1.2"))
	if err != nil {
		t.Fatal(err)
	}
	if m.Dir != filepath.Join(s.Buildpacks, "some_deep_id", "1.2") || m.API != api.V(0, 10) || m.IsExtension() || m.IsComposite() {
		t.Errorf("%+v", m)
	}
	if diff := cmp.Diff([]buildpack.Target{{OS: "linux"}}, m.Targets); diff != "" {
		t.Errorf("inferred from bin/build: %s", diff)
	}
	e, err := s.Module(ext("some/deep/id", "1.2"))
	if err != nil || !e.IsExtension() || e.API != api.V(0, 9) {
		t.Errorf("%+v %v", e, err)
	}
}

// An absent, malformed or unsupported API is an error of its own, whose text platforms look for.
func TestModuleAPI(t *testing.T) {
	for _, declared := range []string{"", "0.6", "0.13", "1.0", "next", "0.10.1"} {
		s := modules(t, map[string]string{"bp/a/1/buildpack.toml": "api = \"" + declared + "\"\n"})
		_, err := s.Module(bp("a", "1"))
		var incompatible *APIError
		if !errors.As(err, &incompatible) || !strings.Contains(err.Error(), "buildpack API version '"+declared+"' is incompatible with the lifecycle") || !strings.Contains(err.Error(), "a@1") {
			t.Errorf("api %q: %v", declared, err)
		}
	}
	for _, declared := range []string{"0.7", "0.8", "0.9", "0.10", "0.11", "0.12"} {
		s := modules(t, map[string]string{"bp/a/1/buildpack.toml": "api = \"" + declared + "\"\n"})
		if _, err := s.Module(bp("a", "1")); err != nil {
			t.Errorf("api %q: %v", declared, err)
		}
	}
}

func TestModuleErrors(t *testing.T) {
	s := modules(t, map[string]string{
		"bp/bad/1/buildpack.toml":        "api = \"0.10\"\n[buildpack\n",
		"outside/1/buildpack.toml":       "api = \"0.10\"\n",
		"bp/dir/1/buildpack.toml/x":      "",
		"ext/only-buildpack/1/other":     "",
		"bp/only-buildpack/1/other":      "",
		"bp/a/versions/1/buildpack.toml": "api = \"0.10\"\n",
	})
	for _, test := range []struct {
		ref  buildpack.Ref
		want string
	}{
		{bp("missing", "1"), "missing@1"},
		{bp("bad", "1"), filepath.Join(s.Buildpacks, "bad/1/buildpack.toml") + ": line 2, column"},
		{bp("dir", "1"), "dir"},
		{ext("only-buildpack", "1"), "extension only-buildpack@1"},
		{bp("../outside", "1"), `"../outside"`},           // B21
		{bp("a", "../../outside/1"), `"../../outside/1"`}, // B21
		{bp("a", "versions/1"), `"versions/1"`},           // B21
	} {
		m, err := s.Module(test.ref)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, %v; want an error with %q", test.ref, m, err, test.want)
		}
		if _, again := s.Module(test.ref); again == nil || again.Error() != err.Error() {
			t.Errorf("%s: asked again: %v", test.ref, again)
		}
	}
}

// B11: an unknown key is part of the module, with the file. That it is said once, scripts show.
func TestModuleWarns(t *testing.T) {
	s := modules(t, map[string]string{"bp/a/1/buildpack.toml": "api = \"0.10\"\n[buildpack]\nid = \"a\"\nhomepaeg = \"x\"\n"})
	m, err := s.Module(bp("a", "1"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(s.Buildpacks, "a/1/buildpack.toml") + `: line 4: unknown key "buildpack.homepaeg" (did you mean "homepage"?)`}
	if diff := cmp.Diff(want, m.Warnings); diff != "" {
		t.Error(diff)
	}
}
