package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/platform"
)

// planned is a module that passed with a build plan of one alternative.
func planned(id string, provides []string, requires ...string) Module {
	alternative := Alternative{Provides: provides}
	for _, name := range requires {
		alternative.Requires = append(alternative.Requires, Require{Name: name})
	}
	return Module{Ref: Ref{Kind: "buildpack", ID: id, Version: "1"}, Outcome: "pass", Alternatives: []Alternative{alternative}}
}

func refused(id string) Module {
	return Module{Ref: Ref{Kind: "buildpack", ID: id, Version: "1"}, Outcome: "fail"}
}

// failed is the report of a detection whose closest group has these members, all required.
func failed(modules ...Module) Report {
	closest := Closest{Group: 1, Name: "the-closest"}
	for _, m := range modules {
		closest.Members = append(closest.Members, CandidateMember{Ref: m.Ref, Outcome: m.Outcome})
	}
	return Report{
		Modules: modules, Outcome: Outcome{ExitCode: platform.CodeNoGroup, Error: "the last line of the log"},
		Explanation: &Explanation{Text: []string{"the verdict", "  what to do"}, Closest: []Closest{closest}},
	}
}

// lanes are those of a picture as text: "name: row kind …", with the rows of the line and the class.
func lanes(p *planPicture) []string {
	var all []string
	for _, l := range p.Lanes {
		text := l.Name + ":"
		for _, m := range l.Marks {
			text += fmt.Sprintf(" %d %s", m.Row, m.Kind)
		}
		all = append(all, strings.TrimSpace(fmt.Sprintf("%s, line %d-%d %s", text, l.From, l.To, l.Class)))
	}
	return all
}

// The modules are rows from 2 on; a lane leads from who provides to who requires.
func TestPlanPicture(t *testing.T) {
	for _, c := range []struct {
		why     string
		modules []Module
		want    []string
	}{
		{"a pair is connected", []Module{planned("engine", []string{"node"}), planned("start", nil, "node")}, []string{"node: 2 provides 3 requires, line 2-3"}},
		{"what nothing requires stands beside what nothing provides", []Module{planned("engine", []string{"node"}), planned("start", nil, "modules")},
			[]string{"node: 2 vain, line 0-0", "modules: 3 missed, line 0-0 missed"}},
		{"a provider that comes too late is one in vain", []Module{planned("start", nil, "node"), planned("engine", []string{"node"})},
			[]string{"node: 2 missed 3 vain, line 2-3 missed"}},
		{"a module may require what it provides itself", []Module{planned("engine", []string{"node"}, "node", "node")}, []string{"node: 2 both, line 0-0"}},
		{"of several requirers only those before the provider miss it", []Module{planned("early", nil, "node"), planned("engine", []string{"node"}), planned("late", nil, "node")},
			[]string{"node: 2 missed 3 provides 4 requires, line 3-4 missed"}},
		{"a module that did not pass has a row and no plan", []Module{refused("install"), planned("start", []string{"x"})}, []string{"x: 3 vain, line 0-0"}},
	} {
		p := newPlanPicture(failed(c.modules...))
		if diff := cmp.Diff(c.want, lanes(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.why, diff)
		}
		if len(p.Rows) != len(c.modules) {
			t.Errorf("%s: %d rows", c.why, len(p.Rows))
		}
	}
}

// Optional modules that did not pass have no row: there are a dozen of them in each group of a real builder.
func TestPlanPictureRows(t *testing.T) {
	r := failed(planned("a/node", nil), refused("a/optional"), refused("a/install"), planned("b/node", nil))
	r.Explanation.Closest[0].Members[1].Optional = true
	var names []string
	for _, row := range newPlanPicture(r).Rows {
		names = append(names, row.Name)
	}
	// Short names, but for those that would be the same.
	if want := []string{"a/node", "install", "b/node"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
}

// After a success it is the candidate that passed, with the alternatives that were chosen; who does not take part is marked.
func TestPlanPictureOfSuccess(t *testing.T) {
	first, left := planned("start", nil, "node"), planned("tini", []string{"tini"})
	first.Alternatives = append(first.Alternatives, Alternative{Provides: []string{"never"}})
	first.Chosen = new(int)
	r := Report{Modules: []Module{first, left}, Group: []Ref{first.Ref}, Candidates: []Candidate{
		{Members: []CandidateMember{{Ref: Ref{ID: "other"}, Outcome: "pass"}}},
		{Passed: true, Members: []CandidateMember{{Ref: first.Ref, Outcome: "pass"}, {Ref: left.Ref, Optional: true, Outcome: "pass"}}},
	}}
	p := newPlanPicture(r)
	if diff := cmp.Diff([]string{"node: 2 missed, line 0-0 missed", "tini: 3 vain, line 0-0"}, lanes(p)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if len(p.Rows) != 2 || p.Rows[0].Out || !p.Rows[1].Out {
		t.Errorf("%+v: tini is left out", p.Rows)
	}
}

// Of very many dependencies those are shown that are missed.
func TestPlanPictureOfMany(t *testing.T) {
	var names []string
	for i := range 3 * lanesShown {
		names = append(names, fmt.Sprint(i))
	}
	p := newPlanPicture(failed(planned("provider", names), planned("start", nil, "missing")))
	if len(p.Lanes) != lanesShown || p.More != 2*lanesShown+1 || p.Lanes[0].Name != "missing" || p.Lanes[1].Name != "0" {
		t.Errorf("%d lanes, %d more, the first: %q", len(p.Lanes), p.More, lanes(p)[:2])
	}
}

// Where no group is closest there is no picture, and the page does not speak of one.
func TestNoPicture(t *testing.T) {
	r := failed(refused("a"))
	r.Explanation.Closest = nil
	page, err := r.HTML()
	if err != nil || strings.Contains(string(page), "Closest") || strings.Contains(string(page), `class="plan"`) {
		t.Errorf("%v: a picture without a closest group", err)
	}
}
