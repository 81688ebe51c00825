// Package phase holds what detection (phase/detect) and generation (phase/generate) have in common: what both know of the
// image and of modules' environment before they start, and which experimental features are allowed.
package phase

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/buildpack/store"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/process"
	"github.com/cnb-prelude/prelude/platform"
)

// RunContext is what both phases know before they start: the image, and what modules get.
type RunContext struct {
	Analyzed    platform.Analyzed
	Environment invoke.Environment
}

// ReadRunContext reads analyzed.toml and returns the run context for it; see NewRunContext. environ is the environment of
// this process. An analyzed.toml that cannot be read is an error.
func ReadRunContext(in platform.Inputs, environ []string, log *slog.Logger) (RunContext, error) {
	analyzed, err := platform.ReadAnalyzed(in.AnalyzedPath, log)
	if err != nil {
		return RunContext{}, err
	}
	return NewRunContext(in, environ, analyzed, log)
}

// NewRunContext works out what modules get: above all the target of the run image, which is taken from /etc/os-release where
// neither analyzed.toml nor, in layout mode, the image has it. An image in the layout directory that cannot be read is an
// error.
func NewRunContext(in platform.Inputs, environ []string, analyzed platform.Analyzed, log *slog.Logger) (RunContext, error) {
	known, err := withLayoutTarget(in, analyzed, log)
	if err != nil {
		return RunContext{}, err
	}
	target := platform.TargetOf(known, func() []byte {
		if JudgesTargets(in.PlatformAPI) {
			log.Info("target distro name/version labels not found, reading /etc/os-release file")
		}
		text, err := files.Read("/etc/os-release", files.Config)
		if err != nil {
			log.Debug(fmt.Sprintf("the distribution is not known: %s", err))
		}
		return text
	})
	return RunContext{Analyzed: analyzed, Environment: invoke.Environment{
		App: in.AppDir, Platform: in.PlatformDir, BuildConfig: in.BuildConfigDir,
		Target: target, ExecEnv: in.ExecEnv, Environ: environ,
		Debug: func(message string) { log.Debug(message) },
	}.Remembering()}, nil
}

// JudgesTargets reports whether a Platform API leaves out modules that do not support the target of the run image.
func JudgesTargets(at api.Version) bool { return at.AtLeast(api.V(0, 12)) }

// CheckDescriptors is an error if a phase cannot have the descriptors that it needs. Call it before any file is opened.
func CheckDescriptors() error {
	if err := process.CheckDescriptors(); err != nil {
		return platform.WithHint(err, "raise the limit, with ulimit -n in a shell or --ulimit nofile=1024 for a container")
	}
	return nil
}

const hintExperimental = "set CNB_EXPERIMENTAL_MODE=warn to allow it with a warning, or silent to allow it without; extensions are not experimental from Platform API 0.13 on"

// AllowExperimental does what the mode says about an experimental feature that is asked for: nothing, a warning, or an error.
// silent and quiet mean the same.
func AllowExperimental(mode, feature string, log *slog.Logger) error {
	requested := fmt.Sprintf("Platform requested experimental feature '%s'", feature)
	switch mode {
	case "silent", "quiet":
	case "warn":
		log.Warn(requested)
	case "error":
		log.Error(requested)
		return platform.WithHint(errors.New("experimental features are disabled by CNB_EXPERIMENTAL_MODE=error"), hintExperimental)
	default:
		log.Error(requested)
		err := fmt.Errorf("experimental features are disabled by CNB_EXPERIMENTAL_MODE: unknown mode %q is treated as error; want error, warn or silent", mode)
		return platform.WithHint(err, hintExperimental)
	}
	return nil
}

// LookupCode is the exit code for a module that cannot be used: 12 for its API, else the one given.
func LookupCode(err error, otherwise int) int {
	var incompatible *store.APIError
	if errors.As(err, &incompatible) {
		return platform.CodeIncompatibleBuildpack
	}
	return otherwise
}
