package explain

import (
	"cmp"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// PlanFact is why a module cannot take part: a name that nothing meets.
type PlanFact struct {
	Module buildpack.Ref
	Name   string
	// Required is true if the module requires the name, false if it provides it.
	Required bool
	// Dropped are modules that would meet the name, but cannot take part themselves, because of Because.
	Dropped []buildpack.Ref
	Because []PlanFact
	// Misplaced are modules of the group that would meet the name in another place, and Elsewhere modules of other groups.
	Misplaced, Elsewhere []buildpack.Ref
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

// unmet is the name to tell of a struck module: of its alternatives the one struck out last is the one that nearly worked, and
// what it requires comes before what it provides.
func (p *plan) unmet(m int) resolve.Unmet {
	all := slices.Concat(p.reasons[m]...)
	return slices.MinFunc(all, func(a, b resolve.Unmet) int {
		return cmp.Or(-cmp.Compare(a.Round, b.Round), compareBool(a.Required, b.Required))
	})
}

// compareBool puts true first.
func compareBool(a, b bool) int {
	if a == b {
		return 0
	} else if a {
		return -1
	}
	return 1
}

// follows reports whether a module is struck out because of another required one, which is told anyway.
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
func (p *plan) fact(m int, told []int) PlanFact {
	u := p.unmet(m)
	f := PlanFact{Module: p.passing[m].Module.Ref, Name: u.Name, Required: u.Required}
	told = append(slices.Clip(told), m)
	for _, other := range p.meeting(m, u) {
		ref := p.passing[other].Module.Ref
		switch {
		case (other < m) != u.Required:
			f.Misplaced = append(f.Misplaced, ref)
		case p.struck(other):
			f.Dropped = append(f.Dropped, ref)
			if len(f.Because) == 0 && !slices.Contains(told, other) {
				f.Because = []PlanFact{p.fact(other, told)}
			}
		}
	}
	if len(f.Dropped)+len(f.Misplaced) > 0 {
		return f
	}
	at := slices.IndexFunc(p.members, func(o resolve.Member) bool { return o.Module.Ref == f.Module })
	for i, o := range p.members {
		if !o.Passed() && (i < at) == u.Required {
			f.Absent = append(f.Absent, p.saying(o))
		}
	}
	if slices.ContainsFunc(f.Absent, p.isNew) {
		f.Absent = slices.DeleteFunc(f.Absent, func(s Saying) bool { return !p.isNew(s) })
	}
	for _, o := range p.Answer.Members {
		in := slices.ContainsFunc(p.members, func(own resolve.Member) bool { return own.Module.Ref == o.Module.Ref })
		if !in && o.Passed() && mentions(o, u) {
			f.Elsewhere = append(f.Elsewhere, o.Module.Ref)
		}
	}
	return f
}

// LeftOut is a module of the group that passed which the build plan leaves out, and why.
type LeftOut struct {
	Member resolve.Member
	Fact   PlanFact
}

// WhyLeftOut tells of each member that passed and does not take part what is unmet.
func WhyLeftOut(a *resolve.Answer) []LeftOut {
	r := a.Resolution
	var members []resolve.Member
	for _, m := range r.Members {
		if i := slices.IndexFunc(r.Taking, func(t resolve.Member) bool { return t.Module.Ref == m.Module.Ref }); m.Passed() {
			at := len(m.Detection.Alternatives) - 1
			if i >= 0 {
				at = r.Chosen[i]
			}
			m.Detection.Alternatives = m.Detection.Alternatives[at : at+1]
		}
		members = append(members, m)
	}
	p := (&why{Input: Input{Answer: a}}).newPlan(members)
	var all []LeftOut
	for i, m := range p.passing {
		if p.struck(i) {
			all = append(all, LeftOut{m, p.fact(i, nil)})
		}
	}
	return all
}
