package resolve

import "slices"

// Candidates returns the candidates of one group of the order in the order in which they are tried, with what is known of their
// modules; at most so many. What cannot be looked up ends them.
func (a *Answer) Candidates(group, most int) []Candidate {
	e := enumeration{searcher: a.search, group: group, most: most}
	e.walk(a.search.roots[group], path{})
	return e.all
}

type enumeration struct {
	*searcher
	group, most int
	all         []Candidate
	// over are the elements that were passed over, each reason once.
	over []PassedOver
}

// walk is the searcher's, without judging.
func (e *enumeration) walk(n *node, p path) {
	for ; n != nil; n = n.next {
		st, err := e.step(n, p)
		switch {
		case err != nil || len(e.all) == e.most:
			return
		case st.order != nil:
			if p.choices++; p.choices > mostChoices {
				return
			}
			for i := range st.count() {
				e.walk(n.alternative(st.order, i), p)
			}
			return
		case st.over != nil:
			same := func(o PassedOver) bool { return o.Ref == st.over.Ref && o.Other == st.over.Other }
			if !slices.ContainsFunc(e.over, same) {
				e.over = append(e.over, *st.over)
			}
		case st.module != nil:
			p = p.with(Member{Module: st.module, Optional: st.optional, Detection: e.detection(st.module)})
		}
	}
	if len(e.all) < e.most {
		e.all = append(e.all, Candidate{e.group, slices.Clone(p.members)})
	}
}
