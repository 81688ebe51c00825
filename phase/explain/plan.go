package explain

import (
	"cmp"
	"maps"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/similar"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// PlanFact is why a module cannot take part: a name that nothing meets.
type PlanFact struct {
	Module buildpack.Ref
	Name   string
	// Required is true if the module requires the name, false if it provides it.
	Required bool
	// Dropped are modules that would meet the name, but cannot take part themselves; Because is why the first of them cannot.
	Dropped []buildpack.Ref
	Because *PlanFact
	// Misplaced are modules of the group that would meet the name in another place.
	Misplaced []buildpack.Ref
	// Meant is a similar name in the right place, of the modules MeantBy; empty if there is none.
	Meant   string
	MeantBy []buildpack.Ref
	// Absent are the modules of the group in the right place that did not pass, and might have met the name.
	Absent []Saying
}

// planFacts is why the build plan of a candidate does not work out whose required modules all passed: of each of them that is
// struck out, or if none is of each buildpack.
func (w *why) planFacts(c resolve.Candidate) []PlanFact {
	p := w.newPlan(c.Members)
	var facts []PlanFact
	for _, required := range []bool{true, false} {
		for m := range p.passing {
			if p.passing[m].Optional == required || p.passing[m].Module.IsExtension() || !p.struck(m) || p.follows(m) {
				continue
			}
			facts = append(facts, p.fact(m, nil))
		}
		if len(facts) > 0 {
			break
		}
	}
	return facts
}

// plan is a candidate whose build plan is looked at.
type plan struct {
	*why
	members, passing []resolve.Member
	reasons          [][][]resolve.Unmet
}

func (w *why) newPlan(members []resolve.Member) *plan {
	p := &plan{why: w, members: members}
	for _, m := range members {
		if m.Passed() {
			p.passing = append(p.passing, m)
		}
	}
	p.reasons = resolve.StrikeOut(p.passing)
	return p
}

func (p *plan) struck(m int) bool {
	return !slices.ContainsFunc(p.reasons[m], func(unmet []resolve.Unmet) bool { return len(unmet) == 0 })
}

// unmet is the name that matters of a struck module: of its alternatives the one struck out last is the one that nearly worked,
// and what it requires comes before what it provides.
func (p *plan) unmet(m int) resolve.Unmet {
	all := slices.Concat(p.reasons[m]...)
	return slices.MinFunc(all, func(a, b resolve.Unmet) int {
		return cmp.Or(-cmp.Compare(a.Round, b.Round), trueFirst(a.Required, b.Required))
	})
}

// follows reports whether a module is struck out because of another required one, which has a fact of its own.
func (p *plan) follows(m int) bool {
	u := p.unmet(m)
	return slices.ContainsFunc(p.meeting(m, u), func(other int) bool { return p.struck(other) && !p.passing[other].Optional && u.Round > 1 })
}

// meeting are the modules that mention a name in the other role.
func (p *plan) meeting(m int, u resolve.Unmet) []int {
	var all []int
	for other := range p.passing {
		if other != m && mentions(p.passing[other], u) {
			all = append(all, other)
		}
	}
	return all
}

func mentions(m resolve.Member, u resolve.Unmet) bool {
	return slices.ContainsFunc(m.Detection.Alternatives, func(alt buildpack.Alternative) bool {
		if u.Required {
			return slices.Contains(alt.Provides, u.Name)
		}
		return slices.ContainsFunc(alt.Requires, func(r buildpack.Require) bool { return r.Name == u.Name })
	})
}

// fact tells why a module is struck out, and follows the chain to what did not pass.
func (p *plan) fact(m int, chain []int) PlanFact {
	u := p.unmet(m)
	f := PlanFact{Module: p.passing[m].Module.Ref, Name: u.Name, Required: u.Required}
	chain = append(slices.Clip(chain), m)
	for _, other := range p.meeting(m, u) {
		ref := p.passing[other].Module.Ref
		switch {
		case (other < m) != u.Required:
			f.Misplaced = append(f.Misplaced, ref)
		case p.struck(other):
			f.Dropped = append(f.Dropped, ref)
			if f.Because == nil && !slices.Contains(chain, other) {
				because := p.fact(other, chain)
				f.Because = &because
			}
		}
	}
	if len(f.Dropped)+len(f.Misplaced) > 0 {
		return f
	}
	p.meant(&f, m)
	at := slices.IndexFunc(p.members, func(o resolve.Member) bool { return o.Module.Ref == f.Module })
	for i, o := range p.members {
		if !o.Passed() && (i < at) == u.Required {
			f.Absent = append(f.Absent, p.saying(o))
		}
	}
	if slices.ContainsFunc(f.Absent, p.isNew) {
		f.Absent = slices.DeleteFunc(f.Absent, func(s Saying) bool { return !p.isNew(s) })
	}
	return f
}

// meant finds the name that was probably meant, among those of the modules in the right place.
func (p *plan) meant(f *PlanFact, m int) {
	by := map[string][]buildpack.Ref{}
	for other, o := range p.passing {
		if (other < m) != f.Required || other == m {
			continue
		}
		for _, alt := range o.Detection.Alternatives {
			names := alt.Provides
			if !f.Required {
				names = nil
				for _, r := range alt.Requires {
					names = append(names, r.Name)
				}
			}
			for _, name := range names {
				by[name] = appendNew(by[name], o.Module.Ref)
			}
		}
	}
	f.Meant, _ = similar.Closest(f.Name, slices.Sorted(maps.Keys(by)))
	f.MeantBy = by[f.Meant]
}

// LeftOut is a module of the group that passed which the build plan leaves out, and why.
type LeftOut struct {
	Member resolve.Member
	Fact   PlanFact
}

// WhyLeftOut finds what is unmet for each member that passed and does not take part.
func WhyLeftOut(a *resolve.Answer) []LeftOut {
	r := a.Resolution
	var members []resolve.Member
	for _, m := range r.Members {
		at := len(m.Detection.Alternatives) - 1
		if i := slices.IndexFunc(r.Taking, func(t resolve.Member) bool { return t.Module.Ref == m.Module.Ref }); i >= 0 {
			at = r.Chosen[i]
		}
		if m.Passed() {
			m.Detection.Alternatives = m.Detection.Alternatives[at : at+1]
		}
		members = append(members, m)
	}
	p := (&why{}).newPlan(members)
	var all []LeftOut
	for i, m := range p.passing {
		if p.struck(i) {
			all = append(all, LeftOut{m, p.fact(i, nil)})
		}
	}
	return all
}
