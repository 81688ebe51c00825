package resolve

import "github.com/cnb-prelude/prelude/buildpack"

// This file is about candidates that are known to fail. They need not be evaluated, but full evaluation would come across
// their modules: it would run those that have not been run yet, and end where something is wrong with one. So reach walks
// there, too – but only where a module stands in a candidate for the first time, which an outlook says beforehand. So there
// are hardly more walks than modules.

// reach looks up the modules of all candidates that go on at n, after the members that stand before, and notes those
// modules as reached.
func (s *searcher) reach(n *node, before []Member) error {
	s.collectIDs()
	var taken set
	for _, m := range before {
		taken = taken.with(s.number(m.Module.Ref))
	}
	return s.walk(n, taken)
}

// collectIDs finds out, once for each group of the order, which ids components have.
func (s *searcher) collectIDs() {
	if s.collected > s.current {
		return
	}
	s.collected = s.current + 1
	s.outlooks = map[outlookKey]outlook{}
	for n := s.roots[s.current]; n != nil; n = n.next {
		if n.extensions != nil {
			s.scope(buildpack.Ref{}, n.extensions)
		} else if m, err := s.module(n.element.Ref); err != nil {
			continue
		} else if m.IsComposite() {
			s.scope(m.Ref, m.Descriptor.Order)
			s.compositeIDs = s.compositeIDs.with(s.number(m.Ref))
		} else {
			s.componentIDs = s.componentIDs.with(s.number(m.Ref))
		}
	}
}

// walk does the work of reach. taken are the ids that stand before.
func (s *searcher) walk(n *node, taken set) error {
	if !s.news(n, taken) {
		return nil
	}
	for ; n != nil; n = n.next {
		step, err := s.step(n, func(ref buildpack.Ref) int {
			if taken.has(s.number(ref)) {
				return 0
			}
			return -1
		})
		switch {
		case err != nil:
			return err
		case step.module != nil:
			s.note(Member{Module: step.module, Optional: step.optional})
			taken = taken.with(s.number(step.module.Ref))
		case step.choice != nil:
			for i := range step.choice.count() {
				if err := s.walk(step.choice.alternative(i), taken); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return nil
}

// number is the number of an id, whatever the version. Numbers begin at 1; see cyclic.
func (s *searcher) number(ref buildpack.Ref) int {
	id := buildpack.Ref{Kind: ref.Kind, ID: ref.ID}
	if s.numbers[id] == 0 {
		s.numbers[id] = len(s.numbers) + 1
	}
	return s.numbers[id]
}

// cyclic is a number that is no id's, and so never taken: it stands for a composite that contains itself, which is an error
// wherever it is reached.
const cyclic = 0

// outlook is what an element of an order can still bring after the ids that are taken.
type outlook struct {
	// news are the ids of which a module can stand in a candidate in a way in which it has not stood in any yet, as a
	// required or an optional one, or with something wrong with it.
	news set
	// forced are the ids that are taken in any case after that.
	forced set
}

// outlookKey is what the outlook of a composite depends on: of the ids that are taken only those that a composite has, too,
// for that is skipped then.
type outlookKey struct {
	composite buildpack.Ref
	taken     string
}

// news says whether something can be reached on the way from n for the first time, or an error. It says so in vain only
// where choices still to come decide whether a composite is skipped because a component has its id.
func (s *searcher) news(n *node, taken set) bool {
	for ; n != nil; n = n.next {
		s.spent.steps++
		var o outlook
		if n.extensions != nil {
			o.news = s.outlookOfOrder(buildpack.Ref{}, n.extensions, taken).news
		} else {
			o = s.outlook(n.element, taken)
		}
		if !taken.includes(o.news) {
			return true
		}
		taken = taken.union(o.forced)
	}
	return false
}

func (s *searcher) outlook(e buildpack.Element, taken set) outlook {
	id := s.number(e.Ref)
	if taken.has(id) {
		return outlook{}
	}
	one := set(nil).with(id)
	module, err := s.module(e.Ref)
	switch {
	case err != nil:
		return outlook{news: one, forced: one}
	case s.limits.excludes(e, module):
		return outlook{}
	case module.IsComposite():
		o := s.outlookOfOrder(e.Ref, module.Descriptor.Order, taken)
		if e.Optional || s.componentIDs.has(id) {
			o.forced = nil
		}
		return o
	case s.noted[s.occurrence(e.Ref, e.Optional || module.IsExtension())] != 0:
		return outlook{forced: one}
	}
	return outlook{news: one, forced: one}
}

// outlookOfOrder is the outlook of a composite, or of the extensions' order.
func (s *searcher) outlookOfOrder(ref buildpack.Ref, order buildpack.Order, taken set) outlook {
	if s.scope(ref, order).cyclic {
		return outlook{news: set(nil).with(cyclic)}
	}
	key := outlookKey{ref, taken.intersection(s.compositeIDs).key()}
	if o, known := s.outlooks[key]; known {
		return o
	}
	var all outlook
	for i, group := range order {
		var one outlook
		for _, e := range group {
			o := s.outlook(e, one.forced.union(taken.intersection(s.compositeIDs)))
			one.news = one.news.union(o.news.minus(one.forced))
			one.forced = one.forced.union(o.forced)
		}
		all.news = all.news.union(one.news)
		if i == 0 {
			all.forced = one.forced
		} else {
			all.forced = all.forced.intersection(one.forced)
		}
	}
	s.outlooks[key] = all
	return all
}

// scope is what the groups of an order can contribute to a candidate.
type scope struct {
	occurrences []occurrence
	// cyclic is true if a composite in it contains itself.
	cyclic bool
}

// scope collects what a composite, or the extensions' order, can contribute. It looks up what that takes, also modules that
// the search has not reached. If one of them cannot be had, it contributes nothing: the error comes when the search reaches it.
func (s *searcher) scope(ref buildpack.Ref, order buildpack.Order) *scope {
	if sc := s.scopes[ref]; sc != nil {
		return sc
	}
	g := scopeCollector{searcher: s, scope: &scope{}, visited: map[occurrence]bool{}}
	g.order(order, &lineage{module: ref})
	s.scopes[ref] = g.scope
	return g.scope
}

type scopeCollector struct {
	*searcher
	*scope
	visited map[occurrence]bool
}

func (g scopeCollector) order(order buildpack.Order, within *lineage) {
	for _, group := range order {
		for _, e := range group {
			module, err := g.module(e.Ref)
			if err != nil || g.limits.excludes(e, module) {
				continue
			}
			as := g.occurrence(e.Ref, e.Optional || module.IsExtension())
			if module.IsComposite() {
				as.optional = false // which says nothing of what is in it
				g.cyclic = g.cyclic || within.has(e.Ref)
				g.compositeIDs = g.compositeIDs.with(g.number(e.Ref))
			}
			if g.visited[as] {
				continue
			}
			g.visited[as] = true
			if module.IsComposite() {
				g.order(module.Descriptor.Order, &lineage{module: e.Ref, outer: within})
			} else {
				g.componentIDs = g.componentIDs.with(g.number(e.Ref))
				g.occurrences = append(g.occurrences, as)
			}
		}
	}
}
