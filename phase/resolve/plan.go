package resolve

import "github.com/cnb-prelude/prelude/buildpack"

// planEntries writes the chosen alternatives of the members that take part as the build plan: one entry for each name that is
// required, in the order in which the names are first required; in it, the providers and the requirements in the order
// of the group. Each provider is listed once, requirements are repeated as often as they are written.
//
// In a passing trial each provided name is required at or after its provider, and each required one is provided at or before.
// So every provider counts, and no entry is without one.
func planEntries(taking []Member, chosen []int) []buildpack.PlanEntry {
	var entries []buildpack.PlanEntry
	index := map[string]int{}
	for i, m := range taking {
		for _, r := range m.Detection.Alternatives[chosen[i]].Requires {
			at, known := index[r.Name]
			if !known {
				at = len(entries)
				index[r.Name] = at
				entries = append(entries, buildpack.PlanEntry{})
			}
			entries[at].Requires = append(entries[at].Requires, r)
		}
	}
	for i, m := range taking {
		p := buildpack.Provider{ID: m.Module.ID, Version: m.Module.Version, Extension: m.Module.IsExtension()}
		for _, name := range m.Detection.Alternatives[chosen[i]].Provides {
			if e := &entries[index[name]]; len(e.Providers) == 0 || e.Providers[len(e.Providers)-1] != p {
				e.Providers = append(e.Providers, p)
			}
		}
	}
	return entries
}
