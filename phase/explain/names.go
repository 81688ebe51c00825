package explain

import (
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// names are short names of modules: the shortest part at the end of an id that no other id of the order ends with.
type names map[buildpack.Ref]string

func newNames(in Input) names {
	var refs []buildpack.Ref
	for _, e := range slices.Concat(in.Order...) {
		refs = append(refs, e.Ref)
	}
	for _, m := range in.Answer.Members {
		refs = append(refs, m.Module.Ref)
	}
	versions, ending := map[string]map[string]bool{}, map[string]int{}
	for _, ref := range refs {
		if versions[ref.ID] == nil {
			versions[ref.ID] = map[string]bool{}
			for _, end := range endings(ref.ID) {
				ending[end]++
			}
		}
		versions[ref.ID][ref.Version] = true
	}
	all := names{}
	for _, ref := range refs {
		ends := endings(ref.ID)
		i := slices.IndexFunc(ends, func(end string) bool { return ending[end] == 1 })
		all[ref] = ends[max(i, 0)]
		if len(versions[ref.ID]) > 1 {
			all[ref] += "@" + ref.Version
		}
	}
	return all
}

// endings are the ends of an id, the shortest first.
func endings(id string) []string {
	var all []string
	for at := len(id); at > 0; {
		at = strings.LastIndexAny(id[:at], "/.")
		all = append(all, id[at+1:])
	}
	return all
}

// of is the short name of a module.
func (n names) of(ref buildpack.Ref) string {
	if name := n[ref]; name != "" {
		return name
	}
	return ref.String()
}

func (n names) list(refs []buildpack.Ref) string {
	var all []string
	for _, ref := range refs {
		all = appendNew(all, n.of(ref))
	}
	return series(all, listed)
}

// groupName is what a group of the order is called: by the composites that it names, or by the modules that recognised the app,
// or by the first required module that did not pass, or by the first of all.
func (w *why) groupName(group int, recognised []Saying) string {
	var composites, modules, lacking, all []string
	for _, e := range w.Order[group] {
		name := w.names.of(e.Ref)
		all = append(all, name)
		if m, component := w.members[e.Ref]; !component {
			composites = append(composites, name)
		} else if !e.Optional && !m.Passed() {
			lacking = append(lacking, name)
		}
	}
	for _, s := range recognised {
		modules = append(modules, w.names.of(s.By[0]))
	}
	for _, called := range [][]string{composites, modules, lacking[:min(1, len(lacking))], all[:min(1, len(all))]} {
		if len(called) > 0 {
			return series(called, listed)
		}
	}
	return ""
}
