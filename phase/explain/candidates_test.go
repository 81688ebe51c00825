package explain

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// world answers resolve's questions from what a test says.
type world struct {
	t       *testing.T
	members map[string]resolve.Member
	orders  map[string]buildpack.Order
}

func (w world) Module(ref buildpack.Ref) (*buildpack.Module, error) {
	return &buildpack.Module{Ref: ref, Descriptor: buildpack.Descriptor{Order: w.orders[ref.String()]}}, nil
}

func (w world) Detect(needs []resolve.Need, _ resolve.Ahead) ([]buildpack.Detection, error) {
	var all []buildpack.Detection
	for _, need := range needs {
		m, known := w.members[need.Module.Ref.String()]
		if !known {
			w.t.Fatalf("no module %s", need.Module.Ref)
		}
		all = append(all, m.Detection)
	}
	return all, nil
}

// TestCandidates (B50): a line for each candidate, and for those that were not tried one that says as which other one they
// could only fail.
func TestCandidates(t *testing.T) {
	o := parseOrder(t, `
		samples/node@1: provides node
		samples/npm@1 fails: no package.json
		samples/yarn@1 fails: no yarn.lock
		samples/tool@1 fails: no tool.toml
		ext samples/os@1: provides os`)
	bp := func(id string, optional bool) buildpack.Element {
		return buildpack.Element{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: "1"}, Optional: optional}
	}
	w := world{t, o.modules, map[string]buildpack.Order{
		"samples/nodejs@1": {{bp("samples/node", false), bp("samples/npm", false)}, {bp("samples/node", false), bp("samples/yarn", false)}},
	}}
	order := buildpack.Order{
		{bp("samples/nodejs", false)},
		{bp("samples/tool", false), bp("samples/nodejs", true)},
	}
	extensions := buildpack.Order{{{Ref: buildpack.Ref{Kind: buildpack.KindExtension, ID: "samples/os", Version: "1"}, Optional: true}}}
	_, f, err := resolve.Search(order, extensions, resolve.Limits{Deterministic: true}, w)
	if err != nil || f == nil {
		t.Fatal(f, err)
	}
	want := []string{
		"candidate 1, group 1, samples/nodejs@1 [samples/os@1? samples/node@1 samples/npm@1]: samples/npm@1 – no package.json",
		"candidate 2, group 1, samples/nodejs@1 [samples/os@1? samples/node@1 samples/yarn@1]: samples/yarn@1 – no yarn.lock",
		"not tried: group 1 without extensions, which could only fail as candidate 2 did",
		"candidate 3, group 2, samples/nodejs@1 [samples/os@1? samples/tool@1 samples/node@1 samples/npm@1]: samples/tool@1 – no tool.toml; and 1 more",
		"not tried: group 2 with group 2 of samples/nodejs@1 or without samples/nodejs@1, which could only fail as candidate 3 did",
		"not tried: group 2 without extensions, which could only fail as candidate 3 did",
	}
	if diff := cmp.Diff(want, Candidates(f.Attempts, f.PassedOver, f.Composites)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
