package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// trial picks one alternative of the build plan of each member, and tells which members are left once none has anything unmet.
type trial struct {
	// chosen is the index of each member's alternative.
	chosen []int
	// kept is false for members that were taken out.
	kept []bool
}

// solve returns the first passing trial of members whose detection passed, from left to right, where the alternatives of the
// last one change first; nil if none passes. It also returns how many steps it took, and gives up beyond most.
func solve(passing []Member, most int) (*trial, int) {
	if len(passing) == 0 {
		return nil, 0
	}
	p := newProblem(passing)
	p.most = most
	if !p.strike(p.alive, nil) || !p.pick(0, p.alive) {
		return nil, p.steps
	}
	t := &trial{make([]int, len(passing)), make([]bool, len(passing))}
	for m, a := range p.picked {
		t.chosen[m], t.kept[m] = a-p.from[m], p.alive[a]
	}
	return t, p.steps
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

// StrikeOut returns, for each of some members whose detection passed and each of their alternatives, the names because of which
// the alternative was struck out before any is picked; none if it was not.
func StrikeOut(passing []Member) [][][]Unmet {
	p := newProblem(passing)
	reasons := make([][]Unmet, len(p.alternatives))
	p.strike(p.alive, func(alternative int, because []Unmet) { reasons[alternative] = because })
	all := make([][][]Unmet, len(passing))
	for m := range passing {
		all[m] = reasons[p.from[m]:p.from[m+1]]
	}
	return all
}

// problem is a candidate in numbers. Its search goes through the members in order and tries their alternatives in order.
// After each pick, it strikes out the alternatives with a name that no other one that is left can meet, again and again. Where
// nothing is left of a member that may not drop out, it goes back.
type problem struct {
	members []Member
	// anywhere is true if the members may stand in any sequence.
	anywhere bool
	names    []string
	// alternatives of all members; those of member m begin at index from[m].
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
	// needs are the names that another member has to provide, offers those that another one has to require.
	needs, offers []int
}

func newProblem(members []Member) *problem {
	p := &problem{members: members, most: mostSteps, picked: make([]int, len(members))}
	numbers := map[string]int{}
	number := func(name string) int {
		n, known := numbers[name]
		if !known {
			n = len(numbers)
			numbers[name] = n
			p.names = append(p.names, name)
		}
		return n
	}
	for m, member := range members {
		p.from = append(p.from, len(p.alternatives))
		for _, written := range member.Detection.Alternatives {
			alt := alternative{of: m}
			for _, name := range written.Provides {
				alt.provides = append(alt.provides, number(name))
			}
			for _, r := range written.Requires {
				alt.requires = append(alt.requires, number(r.Name))
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

// without is the part of some numbers that is not among others, which are ascending.
func without(numbers, others []int) []int {
	return slices.DeleteFunc(slices.Clone(numbers), func(n int) bool {
		_, found := slices.BinarySearch(others, n)
		return found
	})
}

// pick goes on with member m, and reports whether a trial passes.
func (p *problem) pick(m int, alive []bool) bool {
	if m == len(p.members) {
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

// mayDropOut reports whether a member may be taken out when all up to the given one are picked: an optional one in its last
// alternative.
func (p *problem) mayDropOut(m, upTo int) bool {
	return p.members[m].Optional && (m > upTo || p.picked[m] == p.from[m+1]-1)
}

// viable reports whether something is left of each member that may not drop out, and of some buildpack.
func (p *problem) viable(upTo int, alive []bool) bool {
	p.steps += len(alive)
	buildpacks := false
	for m, member := range p.members {
		left := p.anyAlive(alive, m)
		if !left && !p.mayDropOut(m, upTo) {
			return false
		}
		buildpacks = buildpacks || left && member.Module.Kind == buildpack.KindBuildpack
	}
	return buildpacks
}

func (p *problem) anyAlive(alive []bool, m int) bool {
	return slices.Contains(alive[p.from[m]:p.from[m+1]], true)
}

// strike strikes out the alternatives with a name that is not met by those that are left, until there are no more. It calls
// struck, unless that is nil, with each of them, and reports whether the steps sufficed.
func (p *problem) strike(alive []bool, struck func(alternative int, because []Unmet)) bool {
	for round, found := 1, true; found && p.steps <= p.most; round++ {
		found = false
		p.reach(alive)
		for i, alt := range p.alternatives {
			if !alive[i] {
				continue
			}
			if because := p.unmet(alt, round); len(because) > 0 {
				alive[i], found = false, true
				if struck != nil {
					struck(i, because)
				}
			}
		}
	}
	return p.steps <= p.most
}

// reach finds the first place where each name may be provided, and the last one where it may be required.
func (p *problem) reach(alive []bool) {
	const none = 1 << 30
	for name := range p.first {
		p.first[name], p.last[name] = none, -1
	}
	p.steps += len(p.first)
	for i, alt := range p.alternatives {
		if !alive[i] {
			continue
		}
		p.steps += 1 + len(alt.provides) + len(alt.requires)
		first, last := alt.of, alt.of
		if p.anywhere {
			first, last = -1, none
		}
		for _, name := range alt.provides {
			p.first[name] = min(p.first[name], first)
		}
		for _, name := range alt.requires {
			p.last[name] = max(p.last[name], last)
		}
	}
}

// unmet are the names of an alternative that no other member meets. Its member's other alternatives do not count.
func (p *problem) unmet(alt alternative, round int) (all []Unmet) {
	for _, name := range alt.needs {
		if p.first[name] >= alt.of {
			all = append(all, Unmet{p.names[name], true, round})
		}
	}
	for _, name := range alt.offers {
		if p.last[name] <= alt.of {
			all = append(all, Unmet{p.names[name], false, round})
		}
	}
	return all
}
