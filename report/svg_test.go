package report

import (
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/platform"
)

// failed is the report of a detection whose closest group has these members; the facts miss the names.
func failed(missing []string, members ...Module) Report {
	f := Failure{Where: "group 1", Recognised: true, Facts: []Fact{{Kind: "unprovided", Names: missing}}}
	for _, m := range members {
		f.Members = append(f.Members, FailureMember{CandidateMember: CandidateMember{Ref: m.Ref, Outcome: m.Outcome}, Words: m.Cause})
	}
	return Report{Modules: members, Explanation: &Explanation{Recognised: true, Failures: []Failure{f}}, Outcome: Outcome{ExitCode: platform.CodeNoGroup}}
}

func planned(id, outcome string, provides []string, requires ...string) Module {
	alternative := Alternative{Provides: provides}
	for _, name := range requires {
		alternative.Requires = append(alternative.Requires, Require{Name: name})
	}
	return Module{Ref: Ref{Kind: "buildpack", ID: id, Version: "1"}, Outcome: outcome, Alternatives: []Alternative{alternative}}
}

// The picture of the closest group has what is there as a lane between two modules, and what is missing as one that ends
// where nobody is.
func TestFailurePicture(t *testing.T) {
	p := newFailurePicture(failed([]string{"modules"},
		planned("engine", "pass", []string{"node", "unused"}),
		planned("install", "fail", nil),
		planned("start", "pass", nil, "node", "modules"),
	))
	lanes := map[string]planLane{}
	for _, l := range p.Lanes {
		lanes[l.Name] = l
	}
	node, modules := lanes["node"], lanes["modules"]
	if len(lanes) != 2 {
		t.Errorf("%d lanes: what is offered, but not missing, is none", len(lanes))
	}
	if node.Missing || node.Open != 0 || node.From != p.Columns[0].X || node.To != p.Columns[2].X {
		t.Errorf("node leads from engine to start: %+v", node)
	}
	if !modules.Missing || modules.Open == 0 || modules.Open >= p.Columns[2].X || len(modules.Arrows) != 1 || modules.Arrows[0] != p.Columns[2].X {
		t.Errorf("modules leads from nowhere to start: %+v", modules)
	}
	if p.Columns[0].Failed || !p.Columns[1].Failed || p.Columns[2].Failed {
		t.Errorf("install did not pass: %+v", p.Columns)
	}
	// The pair is there, but the wrong way round: nothing is open.
	p = newFailurePicture(failed([]string{"node"}, planned("start", "pass", nil, "node"), planned("engine", "pass", []string{"node"})))
	if l := p.Lanes[0]; !l.Missing || l.Open != 0 || l.From != p.Columns[0].X || l.To != p.Columns[1].X {
		t.Errorf("node stands between both, and is missing: %+v", l)
	}
}

// There is no such picture where no group recognised the app, or one passed.
func TestNoFailurePicture(t *testing.T) {
	r := failed(nil, planned("a", "fail", nil))
	r.Explanation.Recognised = false
	if newFailurePicture(r) != nil || newFailurePicture(Report{}) != nil {
		t.Error("a picture without a closest group")
	}
	page, err := r.HTML()
	if err != nil || strings.Contains(string(page), "Closest:") || !strings.Contains(string(page), "No group recognised the app") {
		t.Errorf("%v: the page speaks of a closest group", err)
	}
}

// The closest group comes first in the page, with the words of who did not pass, and the others are folded.
func TestClosestInThePage(t *testing.T) {
	r := failed(nil, planned("install", "fail", nil), planned("start", "pass", nil, "node"))
	r.Explanation.Failures[0].Members[0].Words = "no lock file"
	r.Explanation.Failures = append(r.Explanation.Failures, Failure{Where: "group 2", Reasons: []string{"did not pass: x@1 – no x"}})
	page, err := r.HTML()
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	closest, words, other := strings.Index(text, "Closest: group 1"), strings.Index(text, "no lock file"), strings.Index(text, `<details><summary><span class="name">group 2</span>`)
	if closest < 0 || words < closest || other < words {
		t.Errorf("closest at %d, its words at %d, the other group at %d", closest, words, other)
	}
}
