// Package acceptance runs the built executables, end to end, as a user without privileges. Each script in testdata is a
// scenario; CONTRIBUTING.md says how to read and write them.
package acceptance

import (
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// nobody is the user as whom the executables run if the tests run as root; they refuse root.
const nobody = 65534

// built is the variable that tells the scripts' commands where the executables are.
const built = "PRELUDE_BUILT"

func TestMain(m *testing.M) {
	if os.Getenv(built) == "" && !isCommand() {
		testhelpers.TakeHangup()
		os.Exit(withExecutables(m))
	}
	testscript.Main(m, commands())
}

// isCommand says whether this process is one of the commands that scripts run, rather than the test.
func isCommand() bool {
	_, ok := commands()[filepath.Base(os.Args[0])]
	return ok
}

func commands() map[string]func() {
	return map[string]func(){
		"limited":  func() { becomeLimited(os.Args[1], os.Args[2:]) },
		"onroot":   func() { becomeOnRoot(os.Args[1], os.Args[2:]) },
		"terminal": func() { onTerminal(os.Args[1:]) },
		"refusing": func() { becomeRefused(os.Args[1], os.Args[2:]) },
	}
}

// withExecutables builds the executables, and the compiled example, and runs the tests with them.
func withExecutables(m *testing.M) int {
	dir, err := os.MkdirTemp("", "prelude-acceptance-")
	check(err)
	defer os.RemoveAll(dir)
	check(os.Chmod(dir, 0o755))
	flags := []string{"build", "-trimpath", "-buildvcs=false"}
	if os.Getenv("PRELUDE_RACE") != "" {
		flags = append(flags, "-race")
	}
	build := exec.Command("go", append(flags, "-o", dir+"/", "./cmd/detector", "./cmd/generator", "./examples/src/entrypoint")...)
	build.Dir = ".."
	build.Stderr = os.Stderr
	check(build.Run())
	check(testhelpers.Executables("..", filepath.Join(dir, "commands"), "./acceptance/unprivileged"))
	for _, name := range []string{"detector", "generator"} {
		check(os.Symlink("unprivileged", filepath.Join(dir, "commands", name)))
	}
	check(os.Setenv(built, dir))
	syscall.Umask(0) // what a script makes as root is for the executables to write in
	testscript.Main(codeOf{m}, commands())
	return 0
}

// codeOf runs the tests; testscript.Main exits with their code.
type codeOf struct{ m *testing.M }

func (c codeOf) Run() int {
	defer os.RemoveAll(os.Getenv(built))
	return c.m.Run()
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// becomeCommand turns this process into a command, as a user without privileges.
func becomeCommand(argv []string) {
	if os.Geteuid() == 0 && os.Getenv("PRELUDE_AS_ROOT") == "" {
		check(syscall.Setgroups(nil))
		check(syscall.Setgid(nobody))
		check(syscall.Setuid(nobody))
	}
	path, err := exec.LookPath(argv[0])
	check(err)
	check(syscall.Exec(path, argv, os.Environ()))
}

// becomeLimited turns this process into one of the executables, with no descriptors but the first three and with a limit to
// how many it may have.
func becomeLimited(limit string, argv []string) {
	n, err := strconv.ParseUint(limit, 10, 32)
	check(err)
	check(unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC))
	check(syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}))
	becomeCommand(append([]string{filepath.Join(os.Getenv(built), argv[0])}, argv[1:]...))
}

// becomeRefused turns this process into a command to which system calls are refused: "refusing renameat2=EINVAL detector".
func becomeRefused(calls string, argv []string) {
	check(testhelpers.Refuse(calls))
	path, err := exec.LookPath(argv[0])
	check(err)
	check(syscall.Exec(path, argv, os.Environ()))
}

func TestScripts(t *testing.T) {
	t.Parallel()
	runScripts(t, scenarios(t, "*"), "")
}

// scenarios are the scripts whose names match one of the patterns.
func scenarios(t *testing.T, patterns ...string) []string {
	t.Helper()
	var files []string
	for _, pattern := range patterns {
		found, err := filepath.Glob("testdata/" + pattern + ".txtar")
		if err != nil || len(found) == 0 {
			t.Fatalf("no scenario is called %s: %v", pattern, err)
		}
		files = append(files, found...)
	}
	return files
}

// runScripts runs scenarios; with a report of each run of an executable if there is a directory for them.
func runScripts(t *testing.T, files []string, reports string) {
	t.Helper()
	root, err := os.MkdirTemp("", "prelude-scripts-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	if err := os.Chmod(root, 0o777); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:       files,
		WorkdirRoot: root,
		Setup:       func(env *testscript.Env) error { return setup(env, reports) },
		Condition:   condition,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"buildpack": simpleBuildpack,
			"composite": compositeBuildpack,
			"ends":      ends,
			"exits":     exits,
			"extension": simpleExtension,
			"order":     orderFile,
			"examples":  examples,
			"generates": generates,
			"masked":    masked,
			"sametree":  sameTree,
			"tree":      tree,
		},
		UpdateScripts: os.Getenv("UPDATE") != "",
	})
}

// setup makes the files of a script the unprivileged user's own, and those in a bin directory executable.
func setup(env *testscript.Env, reports string) error {
	env.Setenv(built, os.Getenv(built))
	env.Setenv("PATH", filepath.Join(os.Getenv(built), "commands")+":"+env.Getenv("PATH"))
	scenario := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	if _, excused := reportless[scenario]; reports != "" && !excused {
		env.Setenv(reportsTo, reports)
	}
	env.Setenv("CNB_PLATFORM_API", "0.15")
	return filepath.WalkDir(env.WorkDir, func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if filepath.Base(filepath.Dir(path)) == "bin" && !entry.IsDir() {
			if err := os.Chmod(path, 0o755); err != nil {
				return err
			}
		}
		if os.Geteuid() == 0 {
			return os.Lchown(path, nobody, nobody)
		}
		return nil
	})
}

// condition: [root] is whether the tests themselves run as root, [onroot] whether the command onroot works, [terminal]
// whether the command terminal does, [refusing] whether the command refusing does.
func condition(name string) (bool, error) {
	switch name {
	case "root":
		return os.Geteuid() == 0, nil
	case "onroot":
		return canMount(), nil
	case "terminal":
		_, err := os.Stat("/dev/ptmx")
		return err == nil, nil
	case "refusing":
		return exec.Command("refusing", "renameat2=EINVAL", "true").Run() == nil, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// exits runs a command and demands an exit code: "exits 21 detector -app app".
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits <code> <command> [<argument>...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := err.(*exec.ExitError)
		if !ok {
			ts.Fatalf("%s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exited with %d, want %d", args[1], got, want)
	}
}

// ends demands that stdout of the last command ends with the text of a file: "ends last".
func ends(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ends <file>")
	}
	text, end := ts.ReadFile("stdout"), ts.ReadFile(args[0])
	if end == "" || !strings.HasSuffix("\n"+text, "\n"+end) {
		ts.Fatalf("stdout does not end with\n%s", end)
	}
}

// examples copies the examples of the repository, with the compiled one, to the script's directory.
func examples(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: examples")
	}
	to := ts.MkAbs("examples")
	ts.Check(testhelpers.CopyTree("../examples", to))
	for _, name := range []string{"detect", "generate"} {
		bin := filepath.Join(to, "extensions/samples_entrypoint/1.1.0/bin", name)
		ts.Check(os.MkdirAll(filepath.Dir(bin), 0o755))
		os.Remove(bin)
		ts.Check(os.Symlink(filepath.Join(os.Getenv(built), "entrypoint"), bin))
	}
}

// sameTree demands that directories hold the same: names, types, modes, contents.
func sameTree(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: sametree <dir> <dir>...")
	}
	first, err := testhelpers.Tree(ts.MkAbs(args[0]))
	ts.Check(err)
	for _, other := range args[1:] {
		second, err := testhelpers.Tree(ts.MkAbs(other))
		ts.Check(err)
		if same := first == second; same == neg {
			ts.Fatalf("same: %t\n%s:\n%s\n%s:\n%s", same, args[0], first, other, second)
		}
	}
}

// tree prints the paths below a directory, for cmp: directories end in "/", links show their target.
func tree(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: tree <dir>")
	}
	listing, err := testhelpers.Names(ts.MkAbs(args[0]))
	ts.Check(err)
	_, err = ts.Stdout().Write([]byte(strings.Join(listing, "\n") + "\n"))
	ts.Check(err)
}
