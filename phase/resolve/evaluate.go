package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// evaluate judges one candidate.
func (s *searcher) evaluate(at state) (*Resolution, levels, error) {
	s.evaluated++
	s.note(at.members...)
	if err := s.detect(at.members); err != nil {
		return nil, nil, err
	}
	all := firstLevels(len(at.points))
	if i := slices.IndexFunc(at.members, Member.lost); i >= 0 {
		s.record(Attempt{Members: at.members})
		return nil, s.loss(i, at), nil
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
		return nil, all, nil
	}
	trial, clash := Solve(participants)
	if trial == nil {
		s.record(Attempt{Members: at.members, Clash: clash})
		return nil, s.levelsOf(clash, passing, at), nil
	}
	resolution := &Resolution{Candidate: at.members, Plan: Entries(participants, trial)}
	for i, kept := range trial.Kept {
		if kept {
			resolution.Group = append(resolution.Group, at.members[passing[i]])
			resolution.Chosen = append(resolution.Chosen, trial.Chosen[i])
		}
	}
	return resolution, nil, nil
}

// lost says whether the candidate is lost because of this member, as far as is known.
func (m Member) lost() bool { return !m.Optional && m.Detection.Outcome != "" && !m.Passed() }

// detect fills in the detections of a candidate's members. Those that do not support the target are not run, and nobody
// is if the candidate is lost already – unless we are patient.
func (s *searcher) detect(members []Member) error {
	if s.fill(members); !s.limits.Patient && slices.ContainsFunc(members, Member.lost) {
		return nil
	}
	return s.ask(members, !s.limits.Patient)
}

// fill copies what is known: from the detections so far, and from the targets.
func (s *searcher) fill(members []Member) {
	for i, m := range members {
		if _, known := s.seen[m.Module.Ref]; known {
		} else if err := s.limits.mismatch(m.Module); err != nil {
			s.seen[m.Module.Ref] = buildpack.Detection{Outcome: buildpack.Mismatched, ExitCode: buildpack.NoExitCode, Cause: err}
		}
		members[i].Detection = s.seen[m.Module.Ref]
	}
}

// ask has the source detect what is not known yet; hasty if the first that is lost is answer enough.
func (s *searcher) ask(members []Member, hasty bool) error {
	var needs []Need
	asked := map[buildpack.Ref]bool{} // a failure lists a module twice if it is optional here and required there
	for _, m := range members {
		if _, known := s.seen[m.Module.Ref]; !known && !asked[m.Module.Ref] {
			asked[m.Module.Ref] = true
			needs = append(needs, Need{Module: m.Module, Required: hasty && !m.Optional})
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

// loss is the set of levels on which it depends that required member i, which is lost, stands in the candidate: on the
// choice that it came out of, and on those that could put something else of its id before it. Where it stands does not
// matter.
func (s *searcher) loss(i int, at state) levels {
	own := at.members[i].standing()
	return at.skipped.with(at.from[i]).union(s.contributors(at.points, func(other standing) bool {
		return other != own && sameName(own.ref)(other)
	}))
}

// presence is the set of levels on which it depends that member i stands where it does.
func (s *searcher) presence(i int, at state) levels {
	own := at.members[i].standing()
	var around levels // the choices that it came out of, at any depth
	for level := at.from[i]; level != outermost; level = at.points[level].outer {
		around = around.with(level)
	}
	why := at.skipped.with(at.from[i])
	for level, p := range at.points {
		// What it came out of, with another alternative, could put the same member elsewhere, but only among its own
		// modules; these matter if they can speak of the name in question, and that is looked at anyway.
		if s.couldStand(p.choice, func(other standing) bool {
			return sameName(own.ref)(other) && !(around.has(level) && other == own)
		}) {
			why = why.with(level)
		}
	}
	return why
}

// levelsOf is the set of levels on which the facts of a clash depend.
func (s *searcher) levelsOf(clash *Clash, passing []int, at state) levels {
	if clash.NoBuildpack {
		return firstLevels(len(at.points))
	}
	why := at.skipped
	for _, i := range clash.Members {
		why = why.union(s.presence(passing[i], at))
	}
	for _, closed := range clash.Closed {
		for level, p := range at.points {
			if !closed.Required && p.position > passing[closed.At] {
				continue // all that this choice contributes stands behind
			}
			if !why.has(level) && s.mightSpeak(p.choice, closed) {
				why = why.with(level)
			}
		}
	}
	return why
}

// contributors is the set of levels whose choices could put something into a candidate for which the condition holds.
func (s *searcher) contributors(points []point, holds func(standing) bool) levels {
	var found levels
	for level, p := range points {
		if s.couldStand(p.choice, holds) {
			found = found.with(level)
		}
	}
	return found
}

// sameName is the condition to be of the same kind and id, of which a candidate has only the first.
func sameName(ref buildpack.Ref) func(standing) bool {
	return func(other standing) bool { return other.ref.Kind == ref.Kind && other.ref.ID == ref.ID }
}

// mightSpeak says whether some alternative of the choice holds a module that, as far as is known by now, could
// provide or require the name.
func (s *searcher) mightSpeak(c choice, closed Closed) bool {
	return s.couldStand(c, func(other standing) bool {
		detection, known := s.seen[other.ref]
		if !known {
			return true
		}
		return detection.Outcome == buildpack.Passed && slices.ContainsFunc(detection.Alternatives, closed.spokenOfBy)
	})
}

func (c Closed) spokenOfBy(a buildpack.Alternative) bool {
	if c.Required {
		return slices.ContainsFunc(a.Requires, func(r buildpack.Require) bool { return r.Name == c.Name })
	}
	return slices.Contains(a.Provides, c.Name)
}

// attemptsKept bounds the memory for failed candidates, and the time that it takes to tell of them. Each group of the order
// has its share, a few at least.
const attemptsKept = 1024

func (s *searcher) record(a Attempt) {
	s.recorded[s.current]++
	if s.recorded[s.current] <= max(4, attemptsKept/len(s.roots)) {
		a.Number, a.Group = s.evaluated, s.current
		s.attempts = append(s.attempts, a)
	}
}

// note adds members to those reached.
func (s *searcher) note(members ...Member) {
	for _, m := range members {
		if as := m.standing(); !s.noted[as] {
			s.noted[as] = true
			s.reached = append(s.reached, m)
		}
	}
}

// failure sums up. What full evaluation would have run is run now, because its outcome decides the exit code.
func (s *searcher) failure() (*Failure, error) {
	s.fill(s.reached)
	if err := s.ask(s.reached, false); err != nil {
		return nil, err
	}
	failure := &Failure{Attempts: s.attempts, Evaluated: s.evaluated, Composites: s.composites()}
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
