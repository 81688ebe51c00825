package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Search tries the groups of the order, each with each group of the extensions' order before it and last with none,
// and returns the first candidate that has a valid build plan, or the failure. The answer is that of trying every
// candidate and every trial in turn; those that cannot pass are left out. An error is one of Source, or a CycleError.
func Search(order, extensions buildpack.Order, limits Limits, source Source) (*Resolution, *Failure, error) {
	s := newSearcher(order, extensions, limits, source)
	found, err := s.run()
	if found != nil || err != nil {
		return found, nil, err
	}
	failure, err := s.failure()
	if err != nil || limits.Patient {
		return nil, failure, err
	}
	// The reasons are told from a second search, in which everything is known from the start: what they are must not
	// depend on which module was the first to end.
	limits.Patient = true
	again := newSearcher(order, extensions, limits, source)
	again.seen = s.seen
	if _, err := again.run(); err != nil {
		return nil, nil, err
	}
	failure, err = again.failure()
	return nil, failure, err
}

// run searches group by group.
func (s *searcher) run() (*Resolution, error) {
	for i, n := range s.roots {
		s.current = i
		found, _, err := s.search(n, nil, state{})
		if err != nil {
			return nil, err
		}
		if found != nil {
			found.GroupOfOrder, found.Before, found.Evaluated, found.Composites = i, s.attempts, s.evaluated, s.composites()
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
			if module := s.modules[element.Ref]; module != nil && module.IsComposite() {
				all[i] = append(all[i], element.Ref)
			}
		}
	}
	return all
}

// searcher holds what is learned on the way.
type searcher struct {
	source Source
	limits Limits
	order  buildpack.Order
	// roots are where the candidates of each group of the order begin; current is the one being searched.
	roots   []*node
	current int
	// judge decides about one candidate; evaluate, but for tests that want to see every candidate.
	judge    func(state) (*Resolution, levels, error)
	attempts []Attempt
	// evaluated counts candidates, also those that are not kept among the attempts; recorded those that failed, by group of
	// the order.
	evaluated int
	recorded  map[int]int
	// reached are all members that stand in some candidate, in the order in which they were reached: once as a
	// required one and once as an optional one at the most.
	reached []Member
	noted   map[standing]bool
	// modules are those looked up so far.
	modules map[buildpack.Ref]*buildpack.Module
	// seen are the detections known so far.
	seen map[buildpack.Ref]buildpack.Detection
	// scopes caches what each composite can contribute; settledScopes are those of which all has been noted.
	scopes        map[buildpack.Ref]scope
	settledScopes map[buildpack.Ref]bool
	// shared are refutations that hold for other nodes of the same composite, too.
	shared map[branch][]shared
}

// standing is how a module can stand in a candidate.
type standing struct {
	ref      buildpack.Ref
	optional bool
}

func (m Member) standing() standing { return standing{ref: m.Module.Ref, optional: m.Optional} }

func newSearcher(order, extensions buildpack.Order, limits Limits, source Source) *searcher {
	s := &searcher{
		source:  source,
		limits:  limits,
		order:   order,
		noted:   map[standing]bool{},
		modules: map[buildpack.Ref]*buildpack.Module{},
		seen:    map[buildpack.Ref]buildpack.Detection{},
		scopes:  map[buildpack.Ref]scope{},

		recorded: map[int]int{},

		settledScopes: map[buildpack.Ref]bool{},
		shared:        map[branch][]shared{},
	}
	for _, group := range order {
		s.roots = append(s.roots, root(group, extensions))
	}
	s.judge = s.evaluate
	return s
}

// state is the way to a candidate. It is handed down by value, and its slices are clipped before they grow, because
// sibling alternatives share what came before them.
type state struct {
	members []Member
	// from are, for each member, the level of the innermost choice that it came out of, or outermost.
	from []int
	// points are the choices made, by level.
	points []point
	// skipped are the levels on which it depends that some element was skipped.
	skipped levels
}

// outermost stands for the level of what comes out of no choice.
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
func (s *searcher) search(n *node, f *frame, at state) (*Resolution, levels, error) {
	at.members, at.from = slices.Clip(at.members), slices.Clip(at.from)
	for ; n != nil; n = n.next {
		f = f.at(n)
		step, err := s.step(n, func(ref buildpack.Ref) int { return slices.IndexFunc(at.members, sameID(ref)) })
		switch {
		case err != nil:
			return nil, nil, err
		case step.choice != nil:
			return s.choose(*step.choice, f, at)
		case step.twin >= 0:
			at.skipped = at.skipped.with(at.from[step.twin])
		case step.module != nil:
			at.members = append(at.members, Member{Module: step.module, Optional: step.optional})
			at.from = append(at.from, f.from())
		}
	}
	return s.judge(at)
}

func sameID(ref buildpack.Ref) func(Member) bool {
	return func(m Member) bool { return m.Module.Kind == ref.Kind && m.Module.ID == ref.ID }
}

// choose tries the alternatives of a choice in order. Once one has failed for reasons to which this choice adds
// nothing, the others must fail for the same; and what has been refuted once is not tried again. Such alternatives are
// only walked, for what has to be known of their modules.
func (s *searcher) choose(c choice, f *frame, at state) (*Resolution, levels, error) {
	level := len(at.points)
	at.points = append(slices.Clip(at.points), point{choice: c, outer: f.from(), position: len(at.members)})
	inside := &frame{until: c.node.next, level: level, outer: f}
	// The choice is only there because of the one it came out of, and because nothing before has its id.
	why := levels(nil).with(f.from())
	if c.module != nil {
		why = why.union(s.contributors(at.points[:level], sameName(c.module.Ref)))
	}
	jumped := false
	for i := range c.count() {
		at.points[level].chosen = i
		clash, known := s.refuted(c, i, at.points[:level])
		if jumped || known {
			if err := s.reach(c.alternative(i), at.members); err != nil {
				return nil, nil, err
			}
		} else {
			found, reason, err := s.search(c.alternative(i), inside, at)
			if found != nil || err != nil {
				return found, nil, err
			}
			if jumped = !reason.has(level); jumped {
				why = reason
				continue
			}
			clash = reason.without(level)
			s.refute(c, i, clash, at.points)
		}
		if !jumped {
			why = why.union(clash)
		}
	}
	return nil, why, nil
}

// step is what an element of an order turns out to be: a choice, a member, or nothing.
type step struct {
	choice   *choice
	module   *buildpack.Module
	optional bool
	// twin is the index of the earlier module because of which this one is skipped, or -1.
	twin int
}

// step judges one node. find returns the index of the module of the same kind and id that already stands in the
// candidate, or -1.
func (s *searcher) step(n *node, find func(buildpack.Ref) int) (step, error) {
	if n.extensions != nil {
		return step{twin: -1, choice: &choice{node: n, order: n.extensions, optional: true}}, nil
	}
	if twin := find(n.element.Ref); twin >= 0 {
		return step{twin: twin}, nil
	}
	module, err := s.module(n.element.Ref)
	if err != nil {
		return step{}, err
	}
	if s.limits.excludes(n.element, module) {
		return step{twin: -1}, nil
	}
	if !module.IsComposite() {
		return step{twin: -1, module: module, optional: n.element.Optional || module.IsExtension()}, nil
	}
	if err := n.within.cycle(n.element.Ref); err != nil {
		return step{}, err
	}
	return step{twin: -1, choice: &choice{node: n, module: module, order: module.Descriptor.Order, optional: n.element.Optional}}, nil
}

func (s *searcher) module(ref buildpack.Ref) (*buildpack.Module, error) {
	if module, known := s.modules[ref]; known {
		return module, nil
	}
	module, err := s.source.Module(ref)
	if err == nil {
		s.modules[ref] = module
	}
	return module, err
}

// excludes says whether the execution environment takes the element out of every candidate: by its own list in the order
// (B26), or by the list of the module, which if it is a composite takes all its groups with it (B46).
func (l Limits) excludes(element buildpack.Element, module *buildpack.Module) bool {
	return l.ExecEnv != "" && !(allows(element.ExecEnv, l.ExecEnv) && allows(module.Descriptor.ExecEnv, l.ExecEnv))
}

func allows(list []string, execEnv string) bool {
	return len(list) == 0 || slices.Contains(list, "*") || slices.Contains(list, execEnv)
}
