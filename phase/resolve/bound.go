package resolve

import (
	"fmt"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// To find the first candidate that passes is NP-hard: of the versions of an id the first one counts, which makes choices depend
// on each other as the clauses of a formula do, and so do the alternatives of build plans. The search gives up on such orders
// rather than never end. None is known in practice.

// mostChoices is how many choices one candidate may take; composites that are nested and name each other twice make
// candidates of any length.
const mostChoices = 5000

// boundError says that it could not be found out, with the steps that may be spent, whether a group of the order passes.
type boundError struct {
	// Group is the index of the group in the order, Elements are what it names.
	Group    int
	Elements []buildpack.Ref
}

// Error names the group of the order and what can be done.
func (e *boundError) Error() string {
	const shown = 3
	var names []string
	for _, ref := range e.Elements[:min(shown, len(e.Elements))] {
		names = append(names, ref.String())
	}
	if more := len(e.Elements) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("group %d of the order (%s) allows more combinations than can be tried. "+
		"Give its composite buildpacks fewer groups, or the build plans of its modules fewer alternatives",
		e.Group+1, strings.Join(names, ", "))
}

func (s *searcher) bound() error {
	e := &boundError{Group: s.current}
	for n := s.roots[s.current]; n != nil; n = n.next {
		if n.extensions == nil {
			e.Elements = append(e.Elements, n.element.Ref)
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
