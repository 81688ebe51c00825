package resolve

import (
	"errors"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Propose implements [Ahead]. It walks on from the present group, depth first, past modules that were started, and turns back
// where a required one is known not to pass. It is a guess that is right unless build plans do not work out; a wrong one costs
// an idle slot. The search learns nothing from it.
func (s *searcher) Propose(most int) []*buildpack.Module {
	l := &lookahead{searcher: s, most: most, visited: map[*node]bool{}, proposed: map[buildpack.Ref]bool{}}
	for _, n := range s.roots[s.current:] {
		if l.walk(n) != nil {
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
	// looks counts the nodes that were looked at since the last proposal.
	looks int
}

// mostLooks is how many nodes are looked at for one proposal, at the most: composites that are nested in each other make many.
const mostLooks = 4096

// errEnough ends a walk ahead: there are enough proposals, or the search itself would end here.
var errEnough = errors.New("enough")

// look is the searcher's step, with an end.
func (l *lookahead) look(n *node) (step, error) {
	if l.looks++; l.looks > mostLooks {
		return step{}, errEnough
	}
	return l.step(n, path{})
}

// walk proposes the modules from n on. Each node is visited once.
func (l *lookahead) walk(n *node) error {
	for ; n != nil && !l.visited[n]; n = n.next {
		l.visited[n] = true
		st, err := l.look(n)
		switch {
		case err != nil:
			return err
		case st.order != nil:
			for i := range st.count() {
				if err := l.walk(n.alternative(st.order, i)); err != nil {
					return err
				}
			}
			return nil
		case st.module == nil:
			continue
		}
		on, err := l.module(st, n.next)
		if err != nil || !on {
			return err
		}
	}
	return nil
}

// module proposes a module if it was not started, and reports whether a candidate with it may pass.
func (l *lookahead) module(st step, next *node) (on bool, err error) {
	d, started := l.detection(st.module), true
	if d.Outcome == "" {
		d, started = l.source.Progress(st.module.Ref)
	}
	if !started && !l.proposed[st.module.Ref] {
		if err := l.lookUp(next); err != nil {
			return false, err
		}
		l.proposed[st.module.Ref] = true
		l.modules = append(l.modules, st.module)
		l.looks = 0
		if len(l.modules) == l.most {
			return false, errEnough
		}
	}
	return st.optional || d.Outcome == "" || d.Outcome == buildpack.Passed, nil
}

// lookUp looks up the modules that come after in the first candidate that goes on at n: no module of a candidate runs before
// all of them were found.
func (l *lookahead) lookUp(n *node) error {
	for n != nil {
		st, err := l.look(n)
		if err != nil {
			return err
		}
		if st.order != nil {
			n = n.alternative(st.order, 0)
		} else {
			n = n.next
		}
	}
	return nil
}
