package resolve

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// searcher holds what a search learns on its way.
type searcher struct {
	source Source
	limits Limits
	order  buildpack.Order
	// roots are where the candidates of each group of the order begin.
	roots []*node
	// seen are the detections known so far, and reported the modules in decided.
	seen     map[buildpack.Ref]buildpack.Detection
	reported map[buildpack.Ref]bool
	decided  []Decided
	judged   int
	trace    []Candidate
	// reached are the modules of all candidates so far, and reachedAt their indexes. noted has how they were reached.
	reached   []Member
	reachedAt map[buildpack.Ref]int
	noted     map[occurrence]bool
	// failing is true once something makes a required module fail.
	failing bool
	limit   int
	groupSearch
}

// groupSearch is what is learned about the present group of the order.
type groupSearch struct {
	// current is its index.
	current int
	// steps are those that may still be spent on it.
	steps int
	// unplanned counts its candidates that failed by the build plan alone, and struck are the modules that cannot take
	// part in any of its build plans.
	unplanned int
	struck    map[buildpack.Ref]bool
	// scope is what it can bring; nil until that is needed. pending are those of its occurrences that were perhaps not reached
	// yet.
	scope   *scope
	pending []occurrence
	// visited are the nodes from which nothing new is reached, and done the modules that bring nothing new.
	visited map[visit]bool
	done    map[buildpack.Ref]bool
	// dead and hopelessAt remember answers of cannotPass and hopeless.
	dead       map[buildpack.Ref]bool
	hopelessAt map[*node]bool
}

func newSearcher(order, extensions buildpack.Order, limits Limits, source Source) *searcher {
	s := &searcher{
		source: source, limits: limits, order: order, limit: mostSteps,
		seen: map[buildpack.Ref]buildpack.Detection{}, reported: map[buildpack.Ref]bool{},
		reachedAt: map[buildpack.Ref]int{}, noted: map[occurrence]bool{},
	}
	for _, group := range order {
		s.roots = append(s.roots, root(group, extensions))
	}
	return s
}

// mostSteps is how many steps may be spent on one group of the order: elements walked over, modules judged, names of build
// plans looked at. It stands for some seconds, and for more than a million candidates of ten modules. The largest groups of
// public builders take some thousands.
const mostSteps = 30_000_000

// mostChoices is how many choices one candidate may take; composites that are nested and name each other twice make
// candidates of any length.
const mostChoices = 5000

// errBound is why the search gives up: to find the first candidate that passes is NP-hard. Of the versions of an id the first
// one counts, which makes choices depend on each other as the clauses of a formula do, and so do the alternatives of build
// plans.
var errBound = errors.New("allows more combinations than can be tried. " +
	"Give its composite buildpacks fewer groups, or the build plans of its modules fewer alternatives")

// spend takes steps from those that the present group may have.
func (s *searcher) spend(steps int) error {
	if s.steps -= steps; s.steps < 0 {
		return errBound
	}
	return nil
}

// group searches one group of the order. If that takes more steps than allowed, all modules of the group are detected and it is
// searched again, so that only this second search counts: what the first one took depends on which modules ended first.
func (s *searcher) group(i int) (*Resolution, error) {
	decided, judged, traced := len(s.decided), s.judged, len(s.trace)
	found, err := s.fromRoot(i)
	if !errors.Is(err, errBound) {
		return found, err
	}
	if err := s.ask(s.modules(), false); err != nil {
		return nil, err
	}
	for _, d := range s.decided[decided:] {
		delete(s.reported, d.Member.Module.Ref)
	}
	s.decided, s.judged, s.trace = s.decided[:decided], judged, s.trace[:traced]
	if found, err = s.fromRoot(i); errors.Is(err, errBound) {
		var names []string
		for _, e := range s.order[i][:min(3, len(s.order[i]))] {
			names = append(names, e.Ref.String())
		}
		if len(s.order[i]) > 3 {
			names[2] = "…"
		}
		err = fmt.Errorf("group %d of the order (%s) %w", i+1, strings.Join(names, ", "), err)
	}
	return found, err
}

func (s *searcher) fromRoot(i int) (*Resolution, error) {
	s.groupSearch = groupSearch{
		current: i, steps: s.limit, visited: map[visit]bool{}, done: map[buildpack.Ref]bool{},
		dead: map[buildpack.Ref]bool{}, hopelessAt: map[*node]bool{},
	}
	return s.enter(s.roots[i], path{})
}

// path is the way to a candidate. It is handed down by value, and its slices grow in place: what one alternative has appended
// is overwritten by the next. Members that are kept must be copied.
type path struct {
	members []Member
	ids     []id
	over    []PassedOver
	// choices is how many the path took.
	choices int
	// fails is true if all candidates that go on here surely fail. They are not judged, but still walked: full enumeration
	// would end where one of their modules cannot be looked up, and their errors decide between the exit codes 20 and 21.
	fails bool
}

// with is the path with what a node turned out to be.
func (p path) with(st step) path {
	if st.over != nil {
		p.over = append(p.over, *st.over)
	}
	if st.module != nil {
		p.members = append(p.members, Member{Module: st.module, Optional: st.optional})
		p.ids = append(p.ids, idOf(st.module.Ref))
	}
	return p
}

// enter walks from a node on, unless all candidates there surely fail and have nothing new.
func (s *searcher) enter(n *node, p path) (*Resolution, error) {
	p.fails = p.fails || s.hopeless(n) || slices.ContainsFunc(p.members, s.fails)
	if p.fails {
		if known, err := s.isVisited(n, p); known || err != nil {
			return nil, err
		}
	}
	return s.walk(n, p)
}

// walk tries the candidates that go on at n, depth first.
func (s *searcher) walk(n *node, p path) (*Resolution, error) {
	for ; n != nil; n = n.next {
		if err := s.spend(1); err != nil {
			return nil, err
		}
		st, err := s.step(n, p)
		switch {
		case err != nil:
			return nil, err
		case st.order != nil && p.fails && s.exhausted(n.element.Ref, st.order):
			continue
		case st.order != nil:
			return s.choose(n, st, p)
		}
		p = p.with(st)
		if st.module == nil {
			continue
		}
		m := p.members[len(p.members)-1]
		s.note(m)
		if !p.fails && s.fails(m) {
			return s.enter(n.next, p)
		}
	}
	if p.fails {
		return nil, nil
	}
	return s.judge(p)
}

// choose tries the alternatives of a choice in order.
func (s *searcher) choose(n *node, st step, p path) (*Resolution, error) {
	if p.choices++; p.choices > mostChoices {
		return nil, errBound
	}
	for i := range st.order {
		if found, err := s.enter(n.alternative(st.order, i), p); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// judge decides about one candidate: it fails if a required member did not pass, if no member did, or if no trial of the
// build plans passes.
func (s *searcher) judge(p path) (*Resolution, error) {
	s.judged++
	if err := s.spend(len(p.members)); err != nil {
		return nil, err
	}
	if err := s.ask(p.members, !s.limits.Trace); err != nil {
		return nil, err
	}
	errored := func(m Member) bool { return m.Detection.Outcome == buildpack.Errored }
	requiredErrored := func(m Member) bool { return !m.Optional && errored(m) }
	switch {
	case slices.ContainsFunc(p.members, Member.saidNo):
	case slices.ContainsFunc(p.members, requiredErrored):
		s.report(p.members, requiredErrored)
	default:
		if found, err := s.plan(p); found != nil || err != nil {
			return found, err
		}
		s.report(p.members, errored)
		if err := s.strikeOut(); err != nil {
			return nil, err
		}
	}
	if s.limits.Trace && len(s.trace) < mostTraced {
		s.trace = append(s.trace, s.candidate(s.current, p))
	}
	return nil, nil
}

// mostTraced bounds the memory for candidates that failed.
const mostTraced = 1024

// candidate is the end of a path.
func (s *searcher) candidate(group int, p path) Candidate {
	c := Candidate{group, slices.Clone(p.members), slices.Clone(p.over)}
	s.fill(c.Members)
	return c
}

// plan finds the first passing trial of a candidate.
func (s *searcher) plan(p path) (*Resolution, error) {
	var passing []Member
	for _, m := range p.members {
		if m.Passed() {
			passing = append(passing, m)
		}
	}
	trial, steps := solve(passing, s.steps)
	if err := s.spend(steps); err != nil || trial == nil {
		return nil, err
	}
	found := &Resolution{Candidate: s.candidate(s.current, p)}
	for i, kept := range trial.kept {
		if kept {
			found.Taking = append(found.Taking, passing[i])
			found.Chosen = append(found.Chosen, trial.chosen[i])
		}
	}
	found.Plan = planEntries(found.Taking, found.Chosen)
	return found, nil
}

// report notes the errors that decided that a candidate failed.
func (s *searcher) report(members []Member, decides func(Member) bool) {
	for _, m := range members {
		if decides(m) && !s.reported[m.Module.Ref] {
			s.reported[m.Module.Ref] = true
			s.decided = append(s.decided, Decided{m, s.current})
			s.learnt()
		}
	}
}

// fails reports whether a candidate with this member fails for sure. A required module that errored counts only once its error
// was reported, so that no error is hidden because its candidates were left out.
func (s *searcher) fails(m Member) bool {
	m.Detection = s.detection(m.Module)
	return m.saidNo() || !m.Optional && (s.reported[m.Module.Ref] || s.struck[m.Module.Ref])
}

// learnt must be called when something was learnt that makes required modules fail.
func (s *searcher) learnt() {
	s.failing = true
	clear(s.dead)
	clear(s.hopelessAt)
}

// detection is that of a module, as known so far. Modules that do not support the target are not run.
func (s *searcher) detection(m *buildpack.Module) buildpack.Detection {
	d, known := s.seen[m.Ref]
	if known || s.limits.Target == nil {
		return d
	}
	if err := buildpack.MatchTargets(m.Targets, *s.limits.Target); err != nil {
		d = buildpack.Detection{Outcome: buildpack.Mismatched, ExitCode: buildpack.NoExitCode, Cause: err}
		s.seen[m.Ref] = d
		s.failing = true
	}
	return d
}

func (s *searcher) fill(members []Member) {
	for i, m := range members {
		members[i].Detection = s.detection(m.Module)
	}
}

// ask fills in the detections of members, each of another module, and has the source detect what is not known yet. With early,
// a required module that said no is answer enough.
func (s *searcher) ask(members []Member, early bool) error {
	if s.fill(members); early && slices.ContainsFunc(members, Member.saidNo) {
		return nil
	}
	var needs []Need
	for _, m := range members {
		if m.Detection.Outcome == "" {
			needs = append(needs, Need{Module: m.Module, Required: early && !m.Optional})
		}
	}
	if len(needs) == 0 {
		return nil
	}
	detections, err := s.source.Detect(needs, s)
	if err != nil {
		return err
	}
	for i, d := range detections {
		if d.Outcome != "" {
			s.seen[needs[i].Module.Ref] = d
		}
		if d.Outcome == buildpack.Failed {
			s.learnt()
		}
	}
	s.fill(members)
	return nil
}

// occurrence is how a module can stand in a candidate.
type occurrence struct {
	ref      buildpack.Ref
	optional bool
}

// note adds a member to those reached.
func (s *searcher) note(m Member) {
	as := occurrence{m.Module.Ref, m.Optional}
	if s.noted[as] {
		return
	}
	s.noted[as] = true
	at, known := s.reachedAt[as.ref]
	if !known {
		at = len(s.reached)
		s.reachedAt[as.ref] = at
		s.reached = append(s.reached, m)
	}
	s.reached[at].Optional = s.reached[at].Optional && m.Optional
}
