package staged

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	must(t, err)
	return string(data)
}

// names lists a directory, hidden files included.
func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var list []string
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return strings.Join(list, " ")
}

// B12: a file is complete or untouched, and nothing is left beside it.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b", "file")
	must(t, Write(path, []byte("one")))
	info, err := os.Stat(path)
	must(t, err)
	umask := syscall.Umask(0o022)
	syscall.Umask(umask)
	if want := fs.FileMode(0o666 &^ umask); info.Mode() != want {
		t.Errorf("mode %s, want %s", info.Mode(), want)
	}

	// One who has the old file open goes on reading the old bytes: it was replaced rather than rewritten.
	old, err := os.Open(path)
	must(t, err)
	defer old.Close()
	must(t, os.Chmod(path, 0o400)) // that the old file may not be written does not matter
	must(t, Write(path, []byte("two")))
	buffer := make([]byte, 10)
	if n, _ := old.Read(buffer); string(buffer[:n]) != "one" {
		t.Errorf("the old file has %q now", buffer[:n])
	}
	if text(t, path) != "two" || names(t, filepath.Dir(path)) != "file" {
		t.Errorf("%q, %s", text(t, path), names(t, filepath.Dir(path)))
	}

	if info, err = os.Stat(path); err != nil || info.Mode() != 0o400 {
		t.Errorf("%v, %v: the mode is not that of the old file", info.Mode(), err)
	}

	long := filepath.Join(dir, strings.Repeat("x", 255))
	must(t, Write(long, []byte("a name can be that long")))
}

// A file that replaces another keeps its mode, whatever the umask, and its group and owner as far as the system allows. The
// permissions of a group that cannot be kept do not go to another one.
func TestKeepsModeGroupAndOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can make files of several users; acceptance/testdata/files_outputs.txtar shows the mode as somebody else")
	}
	dir, err := os.MkdirTemp("", "staged-") // open to all, as t.TempDir is not
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o777))
	path, writer := filepath.Join(dir, "file"), filepath.Join(dir, "writer")
	self, err := os.ReadFile(os.Args[0])
	must(t, err)
	must(t, os.WriteFile(writer, self, 0o755))
	defer syscall.Umask(syscall.Umask(0o077))
	for _, test := range []struct {
		why, who            string
		mode, want          fs.FileMode
		user, group         int
		wantUser, wantGroup int
	}{
		{"root can keep all", "", 0o664, 0o664, 1, 5678, 1, 5678},
		{"a program must not become another user's", "", 0o755 | fs.ModeSetuid, 0o755, 1, 5678, 1, 5678},
		{"the owner's group is one of ours", "5678", 0o664, 0o664, 0, 5678, 1234, 5678},
		{"the group is not ours: what it may, ours must not", "9", 0o664, 0o644, 0, 5678, 1234, 1234},
		{"the group is not ours, and all may write", "9", 0o606, 0o666, 0, 5678, 1234, 1234},
	} {
		must(t, os.WriteFile(path, []byte("old"), 0o600))
		must(t, os.Chown(path, test.user, test.group))
		must(t, os.Chmod(path, test.mode))
		if test.who == "" {
			must(t, Write(path, []byte("new")))
		} else {
			writeAs(t, writer, test.who, path)
		}
		info, err := os.Stat(path)
		must(t, err)
		stat := info.Sys().(*syscall.Stat_t)
		if info.Mode() != test.want || int(stat.Uid) != test.wantUser || int(stat.Gid) != test.wantGroup || text(t, path) != "new" {
			t.Errorf("%s: %v %d:%d %q", test.why, info.Mode(), stat.Uid, stat.Gid, text(t, path))
		}
		must(t, os.Remove(path))
	}
}

// A target that is a link stays one; what it leads to is written.
func TestWriteThroughLinks(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, "elsewhere"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "elsewhere", "there"), []byte("old"), 0o600))
	must(t, os.Symlink("elsewhere/there", filepath.Join(dir, "link")))
	must(t, os.Symlink("link", filepath.Join(dir, "link to it")))
	must(t, os.Symlink("elsewhere/new", filepath.Join(dir, "dangling")))
	must(t, Write(filepath.Join(dir, "link to it"), []byte("new")))
	must(t, Write(filepath.Join(dir, "dangling"), []byte("newer")))
	if got := text(t, filepath.Join(dir, "elsewhere/there")) + " " + text(t, filepath.Join(dir, "elsewhere/new")); got != "new newer" {
		t.Errorf("the files have %q", got)
	}
	if info, err := os.Lstat(filepath.Join(dir, "link")); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link: %v %v", info, err)
	}
	if got := names(t, filepath.Join(dir, "elsewhere")); got != "new there" {
		t.Errorf("left: %s", got)
	}
	must(t, os.Symlink("loop", filepath.Join(dir, "loop")))
	if err := Write(filepath.Join(dir, "loop"), nil); err == nil || !strings.Contains(err.Error(), "too many levels of symbolic links") {
		t.Errorf("a loop: %v", err)
	}
}

// What is not a regular file is written in place, without waiting.
func TestWriteToOtherThings(t *testing.T) {
	dir := t.TempDir()
	must(t, Write("/dev/null", []byte("x")))
	if info, err := os.Stat("/dev/null"); err != nil || info.Mode()&fs.ModeDevice == 0 {
		t.Fatalf("/dev/null is %v now, %v", info.Mode(), err)
	}

	pipe := filepath.Join(dir, "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	if err := Write(pipe, []byte("x")); err == nil || !strings.Contains(err.Error(), "the pipe has no reader") {
		t.Errorf("a pipe without a reader: %v", err)
	}
	reader, err := os.OpenFile(pipe, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	must(t, err)
	defer reader.Close()
	big := strings.Repeat("0123456789", 100_000) // more than a pipe holds
	received := make(chan string)
	go func() {
		buffer, all := make([]byte, 64<<10), ""
		for len(all) < len(big) {
			n, err := reader.Read(buffer)
			all += string(buffer[:n])
			if err != nil && n == 0 {
				time.Sleep(time.Millisecond) // nobody has it open for writing yet
			}
		}
		received <- all
	}()
	must(t, Write(pipe, []byte(big)))
	if <-received != big {
		t.Error("what came through the pipe is something else")
	}

	open, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer open.Close()
	must(t, Write(fmt.Sprintf("/proc/self/fd/%d", open.Fd()), []byte("appended")))
	if text(t, open.Name()) != "appended" {
		t.Error("what is open was not written to")
	}
	if err := Write(dir, nil); err == nil || !strings.Contains(err.Error(), "it is a directory") {
		t.Errorf("a directory: %v", err)
	}
}

// Several files are written or none is: after an error the old ones are whole, and nothing is left beside them.
func TestStageIsAllOrNothing(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("first"), []byte("old"), 0o644))
	must(t, os.Mkdir(at("blocked"), 0o755))
	_, err := Stage(File{at("first"), []byte("new")}, File{at("blocked"), []byte("new")})
	if err == nil || !strings.HasPrefix(err.Error(), "failed to write "+at("blocked")+": it is a directory") {
		t.Errorf("stage: %v", err)
	}
	if got := text(t, at("first")); got != "old" || names(t, dir) != "blocked first" {
		t.Errorf("stage: %q, %s", got, names(t, dir))
	}

	// What comes up only when the files take their places takes back those that have.
	s, err := Stage(File{at("first"), []byte("new")}, File{at("fresh"), []byte("new")}, File{at("late"), []byte("new")})
	must(t, err)
	must(t, os.MkdirAll(at("late/full"), 0o755))
	must(t, os.Remove(s.all[2].beside)) // so that swapping fails as well
	if err := s.Commit(); err == nil || !strings.Contains(err.Error(), "failed to write "+at("late")) {
		t.Errorf("commit: %v", err)
	}
	if got := text(t, at("first")); got != "old" || names(t, dir) != "blocked first late" {
		t.Errorf("commit: %q, %s", got, names(t, dir))
	}

	_, err = Stage(File{at("same"), nil}, File{dir + "/./same", nil})
	if err == nil || !strings.Contains(err.Error(), "it is the same file as "+at("same")) {
		t.Errorf("the same file twice: %v", err)
	}
	if names(t, dir) != "blocked first late" {
		t.Errorf("left: %s", names(t, dir))
	}
	s, err = Stage(File{"/dev/null", nil}, File{"/dev/null", nil}) // thrown away twice is fine
	must(t, err)
	must(t, s.Commit())
}

// A full file system: no output is changed, and the message says so in words that help. Needs root, to have one.
func TestFullDisk(t *testing.T) {
	dir := mounted(t, "size=64k")
	must(t, os.WriteFile(filepath.Join(dir, "a"), []byte("old a"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "b"), []byte("old b"), 0o644))
	_, err := Stage(File{filepath.Join(dir, "a"), []byte("new")}, File{filepath.Join(dir, "b"), make([]byte, 128<<10)})
	want := fmt.Sprintf("failed to write %s: no space left on device (make room there, or choose another path for it)", filepath.Join(dir, "b"))
	if err == nil || err.Error() != want {
		t.Errorf("%v\nwant %s", err, want)
	}
	if text(t, filepath.Join(dir, "a")) != "old a" || text(t, filepath.Join(dir, "b")) != "old b" || names(t, dir) != "a b" {
		t.Errorf("%s", names(t, dir))
	}
}

// A file that is a mount of its own cannot be replaced; it is written in place, and what was there comes back if that
// fails. Needs root.
func TestMountedFile(t *testing.T) {
	small := mounted(t, "size=64k")
	dir := t.TempDir()
	source, target := filepath.Join(small, "source"), filepath.Join(dir, "target")
	must(t, os.WriteFile(source, []byte("old and longer"), 0o644))
	must(t, os.WriteFile(target, nil, 0o644))
	must(t, syscall.Mount(source, target, "", syscall.MS_BIND, ""))
	t.Cleanup(func() { syscall.Unmount(target, syscall.MNT_DETACH) })
	must(t, Write(target, []byte("new")))
	if text(t, source) != "new" || names(t, dir) != "target" {
		t.Errorf("%q, %s", text(t, source), names(t, dir))
	}
	if err := Write(target, make([]byte, 128<<10)); err == nil || text(t, source) != "new" {
		t.Errorf("%v, %d bytes", err, len(text(t, source)))
	}
	// As on a system that does not tell mounts.
	f := &file{File: File{target, []byte("newer")}, target: target, beside: filepath.Join(dir, "beside")}
	must(t, os.WriteFile(f.beside, f.Data, 0o644))
	must(t, f.commit())
	if text(t, source) != "newer" {
		t.Errorf("%q", text(t, source))
	}
	if err := takeBack([]*file{f}); err != nil || text(t, source) != "new" {
		t.Errorf("taken back: %q, %v", text(t, source), err)
	}
}

// mounted is a small file system of its own, or a reason to skip.
func mounted(t *testing.T, options string) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
		t.Skipf("cannot mount a small file system: %v", err)
	}
	t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir
}

// writeAs writes a file as user and group 1234 with another group, in a process of its own.
func writeAs(t *testing.T, writer, group, path string) {
	t.Helper()
	c := exec.Command(writer)
	c.Env = append(os.Environ(), writing+"="+path)
	number, err := strconv.Atoi(group)
	must(t, err)
	c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 1234, Gid: 1234, Groups: []uint32{uint32(number)}}}
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// A file whose place no user has chosen replaces what stands there, a link too, and nothing is left.
func TestReplace(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	must(t, os.WriteFile(at("precious"), []byte("precious"), 0o600))
	must(t, os.Symlink("precious", at("link")))
	must(t, syscall.Mkfifo(at("pipe"), 0o600))
	for _, name := range []string{"fresh", "fresh", "link", "pipe"} {
		must(t, Replace(at(name), []byte("new")))
		if info, err := os.Lstat(at(name)); err != nil || !info.Mode().IsRegular() || text(t, at(name)) != "new" {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	must(t, os.Mkdir(at("directory"), 0o755))
	if err := Replace(at("directory"), nil); err == nil || !strings.HasPrefix(err.Error(), "failed to write "+at("directory")+": ") {
		t.Errorf("a directory: %v", err)
	}
	if text(t, at("precious")) != "precious" || names(t, dir) != "directory fresh link pipe precious" {
		t.Errorf("left: %s", names(t, dir))
	}
}
