package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// PassedOver is an element of the order that is in no candidate, or not in this one, before anything of it runs.
type PassedOver struct {
	Ref buildpack.Ref
	// Other is the version of the same id that comes first. Its Version is empty if the execution environment is the reason.
	Other buildpack.Ref
	// ExecEnv is the execution environment, and Only are those that the element, or its module, is for.
	ExecEnv string
	Only    []string
}

// String is the element with the reason.
func (p PassedOver) String() string {
	if p.ExecEnv == "" {
		return fmt.Sprintf("%s, because %s comes first and a group has each id once", p.Ref, p.Other)
	}
	quoted := make([]string, len(p.Only))
	for i, name := range p.Only {
		quoted[i] = fmt.Sprintf("%q", name)
	}
	noun := "environment"
	if len(quoted) > 1 {
		noun = "environments"
	}
	return fmt.Sprintf("%s is only for the execution %s %s; CNB_EXEC_ENV is %q", p.Ref, noun, strings.Join(quoted, ", "), p.ExecEnv)
}

// duplicate is an element whose id stands before it in a candidate; nil if it is the same version, which is missed by nothing.
func duplicate(ref, other buildpack.Ref) *PassedOver {
	if ref == other {
		return nil
	}
	return &PassedOver{Ref: ref, Other: other}
}

// passedOver is an element that the execution environment excludes.
func (l Limits) passedOver(element buildpack.Element, module *buildpack.Module) *PassedOver {
	only := element.ExecEnv
	if allows(only, l.ExecEnv) {
		only = module.Descriptor.ExecEnv
	}
	return &PassedOver{Ref: element.Ref, ExecEnv: l.ExecEnv, Only: only}
}

// PassedOver are the elements that are left out of candidates of the order, each reason once. Of each group of the order, so many
// candidates are looked at.
func (a *Answer) PassedOver(most int) []PassedOver {
	e := enumeration{searcher: a.search, most: most}
	for i := range a.search.roots {
		e.all = nil
		e.walk(a.search.roots[i], path{})
	}
	return e.over
}

// with is a copy of some that were passed over, and one more.
func with(all []PassedOver, over *PassedOver) []PassedOver {
	if over == nil {
		return all
	}
	return append(slices.Clip(all), *over)
}
