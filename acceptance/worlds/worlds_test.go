// Package worlds tries the words of detector on builders that are made as public ones are: apps that work, and many that nearly
// do. testdata/README.md says what is where. `UPDATE=1 go test ./acceptance/worlds` rewrites what is printed.
package worlds

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// detector is built once.
var detector string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "prelude-worlds-")
	if err == nil {
		err = errors.Join(os.Chmod(dir, 0o755), testhelpers.Executables("../..", dir, "./cmd/detector"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	detector = filepath.Join(dir, "detector")
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// soon is how many lines of Why may be above what helps.
const soon = 6

// TestWorlds compares what is printed from Why on with what a case shows, and looks for what helps.
func TestWorlds(t *testing.T) {
	each(t, func(t *testing.T, c *aCase, w world) {
		code, printed := w.detect(t)
		for i := 0; i < 10 && strings.Contains(printed, "no time"); i++ { // the second run has little time, and the machine may be busy
			code, printed = w.detect(t)
		}
		got := fmt.Sprintf("exit %d\n%s", code, why(printed))
		if os.Getenv("UPDATE") != "" {
			c.update(t, got)
		} else if diff := cmp.Diff(strings.Split(c.want, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s and what is printed now:\n%s", c.file, diff)
		}
		if works := code == 0; works != c.works {
			t.Errorf("exit %d, but works: %v", code, c.works)
		}
		lines := strings.Split(why(printed), "\n")
		first := strings.Join(lines[:min(len(lines), soon+1)], "\n")
		for _, words := range c.helps {
			if !strings.Contains(first, words) {
				t.Errorf("%q helps, but is not in the first %d lines of Why:\n%s", words, soon, why(printed))
			}
		}
		if c.none && strings.Contains(why(printed), "closest") {
			t.Errorf("nothing recognised this app:\n%s", why(printed))
		}
	})
}

// why is what is printed from Why on; empty if a group passed.
func why(printed string) string {
	_, text, _ := strings.Cut(printed, "======== Why ========\n")
	return text
}

// TestDebugAndReport: neither changes the outcome of a case.
func TestDebugAndReport(t *testing.T) {
	testhelpers.OnlyLong(t)
	each(t, func(t *testing.T, c *aCase, w world) {
		report := filepath.Join(w.dir, "layers", "report.html")
		code, printed := w.detect(t, "-log-level", "debug", "-report", report)
		if want := fmt.Sprintf("exit %d\n", code); !strings.HasPrefix(c.want, want) {
			t.Errorf("exit %d, otherwise than without a report:\n%s", code, printed)
		}
		if _, err := os.Stat(report); err != nil {
			t.Error(err)
		}
	})
}

// each builds the builders, and the app of each case, and tries something with both.
func each(t *testing.T, try func(*testing.T, *aCase, world)) {
	root, err := os.MkdirTemp("", "prelude-worlds-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	must(t, os.Chmod(root, 0o755))
	cases, err := filepath.Glob("testdata/*/*.txtar")
	must(t, err)
	if len(cases) < 4+48 {
		t.Fatalf("%d cases, fewer than there were", len(cases))
	}
	for _, file := range cases {
		builder := filepath.Join(root, filepath.Base(filepath.Dir(file)))
		if filepath.Base(file) == "builder.txtar" {
			continue
		}
		if _, err := os.Stat(builder); err != nil {
			writeBuilder(t, filepath.Dir(file), builder)
		}
		c := read(t, file)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			try(t, c, c.build(t, builder))
		})
	}
}

// aCase is an app and what is said of it.
type aCase struct {
	file, name string // the name is <builder>/<case>
	archive    *txtar.Archive
	want       string
	helps      []string // words that must be in the first lines of Why
	works      bool     // a group passes
	none       bool     // no group may be called the closest
}

func read(t *testing.T, file string) *aCase {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	must(t, err)
	builder := filepath.Base(filepath.Dir(file))
	c := &aCase{file: file, name: builder + "/" + strings.TrimSuffix(filepath.Base(file), ".txtar"), archive: archive}
	for line := range strings.Lines(string(archive.Comment)) {
		words, helps := strings.CutPrefix(strings.TrimSpace(line), "helps: ")
		switch {
		case helps:
			c.helps = append(c.helps, words)
		case line == "closest: none\n":
			c.none = true
		case line == "works\n":
			c.works = true
		}
	}
	if len(c.helps) == 0 && !c.works && !c.none {
		t.Fatalf("%s: the head does not say what helps", file)
	}
	if n := len(archive.Files); n > 0 && archive.Files[n-1].Name == "why" {
		c.want = string(archive.Files[n-1].Data)
	}
	return c
}

func (c *aCase) update(t *testing.T, got string) {
	a := *c.archive
	a.Files = slices.DeleteFunc(slices.Clone(a.Files), func(f txtar.File) bool { return f.Name == "why" })
	a.Files = append(a.Files, txtar.File{Name: "why", Data: []byte(got)})
	must(t, os.WriteFile(c.file, txtar.Format(&a), 0o644))
}

// world is a directory with an app, and that of its builder.
type world struct{ dir, builder string }

// build writes the app and the variables of a case.
func (c *aCase) build(t *testing.T, builder string) world {
	w := world{filepath.Join(filepath.Dir(builder), "cases", c.name), builder}
	for _, dir := range []string{"app", "platform/env", "layers"} {
		must(t, os.MkdirAll(filepath.Join(w.dir, dir), 0o755))
	}
	must(t, os.Chmod(filepath.Join(w.dir, "layers"), 0o777))
	for _, f := range c.archive.Files {
		name, data := f.Name, f.Data
		if variable, ok := strings.CutPrefix(name, "env/"); ok {
			name, data = "platform/env/"+variable, bytes.TrimSpace(data)
		}
		if name != "why" {
			write(t, filepath.Join(w.dir, name), string(data), 0o644)
		}
	}
	write(t, filepath.Join(w.dir, "layers/analyzed.toml"), analyzed, 0o644)
	return w
}

const analyzed = `[run-image]
reference = "registry.example/run@sha256:63ee3f0a330591198bb87d72383677f8024cff2ab6fcd0879e7138365016186f"
image = "registry.example/run"
[run-image.target]
os = "linux"
arch = "amd64"
`

// detect runs detector. What it prints is as in a build: the app is /workspace, the builder's files are below /cnb.
func (w world) detect(t *testing.T, flags ...string) (code int, printed string) {
	t.Helper()
	for _, name := range []string{"app", "layers", "platform"} {
		flags = append(flags, "-"+name, filepath.Join(w.dir, name))
	}
	flags = append(flags, "-buildpacks", filepath.Join(w.builder, "buildpacks"), "-order", filepath.Join(w.builder, "order.toml"))
	cmd := exec.Command(detector, flags...)
	cmd.Env = []string{"CNB_PLATFORM_API=0.13", "PATH=" + os.Getenv("PATH")}
	testhelpers.Unprivileged(cmd)
	stdout, err := cmd.Output()
	exit := (*exec.ExitError)(nil)
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if exit != nil && len(exit.Stderr) > 0 {
		t.Errorf("on stderr: %s", exit.Stderr)
	}
	names := strings.NewReplacer(w.dir+"/app", "/workspace", w.dir+"/layers", "/layers", w.builder, "/cnb")
	return cmd.ProcessState.ExitCode(), names.Replace(string(stdout))
}

// writeBuilder writes the files of a builder from its short description (testdata/README.md).
func writeBuilder(t *testing.T, from, dir string) {
	archive, err := txtar.ParseFile(filepath.Join(from, "builder.txtar"))
	must(t, err)
	lib, err := os.ReadFile("testdata/lib.sh")
	must(t, err)
	write(t, filepath.Join(dir, "lib.sh"), string(lib), 0o644)
	prefix := filepath.Base(dir) + "/"
	for _, f := range archive.Files {
		kind, names, _ := strings.Cut(f.Name, " ")
		if kind == "order" {
			write(t, filepath.Join(dir, "order.toml"), groups(string(f.Data), prefix), 0o644)
			continue
		}
		for id := range strings.FieldsSeq(names) {
			at := filepath.Join(dir, "buildpacks", strings.ReplaceAll(prefix+id, "/", "_"), "1.0.0")
			descriptor := fmt.Sprintf("api = \"0.10\"\n[buildpack]\nid = %q\nversion = \"1.0.0\"\n", prefix+id)
			switch kind {
			case "composite":
				write(t, filepath.Join(at, "buildpack.toml"), descriptor+groups(string(f.Data), prefix), 0o644)
			case "module":
				write(t, filepath.Join(at, "buildpack.toml"), descriptor+"[[targets]]\nos = \"linux\"\n", 0o644)
				write(t, filepath.Join(at, "bin/detect"), fmt.Sprintf("#!/bin/sh\nme=%s\n. %s/lib.sh\n%s", id, dir, f.Data), 0o755)
				write(t, filepath.Join(at, "bin/build"), "#!/bin/sh\n", 0o755)
			default:
				t.Fatalf("%s: neither an order, a composite nor a module: %s", from, f.Name)
			}
		}
	}
}

// groups is an order in TOML. Each line of the text is a group; a question mark follows the ids of optional modules.
func groups(text, prefix string) string {
	var all strings.Builder
	for line := range strings.Lines(text) {
		all.WriteString("[[order]]\n")
		for id := range strings.FieldsSeq(line) {
			id, optional := strings.CutSuffix(id, "?")
			fmt.Fprintf(&all, "[[order.group]]\nid = %q\nversion = \"1.0.0\"\noptional = %v\n", prefix+id, optional)
		}
	}
	return all.String()
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	must(t, errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(text), mode)))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
