package baseline

import (
	"path"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
)

func names(wants []Want) []string {
	var all []string
	for _, w := range wants {
		all = append(all, w.Name)
	}
	return all
}

func TestWants(t *testing.T) {
	for _, c := range []struct{ output, want, why string }{
		{"no 'package.json' found", "package.json", "quotes are not part of a name"},
		{"expected one of server.js | app.js | index.js", "server.js app.js index.js", "alternatives are names each"},
		{"no *.php files", "*.php", "a pattern is looked up as one"},
		{"Gemfile is not present", "Gemfile", "such names have no ending"},
		{"No Procfile found.", "Procfile", "nor the full stop of the sentence"},
		{"Profile the build", "Profile", "a word that ends in file may be a name: it is only looked up"},
		{"open /workspace/go.mod: no such file", "go.mod", "the directory of the app is taken off"},
		{"missing ./deps.edn", "deps.edn", "so is the one of the shell"},
		{"failed to read /etc/hosts.conf", "", "an absolute path leads out of the app"},
		{"see https://example.com/docs.html", "", "an address is no file"},
		{"none of META-INF/MANIFEST.MF, *.jar", "META-INF/MANIFEST.MF *.jar", "a name can have a directory"},
		{"SKIPPED: build.sbt could not be found; neither were (pom.xml)", "build.sbt pom.xml", "nor are other marks"},
		{"$BP_MAVEN_POM_FILE pom.xml the location of the main pom.xml", "", "a row of a table of variables says nothing of what is missing"},
		{"BP_PHP_WEB_DIR [htdocs] has no *.php files", "*.php", "a complaint can begin with a variable"},
		{"no pom.xml\nno pom.xml\n", "pom.xml", "once is enough"},
		{"version 1.2.3 is not supported", "", "a version is no name: an ending begins with a letter"},
		{"it failed. Please read the docs", "", "nor is a plain word"},
	} {
		got := strings.Join(names(Wants(buildpack.Ref{}, []byte(c.output), "/workspace")), " ")
		if got != c.want {
			t.Errorf("%q: %q instead of %q: %s", c.output, got, c.want, c.why)
		}
	}
}

// TestWantsAreFew: a module that lists a whole directory does not make the lookup dear.
func TestWantsAreFew(t *testing.T) {
	var output strings.Builder
	for i := range 1000 {
		output.WriteString(strings.Repeat("a", 1+i%50) + string(rune('a'+i%26)) + ".txt ")
	}
	if n := len(Wants(buildpack.Ref{}, []byte(output.String()), "/workspace")); n != mostWants {
		t.Errorf("%d names", n)
	}
}

// FuzzWants: names are clean, relative and bounded in number, and looking them up never fails.
func FuzzWants(f *testing.F) {
	for _, seed := range []string{"no *.php files", "open /workspace/go.mod: no", "a/../../b.txt", "[x].js *.[ch]pp", "'Gemfile'", "\xff.go"} {
		f.Add([]byte(seed))
	}
	a := App{files: map[string][]string{".": {"go.mod"}, "a": {"b.js"}}, dirs: []string{".", "a"}}
	f.Fuzz(func(t *testing.T, output []byte) {
		wants := Wants(buildpack.Ref{}, output, "/workspace")
		if len(wants) > mostWants {
			t.Errorf("%d names", len(wants))
		}
		for _, w := range wants {
			if w.Name == "" || path.IsAbs(w.Name) || w.Name != path.Clean(w.Name) {
				t.Errorf("%q", w.Name)
			}
		}
		a.Hints(wants)
	})
}
