package explain

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/baseline"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// Alternative is a group of the order that fits the app as well, behind the one that passed.
type Alternative struct {
	// Group is its index in the order.
	Group int
	// Modules are what the order names there: composites, or the modules that take part.
	Modules []buildpack.Ref
	// Files are names at the top of the app that its modules speak of.
	Files []string
}

// NewAlternative describes a group that passed.
func NewAlternative(group int, elements buildpack.Group, answer *resolve.Answer, app baseline.App) Alternative {
	a := Alternative{Group: group}
	for _, m := range answer.Resolution.Taking {
		for _, want := range baseline.Wants(m.Module.Ref, m.Detection.Output, app.Dir) {
			if app.Has(want) && !want.IsPattern() {
				a.Files = appendNew(a.Files, want.Name)
			}
		}
	}
	for _, e := range elements {
		component := func(m resolve.Member) bool { return m.Module.Ref == e.Ref }
		if !slices.ContainsFunc(answer.Members, component) {
			a.Modules = append(a.Modules, e.Ref)
		}
	}
	if len(a.Modules) > 0 {
		return a
	}
	for _, m := range answer.Resolution.Taking {
		a.Modules = append(a.Modules, m.Module.Ref)
	}
	return a
}

// String names the group, and the files that its modules speak of.
func (a Alternative) String() string {
	var modules []string
	for _, ref := range a.Modules {
		modules = append(modules, ref.String())
	}
	text := fmt.Sprintf("group %d, %s", a.Group+1, series(modules, listed))
	if len(a.Files) > 0 {
		text += " – " + strings.Join(a.Files, ", ")
	}
	return text
}
