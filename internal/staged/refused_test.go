package staged

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// refused is the variable that says which system calls are refused to the tests of this process.
const refused = "PRELUDE_TEST_REFUSE"

// writing is the variable that makes a process write "new" to a file, and nothing else.
const writing = "PRELUDE_TEST_WRITE"

// notPermitted is what a process says that may not have system calls refused.
const notPermitted = "not permitted:"

func TestMain(m *testing.M) {
	if calls := os.Getenv(refused); calls != "" {
		var errno syscall.Errno
		if err := testhelpers.Refuse(calls); errors.As(err, &errno) {
			fmt.Println(notPermitted, err)
			os.Exit(1)
		} else if err != nil {
			panic(err)
		}
	}
	if path := os.Getenv(writing); path != "" {
		if err := Write(path, []byte("new")); err != nil {
			panic(err)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// Some file systems cannot swap files, some kernels and containers do not have the call, some have no hard links either.
// All that is said about writing holds there too.
func TestWriteWithoutSwapping(t *testing.T) {
	if os.Getenv(refused) != "" {
		t.Skip("this is one of the processes that it starts")
	}
	for _, calls := range []string{
		"renameat2=EINVAL", "renameat2=ENOSYS", "renameat2=EPERM",
		"renameat2=EINVAL,linkat=EPERM", "renameat2=EINVAL,linkat=ENOTSUP", "renameat2=ENOSYS,linkat=EMLINK",
	} {
		t.Run(calls, func(t *testing.T) {
			c := exec.Command(os.Args[0], "-test.run=^Test(Write|Stage|TakeBack|FullDisk|MountedFile)", "-test.v")
			c.Env = append(os.Environ(), refused+"="+calls)
			out, err := c.CombinedOutput()
			if strings.HasPrefix(string(out), notPermitted) && os.Getenv("CI") == "" {
				t.Skip(string(out))
			}
			if err != nil || !strings.Contains(string(out), "--- PASS: TestTakeBack") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// When the last of several outputs cannot be brought to its place, each before it has its old bytes and its old mode, and
// nothing is left beside.
func TestTakeBack(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	old := map[string]fs.FileMode{"plain": 0o644, "read-only": 0o400, "odd": 0o751 | fs.ModeSticky}
	var outputs []File
	for name, mode := range old {
		must(t, os.WriteFile(at(name), []byte("old "+name), 0o600))
		must(t, os.Chmod(at(name), mode))
		outputs = append(outputs, File{at(name), []byte("new")})
	}
	outputs = append(outputs, File{at("fresh"), []byte("new")}, File{at("late"), []byte("new")})
	before, err := testhelpers.Tree(dir)
	must(t, err)

	s, err := Stage(outputs...)
	must(t, err)
	must(t, os.MkdirAll(at("late/full"), 0o755))
	must(t, os.Remove(s.all[len(outputs)-1].beside)) // so that swapping fails as well
	if err := s.Commit(); err == nil || !strings.HasPrefix(err.Error(), "failed to write "+at("late")) || strings.Contains(err.Error(), "\n") {
		t.Errorf("commit: %v", err)
	}
	must(t, os.RemoveAll(at("late")))
	if after, err := testhelpers.Tree(dir); err != nil || after != before {
		t.Errorf("%v\nbefore:\n%s\nafter:\n%s", err, before, after)
	}

	s, err = Stage(outputs...)
	must(t, err)
	must(t, s.Commit())
	if got := names(t, dir); got != "fresh late odd plain read-only" {
		t.Errorf("left: %s", got)
	}
	for _, o := range outputs {
		if got := text(t, o.Path); got != "new" {
			t.Errorf("%s: %q", o.Path, got)
		}
	}
}

// What cannot be put back is not thrown away either.
func TestTakeBackFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	must(t, os.WriteFile(path, []byte("old"), 0o600))
	s, err := Stage(File{path, []byte("new")})
	must(t, err)
	one := s.all[0]
	must(t, one.commit())
	one.undo = func() error { return errors.New("no") }
	err = takeBack(s.all)
	s.Discard()
	_, kept, found := strings.Cut(fmt.Sprint(err), "could not restore "+path+": no; its old contents are in ")
	if !found || text(t, kept) != "old" || len(strings.Fields(names(t, dir))) != 2 {
		t.Errorf("%v, %s", err, names(t, dir))
	}
}
