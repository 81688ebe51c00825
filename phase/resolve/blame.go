package resolve

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// This file says why a candidate fails, in terms of the choices that led to it: a set of levels such that every candidate
// fails for which these choices are made alike, whatever the others are. The fewer, the more candidates that rules out.
//
// What a candidate fails for are facts of two kinds: that some members stand in it, one before the other, and that no other
// module stands in some part of it that would make a difference. The first depends on the choices that the members
// came out of. The second depends on every choice whose other alternatives could bring such a module: that is
// what contributors finds, and where most of the work is.

// blame is about one failed candidate.
type blame struct {
	*searcher
	state
	// index is, by number of the id, one more than the index of the member.
	index []int
}

func (s *searcher) blame(at state) *blame {
	b := &blame{searcher: s, state: at}
	for i, m := range at.members {
		b.index = put(b.index, s.number(m.Module.Ref), i+1)
	}
	return b
}

func put(list []int, at, value int) []int {
	if at >= len(list) {
		list = append(list, make([]int, at+1-len(list))...)
	}
	list[at] = value
	return list
}

// requiredFails is why required member i, which does not pass, stands in the candidate: the choice that it came out of, and
// those that could put something else of its id before it. Where it stands does not matter.
func (b *blame) requiredFails(i int) set {
	own := b.occurrence(b.members[i].Module.Ref, b.members[i].Optional)
	return b.contributors(levelsFrom(b.from[i]), upTo(i), func(other occurrence, _ int) bool {
		return other.id == own.id && other != own
	})
}

// presence is why member i stands where it does.
func (b *blame) presence(why set, i int) set {
	own := b.occurrence(b.members[i].Module.Ref, b.members[i].Optional)
	around := b.around(i)
	// What it came out of, with another alternative, could put the same member elsewhere, but only among its own
	// modules; these matter if they can mention the name in question, and that is looked at anyway.
	return b.contributors(why.union(levelsFrom(b.from[i])), upTo(i), func(other occurrence, level int) bool {
		return other.id == own.id && !(other == own && around.has(level))
	})
}

// around are the levels of the choices that member i came out of, at any depth.
func (b *blame) around(i int) (levels set) {
	for level := b.from[i]; level != outermost; level = b.points[level].outer {
		levels = levels.with(level)
	}
	return levels
}

// choice adds to why there is a choice at all: because of the one it came out of, if any, and because nothing before has its
// id.
func (b *blame) choice(c choice, outer int, why set) set {
	why = why.union(levelsFrom(outer))
	if c.module == nil {
		return why
	}
	id := b.number(c.module.Ref)
	return b.contributors(why, everywhere, func(other occurrence, _ int) bool { return other.id == id })
}

// all is why exactly these members stand where they do.
func (b *blame) all() (why set) {
	for _, level := range b.from {
		why = why.union(levelsFrom(level))
	}
	return b.contributors(why, everywhere, func(occurrence, int) bool { return true })
}

// unknown are the levels whose choices could bring a module whose detection is not known.
func (b *blame) unknown() set {
	return b.contributors(nil, everywhere, func(other occurrence, _ int) bool {
		_, known := b.detection(other.ref)
		return !known
	})
}

// noBuildpack is why no buildpack can take part for which counts holds, as far as is known with the levels of why.
func (b *blame) noBuildpack(why set, counts func(buildpack.Ref) bool) set {
	return b.contributors(why, everywhere, func(other occurrence, _ int) bool {
		return other.ref.Kind == buildpack.KindBuildpack && counts(other.ref)
	})
}

// noParticipant is why no module of the candidate passed.
func (b *blame) noParticipant() set {
	unknown := b.unknown()
	return b.noBuildpack(unknown, b.feasible(unknown).has)
}

// noTrial is why no trial of the participants passes, whose members have the given indexes.
func (b *blame) noTrial(conflict *Conflict, participants []Participant, indexes []int) set {
	plainly := b.conflict(nil, conflict, indexes, b.alternatives)
	unknown := b.unknown()
	h := b.feasible(unknown)
	some, of := h.among(participants, indexes)
	var closely set
	if len(some) == 0 {
		closely = b.noBuildpack(unknown, h.has)
	} else {
		_, conflict := Solve(some)
		closely = b.conflict(unknown, conflict, of, h.alternatives)
	}
	if closely.count() < plainly.count() {
		return closely
	}
	return plainly
}

// conflict adds to why the levels because of which the facts of a conflict hold. alternatives are those of a module that matter,
// or not known.
func (b *blame) conflict(why set, conflict *Conflict, indexes []int, alternatives func(buildpack.Ref) (all []buildpack.Alternative, known bool)) set {
	for _, i := range conflict.Members {
		why = b.presence(why, indexes[i])
	}
	for _, closed := range conflict.Closed {
		at := indexes[closed.At]
		where := upTo(at)
		if closed.Required {
			where = b.onwards(at)
		}
		why = b.contributors(why, where, func(other occurrence, _ int) bool {
			all, known := alternatives(other.ref)
			return !known || slices.ContainsFunc(all, closed.mentionedBy)
		})
	}
	if conflict.NoBuildpack {
		why = b.noBuildpack(why, func(ref buildpack.Ref) bool {
			all, known := alternatives(ref)
			return !known || len(all) > 0
		})
	}
	return why
}

// alternatives are those of a module that passes.
func (s *searcher) alternatives(ref buildpack.Ref) ([]buildpack.Alternative, bool) {
	d, known := s.detection(ref)
	if d.Outcome != buildpack.Passed {
		return nil, known
	}
	return d.Alternatives, known
}

func (c ClosedName) mentionedBy(a buildpack.Alternative) bool {
	if c.Required {
		return slices.ContainsFunc(a.Requires, func(r buildpack.Require) bool { return r.Name == c.Name })
	}
	return slices.Contains(a.Provides, c.Name)
}

// part is a part of a candidate: it says whether something can be in it that stands at a position, and comes out of the
// choice of a level, or of none.
type part func(position, level int) bool

func everywhere(int, int) bool { return true }

// upTo is the part that ends with member i.
func upTo(i int) part { return func(position, _ int) bool { return position <= i } }

// onwards is the part that begins with member i.
func (b *blame) onwards(i int) part {
	around := b.around(i)
	return func(position, level int) bool { return position > i || around.has(level) }
}

// contributors adds to why the levels on which it depends that nothing stands in a part of the candidate for which the
// condition holds: those of choices that could bring it with another alternative, and those because of which it was
// skipped.
func (b *blame) contributors(why set, in part, holds func(other occurrence, level int) bool) set {
	for level, p := range b.points {
		if !why.has(level) && in(p.position, level) {
			why = b.contributor(why, level, p, holds)
		}
	}
	for _, sk := range b.skipped {
		if !why.has(sk.because) && in(sk.position, outermost) && b.brings(sk.node, func(other occurrence) bool { return holds(other, outermost) }) {
			why = why.with(sk.because)
		}
	}
	return why
}

// contributor adds the level of a choice if it could bring something for which the condition holds. If that would be
// skipped because of a member before the choice, it is the level of that: it is the earlier one.
func (b *blame) contributor(why set, level int, p point, holds func(other occurrence, level int) bool) set {
	occurrences := b.scope(p.ref(), p.order).occurrences
	b.spent.steps += len(occurrences)
	for _, other := range occurrences {
		if !holds(other, level) {
			continue
		}
		because := level
		if duplicate := b.indexOf(other.id); duplicate >= 0 && duplicate < p.position {
			because = b.from[duplicate]
		}
		if why = why.union(levelsFrom(because)); why.has(level) {
			break
		}
	}
	return why
}

// indexOf is the index of the member with an id, or -1.
func (b *blame) indexOf(id int) int {
	if id >= len(b.index) {
		return -1
	}
	return b.index[id] - 1
}

// brings says whether a node could bring something for which the condition holds.
func (s *searcher) brings(n *node, holds func(occurrence) bool) bool {
	if n.extensions != nil {
		return slices.ContainsFunc(s.scope(buildpack.Ref{}, n.extensions).occurrences, holds)
	}
	module, err := s.module(n.element.Ref)
	switch {
	case err != nil || s.limits.excludes(n.element, module):
		return false
	case module.IsComposite():
		return slices.ContainsFunc(s.scope(module.Ref, module.Descriptor.Order).occurrences, holds)
	}
	return holds(s.occurrence(module.Ref, n.element.Optional || module.IsExtension()))
}

// levelsFrom is the set of a level that may be outermost, which is none.
func levelsFrom(level int) set {
	if level == outermost {
		return nil
	}
	return set(nil).with(level)
}
