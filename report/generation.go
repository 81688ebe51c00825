package report

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase/generate"
)

// generation is what the extensions generated; nil if it was not begun, or there are none.
func (r *Record) generation() *Generation {
	g := r.Generation
	if g == nil || len(g.Request.Extensions) == 0 {
		return nil
	}
	report := &Generation{Extensions: []Extension{}}
	for _, e := range g.Extensions {
		report.Extensions = append(report.Extensions, r.extension(e))
	}
	if done := g.Generation; done != nil {
		report.RunImage = runImage(g)
		report.BuildImage = &BuildImage{Image: done.Metadata.BuildImage.Reference, Extend: done.Metadata.BuildImage.Extend}
	}
	return report
}

func (r *Record) extension(e generate.Extension) Extension {
	report := Extension{
		Ref: refReport(e.Module.Ref), Static: e.Static, Given: []string{},
		Checks: checks(e), Dockerfiles: []Dockerfile{}, Contexts: []Context{},
		Warnings: []Note{}, Output: e.Printed, Time: spanOf(r.started, e.Started, e.Ended),
	}
	for _, require := range e.Given {
		if !slices.Contains(report.Given, require.Name) {
			report.Given = append(report.Given, require.Name)
		}
	}
	for _, note := range slices.Concat(e.Notes, e.AppNotes) {
		report.Warnings = append(report.Warnings, Note{Text: note.Text, Hint: note.Hint, Minor: note.Minor})
	}
	for _, d := range e.Dockerfiles {
		report.Dockerfiles = append(report.Dockerfiles, r.dockerfile(e, d))
	}
	if e.Refused != nil {
		refused := r.dockerfile(e, *e.Refused)
		refused.Refused = true
		report.Dockerfiles = append(report.Dockerfiles, refused)
	}
	for _, kind := range buildpack.DockerfileKinds() {
		if dir := e.Contexts[kind]; dir != "" {
			report.Contexts = append(report.Contexts, Context{Kind: string(kind), Directory: dir})
		}
	}
	if e.Err != nil {
		report.Error = outcome(e.Err).Error
	}
	return report
}

// checks are those of an extension's output, with their results.
func checks(e generate.Extension) []Check {
	all := []Check{}
	passed := func(what, text string) { all = append(all, Check{What: what, Passed: true, Text: text}) }
	for _, d := range e.Dockerfiles {
		passed(d.Kind.File(), d.Effect())
	}
	if args := len(e.Config.Build) + len(e.Config.Run); args > 0 {
		passed(generate.ExtendConfig, tidy.Count(args, "build argument"))
	}
	var contexts []string
	for _, kind := range buildpack.DockerfileKinds() {
		if dir := e.Contexts[kind]; dir != "" && !slices.Contains(contexts, dir) {
			contexts = append(contexts, dir)
			passed(dir, "a build context without links out of it, devices or pipes")
		}
	}
	if e.Err != nil {
		what := "output"
		if e.Refused != nil {
			what = e.Refused.Kind.File()
		}
		all = append(all, Check{What: what, Text: outcome(e.Err).Error})
	}
	return all
}

// dockerfile is a Dockerfile, with its place if generation went well.
func (r *Record) dockerfile(e generate.Extension, d generate.Dockerfile) Dockerfile {
	report := Dockerfile{
		Kind: string(d.Kind), Digest: d.Digest, From: d.From, Instructions: d.Instructions,
		Args: []Arg{}, Text: shorten(bytes.TrimSuffix(d.Text, []byte("\n"))),
	}
	for _, arg := range e.Config.For(d.Kind) {
		report.Args = append(report.Args, Arg{Name: arg.Name, Value: arg.Value})
	}
	done := r.Generation.Generation
	if done == nil {
		return report
	}
	for _, g := range done.Metadata.For(d.Kind) {
		if g.Extension == e.Module.ID {
			report.Path, report.Context = g.Path, g.Context
		}
	}
	for _, ignored := range done.Metadata.Ignored {
		if ignored.Extension == e.Module.ID && d.Kind == buildpack.RunDockerfile {
			report.Path, report.IgnoredFor = ignored.Path, ignored.OverruledBy
		}
	}
	return report
}

// runImage is which run image it is to be, and why.
func runImage(g *generate.Result) *RunImage {
	decision := g.Decision
	report := &RunImage{
		Image: g.Generation.Metadata.RunImage.Image, SwitchedBy: decision.SwitchedBy, Extend: decision.Extend, Reasons: runImageReasons(decision),
	}
	if before := g.Request.Analyzed.RunImage; before != nil {
		report.Before = cmp.Or(before.Reference, before.Image)
	}
	if decision.Switches() {
		report.Known = &decision.Known
	}
	return report
}

// runImageReasons words the decision about the run image.
func runImageReasons(decision generate.Decision) []string {
	var reasons []string
	switch {
	case decision.Switches():
		reasons = append(reasons, fmt.Sprintf("%s switches the run image to %s, and no later extension switches it again", decision.SwitchedBy, decision.Image))
	case decision.Dockerfiles == 0:
		reasons = append(reasons, "no extension left a run.Dockerfile")
	default:
		reasons = append(reasons, "no run.Dockerfile switches the run image")
	}
	if len(decision.Ignored) > 0 {
		reasons = append(reasons, fmt.Sprintf("ignored, because they come before the switch: the run.Dockerfiles of %s", strings.Join(decision.Ignored, ", ")))
	}
	switch {
	case decision.Extend:
		reasons = append(reasons, fmt.Sprintf("it is to be extended: these have instructions after FROM: %s", strings.Join(decision.Extending, ", ")))
	case decision.Dockerfiles > 0:
		reasons = append(reasons, "nothing is to be extended: no run.Dockerfile that counts has an instruction after FROM")
	}
	return reasons
}
