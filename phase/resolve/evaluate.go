package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// evaluate judges one candidate.
func (s *searcher) evaluate(at state) (*Resolution, set, error) {
	s.evaluated++
	if s.spent.candidates++; s.spent.candidates > s.limit.candidates {
		return nil, nil, s.tooHard()
	}
	if err := s.detect(at.members); err != nil {
		return nil, nil, err
	}
	if i := slices.IndexFunc(at.members, Member.fails); i >= 0 {
		s.record(Attempt{Members: at.members})
		return nil, s.blame(at).requiredFails(i), nil
	}
	var passing []int
	var participants []Participant
	for i, m := range at.members {
		if m.Passed() {
			passing = append(passing, i)
			participants = append(participants, Participant{Ref: m.Module.Ref, Optional: m.Optional, Alternatives: m.Detection.Alternatives})
		}
	}
	if len(participants) == 0 {
		s.record(Attempt{Members: at.members})
		return nil, s.blame(at).noParticipant(), nil
	}
	trial, conflict, steps := solveWithin(max(1, s.limit.steps-s.spent.steps), participants)
	s.spent.steps += steps
	switch {
	case conflict != nil:
		s.record(Attempt{Members: at.members, Conflict: conflict})
		return nil, s.blame(at).noTrial(conflict, participants, passing), nil
	case trial == nil:
		return nil, nil, s.tooHard()
	}
	resolution := &Resolution{Candidate: slices.Clone(at.members), Plan: planEntries(participants, trial)}
	for i, kept := range trial.Kept {
		if kept {
			resolution.Group = append(resolution.Group, at.members[passing[i]])
			resolution.Chosen = append(resolution.Chosen, trial.Chosen[i])
		}
	}
	return resolution, nil, nil
}

// fails says whether the candidate fails because of this member, as far as is known.
func (m Member) fails() bool { return !m.Optional && m.Detection.Outcome != "" && !m.Passed() }

// detect fills in the detections of a candidate's members. Modules that do not support the target are not run, and none is
// if the candidate fails already, unless the search is to be deterministic.
func (s *searcher) detect(members []Member) error {
	if s.fill(members); !s.limits.Deterministic && slices.ContainsFunc(members, Member.fails) {
		return nil
	}
	return s.ask(members, !s.limits.Deterministic)
}

// fill copies known detections: from those so far, and from the targets.
func (s *searcher) fill(members []Member) {
	for i, m := range members {
		members[i].Detection, _ = s.detection(m.Module.Ref)
	}
}

// detection is that of a module that can be looked up, if it is known.
func (s *searcher) detection(ref buildpack.Ref) (buildpack.Detection, bool) {
	d, known := s.seen[ref]
	if known {
		return d, true
	}
	m, _ := s.module(ref)
	if err := s.limits.mismatch(m); err != nil {
		d = buildpack.Detection{Outcome: buildpack.Mismatched, ExitCode: buildpack.NoExitCode, Cause: err}
		s.seen[ref] = d
		return d, true
	}
	return d, false
}

// ask has the source detect what is not known yet. With firstFailure the first required module that does not pass is answer
// enough.
func (s *searcher) ask(members []Member, firstFailure bool) error {
	var needs []Need
	asked := map[buildpack.Ref]bool{} // a failure lists a module twice if it is optional here and required there
	for _, m := range members {
		if _, known := s.seen[m.Module.Ref]; !known && !asked[m.Module.Ref] {
			asked[m.Module.Ref] = true
			needs = append(needs, Need{Module: m.Module, Required: firstFailure && !m.Optional})
		}
	}
	if len(needs) == 0 {
		return nil
	}
	detections, err := s.source.Detect(needs, s.ahead)
	if err != nil {
		return err
	}
	for i, d := range detections {
		if d.Outcome != "" {
			s.seen[needs[i].Module.Ref] = d
		}
	}
	s.fill(members)
	return nil
}

func (l Limits) mismatch(m *buildpack.Module) error {
	if l.Target == nil {
		return nil
	}
	return buildpack.MatchTargets(m.Targets, *l.Target)
}

// attemptsKept bounds the memory for failed candidates, and the time that it takes to tell of them. Each group of the order
// has its share, a few at least.
const attemptsKept = 1024

func (s *searcher) record(a Attempt) {
	s.recorded[s.current]++
	if s.recorded[s.current] <= max(4, attemptsKept/len(s.roots)) {
		a.Number, a.Group, a.Members = s.evaluated, s.current, slices.Clone(a.Members)
		s.attempts = append(s.attempts, a)
	}
}

// passOver notes that alternatives of a choice are not tried, because they can only fail as an earlier candidate did.
func (s *searcher) passOver(c choice, from, to, like int) {
	if from < to && len(s.passedOver) < attemptsKept {
		s.passedOver = append(s.passedOver, PassedOver{
			Group: s.current, Composite: c.ref(), From: from, To: to, Groups: len(c.order), Like: like, After: s.evaluated,
		})
	}
}

// note adds a member to those reached.
func (s *searcher) note(m Member) {
	if as := s.occurrence(m.Module.Ref, m.Optional); s.noted[as] == 0 {
		s.noted[as] = len(s.noted) + 1
		clear(s.outlooks)
		s.reached = append(s.reached, m)
	}
}

// failure sums up. What full evaluation would have run is run now, because its outcome decides the exit code.
func (s *searcher) failure() (*Failure, error) {
	s.fill(s.reached)
	if err := s.ask(s.reached, false); err != nil {
		return nil, err
	}
	failure := &Failure{Attempts: s.attempts, Evaluated: s.evaluated, Composites: s.composites(), PassedOver: s.passedOver}
	listed := map[buildpack.Ref]int{}
	for _, m := range s.reached {
		failure.Errored = failure.Errored || m.Errored()
		at, known := listed[m.Module.Ref]
		if !known {
			at = len(failure.Members)
			listed[m.Module.Ref] = at
			failure.Members = append(failure.Members, m)
		}
		failure.Members[at].Optional = failure.Members[at].Optional && m.Optional
	}
	return failure, nil
}
