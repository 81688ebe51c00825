package resolve

import "slices"

// Candidates returns the candidates of one group of the order in the order in which they are tried, with what is known of their
// modules; at most so many. What cannot be looked up ends them.
func (a *Answer) Candidates(group, most int) (all []Candidate) {
	s := a.search
	var walk func(*node, path)
	walk = func(n *node, p path) {
		for ; n != nil; n = n.next {
			st, err := s.step(n, p)
			switch {
			case err != nil || len(all) == most || p.choices > mostChoices:
				return
			case st.order != nil:
				p.choices++
				for i := range st.order {
					walk(n.alternative(st.order, i), p)
				}
				return
			}
			p = p.with(st)
		}
		if len(all) < most {
			all = append(all, s.candidate(group, p))
		}
	}
	walk(s.roots[group], path{})
	return all
}

// PassedOver are the elements that are left out of candidates of the order, each reason once. Of each group of the order, so
// many candidates are looked at.
func (a *Answer) PassedOver(most int) (all []PassedOver) {
	for i := range a.search.roots {
		for _, c := range a.Candidates(i, most) {
			for _, over := range c.PassedOver {
				same := func(o PassedOver) bool { return o.Ref == over.Ref && o.Other == over.Other }
				if !slices.ContainsFunc(all, same) {
					all = append(all, over)
				}
			}
		}
	}
	return all
}
