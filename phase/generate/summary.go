package generate

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// logResult says what comes next: which images are extended, where by what, and which run image it is now.
func (g Generator) logResult(result *Result) {
	var builders []string
	for _, d := range dockerfilesOf(result.Extensions, buildpack.BuildDockerfile) {
		if d.Instructions > 0 {
			builders = append(builders, d.extension)
		}
	}
	where := g.where()
	if len(builders) > 0 {
		g.Log.Info("build image: extended by " + strings.Join(builders, ", ") + where)
		where = ""
	}
	decision, before := result.Decision, result.Request.Analyzed
	var run []string
	if decision.replaces(before, g.Inputs.PlatformAPI) {
		text := decision.Image
		if before.NamesRunImage() {
			text += " instead of " + cmp.Or(before.RunImage.Image, before.RunImage.Reference)
		}
		run = append(run, fmt.Sprintf("%s (%s)", text, decision.SwitchedBy))
	}
	if decision.Extend {
		run = append(run, "extended by "+strings.Join(decision.Extending, ", ")+where)
	}
	if len(run) > 0 {
		g.Log.Info("run image: " + strings.Join(run, ", "))
	}
	g.warnOverruled(result)
}

// where says in which directory the Dockerfiles are.
func (g Generator) where() string {
	dir := g.Inputs.GeneratedDir
	if here, err := os.Getwd(); err == nil && here != "/" { // as it was probably written
		if below, err := filepath.Rel(here, dir); err == nil && filepath.IsLocal(below) {
			dir = below
		}
	}
	return fmt.Sprintf(" (Dockerfiles in %s)", dir)
}

// warnOverruled is about extensions whose instructions are lost, because an extension that comes later switches the run image.
func (g Generator) warnOverruled(result *Result) {
	const warning = "the run.Dockerfile of %[1]s is ignored: %[2]s, which comes after it, switches the run image to %[3]s, " +
		"so what %[1]s adds, such as packages, will be missing there\nhint: put %[2]s before %[1]s in the order"
	decision := result.Decision
	for _, d := range dockerfilesOf(result.Extensions, buildpack.RunDockerfile)[:len(decision.Ignored)] {
		if d.Instructions > 0 {
			g.Log.Warn(fmt.Sprintf(warning, d.extension, decision.SwitchedBy, decision.Image))
		}
	}
}
