package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// node is one element of an order with all that follows it. Equal continuations are the same node, whatever was chosen
// before.
type node struct {
	element buildpack.Element
	// extensions is set on the node before all buildpacks, which stands for the extensions' order.
	extensions buildpack.Order
	// parent is the choice that the node came out of; nil for what the order itself names.
	parent *node
	// next follows in the same list; that goes on behind the parent.
	next *node
	// alternatives are where the walk goes on for each group of a choice; they are made when they are needed.
	alternatives []*node

	// asOf and hopeless remember an answer of searcher.hopeless.
	asOf     int
	hopeless bool
}

// root returns the node at which the candidates of one group of the order begin: with each group of the extensions' order
// in turn before all buildpacks, and last with none.
func root(group buildpack.Group, extensions buildpack.Order) *node {
	if len(extensions) == 0 {
		return list(group, nil, nil)
	}
	first := &node{extensions: extensions}
	first.next = list(group, nil, nil)
	return first
}

// list puts the elements of a group that came out of parent in front of what follows.
func list(group buildpack.Group, parent, next *node) *node {
	for i := len(group) - 1; i >= 0; i-- {
		next = &node{element: group[i], parent: parent, next: next}
	}
	return next
}

// alternative is the node at which the candidates with group i of a choice go on. The index behind the last group stands for
// leaving the choice out.
func (n *node) alternative(order buildpack.Order, i int) *node {
	if i == len(order) {
		return n.next
	}
	if n.alternatives == nil {
		n.alternatives = make([]*node, len(order))
	}
	if n.alternatives[i] == nil {
		n.alternatives[i] = list(order[i], n, n.next)
	}
	return n.alternatives[i]
}

// cycle returns an error if the composite that a node names is one of those that it came out of.
func (n *node) cycle() error {
	path := []string{n.element.Ref.String()}
	for p := n.parent; p != nil; p = p.parent {
		path = append(path, p.element.Ref.String())
		if p.element.Ref == n.element.Ref {
			slices.Reverse(path)
			return fmt.Errorf("a composite buildpack contains itself: %s", strings.Join(path, " → "))
		}
	}
	return nil
}

// step is what a node turns out to be: a member, a choice, or nothing if both are nil.
type step struct {
	module *buildpack.Module
	// order are the groups of a choice: of a composite, or of the extensions.
	order    buildpack.Order
	optional bool
	// over is the element, if it is nothing in this candidate for a reason that people want to know.
	over *PassedOver
}

// count is the number of alternatives of a choice.
func (st step) count() int {
	if st.optional {
		return len(st.order) + 1
	}
	return len(st.order)
}

// step finds out what a node is in a candidate with these members before it.
func (s *searcher) step(n *node, before path) (step, error) {
	if n.extensions != nil {
		return step{order: n.extensions, optional: true}, nil
	}
	if i := slices.Index(before.ids, idOf(n.element.Ref)); i >= 0 {
		return step{over: duplicate(n.element.Ref, before.members[i].Module.Ref)}, nil
	}
	module, err := s.source.Module(n.element.Ref)
	if err != nil {
		return step{}, err
	}
	if s.limits.excludes(n.element, module) {
		return step{over: s.limits.passedOver(n.element, module)}, nil
	}
	if !module.IsComposite() {
		return step{module: module, optional: n.element.Optional || module.IsExtension()}, nil
	}
	return step{order: module.Descriptor.Order, optional: n.element.Optional}, n.cycle()
}

// id is what the modules of a candidate differ in: of two with the same id only the first counts, whatever their versions.
type id struct {
	kind buildpack.Kind
	name string
}

func idOf(ref buildpack.Ref) id { return id{ref.Kind, ref.ID} }

// excludes reports whether the execution environment takes an element out of every candidate: by its own list in the order,
// or by that of the module. A composite takes all its groups with it.
func (l Limits) excludes(element buildpack.Element, module *buildpack.Module) bool {
	return l.ExecEnv != "" && !(allows(element.ExecEnv, l.ExecEnv) && allows(module.Descriptor.ExecEnv, l.ExecEnv))
}

func allows(list []string, execEnv string) bool {
	return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, execEnv)
}
