package process

import (
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// What waits is not computing, what computes is, also if it is a child of the executable.
func TestComputing(t *testing.T) {
	if _, known := Computing(1); !known {
		t.Skip("this kernel does not tell whose children are whose")
	}
	for script, want := range map[string]bool{
		"touch ready; while test ! -e go; do sleep 1; done":                                  false,
		"touch ready; while test ! -e go; do :; done":                                        true,
		"(while test ! -e go; do :; done) & touch ready; wait":                               true,
		"sh -c '(while test ! -e go; do :; done) & touch ready; wait'":                       true,
		"touch ready; (while test ! -e go; do sleep 1; done)":                                false,
		"(while test ! -e go; do :; done) & (while test ! -e go; do :; done); touch ready &": true,
	} {
		c := scripted(t, "touch ready\n"+script)
		var all sync.WaitGroup
		inBackground(&all, func() { c.run(t.Context(), time.Minute) })
		for range 1000 {
			if _, err := os.Stat(filepath.Join(c.Dir, "ready")); err == nil {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		seen := 0
		for range 40 {
			if n, _ := Computing(1); n > 0 {
				seen++
			}
			time.Sleep(5 * time.Millisecond)
		}
		if got := seen > 20; got != want {
			t.Errorf("%q: computing %d times of 40", script, seen)
		}
		check(t, os.WriteFile(filepath.Join(c.Dir, "go"), nil, 0o644))
		all.Wait()
	}
	if n, _ := Computing(1); n != 0 {
		t.Errorf("%d are computing when nothing runs", n)
	}
}

// TestStarting: an executable is starting until it is one of those that run.
func TestStarting(t *testing.T) {
	if Starting() {
		t.Error("before any is started")
	}
	var during bool
	children.mu.Lock()
	children.coming++ // as tracker.start does before the fork
	children.mu.Unlock()
	during = Starting()
	children.mu.Lock()
	children.coming--
	children.mu.Unlock()
	if err := (Command{Path: "/bin/true", Output: io.Discard}).Run(t.Context()); err != nil || !during || Starting() {
		t.Errorf("%v, %t while one starts, %t after it has ended", err, during, Starting())
	}
}
