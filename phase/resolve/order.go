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
	// extensions is set on the node before all buildpacks, which stands for the extensions' order and an empty group.
	extensions buildpack.Order
	// parent is the choice that the node came out of; nil for what the order itself names.
	parent *node
	// next follows in the same list; that goes on behind the parent.
	next *node
	// alternatives are where the walk goes on for each group of a choice; they are made when they are needed.
	alternatives []*node
}

// root returns the node at which the candidates of one group of the order begin: with each group of the extensions' order
// in turn before all buildpacks, and last with none.
func root(group buildpack.Group, extensions buildpack.Order) *node {
	first := list(group, nil, nil)
	if len(extensions) > 0 {
		first = &node{extensions: append(slices.Clip(extensions), nil), next: first}
	}
	return first
}

// list puts the elements of a group that came out of parent in front of what follows.
func list(group buildpack.Group, parent, next *node) *node {
	for _, e := range slices.Backward(group) {
		next = &node{element: e, parent: parent, next: next}
	}
	return next
}

// alternative is the node at which the candidates with group i of a choice go on.
func (n *node) alternative(order buildpack.Order, i int) *node {
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
	module   *buildpack.Module
	optional bool
	// order are the groups of a choice: of a composite, or of the extensions. The last one is empty if the choice may be left out.
	order buildpack.Order
	// over is the element, if it is nothing in this candidate for a reason that people want to know.
	over *PassedOver
}

// step finds out what a node is in a candidate with these members before it.
func (s *searcher) step(n *node, before path) (step, error) {
	if n.extensions != nil {
		return step{order: n.extensions}, nil
	}
	if i := slices.Index(before.ids, idOf(n.element.Ref)); i >= 0 {
		if first := before.members[i].Module.Ref; first != n.element.Ref {
			return step{over: &PassedOver{Ref: n.element.Ref, Other: first}}, nil
		}
		return step{}, nil
	}
	module, err := s.source.Module(n.element.Ref)
	if err != nil {
		return step{}, err
	}
	if over := s.limits.excluded(n.element, module); over != nil {
		return step{over: over}, nil
	}
	if !module.IsComposite() {
		return step{module: module, optional: n.element.Optional || module.IsExtension()}, nil
	}
	order := module.Descriptor.Order
	if n.element.Optional {
		order = append(slices.Clip(order), nil)
	}
	return step{order: order}, n.cycle()
}

// id is what the modules of a candidate differ in: of two with the same id only the first counts, whatever their versions.
type id struct {
	kind buildpack.Kind
	name string
}

func idOf(ref buildpack.Ref) id { return id{ref.Kind, ref.ID} }

// PassedOver is an element of the order that is in no candidate, or not in this one, before anything of it runs.
type PassedOver struct {
	Ref buildpack.Ref
	// Other is the version of the same id that comes first. Its Version is empty if the execution environment is the reason.
	Other buildpack.Ref
	// ExecEnv is the execution environment, and Only are those that the element, or its module, is for.
	ExecEnv string
	Only    []string
}

// excluded is the element, if the execution environment takes it out of every candidate: by its own list in the order, or by
// that of the module. A composite takes all its groups with it.
func (l Limits) excluded(element buildpack.Element, module *buildpack.Module) *PassedOver {
	if l.ExecEnv == "" {
		return nil
	}
	for _, list := range [][]string{element.ExecEnv, module.Descriptor.ExecEnv} {
		if len(list) > 0 && !slices.Contains(list, "*") && !slices.Contains(list, l.ExecEnv) {
			return &PassedOver{Ref: element.Ref, ExecEnv: l.ExecEnv, Only: list}
		}
	}
	return nil
}

// String is the element with the reason.
func (p PassedOver) String() string {
	if p.ExecEnv == "" {
		return fmt.Sprintf("%s, because %s comes first and a group has each id once", p.Ref, p.Other)
	}
	noun := "environment"
	if len(p.Only) > 1 {
		noun = "environments"
	}
	only := strings.Join(p.Only, `", "`)
	return fmt.Sprintf(`%s is only for the execution %s "%s"; CNB_EXEC_ENV is %q`, p.Ref, noun, only, p.ExecEnv)
}
