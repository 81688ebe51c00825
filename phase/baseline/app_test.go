package baseline

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
)

// app writes an app of empty files; a name that ends with / is a directory, and a -> b a link.
func app(t *testing.T, names ...string) App {
	t.Helper()
	dir := t.TempDir()
	for _, name := range names {
		link, to, isLink := strings.Cut(name, " -> ")
		file := filepath.Join(dir, link)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		switch {
		case err != nil:
		case isLink:
			err = os.Symlink(to, file)
		case strings.HasSuffix(name, "/"):
			err = os.MkdirAll(file, 0o755)
		default:
			err = os.WriteFile(file, nil, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return Read(dir)
}

// hints in short: case: "a for b", elsewhere: "dir: a b"; who looks for it in brackets.
func hints(a App, wanted string) []string {
	var wants []Want
	for i, name := range strings.Fields(wanted) {
		wants = append(wants, Want{name, buildpack.Ref{ID: fmt.Sprint(i)}})
	}
	var all []string
	for _, h := range a.Hints(wants) {
		if h.Dir == "" {
			all = append(all, h.Names[0]+" for "+h.Wanted)
		} else {
			all = append(all, h.Dir+": "+strings.Join(h.Names, " "))
		}
	}
	return all
}

func TestHints(t *testing.T) {
	for name, c := range map[string]struct {
		app    string
		wanted string
		want   []string
		why    string
	}{
		"it is there":          {"go.mod", "go.mod", nil, "nothing is to be found"},
		"another case":         {"Package.json", "package.json", []string{"Package.json for package.json"}, "some systems hide the difference"},
		"one letter less":      {"requirement.txt", "requirements.txt", []string{"requirement.txt for requirements.txt"}, "one edit"},
		"ending swapped":       {"Gemfiel", "Gemfile", []string{"Gemfiel for Gemfile"}, "the first letters are the same, so the last are looked at"},
		"two swapped":          {"pacakge.json", "package.json", []string{"pacakge.json for package.json"}, "one edit, too"},
		"a very long name":     {strings.Repeat("x", 120) + ".a", strings.Repeat("x", 119) + ".a", []string{strings.Repeat("x", 120) + ".a for " + strings.Repeat("x", 119) + ".a"}, "one edit; such names are hashes"},
		"two edits":            {"project.toml", "pyproject.toml", nil, "another file that exists for itself"},
		"a short name":         {"app.js", "api.js", nil, "two words, not a slip"},
		"another first letter": {"dockage.json", "package.json", nil, "no slip either"},
		"the ending":           {"build.gradel", "build.gradle", []string{"build.gradel for build.gradle"}, "one edit in the ending"},
		"yaml for yml":         {"environment.yaml", "environment.yml", []string{"environment.yaml for environment.yml"}, "the usual slip"},
		"another ending":       {"server.mjs", "server.js", nil, "a file of another kind"},
		"txt behind":           {"Procfile.txt", "Procfile", []string{"Procfile.txt for Procfile"}, "editors add it"},
		"lock behind":          {"Gemfile.lock", "Gemfile", nil, "a file of its own"},
		"wanted for itself":    {"index.htm", "index.html index.htm", nil, "a module looks for this name, too"},
		"below the top only":   {"web/Package.json", "package.json", nil, "near misses are looked for at the top"},
		"in a folder":          {"web/package.json", "package.json", []string{"web: package.json"}, "build that folder"},
		"three levels":         {"a/b/c/go.mod a/b/c/d/pom.xml", "go.mod pom.xml", []string{"a/b/c: go.mod"}, "deeper ones are not looked up"},
		"at the top as well":   {"go.mod web/go.mod", "go.mod", nil, "the module has found it at the top and says no for another reason"},
		"exact and patterns":   {"web/pom.xml web/a_test.go", "pom.xml *.go", []string{"web: pom.xml"}, "a Maven app with a test in Go is no Go app"},
		"patterns, one level":  {"src/a.php", "*.php", []string{"src: a.php"}, "source files tell something near the top"},
		"patterns, deep":       {"src/main/a.php", "*.php", nil, "and nothing below"},
		"tests last":           {"a-tests/go.mod b/go.mod", "go.mod", []string{"b: go.mod", "a-tests: go.mod"}, "an app for tests is not the app"},
		"near ones first":      {"a/b/go.mod z/go.mod", "go.mod", []string{"z: go.mod", "a/b: go.mod"}, "most apps are near the top"},
		"several in one":       {"web/package.json web/server.js", "package.json server.js", []string{"web: package.json server.js"}, "one line for a folder"},
		"exact ones first":     {"a/x.php b/go.mod", "go.mod *.php", []string{"b: go.mod", "a: x.php"}, "a name that a module spells out tells more"},
		"two near names":       {"requirement.txt", "requirements.txt requirement_.txt", []string{"requirement.txt for requirements.txt"}, "a file is renamed once: to the first name"},
		"a link to a file":     {"real web/go.mod -> ../real", "go.mod", nil, "links are not followed"},
		"a link to a folder":   {"web -> a/b/c/d a/b/c/d/go.mod", "go.mod", nil, "links are not followed"},
		"hidden":               {".cache/go.mod", "go.mod", nil, "hidden folders are the tools'"},
		"downloaded":           {"node_modules/go.mod vendor/go.mod target/go.mod", "go.mod", nil, "these hold what tools download or make"},
		"a name with a path":   {"x/META-INF/MANIFEST.MF", "META-INF/MANIFEST.MF", nil, "a path counts from the top"},
	} {
		t.Run(name, func(t *testing.T) {
			var names []string
			for part := range strings.SplitSeq(strings.ReplaceAll(c.app, " -> ", "->"), " ") {
				names = append(names, strings.ReplaceAll(part, "->", " -> "))
			}
			if diff := cmp.Diff(c.want, hints(app(t, names...), c.wanted)); diff != "" {
				t.Errorf("%s:\n%s", c.why, diff)
			}
		})
	}
}

func TestHintNamesAllModules(t *testing.T) {
	npm, yarn := buildpack.Ref{ID: "npm"}, buildpack.Ref{ID: "yarn"}
	got := app(t, "web/package.json", "packge.json").Hints([]Want{{"package.json", npm}, {"package.json", yarn}})
	want := []Hint{
		{Names: []string{"packge.json"}, Wanted: "package.json", By: []buildpack.Ref{npm, yarn}, Exact: true},
		{Dir: "web", Names: []string{"package.json"}, By: []buildpack.Ref{npm, yarn}, Exact: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestReadTop(t *testing.T) {
	got := app(t, "b", "a/c", ".env", "e/", "l -> a", "new\nline").Top
	want := []string{".env", "a/", "b", "e/", "l", "new\nline"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names at the top in order, as they are, directories with a slash, links without:\n%s", diff)
	}
	if top := Read(filepath.Join(t.TempDir(), "missing")).Top; top != nil {
		t.Errorf("a directory that cannot be read has %q", top)
	}
}

// TestReadHuge: a huge directory below the top is passed over whole; at the top its names are needed.
func TestReadHuge(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 20,000 files")
	}
	dir := t.TempDir()
	for _, sub := range []string{".", "data"} {
		os.Mkdir(filepath.Join(dir, sub), 0o755)
		for i := range mostEntries {
			if err := os.WriteFile(filepath.Join(dir, sub, fmt.Sprintf("f%05d", i)), nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, sub, "go.mod"), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	a := Read(dir)
	if got := len(a.Top); got != mostEntries+2 {
		t.Errorf("%d names at the top", got)
	}
	if len(a.files["data"]) > 0 {
		t.Error("names of the huge directory were kept")
	}
}
