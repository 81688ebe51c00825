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
	if start == nil {
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

// scope is what a composite can contribute to a candidate, as far as is known.
type scope struct {
	modules []buildpack.Ref
	// open is true if something in it has not been looked up yet: it could contribute anything.
	open bool
}

// anyModule says whether the choice could contribute a module for which the condition holds.
func (s *searcher) anyModule(c choice, holds func(buildpack.Ref) bool) bool {
	sc := s.scope(c)
	return sc.open || slices.ContainsFunc(sc.modules, holds)
}

// scope collects the modules of all alternatives of a choice, at any depth.
func (s *searcher) scope(c choice) scope {
	var key buildpack.Ref // the extensions' order has the empty one
	if c.module != nil {
		key = c.module.Ref
	}
	if sc, known := s.scopes[key]; known && !sc.open {
		return sc
	}
	var sc scope
	s.gather(c.order, map[buildpack.Ref]bool{}, &sc)
	s.scopes[key] = sc
	return sc
}

func (s *searcher) gather(order buildpack.Order, visited map[buildpack.Ref]bool, sc *scope) {
	for _, group := range order {
		for _, element := range group {
			if visited[element.Ref] {
				continue
			}
			visited[element.Ref] = true
			module, known := s.modules[element.Ref]
			switch {
			case !known && element.Kind == buildpack.KindBuildpack:
				sc.open = true
			case known && module.IsComposite():
				s.gather(module.Descriptor.Order, visited, sc)
			}
			sc.modules = append(sc.modules, element.Ref)
		}
	}
}
