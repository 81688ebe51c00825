// Package generate runs the extensions of a group, checks what they leave, decides about the run image and works out the files
// that later phases read (docs/reference.md, "Generation").
//
// The way of an extension's Dockerfile: run.go has it made and inspect.go checks it, advice.go says what its author has
// probably got wrong, decision.go decides whether it counts, outputs.go brings it to its place, and assemble.go lists it in
// generated.toml. rerun.go undoes an earlier generation; refused.go keeps a text because of which generation failed.
package generate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
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
	// Extensions of the group, in order.
	Extensions []*buildpack.Module
	Plan       []buildpack.PlanEntry
	Analyzed   platform.Analyzed
	// Earlier is the generated.toml of an earlier run, nil if there is none or it is not read yet: its results are stale.
	Earlier *platform.Generated
}

// Result is what generation did, also where it came to no end. Log, exit code and report derive from it.
type Result struct {
	Request Request
	// Split is how the plan is shared out between the extensions and the buildpacks.
	Split PlanSplit
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
	// Analyzed is to be written only if the group has extensions.
	Analyzed platform.Analyzed
	// Plan is what remains for the buildpacks.
	Plan     []buildpack.PlanEntry
	Metadata platform.Generated

	outputs *outputs
	// forget removes what an earlier generation has kept because it failed.
	forget func()
}

// Keep makes the generated tree final.
func (g *Generation) Keep() error {
	g.forget()
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
	if err != nil {
		return result, keepRefused(g.Inputs, err, g.Log)
	}
	result.Generation.forget = func() { forgetRefused(g.Inputs) }
	return result, nil
}

// generate fills in a result. The generated tree is changed only in the second half, and put back if that fails.
func (g Generator) generate(ctx context.Context, result *Result) error {
	var err error
	if result.Request.Earlier == nil {
		if result.Request.Earlier, err = platform.ReadGenerated(g.Inputs.GeneratedMetadataPath); err != nil {
			return unreadable(withRemovalHint(err))
		}
	}
	var known platform.RunImages
	if len(result.Request.Extensions) > 0 && g.Inputs.RunPath != "" {
		if known, err = platform.ReadRun(g.Inputs.RunPath, g.Log); err != nil {
			return unreadable(err)
		}
	}
	out := newOutputs(g.Inputs)
	if err = g.generateTo(ctx, result, known, out); err == nil {
		return nil
	}
	if back := out.Discard(); back != nil {
		g.Log.Warn(fmt.Sprintf("could not put back what was in %s: %s", g.Inputs.GeneratedDir, back))
	}
	var exit *platform.Exit
	if !errors.As(err, &exit) {
		return generationFailed(err)
	}
	return err
}

func (g Generator) generateTo(ctx context.Context, result *Result, known platform.RunImages, out *outputs) error {
	if err := distinct(result.Request.Extensions); err != nil {
		return err
	}
	stale, err := staleDirs(result.Request.Earlier)
	if err != nil {
		return unreadable(err)
	}
	if err := out.SetAside(stale...); err != nil {
		return err
	}
	if err := g.runExtensions(ctx, result, out); err != nil {
		return err
	}
	result.Decision = decide(runDockerfiles(result.Extensions), known)
	if err := result.Decision.check(g.Inputs.RunImageSwitch); err != nil {
		return err
	}
	if result.Generation, err = g.assemble(result, out); err == nil {
		g.logResult(result)
	}
	return err
}

// unreadable is how a phase ends that cannot read what it starts from.
func unreadable(err error) error {
	return &platform.Exit{Code: platform.CodeFailed, Action: "generate", Err: err}
}

// generationFailed is how a phase ends because of what extensions left, or of where that goes.
func generationFailed(err error) error {
	return &platform.Exit{Code: platform.CodeGenerate, Action: "generate", Err: err}
}

// distinct refuses extensions whose outputs would share a directory (B35).
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
