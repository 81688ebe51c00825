package resolve

import "github.com/cnb-prelude/prelude/buildpack"

// Propose implements [Ahead]. It walks on from the present group, depth first, past modules that were started, and turns back
// where a required one is known not to pass. It is a guess that is right unless build plans do not work out; a wrong one costs
// an idle slot. The search learns from it only which modules do not support the target.
func (s *searcher) Propose(most int) []*buildpack.Module {
	l := &lookahead{searcher: s, most: most, visited: map[*node]bool{}, proposed: map[buildpack.Ref]bool{}}
	for _, n := range s.roots[s.current:] {
		if !l.walk(n) {
			break
		}
	}
	return l.modules
}

// lookahead is one walk ahead.
type lookahead struct {
	*searcher
	most     int
	modules  []*buildpack.Module
	proposed map[buildpack.Ref]bool
	visited  map[*node]bool
	// looks counts the nodes that were looked at.
	looks int
}

// mostLooks is how many nodes are looked at, at the most: composites that are nested in each other make many.
const mostLooks = 16_384

// walk proposes the modules from n on. Each node is visited once. It reports whether to go on: not if there are enough
// proposals, or the search itself would end here.
func (l *lookahead) walk(n *node) bool {
	for ; n != nil && !l.visited[n]; n = n.next {
		l.visited[n] = true
		st, err := l.step(n, path{})
		l.looks++
		switch {
		case err != nil || l.looks > mostLooks:
			return false
		case st.order != nil:
			for i := range st.order {
				if !l.walk(n.alternative(st.order, i)) {
					return false
				}
			}
			return true
		case st.module == nil:
			continue
		}
		d, started := l.detection(st.module), true
		if d.Outcome == "" {
			d, started = l.source.Progress(st.module.Ref)
		}
		if !started && !l.proposed[st.module.Ref] {
			if !l.complete(n.next) {
				return false
			}
			l.proposed[st.module.Ref] = true
			l.modules = append(l.modules, st.module)
		}
		if len(l.modules) == l.most {
			return false
		}
		if !st.optional && d.Outcome != "" && d.Outcome != buildpack.Passed {
			return true
		}
	}
	return true
}

// complete reports whether the modules that come after in the first candidate that goes on at n can be looked up: no module of
// a candidate runs before all of them were found.
func (l *lookahead) complete(n *node) bool {
	for n != nil {
		st, err := l.step(n, path{})
		if l.looks++; err != nil || l.looks > mostLooks {
			return false
		}
		if st.order != nil {
			n = n.alternative(st.order, 0)
		} else {
			n = n.next
		}
	}
	return true
}
