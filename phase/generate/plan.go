package generate

import (
	"fmt"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/platform"
)

// PlanSplit is how the build plan is shared out between extensions and buildpacks.
type PlanSplit struct {
	// Takers are, for each entry of the plan, the extension that was given it; nil if the buildpacks have it.
	Takers []*buildpack.Module
	// Rest are the entries that are left for the buildpacks.
	Rest []buildpack.PlanEntry
	// Given are the requirements that each extension is to provide.
	Given [][]buildpack.Require
}

// splitPlan gives each entry to the first extension that is listed as a provider of it.
func splitPlan(plan []buildpack.PlanEntry, extensions []*buildpack.Module) PlanSplit {
	split := PlanSplit{Takers: make([]*buildpack.Module, len(plan)), Given: make([][]buildpack.Require, len(extensions))}
	for i, entry := range plan {
		taker := slices.IndexFunc(extensions, func(m *buildpack.Module) bool {
			return slices.ContainsFunc(entry.Providers, func(p buildpack.Provider) bool { return p.Extension && p.ID == m.ID })
		})
		if taker < 0 {
			split.Rest = append(split.Rest, entry)
			continue
		}
		split.Takers[i] = extensions[taker]
		split.Given[taker] = append(split.Given[taker], entry.Requires...)
	}
	return split
}

// restoredPlan is the plan with the entries that extensions took. They come first: only their own sequence and that of
// the rest have an effect.
func restoredPlan(rest []buildpack.PlanEntry, earlier *platform.Generated) ([]buildpack.PlanEntry, error) {
	taken := earlier.Rerun.Entries
	if len(taken) != len(earlier.Provided) {
		return nil, fmt.Errorf("rerun has %d entries, provided has %d", len(taken), len(earlier.Provided))
	}
	var plan []buildpack.PlanEntry
	for i, entry := range taken {
		plan = append(plan, buildpack.PlanEntry{Providers: entry.Providers, Requires: earlier.Provided[i].Requires})
	}
	return append(plan, rest...), nil
}

// DetectedPlan is the text of plan.toml that detection leaves when generation has failed. generator must not take this plan
// for the one that an earlier generation has left (see restored): if both are the same text, a comment makes the difference.
func DetectedPlan(in platform.Inputs, plan []buildpack.PlanEntry) ([]byte, error) {
	text, err := platform.Plan{Entries: plan}.Encode()
	earlier, _ := platform.ReadGenerated(in.GeneratedMetadataPath) // one that cannot be read is an error where it is needed
	if earlier == nil || earlier.Rerun == nil || len(earlier.Rerun.Entries) == 0 || earlier.Rerun.Plan != platform.Digest(text) {
		return text, err
	}
	return append([]byte("# as detection left it\n"), text...), err
}
