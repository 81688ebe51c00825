// Package acceptance runs the built executables, end to end, as a user without privileges. Each script in testdata is a
// scenario; CONTRIBUTING.md says how to read and write them.
package acceptance

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
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

// built is the variable that tells the scripts' commands where the executables are. Below it, commands has those commands, and
// wrapped has both executables as package unprivileged starts them, for scripts that are root.
const built = "PRELUDE_BUILT"

func TestMain(m *testing.M) {
	if command, ok := commands[filepath.Base(os.Args[0])]; ok {
		command(os.Args[1:])
		os.Exit(0)
	}
	testhelpers.TakeHangup()
	dir, err := os.MkdirTemp("", "prelude-acceptance-")
	check(err)
	check(build(dir))
	check(os.Setenv(built, dir))
	syscall.Umask(0) // what a script makes as root is for the executables to write in
	code := m.Run()
	check(os.RemoveAll(dir))
	os.Exit(code)
}

// commands are what scripts run besides the executables: this test, by another name.
var commands = map[string]func(args []string){
	"limited":  func(args []string) { becomeLimited(args[0], args[1:]) },
	"onroot":   func(args []string) { becomeOnRoot(args[0], args[1:]) },
	"terminal": onTerminal,
	"refusing": func(args []string) { becomeRefused(args[0], args[1:]) },
}

// build puts the executables, the compiled example and the commands into a directory.
func build(dir string) error {
	wrapped, other := filepath.Join(dir, "wrapped"), filepath.Join(dir, "commands")
	test, err := os.Executable()
	if err != nil {
		return err
	}
	err = errors.Join(
		os.Chmod(dir, 0o755),
		testhelpers.Executables("..", dir, "./cmd/detector", "./cmd/generator", "./examples/src/entrypoint"),
		testhelpers.Executables("..", wrapped, "./acceptance/unprivileged"),
		os.Symlink("unprivileged", filepath.Join(wrapped, "detector")),
		os.Symlink("unprivileged", filepath.Join(wrapped, "generator")),
		os.Mkdir(other, 0o755),
		exec.Command("cp", test, filepath.Join(other, "acceptance")).Run(), // where it is, only this user may go
	)
	for name := range commands {
		err = errors.Join(err, os.Symlink("acceptance", filepath.Join(other, name)))
	}
	return err
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

// setup makes the files of a script the unprivileged user's own, and those in a bin directory executable. Unless the script needs
// root, or its runs are reported, it is that user from here on.
func setup(env *testscript.Env, reports string) error {
	dir, path := os.Getenv(built), env.Getenv("PATH")
	scenario := strings.TrimPrefix(filepath.Base(env.WorkDir), "script-")
	env.Setenv(built, dir)
	env.Setenv("CNB_PLATFORM_API", "0.15")
	if err := handOver(env.WorkDir); err != nil {
		return err
	}
	if reports == "" && os.Getenv("UPDATE") == "" && !needsRoot(scenario) {
		env.Setenv("PATH", dir+":"+filepath.Join(dir, "commands")+":"+path)
		return becomeNobody()
	}
	env.Setenv("PATH", filepath.Join(dir, "wrapped")+":"+filepath.Join(dir, "commands")+":"+path)
	if _, excused := reportless[scenario]; reports != "" && !excused {
		env.Setenv(reportsTo, reports)
	}
	return nil
}

func handOver(dir string) error {
	return filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
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

// needsRoot reports whether a script does what only root may, if the tests run as root.
func needsRoot(scenario string) bool {
	script, err := os.ReadFile("testdata/" + scenario + ".txtar")
	check(err)
	return bytes.Contains(script, []byte("root] skip"))
}

// becomeNobody makes the goroutine of a script, and so all that the script runs, the unprivileged user, if it is root. The
// system has such ids for each thread: this one is the goroutine's own until both end, and the others go on as root.
func becomeNobody() error {
	if os.Geteuid() != 0 {
		return nil
	}
	runtime.LockOSThread()
	for _, call := range [][4]uintptr{{unix.SYS_SETGROUPS, 0, 0}, {unix.SYS_SETRESGID, nobody, nobody, nobody}, {unix.SYS_SETRESUID, nobody, nobody, nobody}} {
		if _, _, errno := unix.RawSyscall(call[0], call[1], call[2], call[3]); errno != 0 {
			return errno
		}
	}
	return nil
}

// condition: [root] is whether the tests themselves run as root, [onroot] whether the command onroot works, [terminal]
// whether the command terminal does, [refusing] whether the command refusing does, [long] whether `make long` runs the tests.
// With CI=true all but the last must hold, so that no scenario is skipped.
func condition(name string) (bool, error) {
	holds := false
	switch name {
	case "long":
		return testhelpers.Long(), nil
	case "root":
		holds = os.Geteuid() == 0
	case "onroot":
		holds = canMount()
	case "terminal":
		_, err := os.Stat("/dev/ptmx")
		holds = err == nil
	case "refusing":
		holds = exec.Command(filepath.Join(os.Getenv(built), "commands", name), "renameat2=EINVAL", "true").Run() == nil
	default:
		return false, fmt.Errorf("unknown condition %q", name)
	}
	if !holds && os.Getenv("CI") == "true" {
		return false, fmt.Errorf("[%s] does not hold, and with CI=true nothing is skipped", name)
	}
	return holds, nil
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
