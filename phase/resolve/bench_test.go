package resolve

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Each gives a candidate of n participants with a alternatives each; want is the answer.
var families = []struct {
	name string
	make func(n, a int) []participant
	pass bool
}{
	{"last combination", lastCombination, true},
	{"last module", lastModule, false},
	{"far apart", farApart, false},
	{"chain", chain, true},
	{"broken chain", brokenChain, false},
	{"one name", oneName, true},
	{"optional", manyOptional, true},
}

var sizes = []struct{ participants, alternatives int }{{10, 4}, {30, 6}, {100, 8}}

func BenchmarkSolve(b *testing.B) {
	for _, f := range families {
		for _, size := range sizes {
			b.Run(fmt.Sprintf("%s/%dx%d", f.name, size.participants, size.alternatives), func(b *testing.B) {
				measure(b, f.make(size.participants, size.alternatives))
			})
		}
	}
}

func measure(b *testing.B, ps []participant) {
	b.ReportAllocs()
	for b.Loop() {
		solved(ps)
	}
}

// TestFamilies (B32) makes sure that the benchmarks measure what they say. Where enumeration is feasible it must agree.
func TestFamilies(t *testing.T) {
	for _, f := range families {
		for _, size := range append(sizes, struct{ participants, alternatives int }{5, 3}) {
			ps := f.make(size.participants, size.alternatives)
			trial := solved(ps)
			if got := trial != nil; got != f.pass {
				t.Errorf("%s, %d participants: pass %v, want %v", f.name, size.participants, got, f.pass)
			}
			if size.participants == 5 {
				compare(t, ps, enumerate(ps))
			}
		}
	}
	trial := solved(lastCombination(100, 8))
	if !slices.Equal(trial.chosen, slices.Repeat([]int{7}, 100)) {
		t.Errorf("last combination: %v", trial.chosen)
	}
	compare(t, clausesLast(4, 10, 1), enumerate(clausesLast(4, 10, 1)))
	if trial := solved(pigeons(5)); trial != nil {
		t.Errorf("6 pigeons fit into 5 holes: %v", trial)
	}
}

// TestSolve3SAT compares with trying all values of the variables, which is feasible where trying all trials is not.
func TestSolve3SAT(t *testing.T) {
	pass := 0
	for seed := range uint64(40) {
		const variables, clauses = 12, 53
		want := firstAssignment(variables, randomClauses(variables, clauses, seed))
		trial := solved(clausesLast(variables, clauses, seed))
		switch {
		case (trial == nil) != (want == nil):
			t.Errorf("seed %d: got %v, want %v", seed, trial, want)
		case trial != nil && !slices.Equal(trial.chosen[:variables], want):
			t.Errorf("seed %d: got %v, want %v", seed, trial.chosen[:variables], want)
		case trial != nil:
			pass++
		}
	}
	if pass < 4 || pass > 36 {
		t.Errorf("%d of 40 pass, which is far from the threshold", pass)
	}
}

func firstAssignment(variables int, clauses [][3]int) []int {
	for bits := range 1 << variables {
		chosen := make([]int, variables)
		for v := range chosen {
			chosen[v] = bits >> (variables - 1 - v) & 1
		}
		holds := func(l int) bool { return chosen[l/2] == l%2 }
		if !slices.ContainsFunc(clauses, func(c [3]int) bool { return !holds(c[0]) && !holds(c[1]) && !holds(c[2]) }) {
			return chosen
		}
	}
	return nil
}

// alt makes an alternative of what it provides and what it requires.
func alt(provides, requires []string) buildpack.Alternative {
	a := buildpack.Alternative{Provides: provides}
	for _, name := range requires {
		a.Requires = append(a.Requires, buildpack.Require{Name: name})
	}
	return a
}

func module(m int, alternatives ...buildpack.Alternative) participant {
	return participant{
		Ref:          buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprintf("samples/m%d", m), Version: "1"},
		Alternatives: alternatives,
	}
}

func dep(m, a int) string { return fmt.Sprintf("dep-%d-%d", m, a) }

// free makes modules any of whose alternatives is met by the module itself.
func free(n, a int) []participant {
	var ps []participant
	for m := range n {
		var alts []buildpack.Alternative
		for i := range a {
			alts = append(alts, alt([]string{dep(m, i)}, []string{dep(m, i)}))
		}
		ps = append(ps, module(m, alts...))
	}
	return ps
}

// lastCombination: all modules but the last are free; the last one requires what each provides in its last alternative
// only, and can itself do so in its last alternative only.
func lastCombination(n, a int) []participant {
	ps := free(n-1, a)
	var all []string
	for m := range n - 1 {
		all = append(all, dep(m, a-1))
	}
	var alts []buildpack.Alternative
	for i := range a - 1 {
		alts = append(alts, alt(nil, append([]string{dep(i%(n-1), 0)}, all...)))
	}
	return append(ps, module(n-1, append(alts, alt(nil, all))...))
}

// lastModule: all modules but the last are free; each alternative of the last one requires two alternatives of one of
// the others at once.
func lastModule(n, a int) []participant {
	ps := free(n-1, a)
	var alts []buildpack.Alternative
	for i := range a {
		alts = append(alts, alt(nil, []string{dep(i%(n-1), i), dep(i%(n-1), (i+1)%a)}))
	}
	return append(ps, module(n-1, alts...))
}

// farApart: all modules but the last are free; each alternative of the last requires two of the first.
func farApart(n, a int) []participant {
	ps := free(n-1, a)
	var alts []buildpack.Alternative
	for i := range a {
		alts = append(alts, alt(nil, []string{dep(0, i), dep(0, (i+1)%a)}))
	}
	return append(ps, module(n-1, alts...))
}

// chain: each alternative of a module forces one of the next; only one way through is open at the end.
func chain(n, a int) []participant { return linked(n, a, a-1) }

// brokenChain: no way through is open at the end.
func brokenChain(n, a int) []participant { return linked(n, a, -1) }

func linked(n, a, open int) []participant {
	var ps []participant
	for m := range n {
		var alts []buildpack.Alternative
		for i := range a {
			var before, after []string
			if m > 0 {
				before = []string{dep(m-1, i)}
			}
			if m < n-1 || i != open {
				after = []string{dep(m, i)}
			}
			alts = append(alts, alt(after, before))
		}
		ps = append(ps, module(m, alts...))
	}
	return ps
}

// oneName: everybody mentions the same few names in all alternatives.
func oneName(n, a int) []participant {
	var ps []participant
	for m := range n {
		var alts []buildpack.Alternative
		for i := range a {
			names := []string{"x", "y", "z"}
			if (m+i)%2 == 0 && m < n-1 || m == 0 {
				alts = append(alts, alt(names, nil))
			} else {
				alts = append(alts, alt(nil, names))
			}
		}
		ps = append(ps, module(m, alts...))
	}
	return ps
}

// manyOptional: a chain of optional modules that is broken in the middle, so that all are taken out one by one, and a
// required module that is free.
func manyOptional(n, a int) []participant {
	ps := chain(n-1, a)
	for m := range ps {
		ps[m].Optional = true
	}
	middle := &ps[len(ps)/2]
	for i := range middle.Alternatives {
		middle.Alternatives[i].Requires = append(middle.Alternatives[i].Requires, buildpack.Require{Name: "nothing"})
	}
	return append(ps, module(n-1, buildpack.Alternative{}))
}

// randomClauses: literal 2v is variable v with its first alternative, 2v+1 with its second.
func randomClauses(variables, clauses int, seed uint64) [][3]int {
	r := rand.New(rand.NewPCG(seed, 3))
	all := make([][3]int, clauses)
	for i := range all {
		for k, v := range r.Perm(variables)[:3] {
			all[i][k] = 2*v + r.IntN(2)
		}
	}
	return all
}

// clausesLast: each variable is a module that provides one of two names, each clause one that requires one of three.
func clausesLast(variables, clauses int, seed uint64) []participant {
	ps := free(variables, 2)
	for i, clause := range randomClauses(variables, clauses, seed) {
		var alts []buildpack.Alternative
		for _, l := range clause {
			alts = append(alts, alt(nil, []string{dep(l/2, l%2)}))
		}
		ps = append(ps, module(variables+i, alts...))
	}
	return ps
}

// pigeons: each hole is a module that provides one of the pigeons; one module for each pigeon requires it.
func pigeons(holes int) []participant {
	var ps []participant
	for h := range holes {
		var alts []buildpack.Alternative
		for p := range holes + 1 {
			alts = append(alts, alt([]string{dep(p, 0)}, []string{dep(p, 0)}))
		}
		ps = append(ps, module(h, alts...))
	}
	for p := range holes + 1 {
		ps = append(ps, module(holes+p, alt(nil, []string{dep(p, 0)})))
	}
	return ps
}
