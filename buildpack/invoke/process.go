package invoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Timeouts and pauses.
const (
	// grace is how long a process group has to end after SIGTERM before it gets SIGKILL.
	grace = 2 * time.Second
	// shortPause is the time between two looks whether processes have ended, and longPause what that grows to.
	shortPause, longPause = 100 * time.Microsecond, 20 * time.Millisecond
	// killTimeout is for what ought to be immediate: that a killed process is gone, that a pipe without writers is at its
	// end, that the phase's own output is read although it has been asked to end.
	killTimeout = time.Second
)

// command is one executable to run.
type command struct {
	path string
	args []string
	dir  string
	env  []string
	// output takes what it prints, stdout and stderr as they come, and without delay if it is shown live.
	output io.Writer
	live   bool
	// debug is the World's.
	debug func(message string)
}

// exitError says how an executable ended, if not with exit code 0.
type exitError struct {
	code int // buildpack.NoExitCode if it did not exit by itself
	text string
	hint string
}

func (e *exitError) Error() string { return e.text }

// Hint is a likely cause; empty if none is known.
func (e *exitError) Hint() string { return e.hint }

// run runs the executable in a process group of its own and ends all that it started: when the executable is done, and when
// the context is (B28, B29). Processes have the time of grace to end by themselves. It returns nil, an *exitError, the
// context's cause, or what kept the executable from starting.
func (c command) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	output, theirs, err := newOutputPump(c.output)
	if err != nil {
		return withLimit(err)
	}
	defer output.close()
	pid, pipe, err := c.start(ctx, theirs)
	unix.Close(theirs)
	if err != nil {
		return c.notStarted(err)
	}
	defer pipe.close()
	output.begin(c.live)

	cause := await(ctx, pid, pipe)
	status, err := children.reap(ctx, pid)
	output.finish(ctx)
	if cause != nil {
		return cause
	}
	if err != nil {
		return fmt.Errorf("how it ended is not known: %w", err)
	}
	return c.exitOf(status)
}

// start starts the executable. One that is still being written, or has just been, is tried again for a while, and one for which no
// process is left now as well; as long as others run, they may leave one.
func (c command) start(ctx context.Context, output int) (int, *lifetimePipe, error) {
	for try := 0; ; {
		pid, pipe, err := children.start(ctx, c, output)
		again := errors.Is(err, syscall.ETXTBSY) || errors.Is(err, syscall.EAGAIN)
		if !again || try == 20 || ctx.Err() != nil {
			return pid, pipe, err
		}
		if !errors.Is(err, syscall.EAGAIN) || !children.anyRunning() {
			try++
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// await waits until the executable has ended, and ends all processes that are left of those that it has started. The executable
// is not reaped: as long as it is not, its number is that of its group and of nothing else. If the context is done first, it
// is ended as well, and await returns the context's cause.
func await(ctx context.Context, pid int, l *lifetimePipe) error {
	all := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(all)
		end(pid, l, forceKill(ctx))
	})
	untilEnded(pid)
	if stop() {
		end(pid, l, forceKill(ctx))
		return nil
	}
	<-all
	return context.Cause(ctx)
}

// end ends an executable, the leader of a group that is not reaped yet, and all that it has started. They have the time of
// grace to end by themselves – all of them, also when their leader is dead already –, and it returns as soon as they have.
func end(group int, l *lifetimePipe, force <-chan struct{}) {
	if anyLeft(group, l) { // nearly always none is
		terminate(group, l, force)
	}
	syscall.Kill(-group, syscall.SIGKILL)
	l.killHolders()
}

// terminate asks for the end, and returns when all have ended, when their time is over, or when force is closed.
func terminate(group int, l *lifetimePipe, force <-chan struct{}) {
	syscall.Kill(-group, syscall.SIGTERM)
	syscall.Kill(-group, syscall.SIGCONT) // one that is stopped cannot end
	told := map[int]bool{}
	over := time.After(grace)
	for pause := shortPause; anyLeft(group, l); pause = min(2*pause, longPause) {
		if pause > time.Millisecond && pause < longPause { // those of the group, which are the most, have had the time to go
			l.terminateOutside(group, told)
		}
		select {
		case <-time.After(pause):
		case <-over:
			return
		case <-force:
			return
		}
	}
}

// anyLeft says whether a process of a group is alive, or another one that holds the lifetime pipe. Of the group it sees those
// whose parents are alive in the group or have ended, which makes them children of this process. Without /proc nobody can name
// those that hold a pipe, so nobody waits for them.
func anyLeft(group int, l *lifetimePipe) bool {
	// Asked for children that stop, the kernel has none to tell of where all in the group have ended.
	_, err := look(unix.P_PGID, group, unix.WSTOPPED|unix.WNOHANG)
	return err == nil || !children.noProc && l.held()
}

// untilEnded waits until a child has ended and does not reap it. Where the kernel has descriptors of processes that can be
// waited for like a pipe, no thread is kept for that.
func untilEnded(pid int) {
	if fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK); err == nil {
		process := os.NewFile(uintptr(fd), "process")
		defer process.Close()
		if conn, err := process.SyscallConn(); err == nil && conn.Read(func(uintptr) bool { return hasEnded(fd) }) == nil {
			return
		}
	}
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}

// hasEnded says whether the process of a descriptor has ended.
func hasEnded(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, _ := unix.Poll(fds, 0)
	return n > 0
}

// forceKillKey is the key of a context's value: a channel that is closed when there is no more time.
type forceKillKey struct{}

// WithForceKill is a context that, once it is done, gives executables their time to end only until force is closed.
func WithForceKill(ctx context.Context, force <-chan struct{}) context.Context {
	return context.WithValue(ctx, forceKillKey{}, force)
}

// forceKill is the channel of such a context; nil, which nothing is ever received from, if the context is none.
func forceKill(ctx context.Context) <-chan struct{} {
	force, _ := ctx.Value(forceKillKey{}).(<-chan struct{})
	return force
}

func (c command) exitOf(status unix.WaitStatus) error {
	code := status.ExitStatus()
	switch {
	case status.Signaled():
		return &exitError{buildpack.NoExitCode, fmt.Sprintf("ended by signal %d (%s)", int(status.Signal()), status.Signal()), c.advice(status)}
	case code == 0:
		return nil
	case code == 100: // an answer of bin/detect, which needs no advice
		return &exitError{code, "exit code 100", ""}
	}
	return &exitError{code, fmt.Sprintf("exit code %d", code), c.advice(status)}
}
