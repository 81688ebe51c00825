package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// hopeless reports whether all candidates that go on at n surely fail, whatever stands before: an element from there on cannot
// pass. It is judged from below: a component cannot pass if it is required and fails; a composite cannot pass if it is required
// and none of its groups can; a group cannot pass if one of its elements cannot.
func (s *searcher) hopeless(n *node) bool {
	if n == nil || s.failing == 0 {
		return false
	}
	if n.asOf != s.facts {
		n.asOf, n.hopeless = s.facts, n.extensions == nil && s.cannotPass(n.element) || s.hopeless(n.next)
	}
	return n.hopeless
}

func (s *searcher) cannotPass(e buildpack.Element) bool {
	m, err := s.source.Module(e.Ref)
	if err != nil || e.Optional || s.limits.excludes(e, m) {
		return false // an error is for the walk to find
	}
	if !m.IsComposite() {
		return s.allFail(idOf(e.Ref))
	}
	if s.deadAsOf != s.facts {
		s.deadAsOf, s.dead = s.facts, map[buildpack.Ref]bool{}
	}
	dead, known := s.dead[e.Ref]
	if !known {
		s.dead[e.Ref] = false // so that a composite that contains itself comes to an end
		dead = len(s.forms()[idOf(e.Ref)]) == 0 && !slices.ContainsFunc(m.Descriptor.Order, func(group buildpack.Group) bool {
			return !slices.ContainsFunc(group, s.cannotPass)
		})
		s.dead[e.Ref] = dead
	}
	return dead
}

// allFail reports whether each module with an id, as it can stand in a candidate of the present group, is required and fails.
// Otherwise another one may stand before it, so that it does not count.
func (s *searcher) allFail(at id) bool {
	forms := s.forms()[at]
	return len(forms) > 0 && !slices.ContainsFunc(forms, func(as occurrence) bool {
		m, err := s.source.Module(as.ref)
		return err != nil || !s.fails(Member{Module: m, Optional: as.optional})
	})
}

// forms are the occurrences of the present group, by id.
func (s *searcher) forms() map[id][]occurrence {
	if s.formsOf == nil {
		s.formsOf = map[id][]occurrence{}
		for n := s.roots[s.current]; n != nil; n = n.next {
			for _, as := range s.scopeOf(n).occurrences {
				s.formsOf[idOf(as.ref)] = append(s.formsOf[idOf(as.ref)], as)
			}
		}
	}
	return s.formsOf
}

// scope is what an element of an order can bring into a candidate.
type scope struct {
	occurrences []occurrence
	// broken are the ids of elements that cannot be looked up, and of composites that contain themselves.
	broken map[id]bool
	// composites are the ids of those that it names, at any depth.
	composites map[id]bool
}

// scopeOf collects what a node can bring. It also looks up modules that the walk has not reached; if that fails, the error comes
// when the walk gets there.
func (s *searcher) scopeOf(n *node) *scope {
	c := collector{s, &scope{broken: map[id]bool{}, composites: map[id]bool{}}, map[occurrence]bool{}}
	if n.extensions != nil {
		return s.scope(buildpack.Ref{}, func() { c.order(n.extensions, nil) }, c)
	}
	m, err := s.source.Module(n.element.Ref)
	if err != nil || !m.IsComposite() || s.limits.excludes(n.element, m) {
		c.element(n.element, nil)
		return c.scope
	}
	return s.scope(n.element.Ref, func() { c.element(n.element, nil) }, c)
}

// scope remembers what a composite can bring, or with no reference the extensions' order.
func (s *searcher) scope(ref buildpack.Ref, collect func(), c collector) *scope {
	if s.scopes[ref] == nil {
		collect()
		s.scopes[ref] = c.scope
	}
	return s.scopes[ref]
}

// collector visits each composite once.
type collector struct {
	*searcher
	*scope
	visited map[occurrence]bool
}

func (c collector) order(order buildpack.Order, within []buildpack.Ref) {
	for _, group := range order {
		for _, e := range group {
			c.element(e, within)
		}
	}
}

func (c collector) element(e buildpack.Element, within []buildpack.Ref) {
	m, err := c.source.Module(e.Ref)
	if err != nil {
		c.broken[idOf(e.Ref)] = true
		return
	}
	if c.limits.excludes(e, m) {
		return
	}
	if at := slices.Index(within, e.Ref); at >= 0 { // every composite of the cycle leads there
		for _, ref := range within[at:] {
			c.broken[idOf(ref)] = true
		}
		return
	}
	as := occurrence{e.Ref, !m.IsComposite() && (e.Optional || m.IsExtension())}
	if c.visited[as] {
		return
	}
	c.visited[as] = true
	if m.IsComposite() {
		c.composites[idOf(e.Ref)] = true
		c.order(m.Descriptor.Order, append(slices.Clip(within), e.Ref))
		return
	}
	c.occurrences = append(c.occurrences, as)
}

// union are the members that the present group of the order can bring, as they are required or optional.
func (s *searcher) union() []Member {
	var all []Member
	for n := s.roots[s.current]; n != nil; n = n.next {
		for _, as := range s.scopeOf(n).occurrences {
			if m, err := s.source.Module(as.ref); err == nil {
				all = append(all, Member{Module: m, Optional: as.optional})
			}
		}
	}
	return all
}

// tryUnion is after how many candidates that failed by the build plan alone the whole group is looked at.
const tryUnion = 256

// strikeOut finds the modules that no build plan of the present group can have: it strikes out what is unmet as for one candidate,
// but for all modules of the group at once. It detects all of them, so it waits until many candidates have failed.
func (s *searcher) strikeOut() error {
	if s.unplanned++; s.unplanned != tryUnion {
		return nil
	}
	if err := s.ask(s.union(), false); err != nil {
		return err
	}
	var passing []Member
	var spans []span
	index := map[buildpack.Ref]int{}
	for n, place := s.roots[s.current], 0; n != nil; n, place = n.next, place+2 {
		sc := s.scopeOf(n)
		if len(sc.broken) > 0 {
			return nil
		}
		for _, as := range sc.occurrences {
			m, _ := s.source.Module(as.ref)
			i, known := index[as.ref]
			if d := s.detection(m); !known && d.Outcome == buildpack.Passed {
				i, known = len(passing), true
				index[as.ref] = i
				passing = append(passing, Member{Module: m, Optional: true, Detection: d})
				spans = append(spans, span{place, place + 1})
			}
			if known {
				spans[i].to = place + 1
			}
		}
	}
	p := newProblem(Participants(passing), spans)
	p.strike(p.alive, nil)
	s.struck = map[buildpack.Ref]bool{}
	for i, m := range passing {
		s.struck[m.Module.Ref] = !p.anyAlive(p.alive, i)
		s.failing++
	}
	s.facts++
	return s.spend(p.steps)
}
