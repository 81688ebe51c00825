package cmd

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/platform"
)

// A signal that comes with the first is not a second one, after which there would be no time to tidy up; a later one is.
func TestSecondSignal(t *testing.T) {
	exited := make(chan int, 1)
	ctx, _, stop := untilSignal(func(code int) { exited <- code })
	defer stop()
	send := func() { syscall.Kill(syscall.Getpid(), syscall.SIGTERM) }
	send()
	<-ctx.Done()
	var exit *platform.Exit
	if !errors.As(context.Cause(ctx), &exit) || exit.Code != 143 {
		t.Errorf("cause %v", context.Cause(ctx))
	}
	send()
	select {
	case <-exited:
		t.Error("it ended as on a second signal")
	case <-time.After(forceKillTimeout + 500*time.Millisecond):
	}
	send()
	select {
	case code := <-exited:
		if code != 143 {
			t.Errorf("exit code %d", code)
		}
	case <-time.After(exitTimeout - forceKillTimeout - time.Second):
		t.Error("the second signal had no effect")
	}
}
