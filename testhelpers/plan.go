package testhelpers

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Alternatives reads a build plan in the notation of the tests:
//
//	[provides <name>…] [requires <name>…] [| <another alternative>]…
//
// Each requirement has metadata that tell it from all others, by the id of the module.
func Alternatives(t testing.TB, id, plan string) []buildpack.Alternative {
	t.Helper()
	var all []buildpack.Alternative
	for text := range strings.SplitSeq(plan, "|") {
		var alt buildpack.Alternative
		mode := ""
		for _, word := range strings.Fields(text) {
			switch {
			case word == "provides" || word == "requires":
				mode = word
			case mode == "provides":
				alt.Provides = append(alt.Provides, word)
			case mode == "requires":
				alt.Requires = append(alt.Requires, Require(word, id, len(all), len(alt.Requires)))
			default:
				t.Fatalf("%q says neither provides nor requires", text)
			}
		}
		all = append(all, alt)
	}
	return all
}

// Require is a requirement with metadata that tell it from all others.
func Require(name, id string, alternative, n int) buildpack.Require {
	return buildpack.Require{Name: name, Metadata: map[string]any{"from": fmt.Sprintf("%s.%d.%d", id, alternative, n)}}
}
