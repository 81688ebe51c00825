package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// nogood is a set of choices: with all of these, whatever the others are, every candidate fails.
type nogood struct {
	choices []taken
	// like is the number of a candidate that failed with these choices.
	like int
}

// taken is one choice with the alternative that was taken.
type taken struct {
	node   *node
	chosen int
}

// nogoodsKept bounds, for each alternative, how much is remembered; the latest are worth the most.
const nogoodsKept = 64

// branch is an alternative of a composite, wherever that stands; the extensions' order has the empty reference.
type branch struct {
	composite buildpack.Ref
	chosen    int
}

// shared is a nogood that was found at one node and may hold at others.
type shared struct {
	node *node
	nogood
}

// addNogood remembers that alternative i fails together with the choices at the given levels.
func (s *searcher) addNogood(c choice, i int, with set, points []point) {
	r := nogood{like: s.evaluated}
	inside := false // of the choice that this one came out of
	for level, p := range points {
		if with.has(level) {
			r.choices = append(r.choices, taken{p.node, p.chosen})
			inside = inside || p.node.isWithin(c.node.parent)
		}
	}
	n := c.node
	if n.nogoods == nil {
		n.nogoods = map[int][]nogood{}
	}
	n.nogoods[i] = latest(append(n.nogoods[i], r))
	if !inside && n.parent != nil {
		key := c.branch(i)
		s.shared[key] = latest(append(s.shared[key], shared{n, r}))
	}
}

func latest[T any](kept []T) []T { return kept[max(0, len(kept)-nogoodsKept):] }

func (c choice) branch(i int) branch {
	return branch{c.ref(), i}
}

// findNogood says whether alternative i is known to fail with the choices made so far, which of these are why, and the number of
// a candidate that failed for the same reason.
//
// What was found at one node holds at another one of the same composite if it has nothing to do with the innermost choice
// that both came out of, nor with what else came out of that: then no module that this choice could contribute, with
// whatever alternative, makes a difference, and all other modules stand around both nodes alike.
func (s *searcher) findNogood(c choice, i int, points []point) (why set, like int, known bool) {
	for _, r := range c.node.nogoods[i] {
		if why, all := r.among(points); all {
			return why, r.like, true
		}
	}
	for _, r := range s.shared[c.branch(i)] {
		common := innermost(r.node, c.node)
		if common == nil || slices.ContainsFunc(r.choices, func(t taken) bool { return t.node.isWithin(common) }) {
			continue
		}
		if why, all := r.among(points); all {
			return why, r.like, true
		}
	}
	return nil, 0, false
}

// innermost is the innermost choice that both nodes came out of, nil if there is none.
func innermost(a, b *node) *node {
	for a != b {
		if a.depth > b.depth {
			a = a.parent
		} else if b.depth > a.depth {
			b = b.parent
		} else if a.depth == 0 {
			return nil
		} else if a.parent == b.parent {
			return a.parent
		} else {
			a, b = a.parent, b.parent
		}
	}
	return a.parent
}

// isWithin says whether the node is a choice or came out of it, at any depth. Everything is within nil.
func (n *node) isWithin(choice *node) bool {
	for n != choice {
		if n == nil {
			return false
		}
		n = n.parent
	}
	return true
}

// among finds the levels at which all the decisions were made, if they were.
func (r nogood) among(points []point) (set, bool) {
	var why set
	next := 0 // decisions and points are in the same order
	for level, p := range points {
		if next < len(r.choices) && r.choices[next] == (taken{p.node, p.chosen}) {
			why = why.with(level)
			next++
		}
	}
	return why, next == len(r.choices)
}
