// Package detect resolves an order into a group with a build plan: it runs each bin/detect once, several at the same time,
// and says on the log how that went. Which modules take part is decided by phase/resolve, and why others do not is worded by
// phase/explain.
package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/buildpack/store"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/otlp"
	"github.com/cnb-prelude/prelude/internal/statusline"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/phase/baseline"
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
	// Tracing writes a trace; nil if none is asked for.
	Tracing *phase.Tracing
}

// Result is what detection found, also where it came to no end. Log, exit code and report derive from it.
type Result struct {
	// Order that was to be resolved.
	Order buildpack.OrderFile
	// Answer is what the search found; nil after an error.
	Answer *resolve.Answer
	// Contrasts are, if no group passed, what differs from the answers of modules for an empty directory.
	Contrasts map[buildpack.Ref]baseline.Contrast
	// Explanation is why no group passed; nil if one did.
	Explanation *explain.Explanation
	// Alternatives are the groups behind the one that passed that fit as well, if they were asked for.
	Alternatives []explain.Alternative
	// LeftOut are the modules that passed and that the build plan of the group leaves out, and why.
	LeftOut []explain.LeftOut
	// LineFeeds are, if no group passed, the files with variables whose values end with a line feed.
	LineFeeds []string
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
func isExperimental(at api.Version) bool { return hasExtensions(at) && !at.AtLeast(api.V(0, 13)) }
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
			for _, e := range slices.Concat(system.Pre, system.Post) {
				if i := slices.IndexFunc(group, func(own buildpack.Element) bool { return own.ID == e.ID }); i >= 0 {
					log.Debug(fmt.Sprintf("left out: system buildpack %s, because the group has %s", e.Ref, group[i].Ref))
				}
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
	s.status, s.tracing = d.Status, d.Tracing
	s.say = func(text string) { d.Log.Info(text) }
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
	answer, err := resolve.Search(order.Buildpacks, order.Extensions, d.limits(ctx), s)
	if interrupted := platform.Interrupted(ctx); interrupted != nil {
		return result, s.whileRunning(interrupted)
	}
	if err != nil {
		return result, &platform.Exit{Code: phase.LookupCode(err, platform.CodeDetect), Action: "detect", Err: err}
	}
	result.Answer = answer
	if answer.Resolution == nil {
		d.explain(ctx, result, s.runner)
		exit := say.failure(result)
		if interrupted := platform.Interrupted(ctx); interrupted != nil {
			return result, interrupted
		}
		return result, exit
	}
	d.Tracing.Event("group passed", otlp.Attribute{Key: "cnb.group", Value: answer.Resolution.Group + 1})
	result.LeftOut = explain.WhyLeftOut(answer)
	say.success(result)
	if d.Inputs.Alternatives {
		result.Alternatives = d.alternatives(ctx, result, s)
		for _, a := range result.Alternatives {
			d.Log.Info("also fits: " + a.String())
		}
	}
	if interrupted := platform.Interrupted(ctx); interrupted != nil {
		return result, interrupted
	}
	return result, nil
}

// alternatives tries the groups of the order behind the one that passed, each by itself. A group that cannot be decided is passed
// over: the answer stands.
func (d Detector) alternatives(ctx context.Context, result *Result, s *source) []explain.Alternative {
	var all []explain.Alternative
	for i := result.Answer.Resolution.Group + 1; i < len(result.Order.Buildpacks) && ctx.Err() == nil; i++ {
		answer, err := resolve.Search(result.Order.Buildpacks[i:i+1], result.Order.Extensions, d.limits(ctx), s)
		if err == nil && answer.Resolution != nil {
			all = append(all, explain.NewAlternative(i, result.Order.Buildpacks[i], answer, baseline.Read(d.Inputs.AppDir), d.Inputs.AppDir))
		}
	}
	return all
}

// explain finds out why no group passed.
func (d Detector) explain(ctx context.Context, result *Result, r *runner) {
	in := explain.Input{
		Answer: result.Answer, Order: result.Order.Buildpacks, AppDir: d.Inputs.AppDir,
		App: baseline.Read(d.Inputs.AppDir), NoHints: d.namesPath(),
	}
	if d.Inputs.Baseline {
		result.Contrasts = d.contrasts(ctx, result, r)
		in.Contrasts = result.Contrasts
	}
	result.LineFeeds = phase.EndsWithLineFeed(d.Inputs)
	why := explain.Why(in)
	result.Explanation = &why
}

// leastBaseline is how long the second run may take in any case; else it is what detection took.
const leastBaseline = 3 * time.Second

// contrasts runs modules in an empty directory. Those that were not run, and those that a time limit ended, are left out.
func (d Detector) contrasts(ctx context.Context, result *Result, r *runner) map[buildpack.Ref]baseline.Contrast {
	ctx, cancel := context.WithTimeout(ctx, max(leastBaseline, time.Since(result.Started)))
	defer cancel()
	var modules []*buildpack.Module
	members := slices.Clone(result.Answer.Members)
	slices.SortStableFunc(members, func(a, b resolve.Member) int { return cmp.Compare(urgency(a), urgency(b)) })
	for _, m := range members {
		timedOut := d.Inputs.DetectTimeout > 0 && m.Detection.ExitCode == buildpack.NoExitCode
		if m.Detection.Outcome != buildpack.Mismatched && !timedOut {
			modules = append(modules, m.Module)
		}
	}
	empty := baseline.Run(ctx, d.Environment, modules, r.slots)
	contrasts := map[buildpack.Ref]baseline.Contrast{}
	for _, m := range result.Answer.Members {
		if e, known := empty[m.Module.Ref]; known {
			contrasts[m.Module.Ref] = baseline.Compare(m.Detection, e, d.Inputs.AppDir, d.Inputs.PlatformDir)
		}
	}
	return contrasts
}

// urgency orders the second run, whose time is limited: errors tell the most, and a module that said no the least.
func urgency(m resolve.Member) int {
	switch m.Detection.Outcome {
	case buildpack.Errored:
		return 0
	case buildpack.Passed:
		return 1
	}
	return 2
}

// namesPath reports whether a variable of the platform names a directory of the app: its value is one, or its name says so.
func (d Detector) namesPath() bool {
	entries, _ := os.ReadDir(filepath.Join(d.Inputs.PlatformDir, "env"))
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		name := e.Name()
		for _, ending := range []string{"_PATH", "_DIR", "_ROOT"} {
			if strings.HasSuffix(name, ending) {
				return true
			}
		}
		value, err := files.Read(filepath.Join(d.Inputs.PlatformDir, "env", name), 4096)
		dir := strings.TrimSpace(string(value))
		if err != nil || dir == "" || !filepath.IsLocal(dir) {
			return false
		}
		info, err := os.Lstat(filepath.Join(d.Inputs.AppDir, dir))
		return err == nil && info.IsDir()
	})
}

// limits say which modules the Platform API leaves out.
func (d Detector) limits(ctx context.Context) resolve.Limits {
	in := d.Inputs
	// With one slot, modules run in the order in which they stand: a candidate is judged when all of it is known.
	limits := resolve.Limits{Trace: in.ReportPath != "" || in.Parallel == 1 || d.Log.Enabled(ctx, slog.LevelDebug)}
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
