package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// walk is one walk over all candidates from a node on, and what it depended on: which of the ids that it came across
// already stood in the candidate. Another walk with the same answers would come across the same modules.
type walk struct {
	ids  []buildpack.Ref // without versions
	done []bool
}

// reach looks up the modules of all candidates that go on at n, after the members that stand before, and notes those
// modules as reached. It is for candidates that are known to fail: full evaluation would come across what is wrong
// with their modules, so we must as well.
func (s *searcher) reach(n *node, before []Member) error {
	done := make([]buildpack.Ref, len(before))
	for i, m := range before {
		done[i] = nameless(m.Module.Ref)
	}
	_, err := s.walk(n, done)
	return err
}

// walk does the work of reach and returns the ids that it came across.
func (s *searcher) walk(n *node, done []buildpack.Ref) ([]buildpack.Ref, error) {
	start := n
	if s.settled(start) {
		return nil, nil
	}
	if ids, known := start.walked(done); known {
		return ids, nil
	}
	before := done
	var ids []buildpack.Ref
	for ; n != nil; n = n.next {
		step, err := s.step(n, func(ref buildpack.Ref) int { return slices.Index(done, nameless(ref)) })
		if err != nil {
			return nil, err
		}
		if n.extensions == nil {
			ids = append(ids, nameless(n.element.Ref))
		}
		if step.module != nil {
			s.note(Member{Module: step.module, Optional: step.optional})
			done = append(slices.Clip(done), nameless(step.module.Ref))
		}
		if step.choice != nil {
			for i := range step.choice.count() {
				below, err := s.walk(step.choice.alternative(i), done)
				if err != nil {
					return nil, err
				}
				ids = append(ids, below...)
			}
			break
		}
	}
	return start.remember(ids, before), nil
}

func nameless(ref buildpack.Ref) buildpack.Ref { return buildpack.Ref{Kind: ref.Kind, ID: ref.ID} }

// walked finds an earlier walk from the node for which the same ids stood before.
func (n *node) walked(done []buildpack.Ref) ([]buildpack.Ref, bool) {
	for _, w := range n.walks {
		same := true
		for i, id := range w.ids {
			if same = slices.Contains(done, id) == w.done[i]; !same {
				break
			}
		}
		if same {
			return w.ids, true
		}
	}
	return nil, false
}

// remember keeps a walk for the next time.
func (n *node) remember(ids, done []buildpack.Ref) []buildpack.Ref {
	slices.SortFunc(ids, buildpack.Ref.Compare)
	ids = slices.Clip(slices.Compact(ids))
	w := walk{ids: ids, done: make([]bool, len(ids))}
	for i, id := range ids {
		w.done[i] = slices.Contains(done, id)
	}
	n.walks = append(n.walks, w)
	return ids
}

// scope is what a choice can contribute to a candidate, as far as is known.
type scope struct {
	standings []standing
	// open is true if something in it has not been looked up yet: it could contribute anything. lookedUp is how many
	// modules had been by then.
	open     bool
	lookedUp int
	// cyclic is true if a composite in it contains itself.
	cyclic bool
}

// couldStand says whether the choice could contribute something for which the condition holds.
func (s *searcher) couldStand(c choice, holds func(standing) bool) bool {
	sc := s.scope(c)
	return sc.open || slices.ContainsFunc(sc.standings, holds)
}

// scope collects what all alternatives of a choice can contribute.
func (s *searcher) scope(c choice) scope {
	key := c.branch(0).composite
	if sc, known := s.scopes[key]; known && !(sc.open && sc.lookedUp < len(s.modules)) {
		return sc
	}
	sc := scope{lookedUp: len(s.modules)}
	s.gather(c.order, &lineage{module: key}, map[standing]bool{}, &sc)
	s.scopes[key] = sc
	return sc
}

func (s *searcher) gather(order buildpack.Order, within *lineage, visited map[standing]bool, sc *scope) {
	for _, group := range order {
		for _, element := range group {
			as := standing{ref: element.Ref, optional: element.Optional || element.Kind == buildpack.KindExtension}
			module, known := s.modules[element.Ref]
			switch {
			case !known:
				sc.open = sc.open || element.Kind == buildpack.KindBuildpack
			case s.limits.excludes(element, module):
				continue
			case module.IsComposite():
				as.optional = false // which says nothing of what is in it
				sc.cyclic = sc.cyclic || within.has(element.Ref)
			}
			if visited[as] {
				continue
			}
			visited[as] = true
			if known && module.IsComposite() {
				s.gather(module.Descriptor.Order, &lineage{module: element.Ref, outer: within}, visited, sc)
			} else {
				sc.standings = append(sc.standings, as)
			}
		}
	}
}

// settled says whether all that could stand in the candidates that go on at n has been noted and nothing can be wrong with
// them any more: to walk there would be in vain.
func (s *searcher) settled(n *node) bool {
	for ; n != nil; n = n.next {
		if n.extensions != nil {
			if !s.settledScope(choice{node: n, order: n.extensions}) {
				return false
			}
			continue
		}
		module, known := s.modules[n.element.Ref]
		switch {
		case !known:
			return false
		case s.limits.excludes(n.element, module):
		case !module.IsComposite():
			if !s.noted[Member{Module: module, Optional: n.element.Optional || module.IsExtension()}.standing()] {
				return false
			}
		case !s.settledScope(choice{node: n, module: module, order: module.Descriptor.Order}):
			return false
		}
	}
	return true
}

// settledScope says so of the alternatives of a choice. One that stands within what it contains itself is cyclic.
func (s *searcher) settledScope(c choice) bool {
	key := c.branch(0).composite
	if s.settledScopes[key] {
		return true
	}
	sc := s.scope(c)
	settled := !sc.open && !sc.cyclic && !slices.ContainsFunc(sc.standings, func(as standing) bool { return !s.noted[as] })
	s.settledScopes[key] = settled
	return settled
}
