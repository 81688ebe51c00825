package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Participant is a member whose detection passed, reduced to what the build plan needs to know.
type Participant struct {
	Ref buildpack.Ref
	// Optional participants, extensions among them, may be taken out of a trial, in their last alternative only.
	Optional bool
	// Alternatives has at least one element.
	Alternatives []buildpack.Alternative
}

// Participants are those of members that passed.
func Participants(passing []Member) []Participant {
	all := make([]Participant, len(passing))
	for i, m := range passing {
		all[i] = Participant{Ref: m.Module.Ref, Optional: m.Optional, Alternatives: m.Detection.Alternatives}
	}
	return all
}

// Trial picks one alternative for each participant, and tells which participants are left once none has anything unmet.
type Trial struct {
	// Chosen is the index of each participant's alternative.
	Chosen []int
	// Kept is false for those that were taken out.
	Kept []bool
}

// Solve returns the first passing trial of a candidate, from left to right, where the alternatives of the last participant
// change first (docs/reference.md, "The build plan"); nil if none passes.
func Solve(participants []Participant) *Trial {
	trial, _ := solve(participants, mostSteps)
	return trial
}

// solve also returns how many steps it took; it gives up beyond most.
func solve(participants []Participant, most int) (*Trial, int) {
	p := newProblem(participants, places(len(participants)))
	p.most = most
	if len(participants) > 0 && p.strike(p.alive, nil) && p.pick(0, p.alive) {
		return p.trial(), p.steps
	}
	return nil, p.steps
}

// Unmet is a name because of which an alternative cannot be taken.
type Unmet struct {
	Name string
	// Required is true for a name that the alternative requires and nothing before it provides; false for one that it
	// provides and nothing after it requires.
	Required bool
	// Round counts from 1. What is unmet in a later round is unmet because of what was struck out before.
	Round int
}

// StrikeOut returns, for each participant and each of its alternatives, the names because of which the alternative was struck out
// before any is picked; none if it was not.
func StrikeOut(participants []Participant) [][][]Unmet {
	p := newProblem(participants, places(len(participants)))
	reasons := make([][]Unmet, len(p.alternatives))
	p.strike(p.alive, func(i, round int) { reasons[i] = p.unmet(p.alternatives[i], round) })
	all := make([][][]Unmet, len(participants))
	for m := range participants {
		all[m] = reasons[p.from[m]:p.from[m+1]]
	}
	return all
}

// unmet are the names of an alternative that are not met.
func (p *problem) unmet(alt alternative, round int) (all []Unmet) {
	for _, name := range alt.needs {
		if p.first[name] >= p.spans[alt.of].to {
			all = append(all, Unmet{p.names[name], true, round})
		}
	}
	for _, name := range alt.offers {
		if p.last[name] <= p.spans[alt.of].from {
			all = append(all, Unmet{p.names[name], false, round})
		}
	}
	return all
}

// problem is a candidate in numbers. Its search goes through the participants in order and tries their alternatives in order.
// After each pick, it strikes out the alternatives with a name that no other one that is left can meet, again and again. Where
// nothing is left of a participant that may not drop out, it goes back.
type problem struct {
	participants []Participant
	spans        []span
	names        []string
	// alternatives of all participants; those of participant m begin at index from[m].
	alternatives []alternative
	from         []int
	// alive has, for each alternative, whether it is not struck out. It is where the search begins.
	alive []bool
	// picked are the alternatives picked so far.
	picked []int
	// first and last are, by name, where an alternative that is left may provide it, and where one may require it.
	first, last []int
	steps, most int
}

// alternative is what an alternative of a build plan comes down to: names as numbers.
type alternative struct {
	of int
	// provides and requires have each name once.
	provides, requires []int
	// needs are the names that another participant has to provide, offers those that another one has to require.
	needs, offers []int
}

// span is where a participant can stand: a provider that begins before a requirer's end may stand before it.
type span struct{ from, to int }

// places are the spans of participants that follow each other.
func places(n int) []span {
	all := make([]span, n)
	for i := range all {
		all[i] = span{i, i}
	}
	return all
}

func newProblem(participants []Participant, spans []span) *problem {
	p := &problem{participants: participants, spans: spans, most: mostSteps, picked: make([]int, len(participants))}
	numbers := map[string]int{}
	number := func(list []int, name string) []int {
		n, known := numbers[name]
		if !known {
			n = len(numbers)
			numbers[name] = n
			p.names = append(p.names, name)
		}
		return append(list, n)
	}
	for m, participant := range participants {
		p.from = append(p.from, len(p.alternatives))
		for _, written := range participant.Alternatives {
			alt := alternative{of: m}
			for _, name := range written.Provides {
				alt.provides = number(alt.provides, name)
			}
			for _, r := range written.Requires {
				alt.requires = number(alt.requires, r.Name)
			}
			alt.provides, alt.requires = distinct(alt.provides), distinct(alt.requires)
			alt.needs, alt.offers = without(alt.requires, alt.provides), without(alt.provides, alt.requires)
			p.alternatives = append(p.alternatives, alt)
		}
	}
	p.from = append(p.from, len(p.alternatives))
	p.alive = slices.Repeat([]bool{true}, len(p.alternatives))
	p.first, p.last = make([]int, len(numbers)), make([]int, len(numbers))
	return p
}

func distinct(numbers []int) []int {
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// without is the part of some ascending numbers that is not among others.
func without(numbers, others []int) []int {
	var all []int
	for _, n := range numbers {
		if _, found := slices.BinarySearch(others, n); !found {
			all = append(all, n)
		}
	}
	return all
}

// pick goes on with participant m, and reports whether a trial passes.
func (p *problem) pick(m int, alive []bool) bool {
	if m == len(p.participants) {
		p.alive = alive
		return true
	}
	from, to := p.from[m], p.from[m+1]
	for a := from; a < to && p.steps <= p.most; a++ {
		p.picked[m] = a
		if !alive[a] && !p.mayDropOut(m, m) {
			continue
		}
		next := slices.Clone(alive)
		others := false
		for b := from; b < to; b++ {
			others = others || b != a && alive[b]
			next[b] = next[b] && b == a
		}
		if (!others && m > 0 || p.strike(next, nil) && p.viable(m, next)) && p.pick(m+1, next) {
			return true
		}
	}
	return false
}

// mayDropOut reports whether a participant may be taken out when all up to the given one are picked.
func (p *problem) mayDropOut(m, upTo int) bool {
	return p.participants[m].Optional && (m > upTo || p.picked[m] == p.from[m+1]-1)
}

// viable reports whether something is left of each participant that may not drop out, and of some buildpack.
func (p *problem) viable(upTo int, alive []bool) bool {
	p.steps += len(alive)
	buildpacks := false
	for m, participant := range p.participants {
		left := p.anyAlive(alive, m)
		if !left && !p.mayDropOut(m, upTo) {
			return false
		}
		buildpacks = buildpacks || left && participant.Ref.Kind == buildpack.KindBuildpack
	}
	return buildpacks
}

func (p *problem) anyAlive(alive []bool, m int) bool {
	return slices.Contains(alive[p.from[m]:p.from[m+1]], true)
}

// strike strikes out the alternatives with a name that is not met by those that are left, until there are no more. It tells of each
// in which round that was, if it is asked to, and reports whether the steps sufficed.
func (p *problem) strike(alive []bool, tell func(alternative, round int)) bool {
	for round, found := 1, true; found && p.steps <= p.most; round++ {
		found = false
		p.reach(alive)
		for i, alt := range p.alternatives {
			if alive[i] && !p.met(alt) {
				alive[i], found = false, true
				if tell != nil {
					tell(i, round)
				}
			}
		}
	}
	return p.steps <= p.most
}

// reach finds the first place where each name may be provided, and the last one where it may be required.
func (p *problem) reach(alive []bool) {
	const never = 1 << 30
	for name := range p.first {
		p.first[name], p.last[name] = never, -1
	}
	p.steps += len(p.first)
	for i, alt := range p.alternatives {
		if !alive[i] {
			continue
		}
		p.steps += 1 + len(alt.provides) + len(alt.requires)
		for _, name := range alt.provides {
			p.first[name] = min(p.first[name], p.spans[alt.of].from)
		}
		for _, name := range alt.requires {
			p.last[name] = max(p.last[name], p.spans[alt.of].to)
		}
	}
}

// met reports whether other participants may meet all names of an alternative. Its participant's other alternatives do not
// count.
func (p *problem) met(alt alternative) bool {
	at := p.spans[alt.of]
	return !slices.ContainsFunc(alt.needs, func(name int) bool { return p.first[name] >= at.to }) &&
		!slices.ContainsFunc(alt.offers, func(name int) bool { return p.last[name] <= at.from })
}

// trial is what the search has picked.
func (p *problem) trial() *Trial {
	t := &Trial{Chosen: make([]int, len(p.participants)), Kept: make([]bool, len(p.participants))}
	for m, a := range p.picked {
		t.Chosen[m], t.Kept[m] = a-p.from[m], p.alive[a]
	}
	return t
}
