package resolve

import (
	"fmt"
	"strings"
)

// To find the first candidate that passes is NP-hard: of the versions of an id the first one counts, which makes choices depend
// on each other as the clauses of a formula do, and so do the alternatives of build plans. The search gives up on such orders
// rather than never end. None is known in practice.

// mostChoices is how many choices one candidate may take; composites that are nested and name each other twice make
// candidates of any length.
const mostChoices = 5000

// boundError says that the steps that may be spent did not suffice to find out whether a group of the order passes.
type boundError struct {
	// Group is the number of the group in the order, from 1; Names are the first modules that it names.
	Group int
	Names []string
}

// Error names the group of the order and what can be done.
func (e *boundError) Error() string {
	return fmt.Sprintf("group %d of the order (%s) allows more combinations than can be tried. "+
		"Give its composite buildpacks fewer groups, or the build plans of its modules fewer alternatives", e.Group, strings.Join(e.Names, ", "))
}

func (s *searcher) bound() error {
	e := &boundError{Group: s.current + 1}
	for n := s.roots[s.current]; n != nil; n = n.next {
		if len(e.Names) == 3 {
			e.Names[2] = "…"
			break
		}
		if n.extensions == nil {
			e.Names = append(e.Names, n.element.Ref.String())
		}
	}
	return e
}

// spend takes steps from those that the present group may have.
func (s *searcher) spend(steps int) error {
	if s.steps -= steps; s.steps < 0 {
		return s.bound()
	}
	return nil
}
