package invoke

import (
	"errors"
	"io/fs"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// launcher makes processes of executables, several at the same time, each on one of the child tracker's threads.
type launcher struct {
	// terminal says that this process has one. Executables then get a session of their own rather than just a process group,
	// which is more work for the kernel: they cannot ask at the terminal for a password, or be stopped for trying.
	terminal bool
	// allowed is the index of the first of startModes that the kernel allows.
	allowed atomic.Int32
	// lifetimeFD is the number that lifetime pipes get in executables.
	lifetimeFD int

	// mu is for what follows.
	mu sync.Mutex
	// null is the descriptor of /dev/null, their input; -1 until it is open.
	null int
	// plain are programs known to be without capabilities of their own.
	plain map[program]bool
}

// startMode is how an executable is started.
type startMode struct {
	// held until its lifetime pipe is armed. There are containers whose rules forbid it, emulators that cannot, and this process
	// may be traced itself.
	held bool
	// deathSignal says that it gets SIGKILL when this process ends. The rules of a container may forbid to ask for that, too.
	deathSignal bool
}

// startModes are all that there are, the best one first.
var startModes = [...]startMode{{held: true, deathSignal: true}, {deathSignal: true}, {held: true}, {}}

// program is a file in a state that it has not left if all this is the same.
type program struct {
	dev, ino uint64
	changed  unix.Timespec
}

func newLauncher() *launcher {
	l := &launcher{null: -1, lifetimeFD: min(lifetimeFD, limit()-above), plain: map[program]bool{}}
	if fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0); err == nil {
		l.terminal = true
		unix.Close(fd)
	}
	return l
}

// launch starts an executable and arms its lifetime pipe. The executable is held until then, as by a debugger, at its very
// first instruction: were this process killed in between, there would be nothing that it has started. If held is true, the
// caller releases it. The kernel does not hold a child that is being made when this process is ending already; see
// docs/reliability.md.
func (l *launcher) launch(c command, output int, pipe *lifetimePipe) (pid int, held bool, err error) {
	input, err := l.input()
	if err != nil {
		return 0, false, err
	}
	fork := func(mode startMode) (int, error) {
		pid, err := c.fork(input, output, pipe, l.attributes(mode))
		if noDescriptor(err) && !pipe.isDropped() {
			pipe.drop() // with what it took, or without the number that it wanted, there may be enough
			pid, err = c.fork(input, output, pipe, l.attributes(mode))
		}
		return pid, err
	}
	at := l.allowed.Load()
	pid, err = fork(startModes[at])
	for refused(err) && int(at) < len(startModes)-1 { // the mode, or the executable?
		at++
		if pid, err = fork(startModes[at]); err == nil {
			l.allow(at, c.debug)
		}
	}
	mode := startModes[at]
	if err == nil && mode.held && l.losesPrivileges(pid) {
		mode.held = false
		unix.Kill(pid, unix.SIGKILL)
		reapOne(pid)
		pid, err = fork(mode)
	}
	if err != nil {
		return 0, false, &fs.PathError{Op: "fork/exec", Path: c.path, Err: err}
	}
	pipe.arm(pid)
	return pid, mode.held, nil
}

// refused says that the kernel, or the rules of a container, do not allow something.
func refused(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)
}

// allow keeps in mind that the kernel refuses all modes before one, and says once what that means.
func (l *launcher) allow(at int32, debug func(string)) {
	const left = "; should it be killed by SIGKILL, what they have started may be left"
	before := l.allowed.Swap(at)
	if debug == nil || before == at {
		return
	}
	if !startModes[at].held {
		debug("modules are not held until they are tied to this process, for the system refuses that (ptrace)" + left)
	}
	if !startModes[at].deathSignal {
		debug("modules do not end with this process by themselves, for the system refuses that (prctl)" + left)
	}
}

// input is a descriptor of what executables read: nothing.
func (l *launcher) input() (fd int, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.null < 0 {
		if l.null, err = unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return 0, &fs.PathError{Op: "open", Path: os.DevNull, Err: err}
		}
	}
	return l.null, nil
}

// attributes are those of the processes to make.
func (l *launcher) attributes(mode startMode) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setsid: l.terminal, Setpgid: !l.terminal, Ptrace: mode.held}
	if mode.deathSignal {
		attributes.Pdeathsig = syscall.SIGKILL
	}
	return attributes
}

func (c command) fork(input, output int, pipe *lifetimePipe, attributes *syscall.SysProcAttr) (int, error) {
	fds := []uintptr{uintptr(input), uintptr(output), uintptr(output)}
	if !pipe.isDropped() {
		for len(fds) < pipe.number {
			fds = append(fds, ^uintptr(0)) // none
		}
		fds = append(fds, uintptr(pipe.readEnd))
	}
	args := append([]string{c.path}, c.args...)
	return syscall.ForkExec(c.path, args, &syscall.ProcAttr{Dir: c.dir, Env: c.env, Files: fds, Sys: attributes})
}

// losesPrivileges says whether a process that is held has not become the user, or got the capabilities, that its file
// gives: the kernel does not do that to one that is traced.
func (l *launcher) losesPrivileges(pid int) bool {
	file := "/proc/" + strconv.Itoa(pid) + "/exe" // of a script it is the interpreter's
	var stat unix.Stat_t
	if unix.Stat(file, &stat) != nil || stat.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 {
		return true // or that is not known
	}
	this := program{uint64(stat.Dev), stat.Ino, stat.Ctim}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.plain[this] {
		_, err := unix.Getxattr(file, "security.capability", nil)
		l.plain[this] = err != nil
	}
	return !l.plain[this]
}

// release lets a process go that is held. It has got SIGTRAP; any other signal is its own.
func release(pid int) {
	for {
		state, err := look(unix.P_PID, pid, unix.WEXITED|unix.WSTOPPED)
		switch {
		case err != nil || state.signal == 0: // it has been killed
			return
		case state.signal == unix.SIGTRAP:
			unix.PtraceDetach(pid)
			return
		}
		unix.PtraceCont(pid, int(state.signal))
	}
}
