// Package detect resolves an order into a group with a build plan: it runs each bin/detect once, several at the same time,
// and logs how that went.
package detect

import (
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

// Result is what detection found, even if it did not finish. Log, exit code and report derive from it.
type Result struct {
	// Order that was to be resolved.
	Order buildpack.OrderFile
	// Answer is what the search found; nil after an error.
	Answer *resolve.Answer
	// Contrasts are, if no group passed, what differs from the answers of modules for an empty directory.
	Contrasts map[buildpack.Ref]baseline.Contrast
	// Explanation is why no group passed; nil if one did.
	Explanation *explain.Explanation
	// Alternatives are groups behind the one that passed that fit as well, if they were asked for.
	Alternatives []explain.Alternative
	// LeftOut are the modules that passed and that the build plan of the group leaves out, and why.
	LeftOut []explain.LeftOut
	// LineFeeds are, if no group passed, the files with variables whose values end with a line feed.
	LineFeeds []string
	// Runs are in the order in which they were started; all have ended.
	Runs []*Run
	// Started and Ended are the times of the whole detection.
	Started, Ended time.Time
}

func judgesExecEnvs(at api.Version) bool { return at.AtLeast(api.V(0, 15)) }
func hasExtensions(at api.Version) bool  { return at.AtLeast(api.V(0, 10)) }
func isExperimental(at api.Version) bool { return hasExtensions(at) && !at.AtLeast(api.V(0, 13)) }
func mergesSystem(at api.Version) bool   { return at.AtLeast(api.V(0, 15)) }

// ReadOrder returns the order to resolve: order.toml with the system buildpacks around each group, and without extensions
// where the Platform API does not have them. Errors are *platform.Exit values.
func (d Detector) ReadOrder() (buildpack.OrderFile, error) {
	in := d.Inputs
	order, err := platform.ReadOrder(in.OrderPath, d.Log)
	if exit := (*platform.Exit)(nil); errors.As(err, &exit) {
		return order, exit
	}
	if err != nil {
		return order, initializing(fmt.Errorf("reading order: %w", err))
	}
	if len(order.Extensions) > 0 && !hasExtensions(in.PlatformAPI) {
		d.Log.Warn(fmt.Sprintf("%s: order-extensions are ignored: they need Platform API 0.10 or newer, this is %s", in.OrderPath, in.PlatformAPI))
		order.Extensions = nil
	}
	if mergesSystem(in.PlatformAPI) {
		system, err := platform.ReadSystem(in.SystemPath, d.Log)
		if err != nil {
			return order, initializing(fmt.Errorf("reading system: %w", err))
		}
		for i, group := range order.Buildpacks {
			order.Buildpacks[i] = d.around(group, system)
		}
	}
	if !slices.ContainsFunc(order.Buildpacks, func(g buildpack.Group) bool { return len(g) > 0 }) {
		return order, &platform.Exit{Code: platform.CodeNoGroup, Action: "detect", Err: fmt.Errorf("%s: %w", in.OrderPath, &buildpack.NoGroupError{})}
	}
	return order, nil
}

// around returns a group with the system buildpacks before and after it.
func (d Detector) around(group buildpack.Group, system buildpack.System) buildpack.Group {
	added := system.For(group)
	if n := len(added.Pre); n > 0 {
		d.Log.Debug(fmt.Sprintf("Prepending %d system buildpack(s) to group", n))
	}
	if n := len(added.Post); n > 0 {
		d.Log.Debug(fmt.Sprintf("Appending %d system buildpack(s) to group", n))
	}
	for _, e := range slices.Concat(system.Pre, system.Post) {
		if own := group.Find(e.ID); own != nil {
			d.Log.Debug(fmt.Sprintf("left out: system buildpack %s, because the group has %s", e.Ref, own.Ref))
		}
	}
	return slices.Concat(added.Pre, group, added.Post)
}

func initializing(err error) *platform.Exit {
	return &platform.Exit{Code: platform.CodeFailed, Action: "initialize detector", Err: err}
}

// Detect resolves the order into a group with a build plan, and logs how it went. The result is never nil. That no group
// passed is an error, too, like all others a *platform.Exit.
func (d Detector) Detect(ctx context.Context, order buildpack.OrderFile) (*Result, error) {
	result := &Result{Order: order, Started: time.Now()}
	s := &source{
		Store: store.Store{Buildpacks: d.Inputs.BuildpacksDir, Extensions: d.Inputs.ExtensionsDir},
		runner: newRunner(ctx, func(ctx context.Context, m *buildpack.Module) buildpack.Detection {
			return d.Environment.RunDetect(ctx, m, d.Inputs.DetectTimeout)
		}, d.Inputs.Parallel),
	}
	s.status, s.tracing = d.Status, d.Tracing
	s.say = func(text string) { d.Log.Info(text) }
	err := d.search(ctx, result, s)
	if interrupted := platform.Interrupted(ctx); interrupted != nil {
		err = s.whileRunning(interrupted)
	}
	result.Runs, result.Ended = s.stop(), time.Now()
	return result, err
}

// search fills the result.
func (d Detector) search(ctx context.Context, result *Result, s *source) error {
	order, log := result.Order, &detectLog{log: d.Log, warned: map[buildpack.Ref]bool{}}
	if err := s.verify(order, log); err != nil {
		return err
	}
	if len(order.Extensions) > 0 && isExperimental(d.Inputs.PlatformAPI) {
		if err := phase.AllowExperimental(d.Inputs.ExperimentalMode, "Dockerfiles", d.Log); err != nil {
			return initializing(err)
		}
	}
	answer, err := resolve.Search(order.Buildpacks, order.Extensions, d.limits(ctx), s)
	if err != nil {
		return &platform.Exit{Code: phase.LookupCode(err, platform.CodeDetect), Action: "detect", Err: err}
	}
	result.Answer = answer
	if answer.Resolution == nil {
		d.explain(ctx, result, s.slots)
		return log.failure(result)
	}
	d.Tracing.Event("group passed", otlp.Attribute{Key: "cnb.group", Value: answer.Resolution.Group + 1})
	result.LeftOut = explain.WhyLeftOut(answer)
	log.success(result)
	if d.Inputs.Alternatives {
		d.alternatives(ctx, result, s)
	}
	return nil
}

// alternatives tries the groups behind the one that passed, each by itself. A group that cannot be decided is passed over.
func (d Detector) alternatives(ctx context.Context, result *Result, s *source) {
	app := baseline.Read(d.Inputs.AppDir)
	for i := result.Answer.Resolution.Group + 1; i < len(result.Order.Buildpacks) && ctx.Err() == nil; i++ {
		answer, err := resolve.Search(result.Order.Buildpacks[i:i+1], result.Order.Extensions, d.limits(ctx), s)
		if err == nil && answer.Resolution != nil {
			a := explain.NewAlternative(i, result.Order.Buildpacks[i], answer, app)
			result.Alternatives = append(result.Alternatives, a)
			d.Log.Info("also fits: " + a.String())
		}
	}
}

// explain finds out why no group passed.
func (d Detector) explain(ctx context.Context, result *Result, slots int) {
	in := explain.Input{
		Answer: result.Answer, Order: result.Order.Buildpacks, App: baseline.Read(d.Inputs.AppDir), NoHints: d.namesDirectory(),
	}
	if d.Inputs.Baseline {
		result.Contrasts = d.contrasts(ctx, result, slots)
		in.Contrasts = result.Contrasts
	}
	result.LineFeeds = phase.EndsWithLineFeed(d.Inputs)
	why := explain.Why(in)
	result.Explanation = &why
}

// leastBaseline is how long the second run may take in any case; else it is what detection took.
const leastBaseline = 3 * time.Second

// contrasts runs modules in an empty directory, except those that were not run or that a time limit ended.
func (d Detector) contrasts(ctx context.Context, result *Result, slots int) map[buildpack.Ref]baseline.Contrast {
	ctx, cancel := context.WithTimeout(ctx, max(leastBaseline, time.Since(result.Started)))
	defer cancel()
	var members []resolve.Member
	// The time is limited, and errors tell the most.
	for _, outcome := range []buildpack.Outcome{buildpack.Errored, buildpack.Passed, buildpack.Failed} {
		for _, m := range result.Answer.Members {
			timedOut := d.Inputs.DetectTimeout > 0 && m.Detection.ExitCode == buildpack.NoExitCode
			if m.Detection.Outcome == outcome && !timedOut {
				members = append(members, m)
			}
		}
	}
	var modules []*buildpack.Module
	for _, m := range members {
		modules = append(modules, m.Module)
	}
	empty := baseline.Run(ctx, d.Environment, modules, slots)
	contrasts := map[buildpack.Ref]baseline.Contrast{}
	for _, m := range members {
		if e, known := empty[m.Module.Ref]; known {
			contrasts[m.Module.Ref] = baseline.Compare(m.Detection, e, d.Inputs.AppDir, d.Inputs.PlatformDir)
		}
	}
	return contrasts
}

// namesDirectory reports whether the value of a variable of the platform is a directory of the app.
func (d Detector) namesDirectory() bool {
	env := filepath.Join(d.Inputs.PlatformDir, "env")
	entries, _ := os.ReadDir(env)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		value, err := files.Read(filepath.Join(env, e.Name()), 4096)
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
func (s *source) verify(order buildpack.OrderFile, log *detectLog) error {
	for _, element := range slices.Concat(slices.Concat(order.Buildpacks, order.Extensions)...) {
		m, err := s.Module(element.Ref)
		if err != nil {
			return &platform.Exit{Code: phase.LookupCode(err, platform.CodeFailed), Action: "initialize detector", Err: err}
		}
		log.warnings(m, nil)
	}
	return nil
}
