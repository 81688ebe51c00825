package resolve

import (
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// hopeless reports whether all candidates that go on at n surely fail, whatever stands before: an element from there on cannot
// pass. It is judged from below: a component cannot pass if it is required and fails; a composite cannot pass if it is required
// and none of its groups can; a group cannot pass if one of its elements cannot.
func (s *searcher) hopeless(n *node) bool {
	if n == nil || !s.failing {
		return false
	}
	hopeless, known := s.hopelessAt[n]
	if !known {
		hopeless = n.extensions == nil && s.cannotPass(n.element) || s.hopeless(n.next)
		s.hopelessAt[n] = hopeless
	}
	return hopeless
}

func (s *searcher) cannotPass(e buildpack.Element) bool {
	m, err := s.source.Module(e.Ref)
	if err != nil || e.Optional || s.limits.excluded(e, m) != nil {
		return false // an error is for the walk to find
	}
	dead, known := s.dead[e.Ref]
	if known {
		return dead
	}
	s.dead[e.Ref] = false // so that a composite that contains itself comes to an end
	forms := s.present().forms[idOf(e.Ref)]
	if m.IsComposite() {
		canPass := func(group buildpack.Group) bool { return !slices.ContainsFunc(group, s.cannotPass) }
		dead = len(forms) == 0 && !slices.ContainsFunc(m.Descriptor.Order, canPass)
	} else { // a module of the same id that does not fail may stand before it, so that it does not count
		dead = !slices.ContainsFunc(forms, func(as occurrence) bool { return !s.failsAs(as) })
	}
	s.dead[e.Ref] = dead
	return dead
}

func (s *searcher) failsAs(as occurrence) bool {
	m, err := s.source.Module(as.ref)
	return err == nil && s.fails(Member{Module: m, Optional: as.optional})
}

// scope is what a group of the order can bring into a candidate.
type scope struct {
	// occurrences has each once, and forms has them by id.
	occurrences []occurrence
	forms       map[id][]occurrence
	// broken are the ids of elements that cannot be looked up, and of composites that contain themselves.
	broken map[id]bool
	// composites are the ids of those that it names, at any depth.
	composites map[id]bool
}

// present is the scope of the present group. It also looks up modules that the walk has not reached; if that fails, the error
// comes when the walk gets there.
func (s *searcher) present() *scope {
	if s.scope == nil {
		s.scope = &scope{forms: map[id][]occurrence{}, broken: map[id]bool{}, composites: map[id]bool{}}
		c := collector{s, s.scope, map[occurrence]bool{}}
		for n := s.roots[s.current]; n != nil; n = n.next {
			if n.extensions != nil {
				c.order(n.extensions, nil)
			} else {
				c.element(n.element, nil)
			}
		}
		s.pending = s.scope.occurrences
	}
	return s.scope
}

// collector visits each composite once.
type collector struct {
	*searcher
	*scope
	visited map[occurrence]bool
}

func (c collector) order(order buildpack.Order, within []buildpack.Ref) {
	for _, e := range slices.Concat(order...) {
		c.element(e, within)
	}
}

func (c collector) element(e buildpack.Element, within []buildpack.Ref) {
	at := idOf(e.Ref)
	m, err := c.source.Module(e.Ref)
	if err != nil {
		c.broken[at] = true
		return
	}
	if c.limits.excluded(e, m) != nil {
		return
	}
	if i := slices.Index(within, e.Ref); i >= 0 { // every composite of the cycle leads there
		for _, ref := range within[i:] {
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
		c.composites[at] = true
		c.order(m.Descriptor.Order, append(slices.Clip(within), e.Ref))
		return
	}
	c.occurrences = append(c.occurrences, as)
	c.forms[at] = append(c.forms[at], as)
}

// modules are those of the present group, each once. Which of them are required is left open.
func (s *searcher) modules() (all []Member) {
	known := map[buildpack.Ref]bool{}
	for _, as := range s.present().occurrences {
		if m, err := s.source.Module(as.ref); err == nil && !known[as.ref] {
			known[as.ref] = true
			all = append(all, Member{Module: m, Optional: true})
		}
	}
	return all
}

// tryUnion is after how many candidates that failed by the build plan alone the whole group is looked at.
const tryUnion = 256

// strikeOut finds the modules that no build plan of the present group can have: it strikes out what is unmet as for one
// candidate, but for all modules of the group at once, each of which may stand anywhere. It detects all of them, so it waits
// until many candidates have failed.
func (s *searcher) strikeOut() error {
	if s.unplanned++; s.unplanned != tryUnion {
		return nil
	}
	passing := s.modules()
	if err := s.ask(passing, false); err != nil {
		return err
	}
	if len(s.present().broken) > 0 {
		return nil
	}
	passing = slices.DeleteFunc(passing, func(m Member) bool { return !m.Passed() })
	p := newProblem(passing)
	p.anywhere = true
	p.strike(p.alive, nil)
	s.struck = map[buildpack.Ref]bool{}
	for i, m := range passing {
		s.struck[m.Module.Ref] = !p.anyAlive(p.alive, i)
	}
	s.learnt()
	return s.spend(p.steps)
}

// visit is a node with the ids that stand before and can make a difference.
type visit struct {
	node   *node
	before string
}

// visitSteps is how many steps it is worth to remember a visit.
const visitSteps = 20

// isVisited reports whether the candidates that go on at n after the members of a path have no module that was not reached yet,
// and no error. It notes that the walk goes there now.
func (s *searcher) isVisited(n *node, p path) (bool, error) {
	if n == nil {
		return true, nil
	}
	broken := len(s.present().broken) > 0
	for len(s.pending) > 0 && s.noted[s.pending[0]] {
		s.pending = s.pending[1:]
	}
	if len(s.pending) == 0 && !broken {
		return true, nil
	}
	var before strings.Builder
	for _, at := range p.ids {
		if s.matters(at) {
			before.WriteString(string(at.kind) + at.name + "\x00")
		}
	}
	key := visit{n, before.String()}
	if s.visited[key] {
		return true, nil
	}
	s.visited[key] = true
	return false, s.spend(visitSteps + before.Len())
}

// matters reports whether it makes a difference to what is reached that a module with an id stands before: one of the same id
// was not reached yet, cannot be looked up, or is a composite.
func (s *searcher) matters(at id) bool {
	forms := s.scope.forms[at]
	return s.scope.broken[at] || len(forms) > 0 && s.scope.composites[at] ||
		slices.ContainsFunc(forms, func(as occurrence) bool { return !s.noted[as] })
}

// exhausted reports whether the order of a module, or with no reference that of the extensions, names nothing that matters.
func (s *searcher) exhausted(ref buildpack.Ref, order buildpack.Order) bool {
	if s.done[ref] {
		return true
	}
	for _, group := range order {
		for _, e := range group {
			s.steps--
			m, err := s.source.Module(e.Ref)
			if err != nil || s.matters(idOf(e.Ref)) || s.limits.excluded(e, m) == nil && !s.exhausted(e.Ref, m.Descriptor.Order) {
				return false
			}
		}
	}
	s.done[ref] = true
	return true
}
