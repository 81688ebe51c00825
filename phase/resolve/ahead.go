package resolve

import (
	"errors"

	"github.com/cnb-prelude/prelude/buildpack"
)

// errNoFurther says that there is nothing to look ahead to: what comes next ends the search.
var errNoFurther = errors.New("the search would end here")

// ahead proposes what coming candidates will need, in the order in which they will: it walks on, depth first, past what
// has been started, and turns back where a required module is known to be lost. It is a guess that is right unless build
// plans do not work out; a wrong one costs an idle slot. It learns nothing: what it looks up is not known to the search.
func (s *searcher) ahead(progress func(buildpack.Ref) (buildpack.Detection, bool)) *buildpack.Module {
	l := lookout{searcher: s, progress: progress, visited: map[*node]bool{}, looks: new(int)}
	for _, n := range s.roots[s.current:] {
		if m, err := l.next(n); err != nil {
			return nil
		} else if m != nil {
			return m
		}
	}
	return nil
}

type lookout struct {
	*searcher
	progress func(buildpack.Ref) (buildpack.Detection, bool)
	visited  map[*node]bool
	looks    *int
}

// farSight is how often we look at a node until we give up: composites that are nested in each other make many.
const farSight = 4096

// next finds the first module, from n on, that has not been started. Each node is visited once.
func (l lookout) next(n *node) (*buildpack.Module, error) {
	for ; n != nil && !l.visited[n]; n = n.next {
		l.visited[n] = true
		c, m, err := l.look(n)
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
			return m, l.sound(n.next)
		}
		if (Member{Module: m, Optional: optional, Detection: d}).lost() {
			return nil, nil
		}
	}
	return nil, nil
}

// sound looks up what stands behind in the first candidate that goes on at n: nothing of a candidate may run before all
// of it has been found.
func (l lookout) sound(n *node) error {
	for n != nil {
		c, _, err := l.look(n)
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

func (l lookout) within(c choice) (*buildpack.Module, error) {
	for i := range c.count() {
		if m, err := l.next(c.alternative(i)); m != nil || err != nil {
			return m, err
		}
	}
	return nil, nil
}

// look says what a node is: a choice, a module, or neither if it is left out.
func (l lookout) look(n *node) (*choice, *buildpack.Module, error) {
	if *l.looks++; *l.looks > farSight {
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
