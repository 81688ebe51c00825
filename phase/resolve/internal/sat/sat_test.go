package sat

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// formula is a random input of the solver: groups of choice variables, and disjunctions of which the i-th rests on
// premise i.
type formula struct {
	groups  []int
	clauses [][]Lit
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
func randomClause(r *rand.Rand, variables, n int) []Lit {
	var c []Lit
	for range n {
		if l := Lit(r.IntN(2 * variables)); !slices.Contains(c, l) && !slices.Contains(c, l.Not()) {
			c = append(c, l)
		}
	}
	return c
}

func (f formula) solver() *Solver {
	s := New(len(f.clauses))
	for _, n := range f.groups {
		s.Choice(n)
	}
	for i, c := range f.clauses {
		s.Add(i, slices.Clone(c)...)
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
	holds := func(l Lit) bool { return values[l.variable()] != l.negated() }
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
	r := rand.New(rand.NewPCG(20, 1))
	contradictions := 0
	for range 10000 {
		f := randomFormula(r)
		all := make([]int, len(f.clauses))
		for i := range all {
			all[i] = i
		}
		want := f.first(all)
		s := f.solver()
		switch v := s.Solve(0); {
		case (v == Satisfied) != (want != nil):
			t.Fatalf("%v: verdict %v, want the values %v", f, v, want)
		case v == Satisfied:
			for i := range want {
				if s.IsTrue(Lit(2*i)) != want[i] {
					t.Fatalf("%v: variable %d is %v, want %v", f, i, !want[i], want)
				}
			}
		default:
			contradictions++
			if other := f.first(s.Core()); other != nil {
				t.Fatalf("%v: the core %v has the model %v", f, s.Core(), other)
			}
		}
	}
	if contradictions < 1000 || contradictions > 9000 {
		t.Errorf("%d of 10000 are contradictions, which shows too little", contradictions)
	}
}

// TestCoreOfLargeFormulas: where trying all values takes too long, the solver itself finds no model of its core.
func TestCoreOfLargeFormulas(t *testing.T) {
	r := rand.New(rand.NewPCG(20, 4))
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
		if s.Solve(0) == Satisfied {
			continue
		}
		contradictions++
		core := s.Core()
		spared += len(f.clauses) - len(core)
		less := formula{groups: f.groups}
		for _, c := range core {
			less.clauses = append(less.clauses, f.clauses[c])
		}
		if less.solver().Solve(0) != Contradicted {
			t.Fatalf("%v: the core %v has a model", f, core)
		}
	}
	if contradictions < 100 || spared == 0 {
		t.Errorf("%d contradictions of 600, %d clauses in no core, which shows too little", contradictions, spared)
	}
}

// hard are formulas that take a few thousand conflicts: random 3-SAT near the threshold, and pigeons.
func hard(seed uint64) []formula {
	r := rand.New(rand.NewPCG(seed, 5))
	random := formula{groups: slices.Repeat([]int{1}, 90)}
	for range 383 {
		random.clauses = append(random.clauses, randomClause(r, 90, 3))
	}
	return []formula{random, pigeons(6)}
}

// pigeons are one more than there are holes, and each has to choose one of its own.
func pigeons(holes int) formula {
	f := formula{groups: slices.Repeat([]int{holes}, holes+1)}
	in := func(pigeon, hole int) Lit { return Lit(2 * (pigeon*holes + hole)) }
	for p := range holes + 1 {
		var any []Lit
		for h := range holes {
			any = append(any, in(p, h))
			for other := range p {
				f.clauses = append(f.clauses, []Lit{in(p, h).Not(), in(other, h).Not()})
			}
		}
		f.clauses = append(f.clauses, any)
	}
	return f
}

// TestForgetting: with room for hardly any learned clause the answers are the same, and the room is kept to.
func TestForgetting(t *testing.T) {
	forgotten := 0
	for n := range uint64(8) {
		for _, f := range hard(n) {
			forgotten += forgetting(t, f)
		}
	}
	if forgotten == 0 {
		t.Errorf("nothing was forgotten, which shows nothing")
	}
}

// forgetting solves a formula with little room and with enough, and returns how many clauses were forgotten.
func forgetting(t *testing.T, f formula) int {
	want, got := f.solver(), f.solver()
	got.bound = 1000
	v := got.Solve(0)
	if w := want.Solve(0); v != w {
		t.Fatalf("verdict %v, want %v", v, w)
	}
	for i := range got.siblings {
		if v == Satisfied && got.IsTrue(Lit(2*i)) != want.IsTrue(Lit(2*i)) {
			t.Errorf("variable %d is %v, want %v", i, got.IsTrue(Lit(2*i)), want.IsTrue(Lit(2*i)))
		}
	}
	if v == Contradicted {
		core := formula{groups: f.groups}
		for _, c := range got.Core() {
			core.clauses = append(core.clauses, f.clauses[c])
		}
		if core.solver().Solve(0) != Contradicted {
			t.Errorf("the core is none")
		}
	}
	size := 0
	for _, c := range got.learned {
		size += got.clauses[c].words()
	}
	if size != got.size || size > got.bound {
		t.Errorf("%d words of learned clauses, counted as %d, bound %d", size, got.size, got.bound)
	}
	return len(got.free)
}

// TestBudget: the solver gives up when told to.
func TestBudget(t *testing.T) {
	s := pigeons(7).solver()
	if v := s.Solve(1000); v != GaveUp {
		t.Errorf("verdict %v, want to give up", v)
	}
	if s.Steps() > 2000 {
		t.Errorf("%d steps, want about 1000", s.Steps())
	}
}
