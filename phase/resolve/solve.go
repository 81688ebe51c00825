package resolve

import (
	"cmp"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve/internal/sat"
)

// This file turns the rules of the build plan (docs/reference.md, "The build plan") into clauses for the solver of the package sat.
//
// The choice variable of (participant, alternative) says that the trial picks the alternative. Whether the participant is
// in the trial with it is the same thing, except for the last alternative of an optional participant: that has a
// variable of its own, because it may be picked and yet be taken out. The clauses are
//
//	presence:  each participant picks an alternative;
//	demand:    in with an alternative that requires (provides) a name → a participant at or before (after) that provides
//	           (requires) it is in;
//	buildpack: some buildpack is in (B31).
//
// Demands say "a participant at or before m provides n" through variables that are linked in a chain along the
// participants, so that the clauses grow with the input and not with its square.
//
// Once all alternatives are picked and nothing more follows, whatever is still open may become true: all clauses that
// have two literals left have at least one that is not negated. So the participants that are not forced out are
// exactly those that the rules keep, circular support included.

// Solve returns the first passing trial of a candidate – left to right, the last participant's alternatives change
// fastest – or, if no trial passes, why (docs/reference.md, "The build plan").
func Solve(ps []Participant) (*Trial, *Conflict) {
	trial, conflict, _ := solveWithin(0, ps)
	return trial, conflict
}

// solveWithin is Solve, but it gives up beyond so many steps, if budget is positive; there is no answer then. It says how
// many steps the answer took.
func solveWithin(budget int, ps []Participant) (*Trial, *Conflict, int) {
	p := newProblem(ps)
	e := p.encode(p.allPremises())
	switch e.solver.Solve(budget) {
	case sat.Satisfied:
		return e.trial(), nil, e.solver.Steps()
	case sat.Contradicted:
		return nil, p.conflict(p.shrink(e.solver.Core(), e.solver.Steps())), e.solver.Steps()
	}
	return nil, nil, e.solver.Steps()
}

// The two sides of a name: indexes of alternative.mentions and alternative.demands.
const (
	provided = 0
	required = 1
)

// problem is a candidate in numbers.
type problem struct {
	participants []Participant
	alternatives [][]alternative // by participant
	names        []string
	premises     []premise
}

// alternative is what an alternative of the build plan comes down to.
type alternative struct {
	// mentions are the names provided and the names required, each once, ascending.
	mentions [2][]int32
	// demands are the names that some participant must provide and that some must require for this alternative to be
	// met: those that it does not answer itself.
	demands [2][]demand
}

// demand is a name, with the premise that no module outside the candidate answers it.
type demand struct{ name, premise int32 }

// premise is what a clause may rest on and what a conflict is made of.
type premise struct {
	kind premiseKind
	// at is a participant; 0 for noBuildpack.
	at int
	// name and side are those of a closed premise: no module but the participants mentions this side of the name at or before
	// (provided) or at or after (required) the participant.
	name int32
	side int
}

type premiseKind int

const (
	// presence: a required participant is there. The premises of this kind have the numbers of their participants.
	presence premiseKind = iota
	// noBuildpack: the candidate has no other buildpack.
	noBuildpack
	// closed: see premise.name.
	closed
)

func newProblem(ps []Participant) *problem {
	p := &problem{participants: ps, alternatives: make([][]alternative, len(ps))}
	for m := range ps {
		p.premises = append(p.premises, premise{kind: presence, at: m})
	}
	p.premises = append(p.premises, premise{kind: noBuildpack})
	n := numberer{problem: p, numbers: map[string]int32{}}
	for m := range ps {
		p.alternatives[m] = n.participant(m)
	}
	return p
}

// numberer turns names into numbers, and demands into premises.
type numberer struct {
	*problem
	numbers map[string]int32
	// latest is the latest closed premise of each name and side, or 0.
	latest [][2]int32
}

func (n *numberer) participant(m int) []alternative {
	alts := make([]alternative, len(n.participants[m].Alternatives))
	for a, written := range n.participants[m].Alternatives {
		mentions := &alts[a].mentions
		for _, name := range written.Provides {
			mentions[provided] = append(mentions[provided], n.number(name))
		}
		for _, r := range written.Requires {
			mentions[required] = append(mentions[required], n.number(r.Name))
		}
		for side, names := range mentions {
			slices.Sort(names)
			mentions[side] = slices.Compact(names)
		}
		alts[a].demands[provided] = n.demands(m, provided, mentions)
		alts[a].demands[required] = n.demands(m, required, mentions)
	}
	return alts
}

func (n *numberer) number(name string) int32 {
	number, known := n.numbers[name]
	if !known {
		number = int32(len(n.names))
		n.numbers[name] = number
		n.names = append(n.names, name)
		n.latest = append(n.latest, [2]int32{})
	}
	return number
}

func (n *numberer) demands(m, side int, mentions *[2][]int32) []demand {
	var demands []demand
	for _, name := range mentions[1-side] {
		if _, own := slices.BinarySearch(mentions[side], name); !own {
			demands = append(demands, demand{name, n.closed(m, side, name)})
		}
	}
	return demands
}

// closed returns the number of a premise. Alternatives of the same participant share it.
func (n *numberer) closed(m, side int, name int32) int32 {
	latest := &n.latest[name][side]
	if *latest == 0 || n.premises[*latest].at != m {
		*latest = int32(len(n.premises))
		n.premises = append(n.premises, premise{kind: closed, at: m, name: name, side: side})
	}
	return *latest
}

func (p *problem) allPremises() []int {
	all := make([]int, len(p.premises))
	for f := range all {
		all[f] = f
	}
	return all
}

func (p *problem) isBuildpack(m int) bool {
	return p.participants[m].Ref.Kind != buildpack.KindExtension
}

// encoding is a problem, or the part of it that rests on some premises, in clauses.
type encoding struct {
	*problem
	solver *sat.Solver
	// on says which premises count.
	on []bool
	// picked is true if the trial picks the participant's alternative, in is true if the participant is in the trial with
	// it. Both are empty for participants that have no part in the premises.
	picked, in [][]sat.Lit
}

func (p *problem) encode(premises []int) *encoding {
	e := &encoding{
		problem: p,
		solver:  sat.New(len(p.premises)),
		on:      make([]bool, len(p.premises)),
		picked:  make([][]sat.Lit, len(p.participants)),
		in:      make([][]sat.Lit, len(p.participants)),
	}
	for _, f := range premises {
		e.on[f] = true
	}
	members := p.members(premises)
	e.addChoices(members)
	e.addTakenOut(members)
	e.addBuildpack(members)
	e.addDemands(members, provided)
	slices.Reverse(members)
	e.addDemands(members, required)
	return e
}

// addChoices adds the choices, and that required participants make one. Optional ones need not be there for that: to
// be absent is no different from being taken out. So the presence of an optional participant is never part of a conflict.
func (e *encoding) addChoices(members []int) {
	for _, m := range members {
		e.picked[m] = e.solver.Choice(len(e.alternatives[m]))
		e.in[m] = e.picked[m]
	}
	for _, m := range members {
		switch {
		case e.participants[m].Optional:
			e.solver.Add(sat.NoPremise, slices.Clone(e.picked[m])...)
		case e.on[m]:
			e.solver.Add(m, slices.Clone(e.picked[m])...)
		}
	}
}

// addTakenOut gives optional participants, for their last alternative only, the variable that says whether they are in.
func (e *encoding) addTakenOut(members []int) {
	for _, m := range members {
		if !e.participants[m].Optional {
			continue
		}
		last := len(e.picked[m]) - 1
		in := e.solver.Variable()
		e.solver.Add(sat.NoPremise, in.Not(), e.picked[m][last])
		e.in[m] = append(slices.Clone(e.picked[m][:last]), in)
	}
}

// addBuildpack adds that some buildpack is in, unless that follows from one being required.
func (e *encoding) addBuildpack(members []int) {
	none := len(e.participants)
	var in []sat.Lit
	for _, m := range members {
		if !e.isBuildpack(m) {
			continue
		}
		if !e.participants[m].Optional {
			return
		}
		in = append(in, e.in[m]...)
	}
	if e.on[none] {
		e.solver.Add(none, in...)
	}
}

// front is the state of one side of a name on the way along the participants.
type front struct {
	// met is a literal that implies that a participant so far mentions the name, those waiting not counted; NoLit if
	// none does.
	met     sat.Lit
	waiting []sat.Lit
}

// addDemands adds the demands of one side. It walks the members so that those that count for a demand come before it.
func (e *encoding) addDemands(members []int, side int) {
	fronts := make([]front, len(e.names))
	for i := range fronts {
		fronts[i].met = sat.NoLit
	}
	for _, m := range members {
		for a, alt := range e.alternatives[m] {
			for _, name := range alt.mentions[side] {
				fronts[name].waiting = append(fronts[name].waiting, e.in[m][a])
			}
		}
		for a, alt := range e.alternatives[m] {
			for _, d := range alt.demands[side] {
				if e.on[d.premise] {
					e.addDemand(e.in[m][a], e.meet(&fronts[d.name]), int(d.premise))
				}
			}
		}
	}
}

func (e *encoding) addDemand(in, met sat.Lit, premise int) {
	if met == sat.NoLit {
		e.solver.Add(premise, in.Not())
		return
	}
	e.solver.Add(premise, in.Not(), met)
}

// meet returns a literal that implies that one of those met or waiting is in; NoLit if there are none.
func (e *encoding) meet(f *front) sat.Lit {
	switch {
	case len(f.waiting) == 0:
		return f.met
	case len(f.waiting) == 1 && f.met == sat.NoLit:
		f.met = f.waiting[0]
	default:
		met := e.solver.Variable()
		lits := append([]sat.Lit{met.Not()}, f.waiting...)
		if f.met != sat.NoLit {
			lits = append(lits, f.met)
		}
		e.solver.Add(sat.NoPremise, lits...)
		f.met = met
	}
	f.waiting = f.waiting[:0]
	return f.met
}

// trial reads the answer from the model.
func (e *encoding) trial() *Trial {
	t := &Trial{Chosen: make([]int, len(e.in)), Kept: make([]bool, len(e.in))}
	for m, picked := range e.picked {
		for a, pick := range picked {
			if e.solver.IsTrue(pick) {
				t.Chosen[m], t.Kept[m] = a, e.solver.Possible(e.in[m][a])
			}
		}
	}
	return t
}

// members are the participants that have a part in the premises: those whose presence, buildpacks or demands they are, and
// those that mention a closed name where it counts.
func (p *problem) members(premises []int) []int {
	// first and last are, for each name, how far it is closed.
	reach := make([][2]int, len(p.names))
	for i := range reach {
		reach[i] = [2]int{-1, len(p.participants)}
	}
	in := make([]bool, len(p.participants))
	for _, f := range premises {
		switch f := p.premises[f]; f.kind {
		case presence:
			in[f.at] = true
		case noBuildpack:
			for m := range in {
				in[m] = in[m] || p.isBuildpack(m)
			}
		case closed:
			in[f.at] = true
			r := &reach[f.name]
			if f.side == provided {
				r[provided] = max(r[provided], f.at)
			} else {
				r[required] = min(r[required], f.at)
			}
		}
	}
	var members []int
	for m := range in {
		if in[m] || p.mentionsWithin(m, reach) {
			members = append(members, m)
		}
	}
	return members
}

func (p *problem) mentionsWithin(m int, reach [][2]int) bool {
	for _, alt := range p.alternatives[m] {
		for _, name := range alt.mentions[provided] {
			if m <= reach[name][provided] {
				return true
			}
		}
		for _, name := range alt.mentions[required] {
			if m >= reach[name][required] {
				return true
			}
		}
	}
	return false
}

// shrink drops premises without which there is still no answer, as long as that takes little work in comparison with
// the steps that the answer took. Later participants go first: a conflict among the first ones rules out more candidates.
func (p *problem) shrink(core []int, steps int) []int {
	budget := steps/2 + 20_000
	for _, f := range p.leastWanted(core) {
		i := slices.Index(core, f)
		if i < 0 {
			continue
		}
		e := p.encode(slices.Delete(slices.Clone(core), i, i+1))
		v := e.solver.Solve(budget)
		if budget -= e.solver.Steps() + len(p.premises); v == sat.GaveUp || budget <= 0 {
			break
		}
		if v == sat.Contradicted {
			core = e.solver.Core()
		}
	}
	return core
}

// leastWanted sorts premises for dropping: participants before names, later ones first.
func (p *problem) leastWanted(core []int) []int {
	order := slices.Clone(core)
	slices.SortFunc(order, func(a, b int) int {
		x, y := p.premises[a], p.premises[b]
		return cmp.Or(cmp.Compare(x.kind, y.kind), cmp.Compare(y.at, x.at), cmp.Compare(a, b))
	})
	return order
}

func (p *problem) conflict(core []int) *Conflict {
	c := &Conflict{Members: p.members(core)}
	for _, f := range core {
		switch f := p.premises[f]; f.kind {
		case noBuildpack:
			c.NoBuildpack = true
		case closed:
			c.Closed = append(c.Closed, ClosedName{Name: p.names[f.name], Required: f.side == required, At: f.at})
		}
	}
	return c
}
