package platform

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func TestReadGeneratedRefuses(t *testing.T) {
	for _, test := range []struct{ why, text, want string }{
		{"malformed", "version = \n", "line 1, column 11"},
		{"no version", "platform-api = \"0.13\"\n", "version is 0, want 1"},
		{"a later version", "version = 2\n", "version is 2, want 1"},
		{"the wrong type", "version = 1\ndockerfiles = 3\n", "dockerfiles"},
		{"no such kind", "version = 1\n[[dockerfiles]]\nkind = \"test\"\npath = \"a/b\"\n", `the kind "test"`},
		{"a path out", "version = 1\n[[dockerfiles]]\nkind = \"run\"\npath = \"../run.Dockerfile\"\n", `"../run.Dockerfile" is not a path below`},
		{"a path out, on the way", "version = 1\n[[dockerfiles]]\nkind = \"run\"\npath = \"a/../../run.Dockerfile\"\n", "is not a path below"},
		{"an absolute path", "version = 1\n[[ignored]]\npath = \"/etc/passwd\"\n", `"/etc/passwd" is not a path below`},
		{"no path", "version = 1\n[[dockerfiles]]\nkind = \"run\"\n", `"" is not a path below`},
		{"the directory itself", "version = 1\n[[dockerfiles]]\nkind = \"run\"\npath = \"a/..\"\n", `"a/.." is not a path below`},
		{"a context out", "version = 1\n[[dockerfiles]]\nkind = \"run\"\npath = \"a/run.Dockerfile\"\ncontext = \"..\"\n", `".." is not a path below`},
		{"a byte that ends names", "version = 1\n[[dockerfiles]]\nkind = \"run\"\npath = \"a\\u0000/b\"\n", "is not a path below"},
	} {
		path := filepath.Join(t.TempDir(), "generated.toml")
		if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		g, err := ReadGenerated(path)
		if g != nil || err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want %s with the name of the file", test.why, err, test.want)
		}
	}
	g, err := ReadGenerated(filepath.Join(t.TempDir(), "missing.toml"))
	if g != nil || err != nil {
		t.Errorf("missing: %v, %v", g, err)
	}
	if _, err := ReadGenerated(t.TempDir()); err == nil || errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory: %v", err)
	}
}

// Readers ignore what they do not know.
func TestReadGeneratedIgnoresUnknownKeys(t *testing.T) {
	g, err := ParseGenerated("generated.toml", []byte("version = 1\nfuture = 1\n[run-image]\nfuture = 1\nextend = true\n[[dockerfiles]]\nkind = \"run\"\npath = \"a/run.Dockerfile\"\nfuture = []\n[future-table]\n"))
	if err != nil || !g.RunImage.Extend || len(g.For("run")) != 1 || len(g.For("build")) != 0 {
		t.Errorf("got %+v, %v", g, err)
	}
}

func FuzzParseGenerated(f *testing.F) {
	example, err := os.ReadFile("../docs/generated-toml.md")
	if err == nil {
		_, text, _ := strings.Cut(string(example), "```toml\n")
		text, _, _ = strings.Cut(text, "```")
		f.Add([]byte(text))
	}
	f.Add([]byte("version = 1\n[[dockerfiles]]\nkind = \"run\"\npath = \"a/run.Dockerfile\"\n[[provided]]\n[[provided.requires]]\nmetadata = {a = [1, {b = 1979-05-27}]}\n[rerun]\nextensions = [\"a@1\"]\nimages = {run-image = {image = \"a\"}}\n"))
	f.Add([]byte("version = 1\n[rerun.images]\na = [[], [{}]]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := ParseGenerated("generated.toml", data)
		if err != nil {
			return
		}
		for _, d := range g.Dockerfiles {
			for _, path := range []string{d.Path, d.Context} {
				if path != "" && !strings.HasPrefix(filepath.Join("/generated", path), "/generated/") {
					t.Fatalf("%q leads out", path)
				}
			}
		}
		text, err := g.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := ParseGenerated("generated.toml", text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, text)
		}
		twice, err := again.Encode()
		if err != nil || !bytes.Equal(text, twice) {
			t.Fatalf("another time it is\n%s\nnot\n%s", twice, text)
		}
	})
}

func FuzzAnalyzedRoundTrip(f *testing.F) {
	for _, text := range []string{
		"", "[run-image]\nimage = \"a\"\n", "a = [1, \"b\", [2.5, {c = 1979-05-27T07:32:00Z}], {}]\n", "[[a]]\n[[a.b]]\n[[a]]\n", "\"\" = 1\n\"a.b\" = inf\n",
		"a = 07:32:00.999999\nb = 1979-05-27T00:32:00.999999-07:00\nc = 1979-05-27 07:32:00\nd = nan\n", "[build-image]\nx = [[], [[]]]\n", "a = 1e1000\n",
		"[run-image.target]\nos = \"l\"\n[run-image.target.distro]\nname = \"\"\n", "a = [{}, {}]\nb = []\n", "a = -9223372036854775808\nb = 0x7f\nc = -0.0\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := ParseAnalyzed("analyzed.toml", data)
		if err != nil {
			return
		}
		text, err := a.Encode()
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := ParseAnalyzed("analyzed.toml", text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, text)
		}
		if !sameValues(a.table, again.table) {
			t.Fatalf("%#v became %#v", a.table, again.table)
		}
		if !reflect.DeepEqual(a.RunImage, again.RunImage) || a.BuildReference != again.BuildReference {
			t.Fatalf("%+v became %+v", a, again)
		}
		restored, err := a.SwitchedTo("another").ExtendingRun(true).ExtendingBuild(true).WithImages(a.Images())
		if err != nil {
			t.Fatal(err)
		}
		back, err := restored.Encode()
		if err != nil || !bytes.Equal(back, text) {
			t.Fatalf("restored, it is\n%s\nnot\n%s", back, text)
		}
	})
}
