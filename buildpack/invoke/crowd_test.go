package invoke

import (
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
)

// What one module leaves behind is ended while others are being started; none of those is taken for it. Between its fork
// and its exec, a process that is being started has all our descriptors, also the writing ends of all leashes.
func TestModulesBeingStartedAreNotEndedWithOthers(t *testing.T) {
	dir := t.TempDir()
	m := &buildpack.Module{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: "some/id", Version: "1"}, Dir: dir}
	tree(t, dir, map[string]string{"bin/detect": "#!/bin/sh\nsetsid sleep 3 &\n"})
	check(t, os.Chmod(filepath.Join(dir, "bin/detect"), 0o755))
	w := World{App: dir, Platform: dir, Environ: []string{"PATH=" + os.Getenv("PATH")}}
	var all sync.WaitGroup
	for range 8 {
		all.Add(1)
		go func() {
			defer all.Done()
			for range 10 {
				if d := w.Detect(t.Context(), m, 0); d.Outcome != buildpack.Passed {
					t.Errorf("%s: %v", d.Outcome, d.Cause)
				}
			}
		}()
	}
	all.Wait()
}
