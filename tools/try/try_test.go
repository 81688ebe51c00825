package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// built is a directory with try, the detector and the compiled example.
var built string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prelude-test-")
	if err == nil {
		defer os.RemoveAll(dir)
		built = dir
		err = errors.Join(os.Chmod(dir, 0o755), testhelpers.Executables("..", dir, "./try"),
			testhelpers.Executables("../..", filepath.Join(dir, "lifecycle"), "./cmd/detector"),
			testhelpers.Executables("../..", dir, "./examples/src/entrypoint"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// TestScripts: a user's calls, and what comes back. There are no parallel ones, so that it can be seen what is left of a call.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata",
		WorkdirRoot:   built, // user 1000 can go there
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", built+":"+os.Getenv("PATH"))
			tmp := filepath.Join(env.WorkDir, "tmp")
			env.Setenv("TMPDIR", tmp)
			programs, _ := filepath.Glob(filepath.Join(env.WorkDir, "*", "bin", "*"))
			for _, program := range programs {
				if err := os.Chmod(program, 0o755); err != nil {
					return err
				}
			}
			return errors.Join(os.Chmod(env.WorkDir, 0o755), os.MkdirAll(tmp, 0o755))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"try":          func(ts *testscript.TestScript, _ bool, args []string) { exits(ts, 0, "try", args...) },
			"exits":        exitsWith,
			"nothing-left": nothingLeft,
		},
	})
}

// exitsWith: exits <code> <command>…
func exitsWith(ts *testscript.TestScript, _ bool, args []string) {
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	exits(ts, code, args[1], args[2:]...)
}

func exits(ts *testscript.TestScript, code int, command string, args ...string) {
	err := ts.Exec(command, args...)
	is := 0
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		is = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if is != code {
		ts.Fatalf("exit code %d, want %d", is, code)
	}
}

// nothingLeft: nothing is left in the directory for temporary files.
func nothingLeft(ts *testscript.TestScript, _ bool, _ []string) {
	entries, err := os.ReadDir(ts.Getenv("TMPDIR"))
	ts.Check(err)
	if len(entries) > 0 {
		ts.Fatalf("%s is still there", entries[0].Name())
	}
}

// TestExamples: the extensions of the examples hold what their cases expect.
func TestExamples(t *testing.T) {
	examples := filepath.Join(t.TempDir(), "examples")
	check(t, testhelpers.CopyTree("../../examples/extensions", examples))
	check(t, testhelpers.CopyTree("../../examples/minimal/extensions/samples_tree", filepath.Join(examples, "samples_tree")))
	for _, name := range []string{"detect", "generate"} {
		bin := filepath.Join(examples, "samples_entrypoint/1.1.0/bin")
		check(t, os.MkdirAll(bin, 0o755))
		os.Remove(filepath.Join(bin, name))
		check(t, linkFile(filepath.Join(built, "entrypoint"), filepath.Join(bin, name)))
	}
	modules, err := filepath.Glob(filepath.Join(examples, "*", "*"))
	check(t, err)
	out, err := exec.Command(filepath.Join(built, "try"), append([]string{"-test"}, modules...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, module := range modules {
		if !strings.Contains(string(out), "ok    "+module+"/test/") {
			t.Errorf("%s has no case", module)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
