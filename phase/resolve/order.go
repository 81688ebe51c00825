package resolve

import (
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// node is one element of an order with all that follows it. The nodes of an order form a graph in which equal
// continuations are the same node, however one got there; so work per node does not multiply with the candidates.
type node struct {
	element buildpack.Element
	// extensions is set on the node that stands, before all buildpacks, for the groups of the extensions' order.
	extensions buildpack.Order
	// within are the composites that this element came out of.
	within *lineage
	// parent is the choice that it came out of, and depth how many there are; nil and 0 for what an order names itself.
	parent *node
	depth  int
	next   *node
	// alternatives caches what the node is replaced by, per group.
	alternatives []*node
	// nogoods are, per alternative, the other choices together with which it has been found to fail.
	nogoods map[int][]nogood
}

// lineage is the chain of composites in which an element is nested, innermost first.
type lineage struct {
	module buildpack.Ref
	outer  *lineage
}

// cycleError says that a composite buildpack contains itself (B22).
type cycleError struct{ Path []buildpack.Ref }

// Error names the cycle: "a@1 → b@1 → a@1".
func (e *cycleError) Error() string {
	names := make([]string, len(e.Path))
	for i, ref := range e.Path {
		names[i] = ref.String()
	}
	return "a composite buildpack contains itself: " + strings.Join(names, " → ")
}

// has says whether ref stands in the lineage.
func (l *lineage) has(ref buildpack.Ref) bool {
	for ; l != nil; l = l.outer {
		if l.module == ref {
			return true
		}
	}
	return false
}

// cycle returns an error if ref already stands in the lineage.
func (l *lineage) cycle(ref buildpack.Ref) error {
	if !l.has(ref) {
		return nil
	}
	path := []buildpack.Ref{ref}
	for at := l; at != nil; at = at.outer {
		path = append([]buildpack.Ref{at.module}, path...)
		if at.module == ref {
			return &cycleError{Path: path}
		}
	}
	return nil
}

// root returns the node at which the candidates of one group of the order begin: with each group of the extensions'
// order in turn before all buildpacks, and last with none (docs/reference.md, "The order").
func root(group buildpack.Group, extensions buildpack.Order) *node {
	first := list(group, nil, nil, nil)
	if len(extensions) == 0 {
		return first
	}
	return &node{extensions: extensions, next: first}
}

// list puts the elements of a group in front of what follows.
func list(group buildpack.Group, within *lineage, parent, next *node) *node {
	depth := 0
	if parent != nil {
		depth = parent.depth + 1
	}
	for i := len(group) - 1; i >= 0; i-- {
		next = &node{element: group[i], within: within, parent: parent, depth: depth, next: next}
	}
	return next
}

// choice is a point at which candidates part: a node that is replaced by one group or another, or left out.
type choice struct {
	node *node
	// module is the composite; nil for the extensions' order.
	module *buildpack.Module
	order  buildpack.Order
	// optional choices may be left out.
	optional bool
}

// count is the number of alternatives; the one after the last group is to leave the choice out.
func (c choice) count() int {
	if c.optional {
		return len(c.order) + 1
	}
	return len(c.order)
}

// alternative is where the candidates of alternative i go on.
func (c choice) alternative(i int) *node {
	if i == len(c.order) {
		return c.node.next
	}
	if c.node.alternatives == nil {
		c.node.alternatives = make([]*node, len(c.order))
	}
	if c.node.alternatives[i] == nil {
		within := c.node.within
		if c.module != nil {
			within = &lineage{module: c.module.Ref, outer: within}
		}
		c.node.alternatives[i] = list(c.order[i], within, c.node, c.node.next)
	}
	return c.node.alternatives[i]
}

// ref is the composite, or for the extensions' order the empty reference.
func (c choice) ref() buildpack.Ref {
	if c.module == nil {
		return buildpack.Ref{}
	}
	return c.module.Ref
}
