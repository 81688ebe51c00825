// Package process starts executables, keeps what they print, and ends each with all that it has started.
package process

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// Grace is how long processes have to end after SIGTERM before they get SIGKILL.
	Grace = 2 * time.Second
	// killTimeout is how long to wait for what should be immediate, such as the end of a killed process.
	killTimeout = time.Second
	// shortPause is the first pause between two checks whether processes have ended; it doubles up to longPause.
	shortPause, longPause = 100 * time.Microsecond, 20 * time.Millisecond
)

// Command is an executable to run.
type Command struct {
	Path string
	Args []string
	// Dir is the working directory.
	Dir string
	// Env is the whole environment, "NAME=value" each.
	Env []string
	// Output takes stdout and stderr in the order in which they are written; without delay if Live is true.
	Output io.Writer
	Live   bool
	// Kill cuts [Grace] short once it is closed; nil if nothing does.
	Kill <-chan struct{}
	// Debug takes messages about what the system refuses; it may be nil.
	Debug func(message string)
}

func (c Command) debug(message string) {
	if c.Debug != nil {
		c.Debug(message)
	}
}

// StartError is the system's error about an executable that could not be started.
type StartError struct{ error }

// Unwrap returns the system's error.
func (e *StartError) Unwrap() error { return e.error }

// ExitError is the end of an executable other than with exit code 0.
type ExitError struct {
	// Code is the exit code, -1 if a signal ended the executable.
	Code int
	// Signal is that signal; 0 if there was none.
	Signal syscall.Signal
}

func (e *ExitError) Error() string {
	if e.Signal != 0 {
		return fmt.Sprintf("ended by signal %d (%s)", int(e.Signal), e.Signal)
	}
	return fmt.Sprintf("exit code %d", e.Code)
}

// Run runs the executable in a process group of its own. When the executable or the context is done, Run ends all processes
// that the executable has started: they get SIGTERM, and SIGKILL after [Grace]. Run returns nil, an [*ExitError], a
// [*StartError], the context's cause, or an error that its exit status is not known.
func (c Command) Run(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	output, theirs, err := newOutputPump(c.Output)
	if err != nil {
		return &StartError{err}
	}
	defer output.close()
	pid, pipe, err := c.start(ctx, theirs)
	unix.Close(theirs)
	if err != nil {
		return &StartError{err}
	}
	defer pipe.close()
	output.begin(c.Live)

	cause := c.await(ctx, pid, pipe)
	status, err := children.reap(pid, c.Kill)
	output.finish(ctx)
	switch {
	case cause != nil:
		return cause
	case err != nil:
		return fmt.Errorf("could not get its exit status: %w", err)
	case status.Signaled():
		return &ExitError{Code: -1, Signal: status.Signal()}
	case status.ExitStatus() != 0:
		return &ExitError{Code: status.ExitStatus()}
	}
	return nil
}

// start starts the executable. It tries again for a while if the file is being written, and if the system has no process
// left; as long as other executables run, they may release one.
func (c Command) start(ctx context.Context, output int) (int, *lifetimePipe, error) {
	for try := 0; ; {
		pid, pipe, err := children.start(c, output)
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

// await waits until the executable has ended, and ends the processes that it leaves. If the context is done first, await
// ends the executable as well, and returns the context's cause. It does not reap the executable: until that is reaped, no
// other process or process group can get its number.
func (c Command) await(ctx context.Context, pid int, pipe *lifetimePipe) error {
	ended := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(ended)
		end(pid, pipe, c.Kill)
	})
	untilEnded(pid)
	if stop() {
		end(pid, pipe, c.Kill)
		return nil
	}
	<-ended
	return context.Cause(ctx)
}

// end ends all processes of a group, whose leader is not reaped yet, and all holders of the lifetime pipe.
func end(group int, pipe *lifetimePipe, kill <-chan struct{}) {
	if anyLeft(group, pipe) {
		terminate(group, pipe, kill)
	}
	unix.Kill(-group, unix.SIGKILL)
	pipe.killHolders()
}

// terminate sends SIGTERM and returns when all have ended, after [Grace], or when kill is closed.
func terminate(group int, pipe *lifetimePipe, kill <-chan struct{}) {
	unix.Kill(-group, unix.SIGTERM)
	unix.Kill(-group, unix.SIGCONT) // a stopped process cannot end
	signalled := map[int]bool{}
	over := time.After(Grace)
	for pause := shortPause; anyLeft(group, pipe); pause = min(2*pause, longPause) {
		if pause > time.Millisecond && pause < longPause { // looking is expensive, and most have ended by now
			pipe.terminateOutside(group, signalled)
		}
		select {
		case <-time.After(pause):
		case <-over:
			return
		case <-kill:
			return
		}
	}
}

// anyLeft reports whether a process of a group is alive, or another one that holds the lifetime pipe. It sees only children
// of this process and their descendants in the group, which all are: this process adopts orphans.
func anyLeft(group int, pipe *lifetimePipe) bool {
	// Asked for stopped children, the kernel reports that there are none to wait for once all of the group have ended.
	_, err := ended(unix.P_PGID, group, unix.WSTOPPED)
	return err == nil || pipe.held()
}

// untilEnded waits until a child has ended, without reaping it. A descriptor of the process keeps no thread waiting.
func untilEnded(pid int) {
	if fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK); err == nil {
		process := os.NewFile(uintptr(fd), "process")
		defer process.Close()
		hasEnded := func(fd uintptr) bool {
			n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 0)
			return n > 0
		}
		if conn, err := process.SyscallConn(); err == nil && conn.Read(hasEnded) == nil {
			return
		}
	}
	for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
}
