package resolve

import (
	"errors"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// searcher holds what a search learns on its way.
type searcher struct {
	source Source
	limits Limits
	// roots are where the candidates of each group of the order begin; current is the index of the one being walked.
	roots   []*node
	current int
	// seen are the detections known so far, and told the modules in decided.
	seen    map[buildpack.Ref]buildpack.Detection
	told    map[buildpack.Ref]bool
	decided []Decided
	judged  int
	trace   []Candidate
	// reached are the members of all candidates so far, once as a required and once as an optional one at the most.
	reached []Member
	noted   map[occurrence]bool
	// scopes remembers what composites can bring.
	scopes map[buildpack.Ref]*scope
	// failing counts what makes required modules fail, and facts all changes of what hopeless depends on.
	failing, facts int
	// dead are the composites that cannot pass, as of so many facts, and formsOf is what forms returns.
	dead     map[buildpack.Ref]bool
	deadAsOf int
	formsOf  map[id][]occurrence
	// steps are those that may still be spent on the present group, of limit.
	steps, limit int
	// unplanned counts its candidates that failed by the build plan alone, and struck are the modules that cannot take
	// part in any of its build plans.
	unplanned int
	struck    map[buildpack.Ref]bool
	leftOut   leftOut
}

func newSearcher(order, extensions buildpack.Order, limits Limits, source Source) *searcher {
	s := &searcher{
		source: source, limits: limits, limit: mostSteps,
		seen: map[buildpack.Ref]buildpack.Detection{}, told: map[buildpack.Ref]bool{},
		noted: map[occurrence]bool{}, scopes: map[buildpack.Ref]*scope{},
	}
	for _, group := range order {
		s.roots = append(s.roots, root(group, extensions))
	}
	return s
}

// mostSteps is how many steps may be spent on one group of the order: elements walked over, modules judged, names of build plans
// looked at. It stands for some seconds, and for more than a million candidates of ten modules. The largest groups of public
// builders take some thousands.
const mostSteps = 30_000_000

// group searches one group of the order. If that takes more steps than allowed, all modules of the group are detected and it is
// searched again, so that only this second search counts: what the first one took depends on which modules ended first.
func (s *searcher) group(i int) (*Resolution, error) {
	s.current = i
	decided, judged, traced := len(s.decided), s.judged, len(s.trace)
	found, err := s.fromRoot()
	var bound *boundError
	if !errors.As(err, &bound) {
		return found, err
	}
	if err := s.ask(s.union(), false); err != nil {
		return nil, err
	}
	for _, d := range s.decided[decided:] {
		delete(s.told, d.Member.Module.Ref)
	}
	s.decided, s.judged, s.trace = s.decided[:decided], judged, s.trace[:traced]
	return s.fromRoot()
}

func (s *searcher) fromRoot() (*Resolution, error) {
	s.steps, s.unplanned, s.struck, s.leftOut, s.formsOf = s.limit, 0, nil, leftOut{}, nil
	s.facts++
	return s.enter(s.roots[s.current], path{})
}

// path is the way to a candidate. It is handed down by value, and its slices grow in place: what one alternative has appended
// is overwritten by the next. Whoever keeps members copies them.
type path struct {
	members []Member
	ids     []id
	over    []PassedOver
	// choices is how many the path took.
	choices int
}

func (p path) with(m Member) path {
	p.members, p.ids = append(p.members, m), append(p.ids, idOf(m.Module.Ref))
	return p
}

// enter walks from a node on, or leaves out what follows if it surely fails.
func (s *searcher) enter(n *node, p path) (*Resolution, error) {
	if s.hopeless(n) || slices.ContainsFunc(p.members, s.fails) {
		return nil, s.leaveOut(n, p)
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
		case st.order != nil:
			return s.choose(n, st, p)
		case st.module != nil:
			m := Member{Module: st.module, Optional: st.optional}
			s.note(m)
			p = p.with(m)
			if s.fails(m) {
				return nil, s.leaveOut(n.next, p)
			}
		case st.over != nil:
			p.over = with(p.over, st.over)
		}
	}
	found, err := s.judge(p.members)
	if found != nil {
		found.PassedOver = p.over
	}
	return found, err
}

// choose tries the alternatives of a choice in order.
func (s *searcher) choose(n *node, st step, p path) (*Resolution, error) {
	if p.choices++; p.choices > mostChoices {
		return nil, s.bound()
	}
	for i := range st.count() {
		if found, err := s.enter(n.alternative(st.order, i), p); found != nil || err != nil {
			return found, err
		}
	}
	return nil, nil
}

// judge decides about one candidate: it fails if a required member did not pass, if no member did, or if no trial of the
// build plans passes.
func (s *searcher) judge(members []Member) (*Resolution, error) {
	s.judged++
	if err := s.spend(len(members)); err != nil {
		return nil, err
	}
	if err := s.detect(members); err != nil {
		return nil, err
	}
	required := func(m Member) bool { return !m.Optional }
	errored := func(m Member) bool { return m.Detection.Outcome == buildpack.Errored }
	var found *Resolution
	switch {
	case slices.ContainsFunc(members, func(m Member) bool { return required(m) && m.saidNo() }):
	case slices.ContainsFunc(members, func(m Member) bool { return required(m) && errored(m) }):
		s.tell(members, func(m Member) bool { return required(m) && errored(m) })
	default:
		var err error
		if found, err = s.plan(members); err != nil {
			return nil, err
		}
		if found == nil {
			s.tell(members, errored)
			err = s.strikeOut()
		}
		if err != nil {
			return nil, err
		}
	}
	if found == nil && s.limits.Trace && len(s.trace) < mostTraced {
		s.trace = append(s.trace, Candidate{s.current, slices.Clone(members)})
	}
	return found, nil
}

// mostTraced bounds the memory for candidates that failed.
const mostTraced = 1024

// plan finds the first passing trial of a candidate.
func (s *searcher) plan(members []Member) (*Resolution, error) {
	var passing []Member
	for _, m := range members {
		if m.Passed() {
			passing = append(passing, m)
		}
	}
	participants := Participants(passing)
	trial, steps := solve(participants, s.steps)
	if err := s.spend(steps); err != nil || trial == nil {
		return nil, err
	}
	found := &Resolution{Candidate: Candidate{s.current, slices.Clone(members)}, Plan: planEntries(participants, trial)}
	for i, kept := range trial.Kept {
		if kept {
			found.Taking = append(found.Taking, passing[i])
			found.Chosen = append(found.Chosen, trial.Chosen[i])
		}
	}
	return found, nil
}

// tell notes the errors that decided that a candidate failed.
func (s *searcher) tell(members []Member, decides func(Member) bool) {
	for _, m := range members {
		if decides(m) && !s.told[m.Module.Ref] {
			s.told[m.Module.Ref] = true
			s.decided = append(s.decided, Decided{m, s.current})
			s.facts++
			s.failing++
		}
	}
}

// fails reports whether a candidate with this member fails for sure. A required module that errored counts only once its error
// was told, so that no error is hidden because its candidates were left out.
func (s *searcher) fails(m Member) bool {
	if m.Optional {
		return false
	}
	m.Detection = s.detection(m.Module)
	return m.saidNo() || s.told[m.Module.Ref] || s.struck[m.Module.Ref]
}

// detection is that of a module, as known so far.
func (s *searcher) detection(m *buildpack.Module) buildpack.Detection {
	d, known := s.seen[m.Ref]
	if known || s.limits.Target == nil {
		return d
	}
	if err := buildpack.MatchTargets(m.Targets, *s.limits.Target); err != nil {
		d = buildpack.Detection{Outcome: buildpack.Mismatched, ExitCode: buildpack.NoExitCode, Cause: err}
		s.seen[m.Ref] = d
		s.failing++
	}
	return d
}

// detect fills in the detections of a candidate's members. Modules that do not support the target are not run.
func (s *searcher) detect(members []Member) error {
	enough := func(m Member) bool { return !s.limits.Trace && !m.Optional && m.saidNo() }
	if s.fill(members); slices.ContainsFunc(members, enough) {
		return nil
	}
	return s.ask(members, !s.limits.Trace)
}

func (s *searcher) fill(members []Member) {
	for i, m := range members {
		members[i].Detection = s.detection(m.Module)
	}
}

// ask has the source detect what is not known yet. With early, a required module that said no is answer enough.
func (s *searcher) ask(members []Member, early bool) error {
	s.fill(members)
	var needs []Need
	asked := map[buildpack.Ref]bool{} // a module may be listed twice, as a required and as an optional one
	for _, m := range members {
		if m.Detection.Outcome == "" && !asked[m.Module.Ref] {
			asked[m.Module.Ref] = true
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
			s.failing++
		}
	}
	s.facts++
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
	if as := (occurrence{m.Module.Ref, m.Optional}); !s.noted[as] {
		s.noted[as] = true
		s.reached = append(s.reached, m)
		s.leftOut.found(as)
	}
}

// members are the modules reached, each once, with what is known of them.
func (s *searcher) members() []Member {
	s.fill(s.reached)
	var all []Member
	listed := map[buildpack.Ref]int{}
	for _, m := range s.reached {
		at, known := listed[m.Module.Ref]
		if !known {
			at = len(all)
			listed[m.Module.Ref] = at
			all = append(all, m)
		}
		all[at].Optional = all[at].Optional && m.Optional
	}
	return all
}
