// Package generate runs the extensions of a group, checks what they leave, decides about the run image and works out the files
// that later phases read.
//
// The way of an extension's Dockerfile: run.go has it made, inspect.go checks it, advice.go says what its author has probably
// got wrong, decision.go decides whether it counts, outputs.go lays it out, and assemble.go lists it in generated.toml. plan.go
// shares out the build plan, and rerun.go undoes an earlier generation.
package generate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/internal/staged"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/platform"
)

// Generator runs generation for the inputs of a phase.
type Generator struct {
	Inputs      platform.Inputs
	Environment invoke.Environment
	// Output takes what extensions print.
	Output io.Writer
	Log    *slog.Logger
	// Tracing writes a trace; nil if none is asked for.
	Tracing *phase.Tracing
}

// Request is what generation starts from.
type Request struct {
	Extensions []*buildpack.Module // of the group, in order
	Plan       []buildpack.PlanEntry
	Analyzed   platform.Analyzed
	// Earlier is the generated.toml of an earlier run, whose results are stale; nil if there is none or it is not read yet.
	Earlier *platform.Generated
}

// Result is what generation did, also where it failed. Log, exit code and report derive from it.
type Result struct {
	Request Request
	Split   PlanSplit
	// Extensions that were run, in order. After a failure the last one is the one that failed.
	Extensions []Extension
	// Decision is about the run image; it is made once all extensions were run.
	Decision Decision
	// Generation is nil unless all went well.
	Generation *Generation
	// Started and Ended are when generation did.
	Started, Ended time.Time
}

// Generation is what came out: the files that later phases read, as values.
type Generation struct {
	// Analyzed is written only if the group has extensions.
	Analyzed platform.Analyzed
	// Plan is what remains for the buildpacks.
	Plan     []buildpack.PlanEntry
	Metadata platform.Generated

	outputs *outputs
	in      platform.Inputs
}

// Keep makes the generated tree final. Call it once the other results are written.
func (g *Generation) Keep() error {
	forgetRefused(g.in)
	return g.outputs.Keep()
}

// Discard puts back what was there before.
func (g *Generation) Discard() error { return g.outputs.Discard() }

// Generate runs the extensions and checks what they leave. On error the generated tree is as it was before. The result is
// never nil; errors are *platform.Exit values.
func (g Generator) Generate(ctx context.Context, r Request) (*Result, error) {
	result := &Result{Request: r, Split: splitPlan(r.Plan, r.Extensions), Started: time.Now()}
	err := g.generate(ctx, result)
	result.Ended = time.Now()
	return result, g.keepRefused(err)
}

// generate fills in a result. The generated tree is changed only in the second half, and put back if that fails.
func (g Generator) generate(ctx context.Context, result *Result) error {
	var err error
	if result.Request.Earlier == nil {
		if result.Request.Earlier, err = readEarlier(g.Inputs); err != nil {
			return failed(platform.CodeFailed, err)
		}
	}
	var known platform.RunImages
	if len(result.Request.Extensions) > 0 && g.Inputs.RunPath != "" {
		if known, err = platform.ReadRun(g.Inputs.RunPath, g.Log); err != nil {
			return failed(platform.CodeFailed, err)
		}
	}
	out := newOutputs(g.Inputs)
	if err = g.generateTo(ctx, result, known, out); err == nil {
		return nil
	}
	if back := out.Discard(); back != nil {
		g.Log.Warn(fmt.Sprintf("could not put back what was in %s: %s", g.Inputs.GeneratedDir, back))
	}
	return generationFailed(err)
}

func (g Generator) generateTo(ctx context.Context, result *Result, known platform.RunImages, out *outputs) error {
	if err := distinct(result.Request.Extensions); err != nil {
		return err
	}
	stale, err := staleDirs(result.Request.Earlier)
	if err != nil {
		return failed(platform.CodeFailed, err)
	}
	if err := out.SetAside(stale...); err != nil {
		return err
	}
	if err := g.runExtensions(ctx, result, out); err != nil {
		return err
	}
	result.Decision = decide(dockerfilesOf(result.Extensions, buildpack.RunDockerfile), known)
	if err := result.Decision.check(g.Inputs.RunImageSwitch); err != nil {
		return err
	}
	if result.Generation, err = g.assemble(result, out); err == nil {
		g.logResult(result)
	}
	return err
}

// failed is how a phase ends that cannot generate.
func failed(code int, err error) error {
	return &platform.Exit{Code: code, Action: "generate", Err: err}
}

// generationFailed is how a phase ends with an error of generation that does not have an exit code of its own.
func generationFailed(err error) error {
	var exit *platform.Exit
	if err == nil || errors.As(err, &exit) {
		return err
	}
	return failed(platform.CodeGenerate, err)
}

// distinct refuses extensions whose outputs would share a directory.
func distinct(extensions []*buildpack.Module) error {
	owners := map[string]*buildpack.Module{}
	for _, m := range extensions {
		if other, taken := owners[m.Escaped()]; taken {
			return fmt.Errorf("extensions %s and %s would share the output directory %s: rename one of them", other.Ref, m.Ref, m.Escaped())
		}
		owners[m.Escaped()] = m
	}
	return nil
}

// keepRefused keeps the text that an error of generation is about, if it is about one, and adds to the error where: the
// generated tree has become what it was before. After an error about something else, the text of an earlier run goes.
func (g Generator) keepRefused(err error) error {
	var exit *platform.Exit
	if !errors.As(err, &exit) || !exit.InGeneration() {
		return err
	}
	var r *refusal
	if !errors.As(err, &r) {
		forgetRefused(g.Inputs)
		return err
	}
	path := refusedPath(g.Inputs)
	if unwritten := staged.Replace(path, r.text); unwritten != nil {
		g.Log.Warn(fmt.Sprintf("the text of %s is not kept: %s", r.name, unwritten))
		return err
	}
	return exit.WithHint(fmt.Sprintf("the whole %s is in %s", r.name, path))
}

// forgetRefused removes the text that an earlier run has kept.
func forgetRefused(in platform.Inputs) {
	if info, err := os.Lstat(refusedPath(in)); err == nil && info.Mode().IsRegular() {
		os.Remove(refusedPath(in)) // where that is not allowed, no run has written it either
	}
}

// refusedPath is where that text is kept. It is not called Dockerfile, and does not end in .toml, so that no step applies it.
func refusedPath(in platform.Inputs) string {
	return filepath.Join(in.LayersDir, "prelude-refused.txt")
}
