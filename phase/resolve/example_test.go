package resolve_test

import (
	"fmt"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// The second module requires what nothing provides in its first alternative, and nothing at all in its second one. So the first
// trial fails, and the second one is the answer.
func ExampleSolve() {
	trial := resolve.Solve([]resolve.Participant{
		{
			Ref:          buildpack.Ref{Kind: buildpack.KindBuildpack, ID: "samples/node-engine", Version: "2.1.0"},
			Alternatives: []buildpack.Alternative{{Provides: []string{"node"}}, {}},
		},
		{
			Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: "samples/npm-start", Version: "0.7.2"},
			Alternatives: []buildpack.Alternative{
				{Requires: []buildpack.Require{{Name: "node"}, {Name: "yarn"}}},
				{Requires: []buildpack.Require{{Name: "node"}}},
			},
		},
	})
	fmt.Println(trial.Chosen, trial.Kept)
	// Output: [0 1] [true true]
}
