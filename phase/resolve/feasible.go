package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// This file finds the alternatives of build plans that are met in no candidate, as long as some choices stay as they are:
// no module could ever provide (require) a name that they require (provide). That a module has such an alternative makes no
// difference, so it is no reason for a failure. Without that, composites of modules none of which can take part would
// have to be tried in all combinations, for none of them alone is why none does.

// feasible are the alternatives that may be met, of the modules that have passed.
type feasible map[buildpack.Ref][]buildpack.Alternative

// stretch is the part of a candidate in which a module can stand: from and to the gaps between members (even numbers) or
// members (odd ones).
type stretch struct{ from, to int }

// feasible are those in all candidates with the same choices of the fixed levels. The detections of all modules in these must
// be known.
func (b *blame) feasible(fixed set) feasible {
	places := b.places(fixed)
	h := feasible{}
	for ref := range places {
		if d, _ := b.detection(ref); d.Outcome == buildpack.Passed {
			h[ref] = d.Alternatives
		}
	}
	for h.drop(places) {
		b.spent.steps += len(places)
	}
	return h
}

// drop drops alternatives that cannot be met with those that are left, and says whether there were any.
func (h feasible) drop(places map[buildpack.Ref]stretch) (any bool) {
	first, last := map[string]int{}, map[string]int{} // provider, and requirer, of each name
	for ref, alternatives := range h {
		for _, a := range alternatives {
			for _, name := range a.Provides {
				if at, ok := first[name]; !ok || places[ref].from < at {
					first[name] = places[ref].from
				}
			}
			for _, r := range a.Requires {
				if at, ok := last[r.Name]; !ok || places[ref].to > at {
					last[r.Name] = places[ref].to
				}
			}
		}
	}
	for ref, alternatives := range h {
		unmet := func(a buildpack.Alternative) bool {
			return slices.ContainsFunc(a.Requires, func(r buildpack.Require) bool {
				at, ok := first[r.Name]
				return !ok || at > places[ref].to
			}) || slices.ContainsFunc(a.Provides, func(name string) bool {
				at, ok := last[name]
				return !ok || at < places[ref].from
			})
		}
		if slices.ContainsFunc(alternatives, unmet) {
			any = true
			h[ref] = slices.DeleteFunc(slices.Clone(alternatives), unmet)
		}
	}
	return any
}

// places says where modules can stand in the candidates with the same choices of the fixed levels.
func (b *blame) places(fixed set) map[buildpack.Ref]stretch {
	places := map[buildpack.Ref]stretch{}
	add := func(ref buildpack.Ref, at stretch) {
		if before, known := places[ref]; known {
			at = stretch{min(before.from, at.from), max(before.to, at.to)}
		}
		places[ref] = at
	}
	ends := make([]int, len(b.points)) // the number of members before the end of what a choice brings
	for level, p := range b.points {
		ends[level] = p.position
	}
	for i, m := range b.members {
		add(m.Module.Ref, stretch{2*i + 1, 2*i + 1})
		for level := b.from[i]; level != outermost; level = b.points[level].outer {
			ends[level] = i + 1
		}
	}
	for level, p := range b.points {
		if !fixed.has(level) {
			for _, other := range b.scope(p.ref(), p.order).occurrences {
				add(other.ref, stretch{2 * p.position, 2 * ends[level]})
			}
		}
	}
	for _, sk := range b.skipped {
		if fixed.has(sk.because) {
			continue
		}
		b.brings(sk.node, func(other occurrence) bool {
			add(other.ref, stretch{2 * sk.position, 2 * sk.position})
			return false
		})
	}
	return places
}

// among is the part of participants that may be met, and the indexes that belong to it. A required participant stays in any
// case.
func (h feasible) among(participants []Participant, indexes []int) (some []Participant, of []int) {
	for i, p := range participants {
		if alternatives := h[p.Ref]; len(alternatives) > 0 {
			p.Alternatives = alternatives
		} else if p.Optional {
			continue
		}
		some, of = append(some, p), append(of, indexes[i])
	}
	return some, of
}

func (h feasible) has(ref buildpack.Ref) bool { return len(h[ref]) > 0 }

func (h feasible) alternatives(ref buildpack.Ref) ([]buildpack.Alternative, bool) {
	return h[ref], true
}
