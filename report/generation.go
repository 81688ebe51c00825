package report

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/dockerfile"
	"github.com/cnb-prelude/prelude/phase/generate"
)

// addGeneration adds what the extensions generated, if there are any and generation was begun.
func (r *Record) addGeneration(report *Report) {
	g := r.Generation
	if g == nil || len(g.Request.Extensions) == 0 {
		return
	}
	report.Timings.Generate = spanOf(r.started, g.Started, g.Ended)
	if r.Detection == nil {
		report.Group = each(g.Request.Extensions, func(m *buildpack.Module) Ref { return Ref(m.Ref) })
	}
	report.Generation = &Generation{Extensions: each(g.Extensions, r.extension)}
	if done := g.Generation; done != nil {
		report.Generation.RunImage = runImage(g)
		report.Generation.BuildImage = &BuildImage{Image: done.Metadata.BuildImage.Reference, Extend: done.Metadata.BuildImage.Extend}
	}
}

func (r *Record) extension(e generate.Extension) Extension {
	report := Extension{
		Ref: Ref(e.Module.Ref), Static: e.Static, Contexts: []Context{},
		Given:       slices.Compact(each(e.Given, func(r buildpack.Require) string { return r.Name })),
		Dockerfiles: each(e.Dockerfiles, func(d generate.Dockerfile) Dockerfile { return r.dockerfile(e, d) }),
		Warnings:    each(slices.Concat(e.Notes, e.AppNotes), func(n dockerfile.Note) Note { return Note(n) }),
		Output:      e.Printed, Time: spanOf(r.started, e.Started, e.Ended), Error: outcome(e.Err).Error,
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
	return report
}

// dockerfile is a Dockerfile, with its path if generation went well.
func (r *Record) dockerfile(e generate.Extension, d generate.Dockerfile) Dockerfile {
	report := Dockerfile{
		Kind: string(d.Kind), Digest: d.Digest, From: d.From, Instructions: d.Instructions,
		Args: each(e.Config[d.Kind], func(a buildpack.Arg) Setting { return Setting(a) }),
		Text: shorten(bytes.TrimSuffix(d.Text, []byte("\n"))),
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

// runImage is the decision about the run image, and why.
func runImage(g *generate.Result) *RunImage {
	decision, before := g.Decision, g.Request.Analyzed.RunImage
	report := &RunImage{
		Before: cmp.Or(before.Reference, before.Image), Image: g.Generation.Metadata.RunImage.Image,
		SwitchedBy: decision.SwitchedBy, Extend: decision.Extend, Reasons: runImageReasons(decision),
	}
	if decision.Switches() {
		report.Known = &decision.Known
	}
	return report
}

// runImageReasons words the decision about the run image.
func runImageReasons(d generate.Decision) []string {
	reasons := []string{"no run.Dockerfile switches the run image"}
	switch {
	case d.Switches():
		reasons[0] = fmt.Sprintf("%s switches the run image to %s, and no later extension switches it again", d.SwitchedBy, d.Image)
	case d.Dockerfiles == 0:
		reasons[0] = "no extension left a run.Dockerfile"
	}
	if len(d.Ignored) > 0 {
		reasons = append(reasons, "ignored, because they come before the switch: the run.Dockerfiles of "+strings.Join(d.Ignored, ", "))
	}
	switch {
	case d.Extend:
		reasons = append(reasons, "these extend it, with instructions after FROM: "+strings.Join(d.Extending, ", "))
	case d.Dockerfiles > 0:
		reasons = append(reasons, "nothing extends it: no run.Dockerfile that counts has an instruction after FROM")
	}
	return reasons
}
