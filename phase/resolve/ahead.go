package resolve

import (
	"errors"
	"iter"

	"github.com/cnb-prelude/prelude/buildpack"
)

// errNoFurther says that there is nothing to look ahead to: the next node ends the search.
var errNoFurther = errors.New("the search would end here")

// ahead proposes the modules that coming candidates will need, in that order: it walks on, depth first, past modules that have
// been started, and turns back where a required one is known not to pass. It is a guess that is right unless build plans do not
// work out; a wrong one costs an idle slot. The search learns nothing from it.
func (s *searcher) ahead(progress func(buildpack.Ref) (buildpack.Detection, bool)) iter.Seq[*buildpack.Module] {
	return func(yield func(*buildpack.Module) bool) {
		p := &prefetcher{searcher: s, progress: progress, yield: yield, visited: map[*node]bool{}}
		for _, n := range s.roots[s.current:] {
			if !p.walk(n) {
				return
			}
		}
	}
}

// prefetcher is one walk ahead.
type prefetcher struct {
	*searcher
	progress func(buildpack.Ref) (buildpack.Detection, bool)
	yield    func(*buildpack.Module) bool
	visited  map[*node]bool
	// looks counts the nodes that were looked at since the last proposal.
	looks int
}

// prefetchLimit is how many nodes are looked at for one proposal, at the most: composites that are nested in each other make
// many.
const prefetchLimit = 4096

// walk proposes the modules from n on that have not been started, and says whether to go on elsewhere. Each node is visited
// once.
func (p *prefetcher) walk(n *node) bool {
	for ; n != nil && !p.visited[n]; n = n.next {
		p.visited[n] = true
		c, m, err := p.kindOf(n)
		switch {
		case err != nil:
			return false
		case c != nil:
			return p.within(*c)
		case m == nil:
			continue
		}
		optional := n.element.Optional || m.IsExtension()
		if p.limits.mismatch(m) != nil {
			if !optional {
				return true
			}
			continue
		}
		d, started := p.progress(m.Ref)
		if !started {
			if p.lookUpRest(n.next) != nil || !p.yield(m) {
				return false
			}
			p.looks = 0
		} else if (Member{Module: m, Optional: optional, Detection: d}).fails() {
			return true
		}
	}
	return true
}

// lookUpRest looks up the modules that come after in the first candidate that goes on at n: no module of a candidate may run
// before all of them have been found.
func (p *prefetcher) lookUpRest(n *node) error {
	for n != nil {
		c, _, err := p.kindOf(n)
		if err != nil {
			return err
		}
		if c == nil {
			n = n.next
		} else {
			n = c.alternative(0)
		}
	}
	return nil
}

// within walks the alternatives of a choice.
func (p *prefetcher) within(c choice) bool {
	for i := range c.count() {
		if !p.walk(c.alternative(i)) {
			return false
		}
	}
	return true
}

// kindOf says what a node is: a choice, a module, or neither if it is left out.
func (p *prefetcher) kindOf(n *node) (*choice, *buildpack.Module, error) {
	if p.looks++; p.looks > prefetchLimit {
		return nil, nil, errNoFurther
	}
	if n.extensions != nil {
		return &choice{node: n, order: n.extensions, optional: true}, nil, nil
	}
	m, err := p.source.Module(n.element.Ref)
	if err != nil || n.within.has(n.element.Ref) {
		return nil, nil, errNoFurther
	}
	if p.limits.excludes(n.element, m) {
		return nil, nil, nil
	}
	if m.IsComposite() {
		return &choice{node: n, module: m, order: m.Descriptor.Order, optional: n.element.Optional}, nil, nil
	}
	return nil, m, nil
}
