package resolve

import "slices"

// Candidates returns the candidates of one group of the order in the order in which they are tried, with what is known of their
// modules; at most so many. A path on which something cannot be looked up has none.
func (a *Answer) Candidates(group, most int) (all []Candidate) {
	s, steps := a.search, mostWalked
	var walk func(*node, path)
	walk = func(n *node, p path) {
		for ; n != nil; n = n.next {
			st, err := s.step(n, p)
			steps--
			switch {
			case err != nil || steps < 0 || len(all) == most || p.choices > mostChoices:
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

// mostWalked is how many elements are walked over for the candidates of one group: choices that lead to none may double.
const mostWalked = 1 << 18

// PassedOverIn are the elements that are left out of some candidates, each reason once.
func PassedOverIn(candidates []Candidate) (all []PassedOver) {
	for _, c := range candidates {
		for _, over := range c.PassedOver {
			same := func(o PassedOver) bool { return o.Ref == over.Ref && o.Other == over.Other }
			if !slices.ContainsFunc(all, same) {
				all = append(all, over)
			}
		}
	}
	return all
}
