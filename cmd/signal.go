package cmd

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cnb-prelude/prelude/platform"
)

// exitTimeout is how long a phase has to end after a signal, before the process exits wherever it is: executables have two
// seconds of that. After a second signal it has forceKillTimeout.
const (
	exitTimeout      = 5 * time.Second
	forceKillTimeout = time.Second
	// sameSignal is how long further signals belong to the first: timeout(1), and other programs that pass signals on, send
	// them to a process and to its group, which is one request and not two.
	sameSignal = 100 * time.Millisecond
)

// untilSignal is a context that ends on SIGINT, SIGTERM and SIGHUP; its cause is the exit that the phase then makes.
// On a second signal it closes kill: executables have no more time to end. What comes with the first is not a second one. A
// phase that hangs nevertheless, for instance in writing to a stopped terminal, is ended by exit.
//
// SIGPIPE is taken and ignored: a reader that no longer reads what a phase says has not asked it to end in the middle of its
// work.
func untilSignal(exit func(code int)) (ctx context.Context, kill <-chan struct{}, stop func()) {
	ctx, cancel := context.WithCancelCause(context.Background())
	force := make(chan struct{})
	signals, pipes := make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(pipes, syscall.SIGPIPE) // rather than signal.Ignore, which children would inherit
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) { // nohup says that the end of the terminal is not to matter
		signal.Notify(signals, syscall.SIGHUP)
	}
	go func() {
		end := ending(<-signals)
		cancel(end)
		over := time.After(exitTimeout)
		time.Sleep(sameSignal)
		for len(signals) > 0 {
			<-signals // came with the first
		}
		select {
		case <-signals:
			close(force)
			time.Sleep(forceKillTimeout)
		case <-over:
		}
		exit(end.Code)
	}()
	return ctx, force, func() { signal.Stop(signals) }
}

// ending is how a phase ends on a signal.
func ending(s os.Signal) *platform.Exit {
	switch s {
	case syscall.SIGINT:
		return &platform.Exit{Code: platform.CodeInterrupted, Err: errors.New("interrupted")}
	case syscall.SIGHUP:
		return &platform.Exit{Code: platform.CodeHungUp, Err: errors.New("hung up")}
	}
	return &platform.Exit{Code: platform.CodeTerminated, Err: errors.New("terminated")}
}
