// Package detect resolves an order into a group with a build plan: it runs each bin/detect once, several at the same time,
// and says on the log how that went. Which modules take part is decided by phase/resolve, and why others do not is worded by
// phase/explain.
package detect

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/buildpack/store"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/statusline"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/phase/explain"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// Detector runs detection for the inputs of a phase.
type Detector struct {
	Inputs      platform.Inputs
	Environment invoke.Environment
	Log         *slog.Logger
	// Status shows how far detection is; nil if that is not shown.
	Status *statusline.Line
}

// Result is what detection found, also where it came to no end. Log, exit code and report derive from it.
type Result struct {
	// Order that was to be resolved.
	Order buildpack.OrderFile
	// Resolution or Failure is the answer. Both are nil after an error.
	Resolution *resolve.Resolution
	Failure    *resolve.Failure
	// Explanation is why candidates failed: of a failure, and where a report is asked for also of a success.
	Explanation explain.Explanation
	// LeftOut are the members of the candidate that passed which do not take part, and why.
	LeftOut []explain.LeftOut
	// TargetsJudged says whether modules that do not support the target of the run image were left out: older Platform APIs
	// do not have targets.
	TargetsJudged bool
	// Runs are the bin/detect that were run, in the order in which they were started.
	Runs []Run
	// Started and Ended are when detection did.
	Started, Ended time.Time
}

// Run is one bin/detect that has ended.
type Run struct {
	Module         *buildpack.Module
	Detection      buildpack.Detection
	Started, Ended time.Time
}

func judgesExecEnvs(at api.Version) bool { return at.AtLeast(api.V(0, 15)) }
func hasExtensions(at api.Version) bool  { return at.AtLeast(api.V(0, 10)) }
func isExperimental(at api.Version) bool { return hasExtensions(at) && at.LessThan(api.V(0, 13)) }
func mergesSystem(at api.Version) bool   { return at.AtLeast(api.V(0, 15)) }

// ReadOrder is the order to resolve: order.toml with the system buildpacks around each group, and without extensions
// where the Platform API does not have them (docs/reference.md, "The order"). Errors are *platform.Exit values.
func (d Detector) ReadOrder() (buildpack.OrderFile, error) {
	in, log := d.Inputs, d.Log
	order, err := platform.ReadOrder(in.OrderPath, log)
	if exit := (*platform.Exit)(nil); errors.As(err, &exit) {
		return order, exit
	}
	if err != nil {
		return order, initializing(fmt.Errorf("reading order: %w", err))
	}
	if len(order.Extensions) > 0 && !hasExtensions(in.PlatformAPI) {
		log.Warn(fmt.Sprintf("%s: order-extensions are ignored: they need Platform API 0.10 or newer, this is %s", in.OrderPath, in.PlatformAPI))
		order.Extensions = nil
	}
	if mergesSystem(in.PlatformAPI) {
		system, err := platform.ReadSystem(in.SystemPath, log)
		if err != nil {
			return order, initializing(fmt.Errorf("reading system: %w", err))
		}
		for _, group := range order.Buildpacks {
			added := system.For(group)
			if n := len(added.Pre); n > 0 {
				log.Debug(fmt.Sprintf("Prepending %d system buildpack(s) to group", n))
			}
			if n := len(added.Post); n > 0 {
				log.Debug(fmt.Sprintf("Appending %d system buildpack(s) to group", n))
			}
		}
		order.Buildpacks = system.Around(order.Buildpacks)
	}
	if !slices.ContainsFunc(order.Buildpacks, func(g buildpack.Group) bool { return len(g) > 0 }) {
		return order, &platform.Exit{Code: platform.CodeNoGroup, Action: "detect", Err: fmt.Errorf("%s: %w", in.OrderPath, &buildpack.NoGroupError{})}
	}
	return order, nil
}

func initializing(err error) *platform.Exit {
	return &platform.Exit{Code: platform.CodeFailed, Action: "initialize detector", Err: err}
}

// Detect resolves the order into a group with a build plan (docs/reference.md, "The order" to "The build plan"), and says on the log how it went. The
// result is never nil. That no group passed is an error, too, like all others a *platform.Exit.
func (d Detector) Detect(ctx context.Context, order buildpack.OrderFile) (*Result, error) {
	result := &Result{Order: order, Started: time.Now(), TargetsJudged: phase.JudgesTargets(d.Inputs.PlatformAPI)}
	s := &source{
		Store: store.Store{Buildpacks: d.Inputs.BuildpacksDir, Extensions: d.Inputs.ExtensionsDir},
		runner: newRunner(ctx, func(ctx context.Context, m *buildpack.Module) buildpack.Detection {
			return d.Environment.RunDetect(ctx, m, d.Inputs.DetectTimeout)
		}, d.Inputs.Parallel),
	}
	s.status = d.Status
	defer func() {
		s.stop()
		result.Runs, result.Ended = s.ended(), time.Now()
	}()
	say := newDetectLog(d.Log)
	if err := s.verify(order, say); err != nil {
		return result, err
	}
	if len(order.Extensions) > 0 && isExperimental(d.Inputs.PlatformAPI) {
		if err := phase.AllowExperimental(d.Inputs.ExperimentalMode, "Dockerfiles", d.Log); err != nil {
			return result, initializing(err)
		}
	}
	var err error
	result.Resolution, result.Failure, err = resolve.Search(order.Buildpacks, order.Extensions, d.limits(ctx), s)
	d.explain(result)
	if interrupted := platform.Interrupted(ctx); interrupted != nil {
		return result, interrupted
	}
	switch {
	case err != nil:
		return result, &platform.Exit{Code: phase.LookupCode(err, platform.CodeDetect), Action: "detect", Err: err}
	case result.Failure != nil:
		return result, say.failure(result)
	}
	say.success(result)
	return result, nil
}

// explain says why candidates failed, and members were left out.
func (d Detector) explain(result *Result) {
	if f := result.Failure; f != nil {
		result.Explanation = explain.Why(f.Attempts, f.Composites)
	}
	res := result.Resolution
	if res == nil {
		return
	}
	if d.Inputs.ReportPath != "" {
		result.Explanation = explain.Why(res.Before, res.Composites)
	}
	if len(res.Group) < len(res.Candidate) {
		result.LeftOut = explain.WhyLeftOut(res)
	}
}

// limits say which modules the Platform API leaves out.
func (d Detector) limits(ctx context.Context) resolve.Limits {
	in := d.Inputs
	// The traces at debug level, and reports, are to be the same each time.
	limits := resolve.Limits{Deterministic: in.ReportPath != "" || in.Parallel == 1 || d.Log.Enabled(ctx, slog.LevelDebug)}
	if phase.JudgesTargets(in.PlatformAPI) {
		limits.Target = &d.Environment.Target
	}
	if judgesExecEnvs(in.PlatformAPI) {
		limits.ExecEnv = in.ExecEnv
	}
	return limits
}

// source answers resolve's questions about the world.
type source struct {
	store.Store
	*runner
}

// verify looks up all modules that the order names at its top level, before anything runs.
func (s *source) verify(order buildpack.OrderFile, say *detectLog) error {
	for _, o := range []buildpack.Order{order.Buildpacks, order.Extensions} {
		for _, group := range o {
			for _, element := range group {
				m, err := s.Module(element.Ref)
				if err != nil {
					return &platform.Exit{Code: phase.LookupCode(err, platform.CodeFailed), Action: "initialize detector", Err: err}
				}
				say.descriptor(m)
			}
		}
	}
	return nil
}
