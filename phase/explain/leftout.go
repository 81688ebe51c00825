package explain

import (
	"fmt"
	"slices"

	"github.com/cnb-prelude/prelude/phase/resolve"
)

// LeftOut is a member of the candidate that passed which does not take part.
type LeftOut struct {
	Member resolve.Member
	// Fact is why the build plan left it out; nil if it did not pass detection.
	Fact *Fact
}

// WhyLeftOut says of the members of the candidate that do not take part why that is: they did not pass detection, or
// something is unmet with the alternatives that were chosen (B49).
func WhyLeftOut(r *resolve.Resolution) []LeftOut {
	attempt := resolve.Attempt{Members: asChosen(r)}
	d := newDiagnosis(attempt.Members, newKnown([]resolve.Attempt{attempt}))
	var all []LeftOut
	for i, m := range r.Candidate {
		switch {
		case chosen(r, m) >= 0:
		case d.impossible(i):
			fact := d.noAlternative(i)
			all = append(all, LeftOut{m, &fact})
		default:
			all = append(all, LeftOut{Member: m})
		}
	}
	return all
}

// String says why, on one line.
func (l LeftOut) String() string {
	if l.Fact == nil {
		return fmt.Sprintf("%s did not pass – %s", l.Member.Module.Ref, Words(l.Member))
	}
	return l.Fact.String()
}

// asChosen are the members of the candidate, each with no other alternative than the one that was chosen: for those that
// were taken out it is the last one.
func asChosen(r *resolve.Resolution) []resolve.Member {
	members := slices.Clone(r.Candidate)
	for i, m := range members {
		if !m.Passed() {
			continue
		}
		at := chosen(r, m)
		if at < 0 {
			at = len(m.Detection.Alternatives) - 1
		}
		members[i].Detection.Alternatives = m.Detection.Alternatives[at : at+1]
	}
	return members
}

// chosen is the alternative with which a member of the candidate takes part, -1 if it does not.
func chosen(r *resolve.Resolution, m resolve.Member) int {
	i := slices.IndexFunc(r.Group, func(g resolve.Member) bool { return g.Module.Ref == m.Module.Ref })
	if i < 0 {
		return -1
	}
	return r.Chosen[i]
}
