package explain

import (
	"maps"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// builds are what the groups of the order look for, each name once.
func (w *why) builds() []Build {
	var all []Build
	for i, candidates := range w.candidates {
		family, _, _ := strings.Cut(w.groupName(i, nil), ".") // of nodejs.runtime
		b := Build{Name: family}
		seen := map[buildpack.Ref]bool{}
		for _, c := range candidates {
			for _, m := range c.Members {
				ref := m.Module.Ref
				if m.Passed() || seen[ref] {
					continue
				}
				seen[ref] = true
				b.Files = append(b.Files, w.lookedFor(ref)...)
				if !m.Optional {
					b.Related = b.Related || slices.ContainsFunc(w.wants[ref], w.App.Has)
					b.Words = appendNew(b.Words, w.saying(m).Words)
				}
			}
		}
		i := slices.IndexFunc(all, func(other Build) bool { return other.Name == b.Name })
		if i < 0 {
			all = append(all, b)
			continue
		}
		all[i].Related = all[i].Related || b.Related
		all[i].Files = append(all[i].Files, b.Files...)
	}
	return telling(all)
}

// telling leaves the files that tell groups apart: those that at most two of them look for, those first that the most
// modules name.
func telling(all []Build) []Build {
	groups := map[string]int{}
	for _, b := range all {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(b.Files))) {
			groups[name]++
		}
	}
	for i, b := range all {
		modules := map[string]int{}
		for _, name := range b.Files {
			modules[name]++
		}
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(modules)), func(name string) bool { return groups[name] > 2 })
		slices.SortStableFunc(names, func(a, b string) int { return modules[b] - modules[a] })
		all[i].Files = names
	}
	return all
}

// lookedFor are the names of files that a module looks for at the top.
func (w *why) lookedFor(ref buildpack.Ref) (all []string) {
	for _, want := range w.wants[ref] {
		if !strings.Contains(want.Name, "/") {
			all = append(all, want.Name)
		}
	}
	return all
}

func appendNew[T comparable](all []T, one T) []T {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}
