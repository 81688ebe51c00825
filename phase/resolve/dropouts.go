package resolve

import "slices"

// Dropout is a member of the candidate that passed which does not take part.
type Dropout struct {
	Member Member
	// Fact is why.
	Fact Fact
}

// Dropouts says of the members of the candidate that do not take part why that is: they did not pass detection, or
// somebody has something unmet with the alternatives that were chosen.
func (r *Resolution) Dropouts() []Dropout {
	chosen := Attempt{Members: r.asChosen()}
	q := newInquest(chosen, &lookalikes{attempts: []Attempt{chosen}})
	var all []Dropout
	for i, m := range r.Candidate {
		if r.chosen(m) >= 0 {
			continue
		}
		fact := notPassed(m)
		if at, passed := slices.BinarySearch(q.passing, i); passed {
			q.subject, q.told = at, map[int]bool{at: true}
			fact = q.noAlternative(at)
		}
		all = append(all, Dropout{m, fact})
	}
	return all
}

// asChosen are the members of the candidate, each with no other alternative than the one that was chosen: for those that
// were taken out it is the last one.
func (r *Resolution) asChosen() []Member {
	members := slices.Clone(r.Candidate)
	for i, m := range members {
		if !m.Passed() {
			continue
		}
		at := r.chosen(m)
		if at < 0 {
			at = len(m.Detection.Alternatives) - 1
		}
		members[i].Detection.Alternatives = m.Detection.Alternatives[at : at+1]
	}
	return members
}

// chosen is the alternative with which a member of the candidate takes part, -1 if it does not.
func (r *Resolution) chosen(m Member) int {
	i := slices.IndexFunc(r.Group, func(g Member) bool { return g.Module.Ref == m.Module.Ref })
	if i < 0 {
		return -1
	}
	return r.Chosen[i]
}
