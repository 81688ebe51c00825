package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/staged"
	"github.com/cnb-prelude/prelude/internal/statusline"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/phase/detect"
	"github.com/cnb-prelude/prelude/phase/generate"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/report"
)

// run is one run of a phase.
type run struct {
	in platform.Inputs
	// stdout takes what extensions print.
	stdout io.Writer
	record *report.Record
	log    *slog.Logger
	// status shows how far detection is; nil if that is not shown.
	status *statusline.Line
	// tracing writes a trace; nil if none is asked for.
	tracing *phase.Tracing
	// kill is closed when executables have no more time to end.
	kill <-chan struct{}
}

// fail is how the run ends with an error that is no [platform.Exit] itself; nil if there is none.
func (r run) fail(err error) error {
	if err == nil || errors.As(err, new(*platform.Exit)) {
		return err
	}
	action := "detect"
	if r.in.Phase == platform.Generator {
		action = "generate"
	}
	return &platform.Exit{Code: platform.CodeFailed, Action: action, Err: err}
}

// detect is the detector: detection and, unless it is skipped, generation; then the files.
func (r run) detect(ctx context.Context) error {
	if err := phase.CheckLayout(r.in, r.log); err != nil {
		return r.fail(err)
	}
	c, err := phase.ReadRunContext(r.in, os.Environ(), r.log)
	if err != nil {
		return r.fail(err)
	}
	if err := phase.CheckApp(r.in); err != nil {
		return r.fail(err)
	}
	r.record.Context = &c
	c.Environment.Kill, c.Environment.Tracing = r.kill, r.tracing.ForModules()
	d := detect.Detector{Inputs: r.in, Environment: c.Environment, Log: r.log, Status: r.status, Tracing: r.tracing}
	order, err := d.ReadOrder()
	if err != nil {
		return err
	}
	r.record.Detection, err = d.Detect(ctx, order)
	if err != nil {
		return err
	}
	resolution := r.record.Detection.Answer.Resolution
	taking, extensions := modules(resolution.Taking)
	files := []file{{r.in.GroupPath, platform.NewGroup(taking).Encode}}
	if r.in.GeneratedDir == "" || r.in.SkipGenerate { // the Platform API has no extensions yet, or generator runs them
		return r.writeAll(ctx, append(files, planFile(r.in, resolution.Plan)), func() error { return generate.RemoveEarlier(r.in) })
	}
	request := generate.Request{Extensions: extensions, Plan: resolution.Plan, Analyzed: c.Analyzed}
	return r.generateFrom(ctx, c, request, files)
}

func modules(members []resolve.Member) (all, extensions []*buildpack.Module) {
	for _, m := range members {
		all = append(all, m.Module)
		if m.Module.IsExtension() {
			extensions = append(extensions, m.Module)
		}
	}
	return all, extensions
}

// generate is the generator: group and plan come from the files on disk.
func (r run) generate(ctx context.Context) error {
	if !r.in.PlatformAPI.AtLeast(api.V(0, 10)) {
		return r.fail(errors.New("generation needs Platform API 0.10 or newer, this is " + r.in.PlatformAPI.String()))
	}
	if err := phase.CheckLayout(r.in, r.log); err != nil {
		return r.fail(err)
	}
	request, err := generate.ReadRequest(r.in, r.log)
	if err != nil {
		return r.fail(err)
	}
	c, err := phase.NewRunContext(r.in, os.Environ(), request.Analyzed, r.log)
	if err != nil {
		return r.fail(err)
	}
	c.Environment.Kill, c.Environment.Tracing = r.kill, r.tracing.ForModules()
	r.record.Context = &c
	return r.generateFrom(ctx, c, request, nil)
}

// generateFrom generates, and writes all files of the phase at the end: those that are given, and generation's own.
func (r run) generateFrom(ctx context.Context, c phase.RunContext, request generate.Request, files []file) error {
	result, err := generate.Generator{Inputs: r.in, Environment: c.Environment, Output: r.stdout, Log: r.log, Tracing: r.tracing}.Generate(ctx, request)
	r.record.Generation = result
	var exit *platform.Exit
	switch {
	case errors.As(err, &exit) && exit.InGeneration():
		return r.writeDetected(ctx, request, files, exit)
	case err != nil:
		return err
	}
	generation := result.Generation
	// generated.toml comes first: it says what is taken out of plan.toml and changed in analyzed.toml, and should we be
	// killed between two of them, nothing of that is lost.
	files = append([]file{{r.in.GeneratedMetadataPath, generation.Metadata.Encode}}, files...)
	files = append(files, planFile(r.in, generation.Plan))
	if len(request.Extensions) > 0 {
		files = append(files, file{r.in.AnalyzedPath, generation.Analyzed.Encode})
	}
	if err := r.writeAll(ctx, files, nil); err != nil {
		if back := generation.Discard(); back != nil {
			r.log.Warn(fmt.Sprintf("could not put back what was in %s: %s", r.in.GeneratedDir, back))
		}
		return err
	}
	return r.fail(generation.Keep())
}

// writeDetected writes what detection has found although generation has failed, so that generator can go on from there, and
// says so with the error.
func (r run) writeDetected(ctx context.Context, request generate.Request, files []file, exit *platform.Exit) error {
	if ctx.Err() != nil {
		return r.fail(context.Cause(ctx))
	}
	have := "are as they were"
	if r.in.Phase == platform.Detector {
		plan := func() ([]byte, error) { return generate.DetectedPlan(r.in, request.Plan) }
		if err := r.writeAll(ctx, append(files, file{r.in.PlanPath, plan}), nil); err != nil {
			r.log.Warn(fmt.Sprintf("group.toml and plan.toml are not written: %s", errors.Unwrap(err)))
			return exit
		}
		have = "are written"
	}
	return exit.WithHint(fmt.Sprintf("group.toml and plan.toml %s: fix this, then run generator again", have))
}

// file is an output: where it goes and how to make its text.
type file struct {
	path   string
	encode func() ([]byte, error)
}

func planFile(in platform.Inputs, plan []buildpack.PlanEntry) file {
	return file{in.PlanPath, platform.Plan{Entries: plan}.Encode}
}

// writeAll writes all files or none. It makes all texts and writes them beside their targets first; then, if there is
// something to do before they take their places, it does that. A phase that is asked to end before it starts to write
// writes nothing; one that is asked later writes all.
func (r run) writeAll(ctx context.Context, files []file, before func() error) error {
	outputs := make([]staged.File, len(files))
	for i, f := range files {
		text, err := f.encode()
		if err != nil {
			return r.fail(err)
		}
		outputs[i] = staged.File{Path: f.path, Data: text}
	}
	if ctx.Err() != nil {
		return r.fail(context.Cause(ctx))
	}
	all, err := staged.Stage(outputs...)
	if err != nil {
		return r.fail(err)
	}
	if before != nil {
		if err := before(); err != nil {
			all.Discard()
			return r.fail(err)
		}
	}
	return r.fail(all.Commit())
}
