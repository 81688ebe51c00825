// Package worlds tries detector's words on builders as public ones are composed: apps that work, and apps that nearly do.
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

func TestWorlds(t *testing.T) {
	root, err := os.MkdirTemp("", "prelude-worlds-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(root) })
	must(t, os.Chmod(root, 0o755))
	must(t, testhelpers.Executables("../..", root, "./cmd/detector"))
	must(t, testhelpers.CopyTree("testdata/lib", filepath.Join(root, "lib")))
	goldens, err := filepath.Glob("testdata/*/*.golden")
	must(t, err)
	for _, golden := range goldens {
		builder, name := filepath.Base(filepath.Dir(golden)), strings.TrimSuffix(filepath.Base(golden), ".golden")
		t.Run(builder+"/"+name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(golden)
			must(t, err)
			head, want := split(string(text))
			c := read(head, name)
			got := c.try(t, filepath.Join(root, "detector"), c.build(t, builder, filepath.Join(root, builder, name)))
			if os.Getenv("UPDATE") != "" {
				must(t, os.WriteFile(golden, []byte(head+got), 0o644))
			} else if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
				t.Errorf("%s and what is printed now:\n%s", golden, diff)
			}
		})
	}
}

// try returns the exit code and what is printed. If the case fails, it does so at debug level and with a report as well.
func (c aCase) try(t *testing.T, detector string, w world) string {
	t.Helper()
	code, printed := w.detect(t, detector)
	if works := strings.HasPrefix(c.todo, "nothing"); works != (code == 0) {
		t.Errorf("exit %d, and to do: %s", code, c.todo)
	}
	for _, words := range c.culprit {
		if !strings.Contains(printed, words) {
			t.Errorf("the culprit's %q is nowhere in what was printed", words)
		}
	}
	if code != 0 {
		report := filepath.Join(string(w), "layers", "report.html")
		if again, out := w.detect(t, detector, "-log-level", "debug", "-report", report); again != code {
			t.Errorf("exit %d, but %d at debug level with a report:\n%s", code, again, out)
		}
		if _, err := os.Stat(report); err != nil {
			t.Error(err)
		}
	}
	return fmt.Sprintf("exit %d\n%s", code, printed)
}

// aCase is the head of a golden.
type aCase struct {
	app, variant, todo string
	culprit            []string // the module to act on and its words; empty if none is to blame
}

// split separates the head of a golden, its first lines that start with "#", from what is compared.
func split(text string) (head, rest string) {
	rest = text
	for strings.HasPrefix(rest, "#") {
		line, after, _ := strings.Cut(rest, "\n")
		head, rest = head+line+"\n", after
	}
	return head, rest
}

// read understands the head of a golden. The app's directory is called as the case is, unless it says otherwise.
func read(head, name string) aCase {
	c := aCase{app: name}
	for _, line := range strings.Split(head, "\n") {
		key, value, _ := strings.Cut(strings.TrimPrefix(line, "# "), ": ")
		switch key {
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

// world is a directory with the builder and the app of a case.
type world string

// build copies the builder, what the case's variant of it replaces, and the app.
func (c aCase) build(t *testing.T, builder, dir string) world {
	t.Helper()
	from := filepath.Join("testdata", builder)
	must(t, testhelpers.CopyTree(filepath.Join(from, "builder"), dir))
	if c.variant != "" {
		must(t, testhelpers.CopyTree(filepath.Join(from, "variants", c.variant), dir))
	}
	must(t, testhelpers.CopyTree(filepath.Join(from, "apps", c.app), filepath.Join(dir, "app")))
	must(t, os.Chmod(filepath.Join(dir, "layers"), 0o777))
	return world(dir)
}

// detect runs detector. What it prints is as in a build: the app is /workspace, the builder's files are below /cnb.
func (w world) detect(t *testing.T, detector string, flags ...string) (code int, printed string) {
	t.Helper()
	for _, name := range []string{"app", "build-config", "buildpacks", "extensions", "layers", "platform"} {
		flags = append(flags, "-"+name, filepath.Join(string(w), name))
	}
	for _, name := range []string{"order", "run"} {
		flags = append(flags, "-"+name, filepath.Join(string(w), name+".toml"))
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
	names := strings.NewReplacer(string(w)+"/app", "/workspace", string(w)+"/layers", "/layers", string(w), "/cnb")
	return cmd.ProcessState.ExitCode(), names.Replace(string(stdout))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
