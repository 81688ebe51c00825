package generate

import (
	"cmp"
	"fmt"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/platform"
)

// assemble brings the tree into the layout of the Platform API and works out the files that later phases read.
func (g Generator) assemble(result *Result, out *outputs) (*Generation, error) {
	analyzed, err := g.analyzed(result)
	if err != nil {
		return nil, err
	}
	generation := &Generation{Analyzed: analyzed, Plan: result.Split.Rest, outputs: out}
	metadata := &generation.Metadata
	metadata.Version, metadata.PlatformAPI = platform.GeneratedVersion, g.Inputs.PlatformAPI.String()
	metadata.RunImage, metadata.BuildImage = images(analyzed, result.Decision, extendsBuild(result.Extensions))
	for _, entry := range result.Split.Taken {
		metadata.Provided = append(metadata.Provided, platform.Provided{Extension: entry.Extension.ID, Requires: entry.Requires})
	}
	if err := arrange(result, metadata, out); err != nil {
		return nil, err
	}
	if len(result.Request.Extensions) > 0 {
		metadata.Rerun, err = rerun(result, generation)
	}
	return generation, err
}

// runDockerfiles are the run.Dockerfiles in the order of the group.
func runDockerfiles(all []Extension) []runDockerfile {
	var runs []runDockerfile
	for _, e := range all {
		for _, d := range e.Dockerfiles {
			if d.Kind == buildpack.RunDockerfile {
				runs = append(runs, runDockerfile{extension: e.Module.ID, from: d.From, instructions: d.Instructions})
			}
		}
	}
	return runs
}

func extendsBuild(all []Extension) bool {
	for _, e := range all {
		for _, d := range e.Dockerfiles {
			if d.Kind == buildpack.BuildDockerfile {
				return true
			}
		}
	}
	return false
}

// analyzed is analyzed.toml as generation leaves it, and warns of oddities of the run image.
func (g Generator) analyzed(result *Result) (platform.Analyzed, error) {
	before, decision, at := result.Request.Analyzed, result.Decision, g.Inputs.PlatformAPI
	if len(result.Request.Extensions) == 0 {
		return before, nil
	}
	replaces := decision.replaces(before, at)
	if replaces && !decision.Known {
		g.Log.Warn(fmt.Sprintf("new runtime base image '%s' not found in run metadata\nhint: run metadata is run.toml (%s): list the image there, or one that it is a mirror of", decision.Image, g.Inputs.RunPath))
	}
	a := decision.rewrite(before, at)
	if g.Inputs.UseLayout && replaces {
		switch image, err := phase.FindLayout(g.Inputs.LayoutDir, g.Log, decision.Image); {
		case err != nil:
			return a, unreadable(err)
		case image != nil:
			a = a.WithRunLayout(*image)
		}
	}
	if !a.NamesRunImage() && decision.Dockerfiles > 0 {
		g.Log.Warn("a run.Dockerfile extends the run image, but no run image is known: nothing about it is written to analyzed.toml")
	}
	if at.AtLeast(api.V(0, 13)) {
		a = a.ExtendingBuild(extendsBuild(result.Extensions))
	}
	return a, nil
}

// images are the two images as generated.toml names them: by what later phases take from analyzed.toml.
func images(a platform.Analyzed, decision Decision, extendBuild bool) (platform.GeneratedRunImage, platform.GeneratedBuildImage) {
	run := platform.GeneratedRunImage{SwitchedBy: decision.SwitchedBy, Extend: decision.Extend}
	if a.RunImage != nil {
		run.Image = cmp.Or(a.RunImage.Reference, a.RunImage.Image)
	}
	return run, platform.GeneratedBuildImage{Reference: a.BuildReference, Extend: extendBuild}
}

// arrange brings all Dockerfiles to their places and lists them.
func arrange(result *Result, metadata *platform.Generated, out *outputs) error {
	run := 0 // index of the next run.Dockerfile
	for _, e := range result.Extensions {
		for _, d := range e.Dockerfiles {
			ignored := false
			if d.Kind == buildpack.RunDockerfile {
				ignored = result.Decision.ignores(run)
				run++
			}
			path, context, err := out.layOut(e.ExtensionOutput, d.Kind, ignored)
			if err != nil {
				return fmt.Errorf("extension %s: %w", e.Module.Ref, err)
			}
			if ignored {
				metadata.Ignored = append(metadata.Ignored, platform.IgnoredDockerfile{Extension: e.Module.ID, Path: path, OverruledBy: result.Decision.SwitchedBy})
				continue
			}
			metadata.Dockerfiles = append(metadata.Dockerfiles, platform.GeneratedDockerfile{
				Kind: d.Kind, Extension: e.Module.ID, Version: e.Module.Version, Path: path, Digest: d.Digest,
				Instructions: d.Instructions, From: d.From, Context: context, Args: e.Config[d.Kind],
			})
		}
	}
	return nil
}
