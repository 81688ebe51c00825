// Package phase runs the steps of detection and generation in their order, and says how they went. What the steps do is
// elsewhere: resolve decides, store finds modules, invoke runs them, platform reads and writes files.
package phase

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/buildpack/store"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// Surroundings are what both phases know before they start: the image and what modules see of the world.
type Surroundings struct {
	Analyzed platform.Analyzed
	World    invoke.World
}

// Survey reads analyzed.toml and looks around. environ is our own environment.
func Survey(in platform.Inputs, environ []string, log *slog.Logger) (Surroundings, error) {
	analyzed, err := platform.ReadAnalyzed(in.AnalyzedPath, log)
	if err != nil {
		return Surroundings{}, err
	}
	return Surround(in, environ, analyzed, log)
}

// Surround works out what modules see of the world: above all the target of the run image, which is taken from
// /etc/os-release where neither analyzed.toml nor, in layout mode, the image has it (contract, section 3; said once per
// run, B10).
func Surround(in platform.Inputs, environ []string, analyzed platform.Analyzed, log *slog.Logger) (Surroundings, error) {
	known, err := withLayoutTarget(in, analyzed, log)
	if err != nil {
		return Surroundings{}, err
	}
	target := platform.TargetOf(known, func() []byte {
		if judgesTargets(in.PlatformAPI) {
			log.Info("target distro name/version labels not found, reading /etc/os-release file")
		}
		text, err := files.Read("/etc/os-release", files.Config)
		if err != nil {
			log.Debug(fmt.Sprintf("the distribution is not known: %s", err))
		}
		return text
	})
	return Surroundings{Analyzed: analyzed, World: invoke.World{
		App: in.AppDir, Platform: in.PlatformDir, BuildConfig: in.BuildConfigDir,
		Target: target, ExecEnv: in.ExecEnv, Environ: environ,
		Debug: func(message string) { log.Debug(message) },
	}.Remembering()}, nil
}

func judgesTargets(at api.Version) bool  { return at.AtLeast(api.V(0, 12)) }
func judgesExecEnvs(at api.Version) bool { return at.AtLeast(api.V(0, 15)) }
func hasExtensions(at api.Version) bool  { return at.AtLeast(api.V(0, 10)) }
func isExperimental(at api.Version) bool { return hasExtensions(at) && at.LessThan(api.V(0, 13)) }
func mergesSystem(at api.Version) bool   { return at.AtLeast(api.V(0, 15)) }

// ReadOrder is the order to resolve: order.toml with the system buildpacks around each group, and without extensions
// where the Platform API does not have them (contract, section 3).
func ReadOrder(in platform.Inputs, log *slog.Logger) (buildpack.OrderFile, error) {
	order, err := platform.ReadOrder(in.OrderPath, log)
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
	return order, nil
}

// CheckDescriptors is an error if a phase cannot have the descriptors that it needs. It is to be asked before any file is
// opened.
func CheckDescriptors() error {
	if err := invoke.CheckDescriptors(); err != nil {
		return platform.WithHint(err, "raise the limit, with ulimit -n in a shell or --ulimit nofile=1024 for a container")
	}
	return nil
}

// WithHurry is a context that, once it is done, gives executables their time to end only until hurry is closed.
func WithHurry(ctx context.Context, hurry <-chan struct{}) context.Context {
	return invoke.WithHurry(ctx, hurry)
}

func initializing(err error) *platform.Exit {
	return &platform.Exit{Code: platform.CodeFailed, Action: "initialize detector", Err: err}
}

// experimental does what the mode says about an experimental feature that is asked for; silent and quiet mean the same
// (B01).
func experimental(mode, feature string, log *slog.Logger) error {
	requested := fmt.Sprintf("Platform requested experimental feature '%s'", feature)
	switch mode {
	case "silent", "quiet":
	case "warn":
		log.Warn(requested)
	case "error":
		log.Error(requested)
		return errors.New("experimental features are disabled by CNB_EXPERIMENTAL_MODE=error")
	default:
		log.Error(requested)
		return fmt.Errorf("experimental features are disabled by CNB_EXPERIMENTAL_MODE=error, for which %q, an unknown mode, is taken; want error, warn or silent", mode)
	}
	return nil
}

// Detect resolves the order into a group with a build plan (contract, sections 3 to 5), and says on the log how it went.
func Detect(ctx context.Context, in platform.Inputs, order buildpack.OrderFile, world invoke.World, record *Record, log *slog.Logger) (*resolve.Resolution, error) {
	record.detects(order)
	s := &source{
		Store: store.Store{Buildpacks: in.BuildpacksDir, Extensions: in.ExtensionsDir},
		runs: newRuns(ctx, record.timing(func(ctx context.Context, m *buildpack.Module) buildpack.Detection {
			return world.Detect(ctx, m, in.DetectTimeout)
		}), in.Parallel),
	}
	defer s.stop()
	say := newTeller(log)
	if err := s.verify(order, say); err != nil {
		return nil, err
	}
	if len(order.Extensions) > 0 && isExperimental(in.PlatformAPI) {
		if err := experimental(in.ExperimentalMode, "Dockerfiles", log); err != nil {
			return nil, initializing(err)
		}
	}
	// Whoever reads every trace at debug level, or a report, wants the same ones each time.
	limits := resolve.Limits{Patient: record != nil || in.Parallel == 1 || log.Enabled(ctx, slog.LevelDebug)}
	if judgesTargets(in.PlatformAPI) {
		limits.Target = &world.Target
	}
	if judgesExecEnvs(in.PlatformAPI) {
		limits.ExecEnv = in.ExecEnv
	}
	resolution, failure, err := resolve.Search(order.Buildpacks, order.Extensions, limits, s)
	record.detected(resolution, failure)
	switch {
	case interrupted(ctx) != nil:
		return nil, interrupted(ctx)
	case err != nil:
		return nil, &platform.Exit{Code: lookupCode(err, platform.CodeDetect), Action: "detect", Err: err}
	case failure != nil:
		return nil, say.failure(failure)
	}
	say.success(resolution)
	return resolution, nil
}

// source answers resolve's questions about the world.
type source struct {
	store.Store
	*runs
}

// verify looks up all modules that the order names at its top level, before anything runs.
func (s *source) verify(order buildpack.OrderFile, say *teller) error {
	for _, o := range []buildpack.Order{order.Buildpacks, order.Extensions} {
		for _, group := range o {
			for _, element := range group {
				m, err := s.Module(element.Ref)
				if err != nil {
					return &platform.Exit{Code: lookupCode(err, platform.CodeFailed), Action: "initialize detector", Err: err}
				}
				say.descriptor(m)
			}
		}
	}
	return nil
}

// lookupCode is the exit code for a module that cannot be used: 12 for its API (B02), else the one given.
func lookupCode(err error, otherwise int) int {
	var incompatible *store.APIError
	if errors.As(err, &incompatible) {
		return platform.CodeIncompatibleBuildpack
	}
	return otherwise
}
