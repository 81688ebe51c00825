package generate

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// PlanSplit is how the build plan is shared out between extensions and buildpacks.
type PlanSplit struct {
	// Taken are the entries that extensions were given, by extension, in the order of the plan.
	Taken []TakenEntry
	// Rest are the entries that are left for the buildpacks.
	Rest []buildpack.PlanEntry
	// Given are the requirements that each extension is to provide.
	Given [][]buildpack.Require
}

// TakenEntry is an entry that an extension was given, and its place in the plan, counted from 0.
type TakenEntry struct {
	buildpack.PlanEntry
	Place     int
	Extension *buildpack.Module
}

// splitPlan gives each entry to the first extension that is listed as a provider of it.
func splitPlan(plan []buildpack.PlanEntry, extensions []*buildpack.Module) PlanSplit {
	split := PlanSplit{Given: make([][]buildpack.Require, len(extensions))}
	given := make([]bool, len(plan))
	for i, m := range extensions {
		for place, entry := range plan {
			if given[place] || !isProvider(entry, m) {
				continue
			}
			given[place] = true
			split.Given[i] = append(split.Given[i], entry.Requires...)
			split.Taken = append(split.Taken, TakenEntry{entry, place, m})
		}
	}
	for place, entry := range plan {
		if !given[place] {
			split.Rest = append(split.Rest, entry)
		}
	}
	return split
}

// isProvider reports whether an entry lists an extension as a provider.
func isProvider(entry buildpack.PlanEntry, m *buildpack.Module) bool {
	return slices.ContainsFunc(entry.Providers, func(p buildpack.Provider) bool { return p.Extension && p.ID == m.ID })
}
