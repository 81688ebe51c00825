package report

import (
	"math"
	"path"
	"slices"
	"strings"
)

// planPicture is the build plan of a candidate as a grid: a row for each module, in the order of the group, and a lane down the
// rows for each dependency, from the modules that provide it to those that require it. The first row of the grid is for headings,
// so that modules begin with row 2.
type planPicture struct {
	Rows  []planRow
	Lanes []planLane
	More  int // lanes that are not shown

	lanes map[string]int
}

// planRow is a module that passed, or a required one that did not.
type planRow struct {
	CandidateMember
	// Name is the last part of the id, if no other row has the same.
	Name string
	// Out is true for a module that passed and does not take part.
	Out bool
}

type planLane struct {
	Name  string
	Marks []planMark
	// From and To are the rows between which a line leads; To is 0 if there is none.
	From, To int
	// Class is "missed" if a module requires what nothing at or before it provides.
	Class string
}

// planMark is what a module has to do with a dependency.
type planMark struct {
	Row int
	// Kind is "provides", "requires" or "both"; "vain" if nothing requires what it provides, "missed" if nothing provides what it
	// requires.
	Kind string

	provides, requires bool
}

// lanesShown is how many dependencies the picture shows. The table of the plan has all.
const lanesShown = 60

// newPlanPicture draws the candidate that passed or, after a failure, the closest group; without rows if there is neither.
func newPlanPicture(r Report) *planPicture {
	p, modules, names := &planPicture{lanes: map[string]int{}}, map[Ref]Module{}, map[string]int{}
	for _, m := range r.Modules {
		modules[m.Ref] = m
	}
	for _, m := range r.pictured() {
		if m.Optional && m.Outcome != "pass" {
			continue
		}
		row, module := len(p.Rows)+2, modules[m.Ref]
		p.Rows = append(p.Rows, planRow{CandidateMember: m, Name: m.ID, Out: len(r.Group) > 0 && module.Chosen == nil})
		names[path.Base(m.ID)]++
		alternative := module.taken()
		for _, name := range alternative.Provides {
			p.mark(name, row).provides = true
		}
		for _, require := range alternative.Requires {
			p.mark(require.Name, row).requires = true
		}
	}
	for i, row := range p.Rows {
		if base := path.Base(row.ID); names[base] == 1 {
			p.Rows[i].Name = base
		}
	}
	for i := range p.Lanes {
		p.Lanes[i].draw()
	}
	if p.More = len(p.Lanes) - lanesShown; p.More > 0 { // those in which something is missed come first
		slices.SortStableFunc(p.Lanes, func(a, b planLane) int { return strings.Compare(b.Class, a.Class) })
		p.Lanes = p.Lanes[:lanesShown]
	}
	return p
}

// pictured are the members of the candidate that passed or of the closest group.
func (r Report) pictured() []CandidateMember {
	if e := r.Explanation; e != nil && len(e.Closest) > 0 {
		return e.Closest[0].Members
	}
	if n := len(r.Candidates); n > 0 && r.Candidates[n-1].Passed {
		return r.Candidates[n-1].Members
	}
	return nil
}

// mark is that of a row in the lane of a dependency; a new one if there is none yet.
func (p *planPicture) mark(name string, row int) *planMark {
	at, known := p.lanes[name]
	if !known {
		at, p.lanes[name] = len(p.Lanes), len(p.Lanes)
		p.Lanes = append(p.Lanes, planLane{Name: name})
	}
	lane := &p.Lanes[at]
	if n := len(lane.Marks); n == 0 || lane.Marks[n-1].Row != row {
		lane.Marks = append(lane.Marks, planMark{Row: row})
	}
	return &lane.Marks[len(lane.Marks)-1]
}

// taken is the alternative with which a module takes part or, if it does not, the last one.
func (m Module) taken() Alternative {
	all := append([]Alternative{{}}, m.Alternatives...)
	if m.Chosen != nil {
		return all[min(*m.Chosen+1, len(all)-1)]
	}
	return all[len(all)-1]
}

// draw says what kind its marks are of and from where to where the line leads.
func (l *planLane) draw() {
	first, last := math.MaxInt, 0 // the first provider and the last requirer
	for _, m := range l.Marks {
		if m.provides {
			first = min(first, m.Row)
		}
		if m.requires {
			last = m.Row
		}
	}
	for i := range l.Marks {
		switch m := &l.Marks[i]; {
		case m.provides && m.requires:
			m.Kind = "both"
		case m.provides && m.Row > last:
			m.Kind = "vain"
		case m.provides:
			m.Kind = "provides"
		case m.Row < first:
			m.Kind, l.Class = "missed", "missed"
		default:
			m.Kind = "requires"
		}
	}
	if first != math.MaxInt && last > 0 && first != last {
		l.From, l.To = min(first, last), max(first, last)
	}
}
