package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// detect is the detector: detection and, unless it is to be skipped, generation; then the files.
func (p process) detect(ctx context.Context, in platform.Inputs, record *phase.Record, log *slog.Logger) error {
	if err := phase.Guard(in, log); err != nil {
		return failed("detect", err)
	}
	s, err := phase.Survey(in, p.environ, log)
	if err != nil {
		return failed("detect", err)
	}
	record.Sees(s)
	order, err := phase.ReadOrder(in, log)
	if err != nil {
		return err
	}
	resolution, err := phase.Detect(ctx, in, order, s.World, record, log)
	if err != nil {
		return err
	}
	files := []file{{in.GroupPath, platform.NewGroup(modules(resolution.Group)).Encode}}
	if in.GeneratedDir == "" { // the Platform API has no extensions yet
		return writeAll(ctx, "detect", append(files, planFile(in, resolution.Plan)), nil)
	}
	if in.SkipGenerate {
		return writeAll(ctx, "detect", append(files, planFile(in, resolution.Plan)), func() error { return phase.RemoveEarlier(in) })
	}
	return p.generateFrom(ctx, in, s, phase.Request{
		Extensions: extensions(resolution.Group), Plan: resolution.Plan, Analyzed: s.Analyzed,
	}, files, record, log)
}

func modules(members []resolve.Member) []*buildpack.Module {
	var list []*buildpack.Module
	for _, m := range members {
		list = append(list, m.Module)
	}
	return list
}

func extensions(members []resolve.Member) []*buildpack.Module {
	var list []*buildpack.Module
	for _, m := range members {
		if m.Module.IsExtension() {
			list = append(list, m.Module)
		}
	}
	return list
}

// generate is the generator: group and plan come from the files on disk.
func (p process) generate(ctx context.Context, in platform.Inputs, record *phase.Record, log *slog.Logger) error {
	if !in.PlatformAPI.AtLeast(api.V(0, 10)) {
		return failed("generate", errors.New("generation needs Platform API 0.10 or newer, this is "+in.PlatformAPI.String()))
	}
	if err := phase.Guard(in, log); err != nil {
		return failed("generate", err)
	}
	request, err := phase.ReadRequest(in, log)
	if err != nil {
		return failed("generate", err)
	}
	s, err := phase.Surround(in, p.environ, request.Analyzed, log)
	if err != nil {
		return failed("generate", err)
	}
	record.Sees(s)
	return p.generateFrom(ctx, in, s, request, nil, record, log)
}

// generateFrom generates, and writes all files of the phase at the end: those that are given, and generation's own.
func (p process) generateFrom(ctx context.Context, in platform.Inputs, s phase.Surroundings, request phase.Request, files []file, record *phase.Record, log *slog.Logger) error {
	generation, err := phase.Generate(ctx, in, s, request, p.stdout, record, log)
	var exit *platform.Exit
	switch {
	case errors.As(err, &exit) && exit.InGeneration():
		return forLater(ctx, in, request, files, exit, log)
	case err != nil:
		return err
	}
	// generated.toml comes first: it says what is taken out of plan.toml and changed in analyzed.toml, and should we be
	// killed between two of them, nothing of that is lost.
	files = append([]file{{in.GeneratedMetadataPath, generation.Metadata.Encode}}, files...)
	files = append(files, planFile(in, generation.Plan))
	if len(request.Extensions) > 0 {
		files = append(files, file{in.AnalyzedPath, generation.Analyzed.Encode})
	}
	if err := writeAll(ctx, action(in), files, nil); err != nil {
		return errors.Join(err, generation.Discard())
	}
	return failed(action(in), generation.Keep())
}

// forLater writes what detection has found although generation has failed, so that generator can go on from there, and says
// so with the error.
func forLater(ctx context.Context, in platform.Inputs, request phase.Request, files []file, exit *platform.Exit, log *slog.Logger) error {
	if ctx.Err() != nil {
		return failed(action(in), context.Cause(ctx))
	}
	have := "are as they were"
	if in.Phase == platform.Detector {
		plan := func() ([]byte, error) { return phase.DetectedPlan(in, request) }
		if err := writeAll(ctx, action(in), append(files, file{in.PlanPath, plan}), nil); err != nil {
			log.Warn(fmt.Sprintf("group.toml and plan.toml are not written: %s", errors.Unwrap(err)))
			return exit
		}
		have = "are written"
	}
	return exit.WithHint(fmt.Sprintf("group.toml and plan.toml %s: once this is mended, run generator again", have))
}

func action(in platform.Inputs) string {
	if in.Phase == platform.Generator {
		return "generate"
	}
	return "detect"
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
func writeAll(ctx context.Context, action string, files []file, before func() error) error {
	outputs := make([]platform.Output, len(files))
	for i, f := range files {
		text, err := f.encode()
		if err != nil {
			return failed(action, err)
		}
		outputs[i] = platform.Output{Path: f.path, Data: text}
	}
	if ctx.Err() != nil {
		return failed(action, context.Cause(ctx))
	}
	staged, err := platform.Stage(outputs...)
	if err != nil {
		return failed(action, err)
	}
	if before != nil {
		if err := before(); err != nil {
			staged.Discard()
			return failed(action, err)
		}
	}
	return failed(action, staged.Commit())
}
