package generate

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/platform"
)

// logFound says at debug level which Dockerfiles an extension left.
func (g Generator) logFound(e ExtensionOutput) {
	for _, d := range e.Dockerfiles {
		g.Log.Debug(fmt.Sprintf("extension %s: found %s, which %s", e.Module.Ref, d.Kind.File(), d.Effect()))
	}
}

// Effect is what the Dockerfile does, as the end of a sentence.
func (d Dockerfile) Effect() string {
	what := "extends the " + string(d.Kind) + " image"
	if d.Switches() {
		what = "switches the run image to " + d.From
	}
	if d.Instructions == 0 {
		return what
	}
	return what + ", " + tidy.Count(d.Instructions, "instruction")
}

// logResult says what comes next: which images are extended, where by what, and which run image it is now.
func (g Generator) logResult(result *Result) {
	builders := extendersOf(result.Extensions, buildpack.BuildDockerfile)
	if len(builders) > 0 {
		g.Log.Info("build image: extended by " + strings.Join(builders, ", ") + g.where(true))
	}
	decision := result.Decision
	var run []string
	if decision.replaces(result.Request.Analyzed, g.Inputs.PlatformAPI) {
		text := decision.Image
		if before := runImageBefore(result.Request.Analyzed); before != "" {
			text += " instead of " + before
		}
		run = append(run, fmt.Sprintf("%s (%s)", text, decision.SwitchedBy))
	}
	if decision.Extend {
		run = append(run, "extended by "+strings.Join(decision.Extending, ", "))
	}
	if len(run) > 0 {
		g.Log.Info("run image: " + strings.Join(run, ", ") + g.where(decision.Extend && len(builders) == 0))
	}
	g.warnOverruled(result)
}

// where says in which directory the Dockerfiles are; empty where that is said already or nothing is to be applied.
func (g Generator) where(say bool) string {
	if !say {
		return ""
	}
	dir := g.Inputs.GeneratedDir
	if here, err := os.Getwd(); err == nil && here != "/" { // as it was probably written
		if below, err := filepath.Rel(here, dir); err == nil && filepath.IsLocal(below) {
			dir = below
		}
	}
	return fmt.Sprintf(" (Dockerfiles in %s)", dir)
}

// runImageBefore is the run image as analyzed.toml names it; empty if it does not.
func runImageBefore(a platform.Analyzed) string {
	if a.RunImage == nil {
		return ""
	}
	return cmp.Or(a.RunImage.Image, a.RunImage.Reference)
}

// extendersOf are the ids of the extensions whose Dockerfile of a kind has something to apply.
func extendersOf(all []Extension, kind buildpack.DockerfileKind) []string {
	var ids []string
	for _, e := range all {
		if slices.ContainsFunc(e.Dockerfiles, func(d Dockerfile) bool { return d.Kind == kind && d.Instructions > 0 }) {
			ids = append(ids, e.Module.ID)
		}
	}
	return ids
}

// warnOverruled is about extensions whose instructions are lost, because an extension that comes later switches the run image.
func (g Generator) warnOverruled(result *Result) {
	for _, d := range runDockerfiles(result.Extensions)[:len(result.Decision.Ignored)] {
		if d.instructions > 0 {
			g.Log.Warn(fmt.Sprintf("the run.Dockerfile of %s is ignored: %s, which comes after it, switches the run image to %s, so what %s adds, such as packages, will be missing there\nhint: put %s before %s in the order",
				d.extension, result.Decision.SwitchedBy, result.Decision.Image, d.extension, result.Decision.SwitchedBy, d.extension))
		}
	}
}
