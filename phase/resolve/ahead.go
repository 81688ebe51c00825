package resolve

import (
	"errors"

	"github.com/cnb-prelude/prelude/buildpack"
)

// errNoFurther says that there is nothing to look ahead to: what comes next ends the search.
var errNoFurther = errors.New("the search would end here")

// ahead proposes the module that coming candidates will need next: it walks on, depth first, past modules that have been
// started, and turns back where a required one is known not to pass. It is a guess that is right unless build plans do not
// work out; a wrong one costs an idle slot. The search learns nothing from it.
func (s *searcher) ahead(progress func(buildpack.Ref) (buildpack.Detection, bool)) *buildpack.Module {
	l := prefetcher{searcher: s, progress: progress, visited: map[*node]bool{}, looks: new(int)}
	for _, n := range s.roots[s.current:] {
		if m, err := l.next(n); err != nil {
			return nil
		} else if m != nil {
			return m
		}
	}
	return nil
}

type prefetcher struct {
	*searcher
	progress func(buildpack.Ref) (buildpack.Detection, bool)
	visited  map[*node]bool
	looks    *int
}

// prefetchLimit is how many nodes one proposal looks at, at the most: composites that are nested in each other make many.
const prefetchLimit = 4096

// next finds the first module, from n on, that has not been started. Each node is visited once.
func (l prefetcher) next(n *node) (*buildpack.Module, error) {
	for ; n != nil && !l.visited[n]; n = n.next {
		l.visited[n] = true
		c, m, err := l.kindOf(n)
		switch {
		case err != nil:
			return nil, err
		case c != nil:
			return l.within(*c)
		case m == nil:
			continue
		}
		optional := n.element.Optional || m.IsExtension()
		if l.limits.mismatch(m) != nil {
			if !optional {
				return nil, nil
			}
			continue
		}
		d, started := l.progress(m.Ref)
		if !started {
			return m, l.lookUpRest(n.next)
		}
		if (Member{Module: m, Optional: optional, Detection: d}).fails() {
			return nil, nil
		}
	}
	return nil, nil
}

// lookUpRest looks up the modules that come after in the first candidate that goes on at n: no module of a candidate may run
// before all of them have been found.
func (l prefetcher) lookUpRest(n *node) error {
	for n != nil {
		c, _, err := l.kindOf(n)
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

func (l prefetcher) within(c choice) (*buildpack.Module, error) {
	for i := range c.count() {
		if m, err := l.next(c.alternative(i)); m != nil || err != nil {
			return m, err
		}
	}
	return nil, nil
}

// kindOf says what a node is: a choice, a module, or neither if it is left out.
func (l prefetcher) kindOf(n *node) (*choice, *buildpack.Module, error) {
	if *l.looks++; *l.looks > prefetchLimit {
		return nil, nil, errNoFurther
	}
	if n.extensions != nil {
		return &choice{node: n, order: n.extensions, optional: true}, nil, nil
	}
	m, err := l.source.Module(n.element.Ref)
	if err != nil || n.within.has(n.element.Ref) {
		return nil, nil, errNoFurther
	}
	if l.limits.excludes(n.element, m) {
		return nil, nil, nil
	}
	if m.IsComposite() {
		return &choice{node: n, module: m, order: m.Descriptor.Order, optional: n.element.Optional}, nil, nil
	}
	return nil, m, nil
}
