package resolve

import (
	"fmt"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// To find the first candidate that passes is NP-hard, twice: what groups of composites to take is – of the versions of an id
// the first one stands, which makes choices depend on each other as the clauses of a formula do – and so is what
// alternatives of the build plans. So there are orders for which every known way takes time that doubles with each
// element. They do not come up in practice; the search gives up on them rather than never end.

// effort is work, counted so that it is the same on every machine.
type effort struct {
	// candidates is how many were evaluated.
	candidates int
	// steps are elements of the order and modules looked at, and values that the solver tried.
	steps int
}

// mostEffort is the most effort that may be spent on one group of the order. The largest orders of public builders take less
// than a thousandth of it; on a busy machine with two CPUs it took 14 to 59 s.
var mostEffort = effort{candidates: 10_000, steps: 20_000_000}

// mostChoices is how many choices one candidate may take; composites that are nested and name each other twice make
// candidates of any length.
const mostChoices = 5000

// tooHardError says that it could not be found out, with the effort that may be spent, whether a group of the order passes.
type tooHardError struct {
	// Group is the index of the group in the order, Elements are what it names.
	Group    int
	Elements []buildpack.Ref
	// Candidates is the number of candidate groups that had been evaluated.
	Candidates int
}

// Error names the group of the order and what can be done.
func (e *tooHardError) Error() string {
	const shown = 3
	var names []string
	for _, ref := range e.Elements[:min(shown, len(e.Elements))] {
		names = append(names, ref.String())
	}
	if more := len(e.Elements) - shown; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("group %d of the order (%s) allows more combinations than can be tried (%d candidate groups were). "+
		"Give its composite buildpacks fewer groups, or the build plans of its modules fewer alternatives",
		e.Group+1, strings.Join(names, ", "), e.Candidates)
}

func (s *searcher) tooHard() error {
	e := &tooHardError{Group: s.current, Candidates: s.spent.candidates}
	for n := s.roots[s.current]; n != nil; n = n.next {
		if n.extensions == nil {
			e.Elements = append(e.Elements, n.element.Ref)
		}
	}
	return e
}
