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

// How long we wait.
const (
	// grace is how long a process group has to end after SIGTERM before it gets SIGKILL.
	grace = 2 * time.Second
	// shortPause is how long we wait before we look again whether somebody has ended, and longPause what that grows to.
	shortPause, longPause = 100 * time.Microsecond, 20 * time.Millisecond
	// patience is for what ought to be immediate: that a killed process is gone, that a pipe without writers is at its
	// end, that somebody takes what we print although we have been asked to end.
	patience = time.Second
)

// command is one executable to run.
type command struct {
	path string
	args []string
	dir  string
	env  []string
	// output takes what it prints, stdout and stderr as they come, and without delay if somebody reads it live.
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

// Hint is what may be behind it; empty if nothing comes to mind.
func (e *exitError) Hint() string { return e.hint }

// run runs the executable in a process group of its own and ends all that it started, whatever way it goes: when the
// executable is done, and when the context is (B28, B29). Whoever is ended has the time of grace for it. It returns nil, an *exitError, the context's cause, or what kept
// the executable from starting.
func (c command) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	output, theirs, err := newIntake(c.output)
	if err != nil {
		return withLimit(err)
	}
	defer output.close()
	pid, leash, err := c.start(ctx, theirs)
	unix.Close(theirs)
	if err != nil {
		return c.notStarted(err)
	}
	defer leash.close()
	output.begin(c.live)

	cause := await(ctx, pid, leash)
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

// start starts the executable. One that somebody is still writing, or has just written, is tried again for a while.
func (c command) start(ctx context.Context, output int) (int, *leash, error) {
	for try := 0; ; try++ {
		pid, leash, err := children.start(ctx, c, output)
		if !errors.Is(err, syscall.ETXTBSY) || try == 20 || ctx.Err() != nil {
			return pid, leash, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// await waits until the executable has ended, and ends what is left of all that it has started; it is left to be reaped: as
// long as it is not, its number is that of its group and of nothing else. If the context is done first, it is ended as well,
// and await returns the context's cause.
func await(ctx context.Context, pid int, l *leash) error {
	all := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(all)
		end(pid, l, hurried(ctx))
	})
	untilEnded(pid)
	if stop() {
		end(pid, l, hurried(ctx))
		return nil
	}
	<-all
	return context.Cause(ctx)
}

// end ends an executable, the leader of a group that is not reaped yet, and all that it has started. They have the time of
// grace to end by themselves – all of them, also when their leader is dead already –, and nobody waits once they have.
func end(group int, l *leash, hurry <-chan struct{}) {
	if anyLeft(group, l) { // nearly always there is nobody
		terminate(group, l, hurry)
	}
	syscall.Kill(-group, syscall.SIGKILL)
	l.killHolders()
}

// terminate asks for the end, and returns when all have ended, when their time is over, or when somebody is in a hurry.
func terminate(group int, l *leash, hurry <-chan struct{}) {
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
		case <-hurry:
			return
		}
	}
}

// anyLeft says whether somebody of a group is alive, or somebody else who holds the leash. Of the group it sees those whose
// parents are alive in the group or have ended, which makes them children of ours.
func anyLeft(group int, l *leash) bool {
	// Asked for children that stop, the kernel has none to tell of where all in the group have ended.
	_, err := look(unix.P_PGID, group, unix.WSTOPPED|unix.WNOHANG)
	return err == nil || l.held()
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

// hurryKey is the key of a context's value: a channel that is closed when there is no more time.
type hurryKey struct{}

// WithHurry is a context that, once it is done, gives executables their time to end only until hurry is closed.
func WithHurry(ctx context.Context, hurry <-chan struct{}) context.Context {
	return context.WithValue(ctx, hurryKey{}, hurry)
}

// hurried is nil, which nothing is ever received from, if nobody can be in a hurry.
func hurried(ctx context.Context) <-chan struct{} {
	hurry, _ := ctx.Value(hurryKey{}).(<-chan struct{})
	return hurry
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
