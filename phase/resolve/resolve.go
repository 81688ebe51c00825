// Package resolve decides which modules of an order take part and with what build plan (docs/reference.md, "The order" and "The build plan").
//
// It is pure: it knows nothing of files, processes, logs or clocks. It asks about the world through Source, yields
// candidate groups left to right and depth first, and answers with a Resolution or with a Failure, which is a value.
//
// The pieces: search.go walks the order (order.go), evaluate.go judges a candidate, solve.go finds the first passing trial
// of one with the help of the small solver in internal/sat, plan.go writes the answer as a build plan. blame.go, feasible.go,
// nogood.go and reach.go keep candidates from multiplying, effort.go says when it is given up; ahead.go proposes what to
// run meanwhile. Why there is no answer is told by the package explain.
package resolve

import (
	"iter"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Source is what the search asks about the world. Asking twice gives the same answer.
type Source interface {
	// Module finds a module. An error ends the search.
	Module(buildpack.Ref) (*buildpack.Module, error)
	// Detect says what became of the bin/detect of each module that is needed, in the order given. It may answer before
	// everything is known as soon as a required one is known not to pass; what is not known has no Outcome then. While
	// it waits it may run what ahead proposes. An error ends the search.
	Detect(needs []Need, ahead Ahead) ([]buildpack.Detection, error)
}

// Need is a module of the candidate that is being judged.
type Need struct {
	Module *buildpack.Module
	// Required is true if the candidate fails without it.
	Required bool
}

// Ahead proposes the modules that coming candidates will need, of those that have not been started, the first one first.
// progress says whether a module has been started, and its detection once that is known.
type Ahead func(progress func(buildpack.Ref) (d buildpack.Detection, started bool)) iter.Seq[*buildpack.Module]

// Limits say which modules drop out before they are asked anything (docs/reference.md, "Which modules take part").
type Limits struct {
	// Target is that of the run image; nil if the Platform API does not judge targets yet.
	Target *buildpack.Target
	// ExecEnv is the execution environment; empty if the Platform API does not judge it yet.
	ExecEnv string
	// Deterministic judges a candidate only when everything about it is known, so that which candidates are evaluated, and
	// with what findings, does not depend on which module is faster. The answer is the same either way.
	Deterministic bool
}

// Resolution is the answer: which modules take part, with what build plan.
type Resolution struct {
	// GroupOfOrder is the index of the group of the order that the candidate came from.
	GroupOfOrder int
	// Candidate is the first candidate group that passed, whole.
	Candidate []Member
	// Group are the members of the candidate that take part, in order.
	Group []Member
	// Chosen is the alternative of the build plan that was picked for each member of Group.
	Chosen []int
	Plan   []buildpack.PlanEntry
	// Before are the candidates that were evaluated and failed before this one.
	Before []Attempt
	// Evaluated is the number of candidates that were evaluated, this one included.
	Evaluated int
	// Composites are those that each group of the order names, by group, as far as they were looked up.
	Composites [][]buildpack.Ref
	// PassedOver are the candidates before this one that were not evaluated.
	PassedOver []PassedOver
}

// Tried are the members of all candidates up to the one that passed, each module once, as it stood in the last of them.
func (r *Resolution) Tried() []Member {
	var all []Member
	at := map[buildpack.Ref]int{}
	for _, attempt := range append(slices.Clip(r.Before), Attempt{Members: r.Candidate}) {
		for _, m := range attempt.Members {
			i, known := at[m.Module.Ref]
			if !known {
				i = len(all)
				at[m.Module.Ref] = i
				all = append(all, m)
			}
			all[i] = m
		}
	}
	return all
}

// Failure is that no candidate passed.
type Failure struct {
	// Attempts are the candidates that were evaluated. Candidates that were bound to fail for the same reasons as
	// earlier ones are not among them.
	Attempts []Attempt
	// Members are all modules that stood in a candidate, evaluated or not, each once: as a required one if it is required
	// in any of them.
	Members []Member
	// Evaluated is the number of candidates that were evaluated.
	Evaluated int
	// Composites are those that each group of the order names, by group.
	Composites [][]buildpack.Ref
	// PassedOver are the candidates that were not evaluated.
	PassedOver []PassedOver
	// Errored is true if one of them errored, in whatever candidate: exit code 21 instead of 20.
	Errored bool
}

// Attempt is a candidate that was evaluated and failed.
type Attempt struct {
	// Number is how many candidates had been evaluated by then, this one included.
	Number int
	// Group is the index of the group of the order that it came from.
	Group   int
	Members []Member
	// Conflict is nil if the candidate failed before any trial: a required member did not pass, or no member did. Its
	// indexes are those of the passing members, in order.
	Conflict *Conflict
}

// PassedOver are candidates that were not evaluated, because they could only fail for the reason of an earlier one: those
// with certain groups of a composite, while what stands before is as it was at the time.
type PassedOver struct {
	// Group is the index of the group of the order.
	Group int
	// Composite is the one of whose order these groups are; none for the groups of extensions.
	Composite buildpack.Ref
	// From and To are the indexes of the first of the groups and of the one behind the last; the index Groups stands for
	// leaving the composite, or the extensions, out.
	From, To, Groups int
	// Like is the number of the candidate that failed for the same reason, After that of the last one evaluated by then.
	Like, After int
}

// Member is a module as it stands in a candidate group, with what became of its detection.
type Member struct {
	Module *buildpack.Module
	// Optional members may drop out. Extensions are always optional.
	Optional  bool
	Detection buildpack.Detection
}

// Passed says whether the member's detection passed.
func (m Member) Passed() bool { return m.Detection.Outcome == buildpack.Passed }

// Errored says whether the member went wrong rather than merely not taking part: what makes the difference between
// the exit codes 20 and 21. A mismatched target is an error of a required module only.
func (m Member) Errored() bool {
	return m.Detection.Outcome == buildpack.Errored || m.Detection.Outcome == buildpack.Mismatched && !m.Optional
}

// Participant is a member whose detection passed, reduced to what the build plan needs to know.
type Participant struct {
	Ref buildpack.Ref
	// Optional participants (extensions among them) may be taken out of a trial – in their last alternative only.
	Optional bool
	// Alternatives has at least one element.
	Alternatives []buildpack.Alternative
}

// Trial picks one alternative for each participant and says which are left once none has anything unmet.
type Trial struct {
	// Chosen is the index of each participant's alternative.
	Chosen []int
	// Kept is false for those that were taken out.
	Kept []bool
}

// Conflict is why no trial of a candidate passes: facts that cannot hold together, whatever else the candidate might
// hold. The fewer, the more candidates the search can pass over, so it is kept small, but it need not be minimal.
type Conflict struct {
	// Members are the indexes of the participants who have a part in the conflict, ascending: those whose being there
	// is part of it, and all that mention a closed name where it would count – so any other module that does in another
	// candidate is none of them. An optional one is always of the second sort: to be absent is no different for the
	// others from being taken out, so the conflict also holds without it.
	Members []int
	// Closed are the names of which it matters that no other module provides or requires them.
	Closed []ClosedName
	// NoBuildpack is true if it matters that the candidate has no further buildpack.
	NoBuildpack bool
}

// ClosedName says that it is part of a conflict that the candidate has no other module that mentions a name where it would
// count.
type ClosedName struct {
	Name string
	// Required is false if no other participant at or before At provides the name,
	// true if no other at or after it requires the name.
	Required bool
	// At is one of the conflict's members.
	At int
}
