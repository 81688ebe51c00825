// Package resolve decides which modules of an order take part, and with what build plan.
//
// It is pure: it knows no files, processes, logs or clocks. It asks about modules through [Source], and answers with
// an [Answer], which is a value.
//
// walk.go walks the order (order.go) from left to right and depth first, and judges each candidate; trial.go finds the first
// trial of a candidate that passes; plan.go writes it as a build plan. What surely fails (hopeless.go) is not judged.
// ahead.go proposes what to run meanwhile, and candidates.go lists candidates again, for explanations.
package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Source answers what the search asks about modules. Asking twice gives the same answer.
type Source interface {
	// Module finds a module. An error ends the search when the module is reached.
	Module(buildpack.Ref) (*buildpack.Module, error)
	// Detect returns the detections of the modules that are needed, in the order given. It may return as soon as a required
	// one said no; what is not known then has no Outcome. While it waits, it may run what ahead proposes. An error ends the
	// search.
	Detect(needs []Need, ahead Ahead) ([]buildpack.Detection, error)
	// Progress returns whether the bin/detect of a module was started, and its detection if it has ended.
	Progress(buildpack.Ref) (d buildpack.Detection, started bool)
}

// Need is a module of the candidate that is being judged.
type Need struct {
	Module *buildpack.Module
	// Required is true if the candidate fails without it.
	Required bool
}

// Ahead proposes modules that are not needed yet.
type Ahead interface {
	// Propose returns the next modules, at most so many, that coming candidates will need and that were not started.
	Propose(most int) []*buildpack.Module
}

// Limits say which modules drop out before they are asked anything.
type Limits struct {
	// Target is that of the run image; nil if the Platform API does not judge targets yet.
	Target *buildpack.Target
	// ExecEnv is the execution environment; empty if the Platform API does not judge it yet.
	ExecEnv string
	// Trace keeps the candidates that were judged. Each is judged when all of its modules are known, so that the trace does
	// not depend on which module ends first. The rest of the answer is the same either way.
	Trace bool
}

// Answer is what the search found.
type Answer struct {
	// Resolution is the group that passed; nil if none did.
	Resolution *Resolution
	// Members are the modules of all candidates up to the answer, each once, in the order in which they were reached:
	// required if it is required in any of them. If no group passed, the detections of all are known.
	Members []Member
	// Decided are the errors because of which candidates before the answer failed, each module once.
	Decided []Decided
	// Judged is how many candidates were judged; Trace are the first of them, if Limits asked for it.
	Judged int
	Trace  []Candidate

	search *searcher
}

// Errored reports whether a module of a candidate errored: exit code 21 instead of 20 if no group passed.
func (a *Answer) Errored() bool { return slices.ContainsFunc(a.Members, Member.Errored) }

// Decided is an error because of which a candidate failed: that of a required module where no required module said no, or
// that of an optional module where all required ones passed and the build plan did not work out.
type Decided struct {
	Member Member
	// Group is the index of the group of the order.
	Group int
}

// Candidate is a candidate group.
type Candidate struct {
	// Group is the index of the group of the order that it came from.
	Group   int
	Members []Member
	// PassedOver are the elements of the order that are not in the candidate, although its groups name them.
	PassedOver []PassedOver
}

// Resolution is the group that passed: which modules take part, with what build plan.
type Resolution struct {
	Candidate
	// Taking are the members of the candidate that take part, in order.
	Taking []Member
	// Chosen is the alternative of the build plan that was picked for each of them.
	Chosen []int
	Plan   []buildpack.PlanEntry
}

// Member is a module as it stands in a candidate, with its detection.
type Member struct {
	Module *buildpack.Module
	// Optional members may drop out. Extensions are always optional.
	Optional  bool
	Detection buildpack.Detection
}

// Passed reports whether the member's detection passed.
func (m Member) Passed() bool { return m.Detection.Outcome == buildpack.Passed }

// Errored reports whether the member had an error, which makes the difference between the exit codes 20 and 21. A mismatched
// target is an error of a required module only.
func (m Member) Errored() bool {
	return m.Detection.Outcome == buildpack.Errored || m.Detection.Outcome == buildpack.Mismatched && !m.Optional
}

// saidNo reports whether the member is required, and is known not to want to take part or not to support the target. A
// candidate ends early with such a member; not with one that errored, so that which errors are reported does not depend on
// which module ends first.
func (m Member) saidNo() bool {
	return !m.Optional && (m.Detection.Outcome == buildpack.Failed || m.Detection.Outcome == buildpack.Mismatched)
}

// Search tries the groups of the order, each with each group of the extensions' order before it and last with none, and answers
// with the first candidate that has a valid build plan. The answer is that of judging every candidate and every trial in turn.
// Errors are those of Source, and one that says that a composite contains itself or that a group of the order allows more
// combinations than can be tried.
func Search(order, extensions buildpack.Order, limits Limits, source Source) (*Answer, error) {
	s := newSearcher(order, extensions, limits, source)
	var found *Resolution
	for i := range order {
		var err error
		if found, err = s.group(i); err != nil {
			return nil, err
		} else if found != nil {
			break
		}
	}
	if found == nil {
		if err := s.ask(s.reached, false); err != nil {
			return nil, err
		}
	}
	s.fill(s.reached)
	return &Answer{Resolution: found, Members: s.reached, Decided: s.decided, Judged: s.judged, Trace: s.trace, search: s}, nil
}
