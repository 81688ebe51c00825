package generate

import (
	"cmp"
	"fmt"
	"slices"

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
	generation := &Generation{Analyzed: analyzed, Plan: result.Split.Rest, outputs: out, in: g.Inputs}
	generation.Metadata = platform.Generated{
		Version: platform.GeneratedVersion, PlatformAPI: g.Inputs.PlatformAPI.String(),
		RunImage: platform.GeneratedRunImage{
			Image:      cmp.Or(analyzed.RunImage.Reference, analyzed.RunImage.Image),
			SwitchedBy: result.Decision.SwitchedBy, Extend: result.Decision.Extend,
		},
		BuildImage: platform.GeneratedBuildImage{Reference: analyzed.BuildReference, Extend: extendsBuild(result)},
	}
	for i, entry := range result.Request.Plan {
		if taker := result.Split.Takers[i]; taker != nil {
			provided := platform.Provided{Extension: taker.ID, Requires: entry.Requires}
			generation.Metadata.Provided = append(generation.Metadata.Provided, provided)
		}
	}
	if err := arrange(result, &generation.Metadata, out); err != nil {
		return nil, err
	}
	if len(result.Request.Extensions) > 0 {
		generation.Metadata.Rerun, err = rerun(result, generation)
	}
	return generation, err
}

func extendsBuild(result *Result) bool {
	return len(dockerfilesOf(result.Extensions, buildpack.BuildDockerfile)) > 0
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
			return a, failed(platform.CodeFailed, err)
		case image != nil:
			a = a.WithRunLayout(*image)
		}
	}
	if !a.NamesRunImage() && decision.Dockerfiles > 0 {
		g.Log.Warn("a run.Dockerfile extends the run image, but no run image is known: nothing about it is written to analyzed.toml")
	}
	if at.AtLeast(api.V(0, 13)) {
		a = a.ExtendingBuild(extendsBuild(result))
	}
	return a, nil
}

// arrange lays out all Dockerfiles and lists them.
func arrange(result *Result, metadata *platform.Generated, out *outputs) error {
	for _, e := range result.Extensions {
		for _, d := range e.Dockerfiles {
			ignored := d.Kind == buildpack.RunDockerfile && slices.Contains(result.Decision.Ignored, e.Module.ID)
			path, context, err := out.layOut(e.ExtensionOutput, d, ignored)
			if err != nil {
				return fmt.Errorf("extension %s: %w", e.Module.Ref, err)
			}
			if ignored {
				metadata.Ignored = append(metadata.Ignored, platform.IgnoredDockerfile{
					Extension: e.Module.ID, Path: path, OverruledBy: result.Decision.SwitchedBy,
				})
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
