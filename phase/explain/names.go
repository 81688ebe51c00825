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
	for _, group := range in.Order {
		for _, e := range group {
			refs = append(refs, e.Ref)
		}
	}
	for _, m := range in.Answer.Members {
		refs = append(refs, m.Module.Ref)
	}
	ids, versions := map[string]map[string]bool{}, map[string]map[string]bool{}
	add := func(sets map[string]map[string]bool, key, value string) {
		if sets[key] == nil {
			sets[key] = map[string]bool{}
		}
		sets[key][value] = true
	}
	for _, ref := range refs {
		for _, part := range endings(ref.ID) {
			add(ids, part, ref.ID)
		}
		add(versions, ref.ID, ref.Version)
	}
	all := names{}
	for _, ref := range refs {
		parts := endings(ref.ID)
		i := slices.IndexFunc(parts, func(part string) bool { return len(ids[part]) == 1 })
		all[ref] = parts[max(i, 0)]
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
		if name := n.of(ref); !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	return series(all, listed)
}

// groupName is what a group of the order is called: by the composites that it names, or by the modules that recognised the app,
// or by the first required module that did not pass.
func (w *why) groupName(group int, recognised []Saying) string {
	var parts []string
	for _, e := range w.Order[group] {
		if _, component := w.members[e.Ref]; !component {
			parts = append(parts, w.names.of(e.Ref))
		}
	}
	if len(parts) > 0 {
		return series(parts, listed)
	}
	for _, s := range recognised {
		parts = append(parts, w.names.of(s.By[0]))
	}
	for _, e := range w.Order[group] {
		if m := w.members[e.Ref]; len(parts) == 0 && !e.Optional && m.Module != nil && !m.Passed() {
			parts = append(parts, w.names.of(e.Ref))
		}
	}
	if len(parts) == 0 && len(w.Order[group]) > 0 {
		parts = append(parts, w.names.of(w.Order[group][0].Ref))
	}
	return series(parts, listed)
}
