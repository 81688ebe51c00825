// Package sat is a small satisfiability solver: unit propagation with two watched literals, learning from conflicts,
// backjumping. Three things set it apart from the textbook.
//
// It decides in a fixed order – the first choice variable without a value becomes true – and never restarts. A choice
// variable is false only where the decisions before it leave no other way, so the model found is the first of all in
// the order of the decisions, whatever was learned.
//
// A clause may rest on a premise, a number that means something to the user. A learned clause remembers the premises from
// which it was derived, so that a contradiction can be told in premises.
//
// It forgets learned clauses once they outgrow a bound that depends on the input alone. It cannot go round in circles
// for that: each conflict adds a consequence to some level, and that stays until an earlier level has gained one.
package sat

import (
	"cmp"
	"slices"
)

// Lit is a literal: twice the number of its variable, plus one if the variable is negated.
type Lit int32

// NoLit is no literal.
const NoLit Lit = -1

// Not is the negation of a literal.
func (l Lit) Not() Lit      { return l ^ 1 }
func (l Lit) negated() bool { return l&1 != 0 }
func (l Lit) variable() int { return int(l >> 1) }

const (
	// NoPremise is the premise of a clause that holds in any case.
	NoPremise = -1
	// noClause is the clause of a reason that is none.
	noClause = -1
)

// clause is a disjunction of three literals or more, the first two of which are watched; or a learned one of any size.
type clause struct {
	lits    []Lit
	premise int32
	// spread is the number of levels that a learned clause mentions. The fewer, the more often it will be of use.
	spread int32
	// origin of a learned clause: the premises it was derived from and, numbered from solver.premises on, the variables
	// whose values at level 0 it takes for granted.
	origin bitset
}

// watch is held by a literal that a clause watches. While the other literal is true, the clause need not be looked at.
type watch struct {
	clause int32
	other  Lit
}

// implication is a disjunction of two literals, as it looks when the negation of one of them becomes true.
type implication struct {
	then    Lit
	premise int32
}

// reason says why a literal is true: because all others of a clause are false, or because the literal from is true, or
// because the premise alone says so. A decision has none of these.
type reason struct {
	clause  int32
	from    Lit
	premise int32
}

var decision = reason{clause: noClause, from: NoLit, premise: NoPremise}

// Verdict is what became of an attempt to find a model.
type Verdict int

// What Solve answers.
const (
	// Satisfied: there is a model.
	Satisfied Verdict = iota
	// Contradicted: there is none.
	Contradicted
	// GaveUp: the budget is used up, and there is no answer.
	GaveUp
)

// Solver is used once: variables and clauses are added, then Solve is called, then Core, IsTrue or Possible.
type Solver struct {
	// premises is the number of premises there are; they are numbered from 0.
	premises int
	// siblings of a choice variable: the first of them and the one after the last. At most one of them is true.
	siblings [][2]int32

	clauses []clause
	given   []implication // disjunctions of one literal
	void    []int32       // the premises of disjunctions of no literal
	implied [][]implication
	watches [][]watch // by the literal that becomes false

	values  []int8 // by literal: 1 true, -1 false, 0 open
	levels  []int32
	reasons []reason
	trail   []Lit
	starts  []int // where on the trail each level starts, from 1 on
	done    int   // how much of the trail has been propagated
	next    int   // all choice variables before this one have a value
	// steps counts the values given so far, the measure of work.
	steps int

	learned []int32
	free    []int32 // places in clauses that can be taken again
	size    int     // of the learned clauses, in words
	bound   int     // on size; if it is 0, Solve sets it to what suits the input

	// conflict is a literal that should be true for the reason, but is false.
	conflict    Lit
	conflictWhy reason

	// What follows is of use during the analysis of one conflict only.
	seen    []bool
	touched []int32
	open    int
	lits    []Lit
	origin  bitset
}

// New returns a solver for clauses that rest on so many premises, which are numbered from 0.
func New(premises int) *Solver { return &Solver{premises: premises} }

// Steps is the work done so far: how many values were given to variables.
func (s *Solver) Steps() int { return s.steps }

// Variable adds a variable. It is never decided, only forced.
func (s *Solver) Variable() Lit {
	s.implied = append(s.implied, nil, nil)
	s.watches = append(s.watches, nil, nil)
	s.values = append(s.values, 0, 0)
	s.levels = append(s.levels, 0)
	s.reasons = append(s.reasons, decision)
	s.seen = append(s.seen, false)
	return Lit(len(s.values) - 2)
}

// Choice adds n choice variables, at most one of which is true. Choices must be added before all other variables. The
// solver decides in the order in which they are added.
func (s *Solver) Choice(n int) []Lit {
	from := int32(len(s.siblings))
	all := make([]Lit, n)
	for i := range all {
		s.siblings = append(s.siblings, [2]int32{from, from + int32(n)})
		all[i] = s.Variable()
	}
	return all
}

// Add adds a disjunction that rests on a premise, or on none: NoPremise. The solver takes the slice over.
func (s *Solver) Add(premise int, lits ...Lit) {
	switch len(lits) {
	case 0:
		s.void = append(s.void, int32(premise))
	case 1:
		s.given = append(s.given, implication{lits[0], int32(premise)})
	case 2:
		x, y := lits[0], lits[1]
		s.implied[x.Not()] = append(s.implied[x.Not()], implication{y, int32(premise)})
		s.implied[y.Not()] = append(s.implied[y.Not()], implication{x, int32(premise)})
	default:
		s.clauses = append(s.clauses, clause{lits: lits, premise: int32(premise)})
		s.watch(len(s.clauses) - 1)
	}
}

func (s *Solver) watch(c int) {
	x, y := s.clauses[c].lits[0], s.clauses[c].lits[1]
	s.watches[x] = append(s.watches[x], watch{int32(c), y})
	s.watches[y] = append(s.watches[y], watch{int32(c), x})
}

// Solve looks for the first model, and gives up beyond so many steps if budget is positive.
func (s *Solver) Solve(budget int) Verdict {
	s.origin = make(bitset, (s.premises+len(s.levels)+63)/64)
	if s.bound == 0 {
		s.bound = 1<<18 + 16*len(s.levels)
	}
	if len(s.void) > 0 {
		s.origin.addPremise(s.void[0])
		return Contradicted
	}
	for _, g := range s.given {
		if !s.set(g.then, reason{noClause, NoLit, g.premise}) {
			return s.blame()
		}
	}
	for {
		switch {
		case !s.propagate():
			if len(s.starts) == 0 {
				return s.blame()
			}
			s.learn()
		case budget > 0 && s.steps > budget:
			return GaveUp
		case !s.decide():
			return Satisfied
		}
	}
}

// decide makes the first open choice variable true, and says whether there was one.
func (s *Solver) decide() bool {
	for ; s.next < len(s.siblings); s.next++ {
		if l := Lit(2 * s.next); s.values[l] == 0 {
			s.starts = append(s.starts, len(s.trail))
			s.set(l, decision)
			return true
		}
	}
	return false
}

// set makes a literal true. If it is false already, that is the conflict.
func (s *Solver) set(l Lit, why reason) bool {
	switch s.values[l] {
	case 1:
		return true
	case -1:
		s.conflict, s.conflictWhy = l, why
		return false
	}
	v := l.variable()
	s.values[l], s.values[l.Not()] = 1, -1
	s.levels[v], s.reasons[v] = int32(len(s.starts)), why
	s.trail = append(s.trail, l)
	s.steps++
	return true
}

// propagate draws the consequences of what is new on the trail. It returns false on a conflict.
func (s *Solver) propagate() bool {
	for s.done < len(s.trail) {
		l := s.trail[s.done]
		s.done++
		if !s.excludeSiblings(l) || !s.follow(l) || !s.visit(l.Not()) {
			return false
		}
	}
	return true
}

func (s *Solver) excludeSiblings(l Lit) bool {
	v := l.variable()
	if l.negated() || v >= len(s.siblings) {
		return true
	}
	for u := s.siblings[v][0]; u < s.siblings[v][1]; u++ {
		if int(u) != v && !s.set(Lit(2*u+1), reason{noClause, l, NoPremise}) {
			return false
		}
	}
	return true
}

func (s *Solver) follow(l Lit) bool {
	for _, i := range s.implied[l] {
		if !s.set(i.then, reason{noClause, l, i.premise}) {
			return false
		}
	}
	return true
}

// visit looks at the clauses that watch a literal that has become false: each finds another literal to watch, or is
// satisfied, or forces the one literal that it has left.
func (s *Solver) visit(gone Lit) bool {
	watches := s.watches[gone]
	kept := watches[:0]
	for i, w := range watches {
		if s.values[w.other] == 1 {
			kept = append(kept, w)
			continue
		}
		lits := s.clauses[w.clause].lits
		if lits[0] == gone {
			lits[0], lits[1] = lits[1], gone
		}
		w.other = lits[0]
		if s.values[lits[0]] != 1 && s.rewatch(w, lits) {
			continue
		}
		kept = append(kept, w)
		if !s.set(lits[0], reason{w.clause, NoLit, NoPremise}) {
			s.watches[gone] = append(kept, watches[i+1:]...)
			return false
		}
	}
	s.watches[gone] = kept
	return true
}

// rewatch lets a clause watch a literal that is not false instead of its second one, if it has any.
func (s *Solver) rewatch(w watch, lits []Lit) bool {
	for k := 2; k < len(lits); k++ {
		if s.values[lits[k]] != -1 {
			lits[1], lits[k] = lits[k], lits[1]
			s.watches[lits[1]] = append(s.watches[lits[1]], w)
			return true
		}
	}
	return false
}

// learn derives from the conflict a clause that holds in any case and all but one of whose literals were false before
// the last level; goes back to where they became false, and makes that one true.
func (s *Solver) learn() {
	s.startAnalysis()
	s.lits = append(s.lits[:0], NoLit)
	s.lits[0] = s.firstUniquePoint().Not()
	level := s.second()
	c := s.store()
	s.endAnalysis()
	s.undo(level)
	s.set(s.lits[0], reason{c, NoLit, NoPremise})
	if s.size > s.bound {
		s.forget()
		s.bound = max(s.bound, 2*s.size) // all that is left may be reasons, at most one for each variable
	}
}

func (s *Solver) startAnalysis() {
	clear(s.origin)
	s.open = 0
}

func (s *Solver) endAnalysis() {
	for _, v := range s.touched {
		s.seen[v] = false
	}
	s.touched = s.touched[:0]
}

// firstUniquePoint resolves the conflict with the reasons of its literals, last ones first, until only one literal of
// the last level is left, and returns that. The others are added to lits.
func (s *Solver) firstUniquePoint() Lit {
	s.touch(s.conflict)
	s.resolve(s.conflict, s.conflictWhy)
	for at := len(s.trail) - 1; ; at-- {
		l := s.trail[at]
		if !s.seen[l.variable()] {
			continue
		}
		if s.open--; s.open == 0 {
			return l
		}
		s.resolve(l, s.reasons[l.variable()])
	}
}

// resolve touches all that the reason of a literal rests on.
func (s *Solver) resolve(l Lit, why reason) {
	if why.clause == noClause {
		s.origin.addPremise(why.premise)
		if why.from != NoLit {
			s.touch(why.from.Not())
		}
		return
	}
	c := &s.clauses[why.clause]
	s.origin.addPremise(c.premise)
	s.origin.addAll(c.origin)
	for _, other := range c.lits {
		if other != l {
			s.touch(other)
		}
	}
}

// touch takes a false literal into the clause that is being derived.
func (s *Solver) touch(l Lit) {
	v := l.variable()
	switch {
	case s.levels[v] == 0:
		s.origin.add(s.premises + v)
		return
	case s.seen[v]:
		return
	case int(s.levels[v]) == len(s.starts):
		s.open++
	default:
		s.lits = append(s.lits, l)
	}
	s.seen[v] = true
	s.touched = append(s.touched, int32(v))
}

// second moves the literal that became false last, but for the first, to the second place and returns its level.
func (s *Solver) second() int {
	if len(s.lits) == 1 {
		return 0
	}
	last := 1
	for i := range s.lits {
		if i > 0 && s.levels[s.lits[i].variable()] > s.levels[s.lits[last].variable()] {
			last = i
		}
	}
	s.lits[1], s.lits[last] = s.lits[last], s.lits[1]
	return int(s.levels[s.lits[1].variable()])
}

// store keeps the learned clause.
func (s *Solver) store() int32 {
	var at int32
	if n := len(s.free); n > 0 {
		at, s.free = s.free[n-1], s.free[:n-1]
	} else {
		at = int32(len(s.clauses))
		s.clauses = append(s.clauses, clause{premise: NoPremise})
	}
	c := &s.clauses[at]
	c.lits = append(c.lits[:0], s.lits...)
	c.origin = append(c.origin[:0], s.origin...)
	c.spread = s.spread()
	s.size += c.words()
	s.learned = append(s.learned, at)
	if len(c.lits) > 1 {
		s.watch(int(at))
	}
	return at
}

func (c *clause) words() int { return 8 + len(c.lits)/2 + len(c.origin) }

// spread counts the levels of the literals being learned.
func (s *Solver) spread() int32 {
	levels := make([]int32, 0, 64)
	for _, l := range s.lits {
		levels = append(levels, s.levels[l.variable()])
	}
	slices.Sort(levels)
	return int32(len(slices.Compact(levels)))
}

// undo takes back all levels after the given one.
func (s *Solver) undo(level int) {
	start := s.starts[level]
	for _, l := range s.trail[start:] {
		s.values[l], s.values[l.Not()] = 0, 0
		s.next = min(s.next, l.variable())
	}
	s.trail = s.trail[:start]
	s.starts = s.starts[:level]
	s.done = start
}

// forget drops the worse half of the learned clauses, except those that are the reason of something.
func (s *Solver) forget() {
	slices.SortFunc(s.learned, func(a, b int32) int {
		x, y := &s.clauses[a], &s.clauses[b]
		return cmp.Or(cmp.Compare(x.spread, y.spread), cmp.Compare(len(x.lits), len(y.lits)), cmp.Compare(a, b))
	})
	half := len(s.learned) / 2
	kept := s.learned[:half]
	for _, at := range s.learned[half:] {
		c := &s.clauses[at]
		if s.isReason(at) {
			kept = append(kept, at)
			continue
		}
		s.size -= c.words()
		c.lits = c.lits[:0]
		s.free = append(s.free, at)
	}
	s.learned = kept
	for l := range s.watches {
		s.watches[l] = slices.DeleteFunc(s.watches[l], func(w watch) bool { return len(s.clauses[w.clause].lits) == 0 })
	}
}

func (s *Solver) isReason(c int32) bool {
	l := s.clauses[c].lits[0]
	return s.values[l] == 1 && s.reasons[l.variable()].clause == c
}

// blame finds the premises that a conflict without any decision rests on. The reasons of what holds at level 0 come
// before it on the trail, so one walk back finds them all.
func (s *Solver) blame() Verdict {
	s.startAnalysis()
	s.touch(s.conflict)
	s.resolve(s.conflict, s.conflictWhy)
	for i := len(s.trail) - 1; i >= 0; i-- {
		if v := s.trail[i].variable(); s.origin.has(s.premises + v) {
			s.resolve(s.trail[i], s.reasons[v])
		}
	}
	return Contradicted
}

// Core are the premises that have no model together, ascending, after Solve has found a contradiction.
func (s *Solver) Core() []int {
	var premises []int
	for f := range s.premises {
		if s.origin.has(f) {
			premises = append(premises, f)
		}
	}
	return premises
}

// IsTrue says, after Solve has found a model, whether a literal is true in it.
func (s *Solver) IsTrue(l Lit) bool { return s.values[l] == 1 }

// Possible says, after Solve has found a model, whether a literal can be true in it.
func (s *Solver) Possible(l Lit) bool { return s.values[l] >= 0 }

// bitset is a set of small numbers.
type bitset []uint64

func (b bitset) add(i int)      { b[i/64] |= 1 << (i % 64) }
func (b bitset) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

func (b bitset) addPremise(premise int32) {
	if premise != NoPremise {
		b.add(int(premise))
	}
}

func (b bitset) addAll(other bitset) {
	for i, w := range other {
		b[i] |= w
	}
}
