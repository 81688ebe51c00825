package acceptance

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// TestDemo runs the demo, and checks that what the README shows of it is what it says.
func TestDemo(t *testing.T) {
	top := t.TempDir()
	if err := testhelpers.CopyTree("../examples", filepath.Join(top, "examples")); err != nil {
		t.Fatal(err)
	}
	built := os.Getenv(built)
	for _, name := range []string{"detector", "generator"} {
		copyTo(t, filepath.Join(built, name), filepath.Join(top, "bin", name))
	}
	for _, name := range []string{"detect", "generate"} {
		copyTo(t, filepath.Join(built, "entrypoint"), filepath.Join(top, "examples/extensions/samples_entrypoint/1.1.0/bin", name))
	}
	out, err := exec.Command("sh", filepath.Join(top, "examples/demo.sh")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if strings.Contains(string(out), "\x1b") {
		t.Error("colours although there is no terminal")
	}
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(readme), "<!-- demo -->\n```\n")
	shown, _, found := strings.Cut(shown, "\n```\n")
	if !found {
		t.Fatal("the README has no output of the demo")
	}
	rest := strings.Split(string(out), "\n")
	for _, line := range strings.Split(shown, "\n") {
		for len(rest) > 0 && rest[0] != line {
			rest = rest[1:]
		}
		if len(rest) == 0 {
			t.Fatalf("the README shows a line that the demo does not print, or not at that place: %q\n%s", line, out)
		}
	}
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, data, 0o755); err != nil {
		t.Fatal(err)
	}
}
