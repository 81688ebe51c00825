package invoke

import (
	"errors"
	"io/fs"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// launcher makes processes of executables, on the family's thread.
type launcher struct {
	// null is what they read.
	null uintptr
	// holds says that the kernel lets us hold them until they are on their leashes. Some do not: a container's rules, or a
	// tracer of our own.
	holds bool
}

// launch starts an executable. It is held, as by a debugger, at its very first instruction until it is on the leash: were
// we killed in between, there would be nothing that it has started.
func (l *launcher) launch(c command, output uintptr, leash *leash) (pid int, err error) {
	held := l.holds
	pid, err = l.fork(c, output, leash, held)
	switch {
	case held && errors.Is(err, fs.ErrPermission): // to hold it, or to run it?
		held = false
		pid, err = l.fork(c, output, leash, held)
		l.holds = err != nil
	case held && err == nil && losesPrivileges(pid):
		held = false
		unix.Kill(pid, unix.SIGKILL)
		reapOne(pid)
		pid, err = l.fork(c, output, leash, held)
	}
	if err != nil {
		return 0, &fs.PathError{Op: "fork/exec", Path: c.path, Err: err}
	}
	leash.tie(pid)
	if held {
		release(pid)
	}
	return pid, nil
}

func (l *launcher) fork(c command, output uintptr, leash *leash, held bool) (int, error) {
	fds := make([]uintptr, leashFD+1)
	for i := range fds {
		fds[i] = ^uintptr(0) // none
	}
	fds[0], fds[1], fds[2], fds[leashFD] = l.null, output, output, uintptr(leash.collar)
	return syscall.ForkExec(c.path, append([]string{c.path}, c.args...), &syscall.ProcAttr{
		Dir: c.dir, Env: c.env, Files: fds,
		// A session rather than just a group: nobody can ask the terminal for a password, or be stopped for trying.
		Sys: &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL, Ptrace: held},
	})
}

// losesPrivileges says whether a process that is held has not become the user, or got the capabilities, that its file
// gives: the kernel does not do that to one that is traced.
func losesPrivileges(pid int) bool {
	file := "/proc/" + strconv.Itoa(pid) + "/exe" // of a script it is the interpreter's
	var stat unix.Stat_t
	if unix.Stat(file, &stat) != nil {
		return true // nobody knows
	}
	_, err := unix.Getxattr(file, "security.capability", nil)
	return stat.Mode&(unix.S_ISUID|unix.S_ISGID) != 0 || err == nil
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
