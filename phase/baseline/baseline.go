// Package baseline finds out what an app has to do with the answers of modules. It runs bin/detect once more in an empty
// directory (baseline.go), compares both answers (contrast.go), and looks up in the app the names of files that modules speak
// of (names.go, app.go).
package baseline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
)

// Run runs the bin/detect of each module in an empty directory of its own, with an empty platform directory, and returns the
// detections; at most so many run at the same time. What modules write there is removed. Where the context ends first, the
// modules without an answer are missing.
func Run(ctx context.Context, e invoke.Environment, modules []*buildpack.Module, atOnce int) map[buildpack.Ref]buildpack.Detection {
	answers := map[buildpack.Ref]buildpack.Detection{}
	dir, err := os.MkdirTemp("", "prelude-empty-")
	if err != nil {
		return answers
	}
	defer os.RemoveAll(dir)
	var lock sync.Mutex
	var running sync.WaitGroup
	slots := make(chan struct{}, atOnce)
	for i, m := range modules {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		running.Go(func() {
			defer func() { <-slots }()
			d, err := runEmpty(ctx, e, m, filepath.Join(dir, strconv.Itoa(i)))
			if err == nil && ctx.Err() == nil {
				lock.Lock()
				defer lock.Unlock()
				answers[m.Ref] = d
			}
		})
	}
	running.Wait()
	return answers
}

// runEmpty runs one bin/detect with an empty app and an empty platform directory below dir.
func runEmpty(ctx context.Context, e invoke.Environment, m *buildpack.Module, dir string) (buildpack.Detection, error) {
	e.App, e.Platform = filepath.Join(dir, "app"), filepath.Join(dir, "platform")
	e.Tracing = "" // this run is no part of the build
	if err := errors.Join(os.MkdirAll(e.App, 0o755), os.MkdirAll(filepath.Join(e.Platform, "env"), 0o755)); err != nil {
		return buildpack.Detection{}, err
	}
	return e.Remembering().RunDetect(ctx, m, 0), nil
}
