package explain

import (
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// diagnose finds the reasons why the build plan of a candidate does not work out that do not follow from each other. All
// required members of the candidate passed.
func diagnose(a resolve.Attempt, known *known) []Fact {
	d := newDiagnosis(a.Members, known)
	switch {
	case d.requiredFail():
		return withoutMirrors(joined(d.required()))
	case d.noBuildpack():
		return []Fact{d.dropouts()}
	}
	return []Fact{d.incompatible(a.Conflict)}
}

// diagnosis looks into one candidate. It finds the alternatives that are impossible because of names that no module
// answers, those that are impossible because of these, and so on. That is all there is to say when each module has one
// alternative, and nearly always when they have more.
type diagnosis struct {
	members []resolve.Member
	known   *known
	names   []string
	numbers map[string]int
	// plans are the alternatives of each member; none of those that did not pass.
	plans [][]alternative
	// since is, for each member, how many rounds it took to find that it is impossible; 0 if it is not.
	since []int
	// told are the members whose reasons are part of the fact being made.
	told map[int]bool
}

// alternative is one of a member's build plan.
type alternative struct {
	// mentions are the names that it provides and those that it requires, as numbers, each once.
	mentions [2][]int
	// demands are the names that another alternative has to provide, and those that it has to require.
	demands [2][]int
	// unmet are those demands because of which it is impossible. All became hopeless before the alternative did, so
	// following them never leads in a circle.
	unmet []need
}

// need is a name that must be provided or required.
type need struct {
	name int
	side side
}

func newDiagnosis(members []resolve.Member, known *known) *diagnosis {
	d := &diagnosis{members: members, known: known, numbers: map[string]int{}, since: make([]int, len(members))}
	for _, m := range members {
		var plan []alternative
		if m.Passed() {
			for _, written := range m.Detection.Alternatives {
				plan = append(plan, d.alternative(written))
			}
		}
		d.plans = append(d.plans, plan)
	}
	for round := 1; d.round(); round++ {
		for m := range members {
			if d.since[m] == 0 && d.impossible(m) {
				d.since[m] = round
			}
		}
	}
	return d
}

func (d *diagnosis) alternative(written buildpack.Alternative) alternative {
	var alt alternative
	for _, name := range written.Provides {
		alt.mentions[provides] = appendNew(alt.mentions[provides], d.number(name))
	}
	for _, r := range written.Requires {
		alt.mentions[required] = appendNew(alt.mentions[required], d.number(r.Name))
	}
	for _, s := range []side{provides, required} {
		for _, name := range alt.mentions[1-s] {
			if !slices.Contains(alt.mentions[s], name) {
				alt.demands[s] = append(alt.demands[s], name)
			}
		}
	}
	return alt
}

func appendNew[T comparable](all []T, one T) []T {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}

func (d *diagnosis) number(name string) int {
	number, known := d.numbers[name]
	if !known {
		number = len(d.names)
		d.numbers[name] = number
		d.names = append(d.names, name)
	}
	return number
}

// round finds the alternatives that are impossible given those found before, and says whether there were any.
func (d *diagnosis) round() bool {
	first, last := d.reach()
	found := false
	for m, plan := range d.plans {
		for a := range plan {
			alt := &plan[a]
			if len(alt.unmet) > 0 {
				continue
			}
			for _, name := range alt.demands[provides] {
				if first[name] >= m { // m itself: another of its own alternatives
					alt.unmet = append(alt.unmet, need{name, provides})
				}
			}
			for _, name := range alt.demands[required] {
				if last[name] <= m {
					alt.unmet = append(alt.unmet, need{name, required})
				}
			}
			found = found || len(alt.unmet) > 0
		}
	}
	return found
}

// reach finds, for each name, the first member that may provide it and the last that may require it.
func (d *diagnosis) reach() (first, last []int) {
	first = slices.Repeat([]int{len(d.members)}, len(d.names))
	last = slices.Repeat([]int{-1}, len(d.names))
	for m, plan := range d.plans {
		for _, alt := range plan {
			if len(alt.unmet) > 0 {
				continue
			}
			for _, name := range alt.mentions[provides] {
				first[name] = min(first[name], m)
			}
			for _, name := range alt.mentions[required] {
				last[name] = max(last[name], m)
			}
		}
	}
	return first, last
}

// impossible says that a member passed, but none of its alternatives is possible.
func (d *diagnosis) impossible(m int) bool {
	return len(d.plans[m]) > 0 && !slices.ContainsFunc(d.plans[m], func(alt alternative) bool { return len(alt.unmet) == 0 })
}

func (d *diagnosis) requiredFail() bool {
	for m := range d.members {
		if !d.members[m].Optional && d.impossible(m) {
			return true
		}
	}
	return false
}

// required are the reasons why required members cannot take part, without those that follow from others.
func (d *diagnosis) required() []Fact {
	var facts []Fact
	for m, member := range d.members {
		if member.Optional || !d.impossible(m) {
			continue
		}
		if len(d.plans[m]) > 1 {
			if !d.follows(m, d.needs(m)) {
				facts = append(facts, d.noAlternative(m))
			}
			continue
		}
		for _, n := range d.plans[m][0].unmet {
			if !d.follows(m, []need{n}) {
				d.told = map[int]bool{m: true}
				facts = append(facts, d.unmetNeed(m, n))
			}
		}
	}
	return facts
}

// needs are the unmet needs, one of each alternative, because of which a member cannot take part.
func (d *diagnosis) needs(m int) []need {
	var needs []need
	for _, alt := range d.plans[m] {
		needs = appendNew(needs, alt.unmet[0])
	}
	return needs
}

// follows says whether a need is unmet because another required member is impossible, which is told anyway.
func (d *diagnosis) follows(m int, needs []need) bool {
	return slices.ContainsFunc(needs, func(n need) bool {
		for other, member := range d.members {
			if other != m && !member.Optional && d.placed(m, other, n.side) && d.mentions(other, n) &&
				d.impossible(other) && d.since[other] < d.since[m] {
				return true
			}
		}
		return false
	})
}

// noAlternative says why a member cannot take part.
func (d *diagnosis) noAlternative(m int) Fact {
	f := d.fact(NoAlternative, m)
	f.Alternatives = d.members[m].Detection.Alternatives
	d.told = map[int]bool{m: true}
	for _, n := range d.needs(m) {
		f.Because = append(f.Because, d.unmetNeed(m, n))
	}
	if f.Because = joined(f.Because); len(f.Because) == 1 {
		return f.Because[0]
	}
	return f
}

func (d *diagnosis) fact(kind Kind, m int) Fact {
	return Fact{Kind: kind, Module: d.members[m].Module.Ref, Optional: d.members[m].Optional}
}

// placed says whether another member stands where it counts if it mentions a name in this role.
func (d *diagnosis) placed(m, other int, s side) bool { return (other < m) == (s == provides) }

// unmetNeed says that a need of a member is not met, and of each module that could meet it why it does not count.
func (d *diagnosis) unmetNeed(m int, n need) Fact {
	f := d.fact(Unprovided, m)
	if n.side == required {
		f.Kind = Unrequired
	}
	f.Names = []string{d.names[n.name]}
	for other, member := range d.members {
		switch {
		case other == m:
		case !member.Passed():
			if d.placed(m, other, n.side) {
				d.addUndetected(&f, member)
			}
		case d.mentions(other, n):
			d.addOther(&f, m, other, n)
		}
	}
	if f.has(Misplaced, DroppedOut, Bound, Undetected) {
		return f
	}
	if f.Near = d.nearest(m, n); f.Near == nil && (n.side == provides || !f.has(Presumed, Possible)) {
		f.Loose = d.loose(m, n)
	}
	return f
}

func (d *diagnosis) mentions(m int, n need) bool {
	return slices.ContainsFunc(d.plans[m], func(alt alternative) bool { return slices.Contains(alt.mentions[n.side], n.name) })
}

// addUndetected adds a member that did not pass detection, with what is known of whether it would have mentioned the name.
func (d *diagnosis) addUndetected(f *Fact, m resolve.Member) {
	fate := Possible
	switch {
	case slices.ContainsFunc(m.Detection.Alternatives, func(alt buildpack.Alternative) bool { return mentions(alt, f.wanted(), f.Names[0]) }):
		fate = Undetected
	case d.known.suggests(m.Module.ID, f.Names[0]):
		fate = Presumed
	}
	f.Others = append(f.Others, Other{Member: m, Fate: fate})
}

func mentions(alt buildpack.Alternative, as side, name string) bool {
	if as == required {
		return slices.ContainsFunc(alt.Requires, func(r buildpack.Require) bool { return r.Name == name })
	}
	return slices.Contains(alt.Provides, name)
}

// addOther adds a member that mentions the name, with the reasons why it does not count.
func (d *diagnosis) addOther(f *Fact, m, other int, n need) {
	member := d.members[other]
	o := Other{Member: member, Fate: Bound}
	switch {
	case !d.placed(m, other, n.side):
		o.Fate = Misplaced
	case d.impossible(other) && member.Optional:
		o.Fate = DroppedOut
	}
	f.Others = append(f.Others, o)
	if o.Fate == Misplaced || d.told[other] {
		return
	}
	d.told[other] = true
	for _, alt := range d.plans[other] {
		if slices.Contains(alt.mentions[n.side], n.name) && len(alt.unmet) > 0 {
			f.Because = joined(append(f.Because, d.unmetNeed(other, alt.unmet[0])))
		}
	}
}

// nearest finds the name most like the one of the need among those that other members mention. What the member itself
// mentions in the same alternative is not meant.
func (d *diagnosis) nearest(m int, n need) *Near {
	var near *Near
	best := 0
	like := d.known.like(d.names[n.name])
	for other, plan := range d.plans {
		for _, alt := range plan {
			for _, name := range alt.mentions[n.side] {
				if likeness := like[d.names[name]]; other != m && likeness > best && !d.ownName(m, n, name) {
					best, near = likeness, &Near{Module: d.members[other].Module.Ref, Name: d.names[name]}
				}
			}
		}
	}
	return near
}

func (d *diagnosis) ownName(m int, n need, name int) bool {
	return slices.ContainsFunc(d.plans[m], func(alt alternative) bool {
		return slices.Contains(alt.mentions[1-n.side], n.name) && slices.Contains(alt.mentions[1-n.side], name)
	})
}

// loose are the members in the right place with what they offer and no module takes. Where there are none, and no module
// that might have helped, they are those with an empty build plan; one that printed its build plan always is among them.
func (d *diagnosis) loose(m int, n need) []Loose {
	var offers, empty []Loose
	for other, plan := range d.plans {
		if other == m || !d.placed(m, other, n.side) || len(plan) == 0 {
			continue
		}
		l := Loose{Module: d.members[other].Module.Ref, Names: d.untaken(other, n.side)}
		switch {
		case len(l.Names) > 0:
			offers = append(offers, l)
		case isEmpty(plan):
			l.Printed = printsPlan(d.members[other].Detection.Output)
			empty = append(empty, l)
		}
	}
	if slices.ContainsFunc(empty, func(l Loose) bool { return l.Printed }) || len(offers) == 0 {
		return append(offers, empty...)
	}
	return offers
}

// untaken are the names that a member mentions and no module answers.
func (d *diagnosis) untaken(m int, as side) []string {
	var names []string
	for _, alt := range d.plans[m] {
		for _, name := range alt.mentions[as] {
			if !d.taken(m, name, as) {
				names = appendNew(names, d.names[name])
			}
		}
	}
	return names
}

func isEmpty(plan []alternative) bool {
	return !slices.ContainsFunc(plan, func(alt alternative) bool { return len(alt.mentions[provides])+len(alt.mentions[required]) > 0 })
}

// taken says whether some member answers a name that a member mentions.
func (d *diagnosis) taken(m, name int, as side) bool {
	for other := range d.members {
		if (other == m || d.placed(m, other, 1-as)) && d.mentions(other, need{name, 1 - as}) {
			return true
		}
	}
	return false
}

// noBuildpack says that all buildpacks, optional ones, are impossible, each for itself.
func (d *diagnosis) noBuildpack() bool {
	for m, member := range d.members {
		if !member.Module.IsExtension() && member.Passed() && !d.impossible(m) {
			return false
		}
	}
	return true
}

// dropouts says of each buildpack that passed why it drops out; if none passed, it has those that did not.
func (d *diagnosis) dropouts() Fact {
	f := Fact{Kind: NoBuildpack}
	for m, member := range d.members {
		switch {
		case member.Module.IsExtension():
		case member.Passed():
			f.Because = append(f.Because, d.noAlternative(m))
		default:
			f.Others = append(f.Others, Other{Member: member, Fate: Possible})
		}
	}
	if f.Because = joined(f.Because); len(f.Because) > 0 {
		f.Others = nil
	}
	return f
}

// incompatible says what the members of the conflict offer, as far as the conflict is about it.
func (d *diagnosis) incompatible(c *resolve.Conflict) Fact {
	f := Fact{Kind: Incompatible}
	if c == nil {
		return f
	}
	if c.NoBuildpack {
		f.Kind = NoBuildpack
	}
	var passing []int
	for m, member := range d.members {
		if member.Passed() {
			passing = append(passing, m)
		}
	}
	for _, i := range c.Members {
		offer := d.fact(Offer, passing[i])
		for _, alt := range d.members[passing[i]].Detection.Alternatives {
			offer.Alternatives = append(offer.Alternatives, excerpt(c, alt))
		}
		f.Because = append(f.Because, offer)
	}
	return f
}

// excerpt leaves out what has no part in the conflict: names that it does not mention, and what an alternative answers itself.
func excerpt(c *resolve.Conflict, alt buildpack.Alternative) buildpack.Alternative {
	var short buildpack.Alternative
	for _, name := range alt.Provides {
		if concerns(c, alt, name, provides) && !mentions(short, provides, name) {
			short.Provides = append(short.Provides, name)
		}
	}
	for _, r := range alt.Requires {
		if concerns(c, alt, r.Name, required) && !mentions(short, required, r.Name) {
			short.Requires = append(short.Requires, buildpack.Require{Name: r.Name})
		}
	}
	return short
}

// concerns says whether the role in which an alternative mentions a name is one that some module of the conflict is missing,
// or one because of which the alternative itself misses the other.
func concerns(c *resolve.Conflict, alt buildpack.Alternative, name string, as side) bool {
	return slices.ContainsFunc(c.Closed, func(closed resolve.ClosedName) bool {
		return closed.Name == name && (closed.Required == (as == required) || !mentions(alt, 1-as, name))
	})
}

// joined makes one fact of those that say the same of several names.
func joined(facts []Fact) []Fact {
	var all []Fact
	for _, f := range facts {
		i := slices.IndexFunc(all, func(g Fact) bool { return g.key() == f.key() || g.saysTheSame(f) })
		if i < 0 {
			all = append(all, f)
			continue
		}
		for _, name := range f.Names {
			all[i].Names = appendNew(all[i].Names, name)
		}
	}
	return all
}

// withoutMirrors leaves out "B provides x, but A, which requires it, runs earlier" beside "A requires x, but B, which
// provides it, runs later", and the same of names that look alike.
func withoutMirrors(facts []Fact) []Fact {
	return slices.DeleteFunc(facts, func(f Fact) bool {
		return f.Kind == Unrequired && slices.ContainsFunc(facts, func(g Fact) bool {
			switch {
			case g.Kind != Unprovided:
				return false
			case f.Near != nil && g.Near != nil:
				return f.Near.Module == g.Module && g.Near.Module == f.Module
			}
			is := func(ref buildpack.Ref) func(resolve.Member) bool {
				return func(m resolve.Member) bool { return m.Module.Ref == ref }
			}
			return slices.Equal(f.Names, g.Names) && len(f.others(Misplaced, DroppedOut, Bound, Undetected, Presumed)) == 1 &&
				slices.ContainsFunc(f.others(Misplaced), is(g.Module)) && slices.ContainsFunc(g.others(Misplaced), is(f.Module))
		})
	})
}

// saysTheSame says whether two facts differ in their names only. Those with a similar name or with further links are about
// their name alone.
func (f Fact) saysTheSame(g Fact) bool {
	return f.Kind == g.Kind && f.Module == g.Module && len(f.Names) > 0 &&
		f.Near == nil && g.Near == nil && len(f.Because)+len(g.Because) == 0 &&
		slices.EqualFunc(f.Others, g.Others, func(a, b Other) bool { return a.Fate == b.Fate && a.Member.Module.Ref == b.Member.Module.Ref }) &&
		slices.EqualFunc(f.Loose, g.Loose, func(a, b Loose) bool { return a.Module == b.Module && slices.Equal(a.Names, b.Names) })
}
