package resolve

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
)

// unmatched is a candidate of two modules: one provides the names with one letter in front, the other requires those with
// another, so that all are alike and none is met.
func unmatched(n int) []Attempt {
	var provides, requires []string
	for i := range n {
		name := fmt.Sprintf("%d%s%04d", i%10, strings.Repeat("name", 20), i)
		provides, requires = append(provides, "p"+name), append(requires, "r"+name)
	}
	return []Attempt{attemptOf([]Participant{
		{Ref: buildpack.Ref{ID: "p", Version: "1"}, Alternatives: []buildpack.Alternative{alt(provides, nil)}},
		{Ref: buildpack.Ref{ID: "r", Version: "1"}, Alternatives: []buildpack.Alternative{alt(nil, requires)}},
	})}
}

// Names that look alike are found, and the search does not grow with the square of how many there are and with how long
// they are: this took 17 s once.
func TestLookalikesOfManyNames(t *testing.T) {
	start := time.Now()
	facts := Explain(unmatched(400))
	if took := time.Since(start); took > time.Second {
		t.Errorf("it took %s", took)
	}
	found := slices.IndexFunc(facts, func(f Fact) bool { return f.Near != nil })
	if found < 0 || facts[found].Near.Name[1:] != facts[found].Name[1:] {
		t.Errorf("nothing of %d is like anything, or not what is most alike", len(facts))
	}
}

// Two neighbours swapped are one mistake, in a name of the build plan and in what the id of a module suggests.
func TestLookalikesSwapped(t *testing.T) {
	attempts := []Attempt{attemptOf([]Participant{
		{Ref: buildpack.Ref{ID: "samples/pyhton-engine", Version: "1"}, Alternatives: []buildpack.Alternative{alt([]string{"ruby", "pyhton"}, nil)}},
	})}
	l := &lookalikes{attempts: attempts}
	if got := l.like("python"); len(got) != 1 || got["pyhton"] == 0 {
		t.Errorf("like python: %v", got)
	}
	if !l.suggests("samples/pyhton-engine", "python") || l.suggests("samples/pyhton-engine", "maven") {
		t.Error("samples/pyhton-engine suggests python, and not maven")
	}
	if !l.suggests("samples/pyhton-engine", "engine") {
		t.Error("samples/pyhton-engine suggests engine")
	}
}

func BenchmarkExplainManyNames(b *testing.B) {
	attempts := unmatched(400)
	for range b.N {
		Explain(attempts)
	}
}
