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
// executable is done, and when the context is (B28, B29). It returns nil, an *exitError, the context's cause, or what kept
// the executable from starting.
func (c command) run(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	output, theirs, err := newIntake(c.output)
	if err != nil {
		return err
	}
	defer output.close()
	pid, leash, err := c.start(ctx, theirs)
	unix.Close(theirs)
	if err != nil {
		return c.notStarted(err)
	}
	defer leash.close()
	output.begin(c.live)

	cause := await(ctx, pid)
	syscall.Kill(-pid, syscall.SIGKILL) // whatever is left of the group; it is not reaped yet, so this is its number
	leash.killHolders()                 // whatever left the group
	status, err := children.reap(pid)
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
		pid, leash, err := children.start(c, output)
		if !errors.Is(err, syscall.ETXTBSY) || try == 20 || ctx.Err() != nil {
			return pid, leash, err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// await waits until the executable has ended, but leaves it to be reaped: as long as it is not, its number is that of its
// group and of nothing else. If the context is done first, it ends the group and returns the context's cause.
func await(ctx context.Context, pid int) error {
	ended, terminated := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(terminated)
		terminate(pid, ended, hurried(ctx))
	})
	untilEnded(pid)
	close(ended)
	if stop() {
		return nil
	}
	<-terminated
	return context.Cause(ctx)
}

// terminate ends a group: it has its time to end by itself, unless somebody is in a hurry.
func terminate(pid int, ended, hurry <-chan struct{}) {
	syscall.Kill(-pid, syscall.SIGTERM)
	syscall.Kill(-pid, syscall.SIGCONT) // one that is stopped cannot end
	select {
	case <-ended:
		return
	case <-time.After(grace):
	case <-hurry:
	}
	syscall.Kill(-pid, syscall.SIGKILL)
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

// WithHurry is a context that, once it is done, gives executables their time to end only until hurry is closed – or what
// a context around it has been given.
func WithHurry(ctx context.Context, hurry <-chan struct{}) context.Context {
	if outer := hurried(ctx); outer != nil {
		inner, either := hurry, make(chan struct{})
		hurry = either
		go func() {
			defer close(either)
			select {
			case <-inner:
			case <-outer:
			}
		}()
	}
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
