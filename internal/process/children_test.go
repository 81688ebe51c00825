package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"
)

// What one module leaves behind is ended while others are being started; none of those is taken for it. Between its fork
// and its exec, a process that is being started has all our descriptors, also the write ends of all lifetime pipes.
func TestModulesBeingStartedAreNotEndedWithOthers(t *testing.T) {
	c := scripted(t, "setsid sleep 3 &\n")
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 10 {
				if d := c.run(t.Context(), 0); d.err != nil {
					t.Error(d.err)
				}
			}
		}()
	}
	all.Wait()
}

// Several executables are started at the same time: one that takes long to be started does not keep others from it.
func TestStartedSideBySide(t *testing.T) {
	if runtime.GOMAXPROCS(0) < 2 {
		t.Skip("with one CPU there is one thread that starts executables")
	}
	scripted(t, "").run(t.Context(), 0) // the tracker is prepared
	var both sync.WaitGroup
	both.Add(2)
	meet := make(chan struct{})
	for range 2 {
		go children.onThread(func() {
			defer both.Done()
			select {
			case meet <- struct{}{}:
			case <-meet:
			case <-time.After(10 * time.Second):
				t.Error("one waits for the other")
			}
		})
	}
	both.Wait()
}

// A process that has a lifetime pipe only because it is just being started is spared, until it has been.
func TestLifetimePipeSparesWhatIsBeingStarted(t *testing.T) {
	l, err := newLifetimePipe()
	check(t, err)
	defer l.close()
	cmd := exec.Command("sleep", "60")
	cmd.ExtraFiles = []*os.File{os.NewFile(uintptr(l.readEnd), "read end")}
	check(t, cmd.Start())
	cmd.ExtraFiles[0].Close()
	l.readEnd = -1
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cmd.Wait() //nolint:errcheck // it is killed
	}()
	children.starting.RLock()
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		l.killHolders()
	}()
	select {
	case <-ended:
		t.Error("it was killed while something was being started")
	case <-time.After(200 * time.Millisecond):
	}
	children.starting.RUnlock()
	<-killed
	select {
	case <-ended:
	case <-time.After(20 * time.Second):
		t.Error("it was not killed afterwards")
		cmd.Process.Kill()
	}
}

// What nothing ties to a module is ended when no other runs or is about to; if what is about to cannot be started, then.
func TestLeftUntilNothingIsComing(t *testing.T) {
	self, err := filepath.Abs(os.Args[0])
	check(t, err)
	c := scripted(t, self+" daemon nothing &\nwhile test ! -s left.pid; do sleep 0.01; done")
	at(filepath.Join(t.TempDir(), "nothing")).run(t.Context(), 0) // the tracker is prepared; there is no such module
	coming := func(n int) {
		children.mu.Lock()
		defer children.mu.Unlock()
		children.coming += n
	}
	coming(1)
	c.run(t.Context(), 0)
	left := noted(t, c.Dir, "left")
	if isGone(left) {
		t.Error("it was ended, although another might still come")
	}
	coming(-1)
	var notStarted *StartError
	if d := at(filepath.Join(t.TempDir(), "nothing")).run(t.Context(), 0); !errors.As(d.err, &notStarted) {
		t.Error(d.err)
	}
	if !isGone(left) {
		gone(t, "at the end", left)
		t.Error("it was not ended")
	}
}
