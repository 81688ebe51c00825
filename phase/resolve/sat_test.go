package resolve

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// formula is a random input of the solver: groups of choice variables, and disjunctions of which the i-th rests on
// premise i.
type formula struct {
	groups  []int
	clauses [][]lit
}

func randomFormula(r *rand.Rand) formula {
	var f formula
	variables := 0
	for range r.IntN(4) + 1 {
		n := r.IntN(3) + 1
		f.groups = append(f.groups, n)
		variables += n
	}
	for range r.IntN(6 * variables) {
		f.clauses = append(f.clauses, randomClause(r, variables, r.IntN(4)+1))
	}
	return f
}

// randomClause has n literals, or fewer if some come up twice.
func randomClause(r *rand.Rand, variables, n int) []lit {
	var c []lit
	for range n {
		if l := lit(r.IntN(2 * variables)); !slices.Contains(c, l) && !slices.Contains(c, l.not()) {
			c = append(c, l)
		}
	}
	return c
}

func (f formula) solver() *solver {
	s := &solver{premises: len(f.clauses)}
	for _, n := range f.groups {
		s.choice(n)
	}
	for i, c := range f.clauses {
		s.add(i, slices.Clone(c)...)
	}
	return s
}

// first tries all values, true before false, and returns the first that satisfy the disjunctions with these numbers.
func (f formula) first(clauses []int) []bool {
	variables := 0
	for _, n := range f.groups {
		variables += n
	}
	values := make([]bool, variables)
	holds := func(l lit) bool { return values[l.variable()] != l.negated() }
	for bits := range 1 << variables {
		for v := range values {
			values[v] = bits>>(variables-1-v)&1 == 0
		}
		ok := true
		from := 0
		for _, n := range f.groups {
			if i := slices.Index(values[from:from+n], true); i >= 0 && slices.Contains(values[from+i+1:from+n], true) {
				ok = false
			}
			from += n
		}
		for _, c := range clauses {
			ok = ok && slices.ContainsFunc(f.clauses[c], holds)
		}
		if ok {
			return values
		}
	}
	return nil
}

// TestSolverAgainstAllValues: the solver finds the first model, and a core that has none.
func TestSolverAgainstAllValues(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, 1))
	contradictions := 0
	for range 10000 {
		f := randomFormula(r)
		all := make([]int, len(f.clauses))
		for i := range all {
			all[i] = i
		}
		want := f.first(all)
		s := f.solver()
		switch v := s.solve(0); {
		case (v == satisfied) != (want != nil):
			t.Fatalf("%v: verdict %v, want the values %v", f, v, want)
		case v == satisfied:
			for i := range want {
				if s.isTrue(lit(2*i)) != want[i] {
					t.Fatalf("%v: variable %d is %v, want %v", f, i, !want[i], want)
				}
			}
		default:
			contradictions++
			if other := f.first(s.core()); other != nil {
				t.Fatalf("%v: the core %v has the model %v", f, s.core(), other)
			}
		}
	}
	if contradictions < 1000 || contradictions > 9000 {
		t.Errorf("%d of 10000 are contradictions, which shows too little", contradictions)
	}
}

// TestCoreOfLargeFormulas: where trying all values takes too long, the solver itself finds no model of its core.
func TestCoreOfLargeFormulas(t *testing.T) {
	r := rand.New(rand.NewPCG(seed, 4))
	contradictions, spared := 0, 0
	for range 600 {
		f := formula{}
		for range 20 {
			f.groups = append(f.groups, r.IntN(10)/9+1) // a group of two now and then
		}
		variables := len(f.solver().siblings)
		for range 7 * variables / 2 {
			f.clauses = append(f.clauses, randomClause(r, variables, r.IntN(8)/7+3-r.IntN(6)/5))
		}
		s := f.solver()
		if s.solve(0) == satisfied {
			continue
		}
		contradictions++
		core := s.core()
		spared += len(f.clauses) - len(core)
		less := formula{groups: f.groups}
		for _, c := range core {
			less.clauses = append(less.clauses, f.clauses[c])
		}
		if less.solver().solve(0) != contradicted {
			t.Fatalf("%v: the core %v has a model", f, core)
		}
	}
	if contradictions < 100 || spared == 0 {
		t.Errorf("%d contradictions of 600, %d clauses in no core, which shows too little", contradictions, spared)
	}
}

// TestForgetting: with room for hardly any learned clause the answers are the same, and the room is kept to.
func TestForgetting(t *testing.T) {
	forgotten := 0
	for n := range uint64(6) {
		for _, ps := range [][]Participant{clausesLast(40, 168, n), clausesFirst(40, 168, n), pigeons(6)} {
			p := newProblem(ps)
			want := p.encode(p.allPremises())
			got := p.encode(p.allPremises())
			got.solver.bound = 1000
			v := got.solver.solve(0)
			if w := want.solver.solve(0); v != w {
				t.Fatalf("verdict %v, want %v", v, w)
			}
			if v == satisfied && trialText(ps, got.trial()) != trialText(ps, want.trial()) {
				t.Errorf("got %s, want %s", trialText(ps, got.trial()), trialText(ps, want.trial()))
			}
			if v == contradicted && p.encode(got.solver.core()).solver.solve(0) != contradicted {
				t.Errorf("the core is none")
			}
			forgotten += len(got.solver.free)
			size := 0
			for _, c := range got.solver.learned {
				size += got.solver.clauses[c].words()
			}
			if size != got.solver.size || size > got.solver.bound {
				t.Errorf("%d words of learned clauses, counted as %d, bound %d", size, got.solver.size, got.solver.bound)
			}
		}
	}
	if forgotten == 0 {
		t.Errorf("nothing was forgotten, which shows nothing")
	}
}

// TestBudget: the solver gives up when told to.
func TestBudget(t *testing.T) {
	p := newProblem(pigeons(7))
	s := p.encode(p.allPremises()).solver
	if v := s.solve(1000); v != gaveUp {
		t.Errorf("verdict %v, want to give up", v)
	}
	if s.steps > 2000 {
		t.Errorf("%d steps, want about 1000", s.steps)
	}
}
