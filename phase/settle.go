package phase

import (
	"cmp"
	"fmt"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
)

// settle decides about the run image, brings the tree into the layout of the Platform API and works out the results.
func (g *Generator) settle(r Request, all []extended, shared share, out *outputs) (*Generation, error) {
	decision := decideRunImage(runDockerfiles(all))
	analyzed, err := g.analyzed(r, decision, all)
	if err != nil {
		return nil, err
	}
	generation := &Generation{Analyzed: analyzed, outputs: out}
	for _, entry := range shared.rest {
		generation.Plan = append(generation.Plan, entry.PlanEntry)
	}
	metadata := &generation.Metadata
	metadata.Version, metadata.PlatformAPI = platform.GeneratedVersion, g.PlatformAPI.String()
	metadata.RunImage, metadata.BuildImage = images(generation.Analyzed, decision, extendsBuild(all))
	for _, entry := range shared.taken {
		metadata.Provided = append(metadata.Provided, platform.Provided{Extension: entry.extension, Requires: entry.Requires})
	}
	if err := g.arrange(all, decision, metadata, out); err != nil {
		return nil, err
	}
	if len(r.Extensions) > 0 {
		metadata.Rerun, err = rerun(r, generation, shared)
	}
	return generation, err
}

// runDockerfiles are the run.Dockerfiles in the order of the group.
func runDockerfiles(all []extended) []runDockerfile {
	var runs []runDockerfile
	for _, e := range all {
		for _, d := range e.dockerfiles {
			if d.Kind == buildpack.RunDockerfile {
				runs = append(runs, runDockerfile{extension: e.module.ID, from: d.From, instructions: d.Instructions})
			}
		}
	}
	return runs
}

func extendsBuild(all []extended) bool {
	for _, e := range all {
		for _, d := range e.dockerfiles {
			if d.Kind == buildpack.BuildDockerfile {
				return true
			}
		}
	}
	return false
}

// analyzed is analyzed.toml as generation leaves it, and warns of what is odd about the run image.
func (g *Generator) analyzed(r Request, decision runDecision, all []extended) (platform.Analyzed, error) {
	if len(r.Extensions) == 0 {
		return r.Analyzed, nil
	}
	if decision.replaces(r.Analyzed, g.PlatformAPI) && !r.RunImages.Knows(decision.image) {
		g.Log.Warn(fmt.Sprintf("new runtime base image '%s' not found in run metadata", decision.image))
	}
	a := decision.rewrite(r.Analyzed, g.PlatformAPI)
	if g.LayoutDir != "" && decision.replaces(r.Analyzed, g.PlatformAPI) {
		switch image, err := findLayout(g.LayoutDir, g.Log, decision.image); {
		case err != nil:
			return a, &platform.Exit{Code: platform.CodeFailed, Action: "generate", Err: err}
		case image != nil:
			a = a.WithRunLayout(*image)
		}
	}
	if !a.NamesRunImage() && len(runDockerfiles(all)) > 0 {
		g.Log.Warn("a run.Dockerfile extends the run image, but no run image is known: nothing about it is written to analyzed.toml")
	}
	if g.PlatformAPI.AtLeast(api.V(0, 13)) {
		a = a.ExtendingBuild(extendsBuild(all))
	}
	return a, nil
}

// images are the two images as generated.toml names them: by what later phases take from analyzed.toml.
func images(a platform.Analyzed, decision runDecision, extendBuild bool) (platform.GeneratedRunImage, platform.GeneratedBuildImage) {
	run := platform.GeneratedRunImage{SwitchedBy: decision.by, Extend: decision.extend}
	if a.RunImage != nil {
		run.Image = cmp.Or(a.RunImage.Reference, a.RunImage.Image)
	}
	return run, platform.GeneratedBuildImage{Reference: a.BuildReference, Extend: extendBuild}
}

// arrange brings all Dockerfiles to their places and lists them.
func (g *Generator) arrange(all []extended, decision runDecision, metadata *platform.Generated, out *outputs) error {
	run := 0 // index of the next run.Dockerfile
	for _, e := range all {
		for _, d := range e.dockerfiles {
			ignored := false
			if d.Kind == buildpack.RunDockerfile {
				ignored = decision.ignores(run)
				run++
			}
			path, context, err := out.place(e, d.Kind, ignored, g.PlatformAPI)
			if err != nil {
				return fmt.Errorf("extension %s: %w", e.module.Ref, err)
			}
			if ignored {
				metadata.Ignored = append(metadata.Ignored, platform.IgnoredDockerfile{Extension: e.module.ID, Path: path, OverruledBy: decision.by})
				continue
			}
			metadata.Dockerfiles = append(metadata.Dockerfiles, platform.GeneratedDockerfile{
				Kind: d.Kind, Extension: e.module.ID, Version: e.module.Version, Path: path, Digest: d.digest,
				Instructions: d.Instructions, From: d.From, Context: context, Args: e.config.For(d.Kind),
			})
		}
	}
	return nil
}
