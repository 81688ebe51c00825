package resolve

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
)

// planText writes an entry as "providers -> requirements", a requirement as "name(from)". The metadata of a
// requirement say where it is from: "b.1.0" is the first one of b's second alternative.
func planText(entries []buildpack.PlanEntry) string {
	var lines []string
	for _, e := range entries {
		var words []string
		for _, p := range e.Providers {
			id := p.ID
			if p.Extension {
				id = "ext " + id
			}
			words = append(words, id+"@"+p.Version)
		}
		words = append(words, "->")
		for _, r := range e.Requires {
			words = append(words, fmt.Sprintf("%s(%v)", r.Name, r.Metadata["from"]))
		}
		lines = append(lines, strings.Join(words, " "))
	}
	return strings.Join(lines, "\n")
}

// TestEntries (B16): entries in the order in which their names are first required, providers and requirements in group
// order.
func TestEntries(t *testing.T) {
	for _, test := range []struct {
		name  string
		group string
		want  []string
		why   string
	}{{
		name:  "nothing required",
		group: "a:",
		why:   "no entry at all",
	}, {
		name: "order of names",
		group: `
			a: provides x y
			b: requires y
			c: requires x y`,
		want: []string{"a@1 -> y(b.0.0) y(c.0.1)", "a@1 -> x(c.0.0)"},
		why:  "y is the first name required along the group, though x is provided first",
	}, {
		name: "order within a module",
		group: `
			a: provides x y
			b: requires y x`,
		want: []string{"a@1 -> y(b.0.0)", "a@1 -> x(b.0.1)"},
		why:  "within a module the names come as they are written",
	}, {
		name: "several providers",
		group: `
			a@2: provides x
			b: provides x requires x
			c: provides x
			d: requires x`,
		want: []string{"a@2 b@1 c@1 -> x(b.0.0) x(d.0.0)"},
		why:  "c comes after the first who requires x, but before the last",
	}, {
		name: "repetitions",
		group: `
			a: provides x x
			b: requires x x`,
		want: []string{"a@1 -> x(b.0.0) x(b.0.1)"},
		why:  "a provider is listed once (B45), each requirement for itself, as its metadata may differ",
	}, {
		name: "the chosen alternatives",
		group: `
			a: provides y | provides x
			b: requires z | requires x`,
		want: []string{"a@1 -> x(b.1.0)"},
		why:  "what the others would have required is no part of the plan",
	}, {
		name: "taken out",
		group: `
			a?: provides x requires nothing
			b: provides x
			c?: requires y
			d: requires x`,
		want: []string{"b@1 -> x(d.0.0)"},
		why:  "those who were taken out neither provide nor require",
	}, {
		name: "extension",
		group: `
			ext e: provides x
			b: provides x requires x`,
		want: []string{"ext e@1 b@1 -> x(b.0.0)"},
		why:  "extensions are marked",
	}} {
		t.Run(test.name, func(t *testing.T) {
			ps := participants(t, test.group)
			trial := solved(ps)
			if trial == nil {
				t.Fatal("no trial passes")
			}
			got := planned(ps, trial)
			if want := strings.Join(test.want, "\n"); planText(got) != want {
				t.Errorf("got\n%s\nwant\n%s\n%s", planText(got), want, test.why)
			}
			if len(test.want) == 0 && got != nil {
				t.Errorf("got an empty plan that is not nil: %s", test.why)
			}
		})
	}
}
