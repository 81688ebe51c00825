package resolve

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// This file walks the order: it tries candidates left to right, depth first, and leaves out those that cannot pass. In the
// words of constraint solving it is a search with conflict-directed backjumping and nogoods:
//
//   - From each candidate that fails, blame.go derives the choices that are why. Where a choice is not among them, its
//     other alternatives must fail as well (choose). Where all alternatives of a choice fail, the reasons of all of
//     them together are why what comes before fails.
//   - Each failed alternative is remembered with the choices because of which it failed (nogood.go).
//   - A point of the order is remembered with the members that stood before it when all that came after failed: what
//     comes after depends on nothing else (place).
//
// All three leave out only what fails, so the first candidate that passes is found as if all had been tried. What goes
// wrong in a candidate that is left out is found by reach.go, at the moment at which the search would have been there.

// Search tries the groups of the order, each with each group of the extensions' order before it and last with none,
// and returns the first candidate that has a valid build plan, or the failure. The answer is that of trying every
// candidate and every trial in turn; those that cannot pass are left out. An error is one of Source, a *cycleError or a
// *tooHardError.
func Search(order, extensions buildpack.Order, limits Limits, source Source) (*Resolution, *Failure, error) {
	s := newSearcher(order, extensions, limits, source)
	found, err := s.run()
	var tooHard *tooHardError
	switch {
	case found != nil:
		return found, nil, nil
	case errors.As(err, &tooHard) && !limits.Deterministic: // which may depend on which module was the first to end
	case err != nil:
		return nil, nil, err
	default:
		failure, err := s.failure()
		if err != nil || limits.Deterministic {
			return nil, failure, err
		}
	}
	// The reasons are told from a second search, in which everything is known from the start: what they are must not
	// depend on which module was the first to end.
	limits.Deterministic = true
	again := newSearcher(order, extensions, limits, source)
	again.seen = s.seen
	if found, err := again.run(); found != nil || err != nil {
		return found, nil, err
	}
	failure, err := again.failure()
	return nil, failure, err
}

// run searches group by group.
func (s *searcher) run() (*Resolution, error) {
	for i, n := range s.roots {
		s.current, s.spent = i, effort{}
		found, _, err := s.search(n, nil, state{})
		if err != nil {
			return nil, err
		}
		if found != nil {
			found.GroupOfOrder, found.Before, found.Evaluated, found.Composites = i, s.attempts, s.evaluated, s.composites()
			found.PassedOver = s.passedOver
			return found, nil
		}
	}
	return nil, nil
}

// composites are those that each group of the order names, as far as they were looked up.
func (s *searcher) composites() [][]buildpack.Ref {
	all := make([][]buildpack.Ref, len(s.order))
	for i, group := range s.order {
		for _, element := range group {
			if module := s.modules[element.Ref].module; module != nil && module.IsComposite() {
				all[i] = append(all[i], element.Ref)
			}
		}
	}
	return all
}

// searcher holds all that a search learns on its way.
type searcher struct {
	source Source
	limits Limits
	order  buildpack.Order
	// roots are where the candidates of each group of the order begin; current is the one being searched.
	roots   []*node
	current int
	// judge decides about one candidate; evaluate, but for tests that want to see every candidate.
	judge    func(state) (*Resolution, set, error)
	attempts []Attempt
	// passedOver are the alternatives that were not tried.
	passedOver []PassedOver
	// evaluated counts candidates, also those that are not kept among the attempts; recorded those that failed, by group of
	// the order.
	evaluated int
	recorded  map[int]int
	// spent is the work on the present group of the order; limit is what may be spent on one.
	spent, limit effort
	// reached are all members that stand in some candidate, in the order in which they were reached: once as a
	// required one and once as an optional one at the most.
	reached []Member
	noted   map[occurrence]int // numbers from 1 on
	// modules are those looked up so far.
	modules map[buildpack.Ref]lookup
	// seen are the detections known so far.
	seen map[buildpack.Ref]buildpack.Detection
	// failed are the places from which on all candidates have failed, with the number of the last of these.
	failed map[place]int
	// scopes caches what each composite can contribute.
	scopes map[buildpack.Ref]*scope
	// numbers of ids, and those that components have and that composites have, in the first groups of the order, as many as
	// collected says.
	numbers                    map[buildpack.Ref]int
	componentIDs, compositeIDs set
	collected                  int
	// outlooks are forgotten whenever something is noted.
	outlooks map[outlookKey]outlook
	// shared are nogoods that hold for other nodes of the same composite, too.
	shared map[branch][]shared
}

// occurrence is how a module can occur in a candidate.
type occurrence struct {
	ref      buildpack.Ref
	optional bool
	// id is the number of its id.
	id int
}

func (s *searcher) occurrence(ref buildpack.Ref, optional bool) occurrence {
	return occurrence{ref: ref, optional: optional, id: s.number(ref)}
}

func newSearcher(order, extensions buildpack.Order, limits Limits, source Source) *searcher {
	s := &searcher{
		source: source,
		limits: limits,
		limit:  mostEffort,

		order:    order,
		recorded: map[int]int{},
		noted:    map[occurrence]int{},
		failed:   map[place]int{},
		modules:  map[buildpack.Ref]lookup{},
		seen:     map[buildpack.Ref]buildpack.Detection{},
		scopes:   map[buildpack.Ref]*scope{},
		numbers:  map[buildpack.Ref]int{},
		shared:   map[branch][]shared{},
	}
	for _, group := range order {
		s.roots = append(s.roots, root(group, extensions))
	}
	s.judge = s.evaluate
	return s
}

// state is the way to a candidate. It is handed down by value, and its slices grow in place: what one alternative has
// appended is overwritten by the next. To keep something of it is to copy it.
type state struct {
	members []Member
	// from are, for each member, the level of the innermost choice that it came out of, or outermost.
	from []int
	// points are the choices made, by level.
	points []point
	// skipped are the elements that were skipped because of a member that came out of a choice.
	skipped []skipped
}

// skipped is an element that was skipped, because there was a member of its id.
type skipped struct {
	node *node
	// because is the level that the member came out of.
	because int
	// position is the number of members that stand before.
	position int
}

// outermost stands for the level of members that come out of no choice.
const outermost = -1

// point is a choice on the way to a candidate.
type point struct {
	choice
	// outer is the level of the innermost choice that this one came out of, or outermost.
	outer int
	// chosen is the index of the present alternative.
	chosen int
	// position is the number of members that stand before whatever the choice contributes.
	position int
}

// frame says that the nodes up to (not including) until came out of the choice of this level.
type frame struct {
	until *node
	level int
	outer *frame
}

func (f *frame) at(n *node) *frame {
	for f != nil && f.until == n {
		f = f.outer
	}
	return f
}

func (f *frame) from() int {
	if f == nil {
		return outermost
	}
	return f.level
}

// search tries the candidates that go on at n, depth first. If all fail, it returns the levels of the choices whose
// present alternatives are why: with these, every candidate fails, whatever the other choices are.
func (s *searcher) search(n *node, f *frame, at state) (*Resolution, set, error) {
	for ; n != nil; n = n.next {
		f = f.at(n)
		step, err := s.step(n, func(ref buildpack.Ref) int { return slices.IndexFunc(at.members, sameID(ref)) })
		switch {
		case err != nil:
			return nil, nil, err
		case step.choice != nil:
			return s.choose(*step.choice, f, at)
		case step.duplicate >= 0:
			if because := at.from[step.duplicate]; because != outermost {
				at.skipped = append(at.skipped, skipped{n, because, len(at.members)})
			}
		case step.module != nil:
			m := Member{Module: step.module, Optional: step.optional}
			s.note(m)
			at.members = append(at.members, m)
			at.from = append(at.from, f.from())
		}
	}
	return s.judge(at)
}

func sameID(ref buildpack.Ref) func(Member) bool {
	return func(m Member) bool { return m.Module.Kind == ref.Kind && m.Module.ID == ref.ID }
}

// choose tries the alternatives of a choice in order. Once one has failed for reasons to which this choice adds
// nothing, the others must fail for the same; and what is known to fail is not tried again. Such alternatives are
// only walked, for what has to be known of their modules.
func (s *searcher) choose(c choice, f *frame, at state) (*Resolution, set, error) {
	here := s.place(c.node, at.members)
	if like, known := s.failed[here]; known {
		s.passOver(c, 0, c.count(), like)
		return nil, s.blame(at).all(), nil
	}
	found, why, err := s.tryAll(c, f, at)
	if found == nil && err == nil {
		s.failed[here] = s.evaluated
	}
	return found, why, err
}

// place is a node with the members that stand before: all that decides about the candidates that go on there.
type place struct {
	node *node
	// before are the numbers of the members' occurrences.
	before string
}

// place puts the place in few bytes.
func (s *searcher) place(n *node, members []Member) place {
	before := make([]byte, 0, 2*len(members))
	for _, m := range members {
		before = binary.AppendUvarint(before, uint64(s.noted[s.occurrence(m.Module.Ref, m.Optional)]))
	}
	return place{n, string(before)}
}

// tryAll does the work of choose.
func (s *searcher) tryAll(c choice, f *frame, at state) (*Resolution, set, error) {
	before, level := at, len(at.points)
	if level == mostChoices {
		return nil, nil, s.tooHard()
	}
	at.points = append(at.points, point{choice: c, outer: f.from(), position: len(at.members)})
	inside := &frame{until: c.node.next, level: level, outer: f}
	var conflicts set
	for i := range c.count() {
		at.points[level].chosen = i
		conflict, like, known := s.findNogood(c, i, before.points)
		if known {
			s.passOver(c, i, i+1, like)
			if err := s.reach(c.alternative(i), at.members); err != nil {
				return nil, nil, err
			}
		} else {
			found, why, err := s.search(c.alternative(i), inside, at)
			if found != nil || err != nil {
				return found, nil, err
			}
			if !why.has(level) {
				s.passOver(c, i+1, c.count(), s.evaluated)
				return nil, why, s.reachOthers(c, i+1, at.members)
			}
			conflict = why.without(level)
			s.addNogood(c, i, conflict, at.points)
		}
		conflicts = conflicts.union(conflict)
	}
	return nil, s.blame(before).choice(c, f.from(), conflicts), nil
}

// reachOthers reaches the alternatives from the given one on.
func (s *searcher) reachOthers(c choice, from int, before []Member) error {
	for i := from; i < c.count(); i++ {
		if err := s.reach(c.alternative(i), before); err != nil {
			return err
		}
	}
	return nil
}

// step is what an element of an order turns out to be: a choice, a member, or nothing.
type step struct {
	choice   *choice
	module   *buildpack.Module
	optional bool
	// duplicate is the index of the earlier module because of which this one is skipped, or -1.
	duplicate int
}

// step judges one node. find returns the index of the module of the same kind and id that already stands in the
// candidate, or -1.
func (s *searcher) step(n *node, find func(buildpack.Ref) int) (step, error) {
	if s.spent.steps++; s.spent.steps > s.limit.steps {
		return step{}, s.tooHard()
	}
	if n.extensions != nil {
		return step{duplicate: -1, choice: &choice{node: n, order: n.extensions, optional: true}}, nil
	}
	if duplicate := find(n.element.Ref); duplicate >= 0 {
		return step{duplicate: duplicate}, nil
	}
	module, err := s.module(n.element.Ref)
	if err != nil {
		return step{}, err
	}
	if s.limits.excludes(n.element, module) {
		return step{duplicate: -1}, nil
	}
	if !module.IsComposite() {
		return step{duplicate: -1, module: module, optional: n.element.Optional || module.IsExtension()}, nil
	}
	if err := n.within.cycle(n.element.Ref); err != nil {
		return step{}, err
	}
	return step{duplicate: -1, choice: &choice{node: n, module: module, order: module.Descriptor.Order, optional: n.element.Optional}}, nil
}

// lookup is what became of looking up a module.
type lookup struct {
	module *buildpack.Module
	err    error
}

func (s *searcher) module(ref buildpack.Ref) (*buildpack.Module, error) {
	l, known := s.modules[ref]
	if !known {
		l.module, l.err = s.source.Module(ref)
		s.modules[ref] = l
	}
	return l.module, l.err
}

// excludes says whether the execution environment takes the element out of every candidate: by its own list in the order
// (B26), or by the list of the module, which if it is a composite takes all its groups with it (B46).
func (l Limits) excludes(element buildpack.Element, module *buildpack.Module) bool {
	return l.ExecEnv != "" && !(allows(element.ExecEnv, l.ExecEnv) && allows(module.Descriptor.ExecEnv, l.ExecEnv))
}

func allows(list []string, execEnv string) bool {
	return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, execEnv)
}
