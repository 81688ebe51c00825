// Package worlds tries detector's words (B33) on builders as public ones are composed: apps that work, and apps that nearly do.
// testdata/README.md says what is where. Each golden is a case: what the app is, what is to be done about it, and all that
// detector prints. `UPDATE=1 go test ./acceptance/worlds` rewrites what is printed.
package worlds

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

// TestWorlds compares what is printed with the goldens.
func TestWorlds(t *testing.T) {
	each(t, func(t *testing.T, c aCase, w world) {
		code, printed := w.detect(t)
		got := fmt.Sprintf("exit %d\n%s", code, printed)
		if os.Getenv("UPDATE") != "" {
			must(t, os.WriteFile(c.file, []byte(c.head+got), 0o644))
		} else if diff := cmp.Diff(strings.Split(c.want, "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s and what is printed now:\n%s", c.file, diff)
		}
		if works := code == 0; works != c.works() {
			t.Errorf("exit %d, and to do: %s", code, c.todo)
		}
		for _, words := range c.culprit {
			if !strings.Contains(printed, words) {
				t.Errorf("the culprit's %q is nowhere in what is printed", words)
			}
		}
	})
}

// TestDebugAndReport: neither changes the outcome of a case that fails.
func TestDebugAndReport(t *testing.T) {
	testhelpers.OnlyLong(t)
	if os.Getenv("UPDATE") != "" {
		t.Skip("UPDATE: it runs every failing case once more, which no golden needs")
	}
	each(t, func(t *testing.T, c aCase, w world) {
		if c.works() {
			return
		}
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

// each builds the world of each case and tries something in it.
func each(t *testing.T, try func(*testing.T, aCase, world)) {
	root, err := os.MkdirTemp("", "prelude-worlds-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	must(t, os.Chmod(root, 0o755))
	must(t, testhelpers.CopyTree("testdata/lib", filepath.Join(root, "lib")))
	goldens, err := filepath.Glob("testdata/*/*.golden")
	must(t, err)
	if len(goldens) == 0 {
		t.Fatal("no goldens")
	}
	for _, golden := range goldens {
		c := read(t, golden)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			try(t, c, c.build(t, root))
		})
	}
}

// aCase is a golden, read.
type aCase struct {
	file, name   string   // the name is <builder>/<case>
	head, want   string   // the lines that start with "#", and what is compared
	app, variant string   // directories; the app's is called as the case is, unless the head says otherwise
	todo         string   // begins with "nothing" if the app works
	culprit      []string // the module to act on and its words; empty if none is to blame
}

func (c aCase) works() bool { return strings.HasPrefix(c.todo, "nothing") }

func read(t *testing.T, golden string) aCase {
	t.Helper()
	text, err := os.ReadFile(golden)
	must(t, err)
	c := aCase{file: golden, want: string(text), app: strings.TrimSuffix(filepath.Base(golden), ".golden")}
	c.name = filepath.Base(filepath.Dir(golden)) + "/" + c.app
	for strings.HasPrefix(c.want, "#") {
		line, rest, _ := strings.Cut(c.want, "\n")
		c.head, c.want = c.head+line+"\n", rest
		switch key, value, _ := strings.Cut(strings.TrimPrefix(line, "# "), ": "); key {
		case "to do":
			c.todo = value
		case "app":
			c.app = value
		case "variant":
			c.variant = value
		case "culprit":
			if module, words, told := strings.Cut(value, ": "); told {
				c.culprit = []string{module, words}
			}
		}
	}
	return c
}

// world is a directory with a builder and an app.
type world struct{ dir string }

// build copies the builder, what the case's variant of it replaces, and the app.
func (c aCase) build(t *testing.T, root string) world {
	t.Helper()
	from, dir := filepath.Dir(c.file), filepath.Join(root, c.name)
	must(t, testhelpers.CopyTree(filepath.Join(from, "builder"), dir))
	if c.variant != "" {
		must(t, testhelpers.CopyTree(filepath.Join(from, "variants", c.variant), dir))
	}
	must(t, testhelpers.CopyTree(filepath.Join(from, "apps", c.app), filepath.Join(dir, "app")))
	must(t, os.Chmod(filepath.Join(dir, "layers"), 0o777))
	return world{dir}
}

// detect runs detector. What it prints is as in a build: the app is /workspace, the builder's files are below /cnb.
func (w world) detect(t *testing.T, flags ...string) (code int, printed string) {
	t.Helper()
	for _, name := range []string{"app", "build-config", "buildpacks", "extensions", "layers", "platform"} {
		flags = append(flags, "-"+name, filepath.Join(w.dir, name))
	}
	for _, name := range []string{"order", "run"} {
		flags = append(flags, "-"+name, filepath.Join(w.dir, name+".toml"))
	}
	cmd := exec.Command(detector, flags...)
	cmd.Env = []string{"CNB_PLATFORM_API=0.13", "PATH=" + os.Getenv("PATH")}
	testhelpers.Unprivileged(cmd)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if stderr.Len() > 0 {
		t.Errorf("on stderr: %s", &stderr)
	}
	names := strings.NewReplacer(w.dir+"/app", "/workspace", w.dir+"/layers", "/layers", w.dir, "/cnb")
	return cmd.ProcessState.ExitCode(), names.Replace(string(stdout))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
