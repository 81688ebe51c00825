package resolve

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// This file finds out why candidates failed (contract, section 5, last paragraph; B33) and puts the reasons in order.
// How they are worded is the business of wording.go alone.

// Attempt is a candidate that was evaluated and failed.
type Attempt struct {
	Members []Member
	// Clash is nil if the candidate failed before any trial: a required member did not pass, or nobody did. Its
	// indexes are those of the passing members, in order.
	Clash *Clash
}

// FactKind tells what a Fact says.
type FactKind string

const (
	// NotPassed: Module did not pass detection. Outcome, ExitCode and Cause say how that came.
	NotPassed FactKind = "not passed"
	// Unprovided: Module requires Name, and nobody who counts provides it.
	Unprovided FactKind = "unprovided"
	// Unrequired: Module provides Name, and nobody who counts requires it.
	Unrequired FactKind = "unrequired"
	// NoAlternative: none of the Alternatives of Module is possible, each Because of something.
	NoAlternative FactKind = "no alternative"
	// NoBuildpack: no buildpack of a candidate is left, Because of the reasons why they dropped out or, if it takes
	// several to tell, of what they offer. With nothing in Because there was none to begin with.
	NoBuildpack FactKind = "no buildpack"
	// Incompatible: no choice of alternatives suits all of the modules that the Offers in Because speak of.
	Incompatible FactKind = "incompatible"
	// Offer: what the Alternatives of Module say, as far as it matters to the fact around it.
	Offer FactKind = "offer"
)

// Fact is one reason why candidates failed: a chain – in general a tree – that leads from what failed to the culprits.
// Which fields are set depends on Kind.
type Fact struct {
	Kind   FactKind
	Module buildpack.Ref
	// Optional is true if Module is free to drop out, so that this alone fails no candidate.
	Optional bool
	// Name is a dependency of the build plan.
	Name string
	// Others speak of Name as well, in the role that is wanted, but do not count.
	Others []Other
	// Near is somebody who speaks of a similar name in the role that is wanted, when nobody speaks of Name itself.
	Near *Near

	Outcome  buildpack.Outcome
	ExitCode int
	Cause    error
	// Alone is true if all others required by a candidate passed detection.
	Alone bool

	Alternatives []buildpack.Alternative

	// Because are the next links of the chain.
	Because []Fact
	// Attempts are the indexes of the candidates that failed for this reason, ascending. Links of a chain have none.
	Attempts []int
}

// Other is a module that does not count although it speaks of a name.
type Other struct {
	Module buildpack.Ref
	Fate   Fate
	// Outcome, ExitCode and Cause are those of its detection.
	Outcome  buildpack.Outcome
	ExitCode int
	Cause    error
}

// Fate says why a module does not count.
type Fate string

const (
	// Misplaced: it provides the name, but runs later than the module that requires it; or the other way round.
	Misplaced Fate = "misplaced"
	// DroppedOut: it is optional and cannot take part.
	DroppedOut Fate = "dropped out"
	// Bound: it cannot take part with the alternative that speaks of the name.
	Bound Fate = "bound"
	// Undetected: it did not pass detection.
	Undetected Fate = "undetected"
	// Presumed: it did not pass detection either, and only its own name suggests that it would have spoken of this one.
	Presumed Fate = "presumed"
	// Elsewhere: it stands in other candidates, never together with the module that the fact is about.
	Elsewhere Fate = "elsewhere"
	// Together: it stands in other candidates, with the module that the fact is about; they failed for something else.
	Together Fate = "together"
)

// Near is a name that looks like another.
type Near struct {
	Module buildpack.Ref
	Name   string
}

// Explain says why candidates failed: each reason once, the most telling first. That is to say: what went wrong although
// detection did not simply say no; then what most candidates share; then the longest chain; then what came first.
func Explain(attempts []Attempt) []Fact {
	var all collection
	alike := &lookalikes{attempts: attempts}
	for i, attempt := range attempts {
		for _, f := range causes(attempt, alike) {
			f.Attempts = []int{i}
			all.add(f)
		}
	}
	facts := all.withoutMirrors()
	index := indexOf(attempts)
	for i := range facts {
		index.complete(&facts[i])
	}
	slices.SortStableFunc(facts, func(a, b Fact) int {
		return cmp.Or(
			cmp.Compare(a.rank(), b.rank()),
			cmp.Compare(len(b.Attempts), len(a.Attempts)),
			cmp.Compare(b.depth(), a.depth()),
			cmp.Compare(a.Attempts[0], b.Attempts[0]),
		)
	})
	return facts
}

// rank is 1 for modules that found nothing to do: a fact of life rather than a mistake.
func (f Fact) rank() int {
	if f.Kind == NotPassed && f.Outcome == buildpack.Failed {
		return 1
	}
	return 0
}

func (f Fact) depth() int {
	deepest := 0
	for _, b := range f.Because {
		deepest = max(deepest, b.depth())
	}
	return deepest + 1
}

// collection holds each fact once.
type collection struct {
	facts []Fact
	// index finds facts about the same thing.
	index map[subject][]int
}

type subject struct {
	kind   FactKind
	module buildpack.Ref
	name   string
}

// add adds a fact, unless one that is there says as much, or replaces one that says less.
func (c *collection) add(f Fact) {
	if c.index == nil {
		c.index = map[subject][]int{}
	}
	s := subject{f.Kind, f.Module, f.Name}
	for _, i := range c.index[s] {
		known := &c.facts[i]
		attempts := slices.Compact(append(known.Attempts, f.Attempts...))
		switch {
		case f.Kind == NoBuildpack:
			known.Because = union(known.Because, f.Because)
		case covers(*known, f):
			known.Alone = known.Alone || f.Alone
		case covers(f, *known):
			*known = f
		default:
			continue
		}
		known.Attempts = attempts
		return
	}
	c.index[s] = append(c.index[s], len(c.facts))
	c.facts = append(c.facts, f)
}

// withoutMirrors leaves out "B provides x, but A, which requires it, runs earlier" beside "A requires x, but B, which
// provides it, runs later".
func (c *collection) withoutMirrors() []Fact {
	return slices.DeleteFunc(slices.Clone(c.facts), func(f Fact) bool {
		return f.Kind == Unrequired && len(f.Others) > 0 && !slices.ContainsFunc(f.Others, func(o Other) bool {
			return !slices.ContainsFunc(c.index[subject{Unprovided, o.Module, f.Name}], func(i int) bool {
				mirror := Other{Module: f.Module, Fate: Misplaced}
				return slices.ContainsFunc(c.facts[i].Others, mirror.is)
			})
		})
	})
}

// covers says whether a says all that b says. They are about the same thing.
func covers(a, b Fact) bool {
	if a.Optional != b.Optional || len(b.Because) > 0 && !reflect.DeepEqual(a.Because, b.Because) {
		return false
	}
	return !slices.ContainsFunc(b.Others, func(o Other) bool { return !slices.ContainsFunc(a.Others, o.is) })
}

func (o Other) is(other Other) bool { return o.Module == other.Module && o.Fate == other.Fate }

func union(a, b []Fact) []Fact {
	for _, f := range b {
		if !slices.ContainsFunc(a, func(g Fact) bool { return reflect.DeepEqual(f, g) }) {
			a = append(a, f)
		}
	}
	return a
}

// causes are the reasons why one candidate failed that do not follow from each other.
func causes(a Attempt, alike *lookalikes) []Fact {
	if facts := undetected(a.Members); len(facts) > 0 {
		return facts
	}
	q := newInquest(a, alike)
	if facts := q.required(); len(facts) > 0 {
		return facts
	}
	if q.noBuildpack() {
		return []Fact{q.dropouts()}
	}
	return []Fact{q.incompatible(a.Clash)}
}

// undetected are the required members that did not pass detection.
func undetected(members []Member) []Fact {
	var facts []Fact
	for _, m := range members {
		if !m.Optional && !m.Passed() {
			facts = append(facts, notPassed(m))
		}
	}
	if len(facts) == 1 && slices.ContainsFunc(members, Member.Passed) {
		facts[0].Alone = true
	}
	return facts
}

func notPassed(m Member) Fact {
	d := m.Detection
	return Fact{
		Kind: NotPassed, Module: m.Module.Ref, Optional: m.Optional,
		Outcome: d.Outcome, ExitCode: d.ExitCode, Cause: d.Cause,
	}
}

// inquest looks into one candidate all whose required members passed detection. It finds the alternatives that are
// impossible because of names that nobody answers, those that are impossible because of these, and so on. That is
// all there is to say when each participant has one alternative, and nearly always when they have more.
type inquest struct {
	*problem
	members []Member
	// lookalikes are those of all candidates that are looked into.
	lookalikes *lookalikes
	// passing are the indexes of the members that are participants.
	passing []int
	// unmet are, for each participant and alternative, the demands because of which it is impossible; empty if it
	// is not. They all became hopeless before the alternative did, so following them never leads in a circle.
	unmet [][][]need
	// since is, for each participant, how many rounds it took to find that it is impossible; not set if it is not.
	since []int
	// subject is the participant that the fact being made is about.
	subject int
	// told are the participants whose reasons are part of the fact being made.
	told map[int]bool
	// consequence is true if the fact being made follows from another required participant's being impossible.
	consequence bool
}

// need is a name that must be provided or required.
type need struct {
	name int32
	side int
}

func newInquest(a Attempt, alike *lookalikes) *inquest {
	q := &inquest{members: a.Members, lookalikes: alike}
	var ps []Participant
	for i, m := range a.Members {
		if m.Passed() {
			q.passing = append(q.passing, i)
			ps = append(ps, Participant{Ref: m.Module.Ref, Optional: m.Optional, Alternatives: m.Detection.Alternatives})
		}
	}
	q.problem = newProblem(ps)
	for _, alts := range q.alternatives {
		q.unmet = append(q.unmet, make([][]need, len(alts)))
	}
	q.since = make([]int, len(ps))
	for round := 1; q.round(); round++ {
		for m := range ps {
			if q.since[m] == 0 && q.impossible(m) {
				q.since[m] = round
			}
		}
	}
	return q
}

// round finds the alternatives that are impossible given those found before, and says whether there were any.
func (q *inquest) round() bool {
	first, last := q.reach()
	found := false
	for m, alts := range q.alternatives {
		for a, alt := range alts {
			if len(q.unmet[m][a]) > 0 {
				continue
			}
			for _, d := range alt.demands[provided] {
				if first[d.name] >= m { // m itself: another of its own alternatives
					q.unmet[m][a] = append(q.unmet[m][a], need{d.name, provided})
				}
			}
			for _, d := range alt.demands[required] {
				if last[d.name] <= m {
					q.unmet[m][a] = append(q.unmet[m][a], need{d.name, required})
				}
			}
			found = found || len(q.unmet[m][a]) > 0
		}
	}
	return found
}

// reach finds, for each name, the first participant who may provide it and the last who may require it.
func (q *inquest) reach() (first, last []int) {
	first = slices.Repeat([]int{len(q.participants)}, len(q.names))
	last = slices.Repeat([]int{-1}, len(q.names))
	for m, alts := range q.alternatives {
		for a, alt := range alts {
			if len(q.unmet[m][a]) > 0 {
				continue
			}
			for _, name := range alt.speaks[provided] {
				first[name] = min(first[name], m)
			}
			for _, name := range alt.speaks[required] {
				last[name] = max(last[name], m)
			}
		}
	}
	return first, last
}

// impossible says that none of a participant's alternatives is possible.
func (q *inquest) impossible(m int) bool {
	return !slices.ContainsFunc(q.unmet[m], func(needs []need) bool { return len(needs) == 0 })
}

// required are the reasons why required participants cannot take part, without those that follow from others.
func (q *inquest) required() []Fact {
	var facts []Fact
	for m, p := range q.participants {
		if p.Optional || !q.impossible(m) {
			continue
		}
		for _, tell := range q.tellings(m) {
			q.subject, q.told, q.consequence = m, map[int]bool{m: true}, false
			if f := tell(); !q.consequence {
				facts = append(facts, f)
			}
		}
	}
	return facts
}

// tellings say why a participant is impossible: one fact for each unmet need of its only alternative, or one fact about
// all of its alternatives.
func (q *inquest) tellings(m int) []func() Fact {
	if len(q.unmet[m]) > 1 {
		return []func() Fact{func() Fact { return q.noAlternative(m) }}
	}
	var all []func() Fact
	for _, n := range q.unmet[m][0] {
		all = append(all, func() Fact { return q.unmetNeed(m, 0, n) })
	}
	return all
}

func (q *inquest) noAlternative(m int) Fact {
	p := q.participants[m]
	f := Fact{Kind: NoAlternative, Module: p.Ref, Optional: p.Optional, Alternatives: p.Alternatives}
	for a, needs := range q.unmet[m] {
		f.Because = union(f.Because, []Fact{q.unmetNeed(m, a, needs[0])})
	}
	if len(f.Because) == 1 {
		return f.Because[0]
	}
	return f
}

// unmetNeed says that a need of a participant's alternative is not met, and of each who could meet it why it does not
// count.
func (q *inquest) unmetNeed(m, a int, n need) Fact {
	p := q.participants[m]
	f := Fact{Kind: Unprovided, Module: p.Ref, Optional: p.Optional, Name: q.names[n.name]}
	if n.side == required {
		f.Kind = Unrequired
	}
	for i, member := range q.members {
		other, is := slices.BinarySearch(q.passing, i)
		switch {
		case q.consequence: // nobody will see this fact
			return f
		case !is:
			q.addUndetected(&f, member, (i < q.passing[m]) == (n.side == provided), n.side)
		case other != m && q.speaks(other, n):
			q.addOther(&f, other, (other < m) == (n.side == provided), n)
		}
	}
	if !f.spokenOf() {
		f.Near = q.nearest(m, a, n)
	}
	return f
}

func (q *inquest) speaks(m int, n need) bool {
	return slices.ContainsFunc(q.alternatives[m], func(alt alternative) bool {
		return slices.Contains(alt.speaks[n.side], n.name)
	})
}

// addUndetected adds a member that did not pass detection, if it stands in the right place and would have spoken of the
// name.
func (q *inquest) addUndetected(f *Fact, m Member, placed bool, side int) {
	fate := Undetected
	switch c := (Closed{Name: f.Name, Required: side == required}); {
	case !placed:
		return
	case slices.ContainsFunc(m.Detection.Alternatives, c.spokenOfBy):
	case q.lookalikes.suggests(m.Module.ID, f.Name):
		fate = Presumed
	default:
		return
	}
	d := m.Detection
	o := Other{Module: m.Module.Ref, Fate: fate, Outcome: d.Outcome, ExitCode: d.ExitCode, Cause: d.Cause}
	f.Others = append(f.Others, o)
}

// addOther adds a participant who speaks of the name, with the reasons why it does not count.
func (q *inquest) addOther(f *Fact, other int, placed bool, n need) {
	p := q.participants[other]
	o := Other{Module: p.Ref, Fate: Bound}
	switch {
	case !placed:
		o.Fate = Misplaced
	case q.impossible(other) && p.Optional:
		o.Fate = DroppedOut
	case q.impossible(other) && q.since[other] < q.since[q.subject]:
		q.consequence = true
	}
	f.Others = append(f.Others, o)
	if o.Fate == Misplaced || q.told[other] || q.consequence {
		return
	}
	q.told[other] = true
	for a, alt := range q.alternatives[other] {
		if slices.Contains(alt.speaks[n.side], n.name) {
			f.Because = union(f.Because, []Fact{q.unmetNeed(other, a, q.unmet[other][a][0])})
		}
	}
}

// nearest finds the name most like the one of the need among those that others speak of. What the alternative itself
// speaks of on the same side as of the name is not meant.
func (q *inquest) nearest(m, a int, n need) *Near {
	var near *Near
	best := 0
	like := q.lookalikes.like(q.names[n.name])
	if len(like) == 0 {
		return nil
	}
	for other, alts := range q.alternatives {
		for _, alt := range alts {
			for _, name := range alt.speaks[n.side] {
				likeness := like[q.names[name]]
				if other == m || likeness <= best || slices.Contains(q.alternatives[m][a].speaks[1-n.side], name) {
					continue
				}
				best, near = likeness, &Near{Module: q.participants[other].Ref, Name: q.names[name]}
			}
		}
	}
	return near
}

// noBuildpack says that all buildpacks, optional ones, are impossible, each for itself.
func (q *inquest) noBuildpack() bool {
	for m := range q.participants {
		if q.isBuildpack(m) && !q.impossible(m) {
			return false
		}
	}
	return true
}

// dropouts says of each buildpack why it dropped out.
func (q *inquest) dropouts() Fact {
	f := Fact{Kind: NoBuildpack}
	for i, member := range q.members {
		if member.Module.IsExtension() {
			continue
		}
		q.told = map[int]bool{}
		m, is := slices.BinarySearch(q.passing, i)
		if !is {
			f.Because = append(f.Because, notPassed(member))
			continue
		}
		q.told[m] = true
		f.Because = append(f.Because, q.noAlternative(m))
	}
	return f
}

// incompatible says what the members of the clash offer, as far as the clash is about it.
func (q *inquest) incompatible(c *Clash) Fact {
	f := Fact{Kind: Incompatible}
	if c == nil {
		return f
	}
	if c.NoBuildpack {
		f.Kind = NoBuildpack
	}
	for _, m := range c.Members {
		offer := Fact{Kind: Offer, Module: q.participants[m].Ref, Optional: q.participants[m].Optional}
		for _, alt := range q.participants[m].Alternatives {
			offer.Alternatives = append(offer.Alternatives, c.excerpt(alt))
		}
		f.Because = append(f.Because, offer)
	}
	return f
}

// excerpt leaves out what has no part in the clash: names that it does not speak of, and what an alternative answers
// itself.
func (c *Clash) excerpt(alt buildpack.Alternative) buildpack.Alternative {
	var short buildpack.Alternative
	for _, name := range alt.Provides {
		if c.concerns(alt, Closed{Name: name}) && !(Closed{Name: name}).spokenOfBy(short) {
			short.Provides = append(short.Provides, name)
		}
	}
	for _, r := range alt.Requires {
		role := Closed{Name: r.Name, Required: true}
		if c.concerns(alt, role) && !role.spokenOfBy(short) {
			short.Requires = append(short.Requires, buildpack.Require{Name: r.Name})
		}
	}
	return short
}

// concerns says whether a role in which an alternative speaks of a name is one that somebody in the clash is missing,
// or one because of which the alternative itself misses the other.
func (c *Clash) concerns(alt buildpack.Alternative, role Closed) bool {
	other := Closed{Name: role.Name, Required: !role.Required}
	return slices.ContainsFunc(c.Closed, func(closed Closed) bool {
		closed.At = 0
		return closed == role || closed == other && !other.spokenOfBy(alt)
	})
}

// index knows who speaks of a name in any candidate, and in which candidates each module stands.
type index struct {
	speakers map[Closed][]buildpack.Ref
	attempts map[buildpack.Ref][]int
}

func indexOf(attempts []Attempt) index {
	x := index{speakers: map[Closed][]buildpack.Ref{}, attempts: map[buildpack.Ref][]int{}}
	for i, a := range attempts {
		for _, m := range a.Members {
			ref := m.Module.Ref
			if len(x.attempts[ref]) == 0 && m.Passed() {
				x.add(m)
			}
			x.attempts[ref] = append(x.attempts[ref], i)
		}
	}
	return x
}

func (x index) add(m Member) {
	for _, alt := range m.Detection.Alternatives {
		for _, name := range alt.Provides {
			x.addName(Closed{Name: name}, m.Module.Ref)
		}
		for _, r := range alt.Requires {
			x.addName(Closed{Name: r.Name, Required: true}, m.Module.Ref)
		}
	}
}

func (x index) addName(key Closed, ref buildpack.Ref) {
	if !slices.Contains(x.speakers[key], ref) {
		x.speakers[key] = append(x.speakers[key], ref)
	}
}

// complete adds those who stand in other candidates to what nobody in this one speaks of.
func (x index) complete(f *Fact) {
	for i := range f.Because {
		x.complete(&f.Because[i])
	}
	if f.Kind != Unprovided && f.Kind != Unrequired || f.spokenOf() {
		return
	}
	for _, ref := range x.speakers[Closed{Name: f.Name, Required: f.Kind == Unrequired}] {
		switch {
		case ref == f.Module:
		case x.together(ref, f.Module):
			f.Others = append(f.Others, Other{Module: ref, Fate: Together})
		default:
			f.Others = append(f.Others, Other{Module: ref, Fate: Elsewhere})
		}
	}
}

// spokenOf says whether somebody in the candidate speaks of the name in the role that is wanted.
func (f Fact) spokenOf() bool {
	return slices.ContainsFunc(f.Others, func(o Other) bool { return o.Fate != Presumed })
}

func (x index) together(a, b buildpack.Ref) bool {
	return slices.ContainsFunc(x.attempts[a], func(i int) bool { return slices.Contains(x.attempts[b], i) })
}
