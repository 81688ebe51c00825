package resolve

import "github.com/cnb-prelude/prelude/buildpack"

// planEntries writes a passing trial as the build plan (docs/reference.md, "Files" and "The build plan"): one entry for each name that is
// required, in the order in which the names are first required; in it, the providers and the requirements in the order
// of the group. Each provider is listed once, requirements are repeated as often as they are written.
//
// In a passing trial no participant that is kept provides a name that is not required at or after, or requires one that is
// not provided at or before. So every kept provider counts, and no entry is without one.
func planEntries(ps []Participant, t *Trial) []buildpack.PlanEntry {
	var entries []buildpack.PlanEntry
	index := map[string]int{}
	for m := range ps {
		for _, r := range plan(ps, t, m).Requires {
			i, known := index[r.Name]
			if !known {
				i = len(entries)
				index[r.Name] = i
				entries = append(entries, buildpack.PlanEntry{})
			}
			entries[i].Requires = append(entries[i].Requires, r)
		}
	}
	for m, p := range ps {
		listed := map[string]bool{}
		for _, name := range plan(ps, t, m).Provides {
			if i, known := index[name]; known && !listed[name] {
				listed[name] = true
				entries[i].Providers = append(entries[i].Providers, provider(p.Ref))
			}
		}
	}
	return entries
}

// plan is the alternative that a participant takes part with, empty if it was taken out.
func plan(ps []Participant, t *Trial, m int) buildpack.Alternative {
	if !t.Kept[m] {
		return buildpack.Alternative{}
	}
	return ps[m].Alternatives[t.Chosen[m]]
}

func provider(r buildpack.Ref) buildpack.Provider {
	return buildpack.Provider{ID: r.ID, Version: r.Version, Extension: r.Kind == buildpack.KindExtension}
}
