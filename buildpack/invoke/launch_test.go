package invoke

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/cnb-prelude/prelude/buildpack"
)

// launched runs a test on a thread that starts executables: those that are held have to be let go by the thread that started
// them. The test must not end its goroutine, as t.Fatal and t.Skip do: the thread would be missing.
func launched(t *testing.T, script string, test func(l *launcher, c command, pipe *lifetimePipe)) {
	t.Helper()
	w, m := scripted(t, script)
	w.RunDetect(t.Context(), m, 0) // the child tracker begins
	if !startModes[children.launcher.allowed.Load()].held {
		t.Skip("nothing can be traced here")
	}
	pipe := newLifetimePipe(lifetimeFD)
	defer pipe.close()
	c := command{path: filepath.Join(m.Dir, "bin/detect"), dir: m.Dir}
	done := make(chan struct{})
	children.dispatch(func() {
		defer close(done)
		children.starting.RLock() // nobody else reaps
		defer children.starting.RUnlock()
		test(children.launcher, c, pipe)
	})
	<-done
}

// B29: a module does nothing before its lifetime pipe is armed, so that nothing of it is left if we are killed in that moment.
func TestHeldUntilArmed(t *testing.T) {
	launched(t, "test -e really || exit 0; echo >ran; sleep 60", func(l *launcher, c command, pipe *lifetimePipe) {
		if err := os.WriteFile(filepath.Join(c.dir, "really"), nil, 0o600); err != nil {
			t.Error(err)
			return
		}
		pid, err := c.fork(l.null, l.null, pipe, l.attributes(startModes[0]))
		if err != nil {
			t.Error(err)
			return
		}
		defer reapOne(pid)
		defer syscall.Kill(pid, syscall.SIGKILL)
		syscall.Kill(pid, syscall.SIGCONT) // a signal of its own, which is not what it waits for
		time.Sleep(100 * time.Millisecond)
		ran := func() bool {
			_, err := os.Stat(filepath.Join(c.dir, "ran"))
			return err == nil
		}
		if ran() {
			t.Error("it has run before it was let go")
		}
		release(pid)
		for i := 0; i < 1000 && !ran(); i++ {
			time.Sleep(10 * time.Millisecond)
		}
		if !ran() {
			t.Error("it has not run")
		}
	})
}

// One that is killed while it is held is reaped like any other.
func TestKilledWhileHeld(t *testing.T) {
	launched(t, "", func(l *launcher, c command, pipe *lifetimePipe) {
		pid, err := c.fork(l.null, l.null, pipe, l.attributes(startModes[0]))
		if err != nil {
			t.Error(err)
			return
		}
		syscall.Kill(pid, syscall.SIGKILL)
		release(pid)
		if status, err := reapOne(pid); err != nil || !status.Signaled() {
			t.Errorf("status %x, %v", status, err)
		}
	})
}

// One that somebody else has reaped has not passed: nobody knows how it ended.
func TestEndUnknown(t *testing.T) {
	w, m := scripted(t, "note self $$; while test ! -e go; do sleep 0.01; done")
	done := make(chan buildpack.Detection)
	go func() { done <- w.RunDetect(t.Context(), m, 0) }()
	pid := noted(t, m.Dir, "self")
	children.mu.Lock() // nobody of ours reaps it now
	check(t, os.WriteFile(filepath.Join(m.Dir, "go"), nil, 0o600))
	_, err := reapOne(pid)
	children.mu.Unlock()
	check(t, err)
	if d := <-done; d.Outcome != buildpack.Errored || d.Cause == nil || !strings.Contains(d.Cause.Error(), "how it ended is not known") {
		t.Errorf("%s %v", d.Outcome, d.Cause)
	}
}

// untraced names the variable that makes the test's executable forbid itself, as a container may, to trace; its value is
// the number of the error.
const untraced = "PRELUDE_TEST_UNTRACED"

func forbidTracing(number string) error {
	code, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the system call's number
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_PTRACE, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(code)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // the first applies to this thread alone, the second to all
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return errno
	}
	return nil
}

// Where nothing can be held – under a tracer of our own, by the rules of a container, in an emulator – modules run as ever.
func TestNotHeld(t *testing.T) {
	for _, code := range []syscall.Errno{syscall.EPERM, syscall.EACCES, syscall.ENOSYS} {
		_, m := scripted(t, "echo ran")
		phase := asPhaseOf(t, m.Dir, os.Args[0])
		phase.Env = append(phase.Env, fmt.Sprintf("%s=%d", untraced, int(code)))
		if out, err := phase.CombinedOutput(); err != nil || string(out) != "pass <nil> ran\n\n" {
			t.Errorf("%s: %v %s", code, err, out)
		}
	}
}

// A module that is a set-user-ID program becomes that user, which one that is traced does not.
func TestPrivileges(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make another user's program")
	}
	const phase, module = 65534, 1
	dir, err := os.MkdirTemp("", "prelude-privileges-") // open to all, as t.TempDir is not
	check(t, err)
	defer os.RemoveAll(dir)
	check(t, os.Chmod(dir, 0o755))
	self, err := os.ReadFile(os.Args[0])
	check(t, err)
	bin, tmp := filepath.Join(dir, "bin"), filepath.Join(dir, "tmp")
	for _, path := range []string{bin, tmp} {
		check(t, os.Mkdir(path, 0o755))
	}
	check(t, os.Chown(tmp, phase, phase))
	executable := filepath.Join(bin, "detect")
	for _, path := range []string{executable, filepath.Join(dir, "phase")} {
		check(t, os.WriteFile(path, self, 0o755))
		check(t, os.Chmod(path, 0o755))
	}
	check(t, os.Chown(executable, module, module))
	check(t, os.Chmod(executable, 0o755|os.ModeSetuid))
	asUser := &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: phase, Gid: phase}}
	direct := exec.Command(executable)
	direct.SysProcAttr = asUser
	if out, err := direct.CombinedOutput(); err != nil || string(out) != "effective user 1\n" {
		t.Skipf("set-user-ID programs have no effect here: %v %s", err, out)
	}
	cmd := asPhaseOf(t, dir, filepath.Join(dir, "phase"))
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	cmd.SysProcAttr = asUser
	out, err := cmd.CombinedOutput()
	if want := "pass <nil> effective user 1\n\n"; err != nil || string(out) != want {
		t.Errorf("%v %s, want %s", err, out, want)
	}
}

// A module is kept from our terminal, by a session of its own. Where we have none, it is the leader of a process group.
func TestTerminal(t *testing.T) {
	run := func(attr *syscall.SysProcAttr, stdin *os.File) (pid, group, session, terminal int) {
		t.Helper()
		_, m := scripted(t, "read -r stat </proc/$$/stat; echo ${stat##*) }; echo $$; (exec 3</dev/tty) 2>/dev/null && echo opened; exit 0")
		phase := asPhaseOf(t, m.Dir, os.Args[0])
		phase.SysProcAttr, phase.Stdin = attr, stdin
		out, err := phase.CombinedOutput()
		check(t, err)
		var state string
		var parent int
		if _, err := fmt.Sscanf(string(out), "pass <nil> %s %d %d %d %d", &state, &parent, &group, &session, &terminal); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		lines := strings.Split(string(out), "\n")
		if pid, err = strconv.Atoi(lines[1]); err != nil || strings.Contains(string(out), "opened") {
			t.Fatalf("%v: %s", err, out)
		}
		return pid, group, session, terminal
	}
	pid, group, session, terminal := run(&syscall.SysProcAttr{Setsid: true}, nil)
	if group != pid || session == pid || terminal != 0 {
		t.Errorf("without a terminal: process %d, group %d, session %d, terminal %d", pid, group, session, terminal)
	}
	ours, theirs := newTerminal(t)
	defer ours.Close()
	defer theirs.Close()
	pid, group, session, terminal = run(&syscall.SysProcAttr{Setsid: true, Setctty: true}, theirs)
	if group != pid || session != pid || terminal != 0 {
		t.Errorf("with one: process %d, group %d, session %d, terminal %d", pid, group, session, terminal)
	}
}

func newTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	check(t, unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	check(t, err)
	theirs, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	return ours, theirs
}
