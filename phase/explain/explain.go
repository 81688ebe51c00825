// Package explain says why no group of an order fits an app (contract, section 5, "Why no group passed"; B33), and why a
// module that passed detection does not take part (B49).
//
// It is pure and has two layers. The facts come first: explain.go makes one Failure of each group of the order, in each of
// the variants that its composites make of it, and puts the closest first; diagnosis.go finds out why the build plan of one
// candidate does not work out; advice.go what whoever composes the builder can do about that. words.go words them, and
// nothing else does: the log, the report in JSON and the report's page show the same values.
package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// Explanation says why candidates failed.
type Explanation struct {
	// Groups is how many groups the order has.
	Groups int
	// Failures are the groups of the order and their variants, the closest first, none of them twice.
	Failures []Failure
	// Advice is for whoever composes the builder; nil if there is something to do about the app.
	Advice []Advice
}

// Failure is a group of the order that failed, in one of its variants, or several that failed for the same reason.
type Failure struct {
	// Places are where it stands in the order, in the order in which they were tried.
	Places []Place
	// Members are those of the candidate that is told of: the closest one of those that it stands for.
	Members []resolve.Member
	// Recognition is how much of the app the members have recognised.
	Recognition Recognition
	// Facts are why the build plan does not work out, if all required members passed.
	Facts []Fact
	// Attempts are the indexes of the candidates that it stands for, ascending.
	Attempts []int
}

// Place is a group of the order, in one of its variants.
type Place struct {
	// Group is the number of the group in the order, from 1.
	Group int
	// Composites are those that the group names.
	Composites []buildpack.Ref
	// With are the members that not every variant of the group has; Without, if there are none, those that only other
	// variants have. Both are empty if there is one variant only.
	With, Without []buildpack.Ref
	// EachExtensions is true if it was tried with several groups of extensions, or with one and with none.
	EachExtensions bool
}

// Recognition is how much of the app the modules of a candidate have recognised.
type Recognition struct {
	// Required is how many required modules passed and require something. A module that only provides passes for every app.
	Required int
	// NotPassed is how many required modules did not pass.
	NotPassed int
	// Optional is how many optional modules passed and require something that an earlier module provides. They count only
	// where all required ones passed.
	Optional int
}

// Enough says whether the app was recognised: by at least as many required modules as did not pass or, where all required
// modules passed, by an optional one.
func (r Recognition) Enough() bool {
	return r.Required > 0 && r.Required >= r.NotPassed || r.NotPassed == 0 && r.Optional > 0
}

// Recognised says whether some group recognised the app: then the first of the failures is the closest group.
func (e Explanation) Recognised() bool {
	return len(e.Failures) > 0 && e.Failures[0].Recognition.Enough()
}

// NotPassed are the required members that did not pass: if there are any, they are why the group failed.
func (f Failure) NotPassed() []resolve.Member {
	return f.membersThat(func(m resolve.Member) bool { return !m.Optional && !m.Passed() })
}

// Passed are the required members that passed.
func (f Failure) Passed() []resolve.Member {
	return f.membersThat(func(m resolve.Member) bool { return !m.Optional && m.Passed() })
}

// Errored are the optional members that errored. They fail no group, but the exit code is another because of them (B03).
func (f Failure) Errored() []resolve.Member {
	return f.membersThat(func(m resolve.Member) bool { return m.Optional && m.Errored() })
}

func (f Failure) membersThat(hold func(resolve.Member) bool) []resolve.Member {
	var all []resolve.Member
	for _, m := range f.Members {
		if hold(m) {
			all = append(all, m)
		}
	}
	return all
}

// Why explains the candidates that failed. composites are those that each group of the order names, by group.
func Why(attempts []resolve.Attempt, composites [][]buildpack.Ref) Explanation {
	e := Explanation{Groups: len(composites)}
	known := newKnown(attempts)
	variants := newVariants(attempts, composites)
	for _, v := range variants {
		e.Failures = append(e.Failures, v.failure(attempts, known))
	}
	slices.SortStableFunc(e.Failures, closer)
	e.Failures = withoutRepetition(e.Failures)
	for i := range e.Failures {
		known.complete(e.Failures[i].Facts)
	}
	if e.Recognised() {
		e.Advice = known.advice(e.Failures[0])
	}
	return e
}

// closer puts first where the app was recognised most (contract, section 5): groups that recognised it by how many modules
// did, then by how many did not pass. Of the others those come first in which a module errored, because that decides the
// exit code. Equal ones stay in the order.
func closer(a, b Failure) int {
	x, y := a.Recognition, b.Recognition
	if !x.Enough() && !y.Enough() {
		return compareBool(a.hasError(), b.hasError())
	}
	return cmp.Or(
		compareBool(x.Enough(), y.Enough()),
		cmp.Compare(y.Required, x.Required),
		cmp.Compare(x.NotPassed, y.NotPassed),
		cmp.Compare(y.Optional, x.Optional),
	)
}

func (f Failure) hasError() bool {
	return slices.ContainsFunc(f.Members, func(m resolve.Member) bool { return m.Detection.Outcome == buildpack.Errored })
}

// compareBool puts true first.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

// variant is a group of the order with the buildpacks that its composites contribute, whatever extensions stand before.
type variant struct {
	place    Place
	attempts []int
}

// newVariants finds the variants of all groups, in the order in which they were tried.
func newVariants(attempts []resolve.Attempt, composites [][]buildpack.Ref) []*variant {
	var all []*variant
	index := map[string]*variant{}
	byGroup := map[int][]*variant{}
	for i, a := range attempts {
		key := fmt.Sprint(a.Group, buildpacksOf(a))
		v := index[key]
		if v == nil {
			v = &variant{place: Place{Group: a.Group + 1}}
			if a.Group < len(composites) {
				v.place.Composites = composites[a.Group]
			}
			index[key] = v
			byGroup[a.Group] = append(byGroup[a.Group], v)
			all = append(all, v)
		}
		v.attempts = append(v.attempts, i)
		v.place.EachExtensions = len(v.attempts) > 1
	}
	for _, variants := range byGroup {
		tellApart(variants, attempts)
	}
	return all
}

// tellApart says which members each variant of a group has that not all of them have.
func tellApart(variants []*variant, attempts []resolve.Attempt) {
	have := map[buildpack.Ref]int{}
	var sets [][]buildpack.Ref
	var all []buildpack.Ref
	for _, v := range variants {
		set := buildpacksOf(attempts[v.attempts[0]])
		for _, ref := range set {
			if have[ref]++; have[ref] == 1 {
				all = append(all, ref)
			}
		}
		sets = append(sets, set)
	}
	special := func(ref buildpack.Ref) bool { return have[ref] < len(variants) }
	for i, v := range variants {
		v.place.With = filter(sets[i], special)
		if len(v.place.With) == 0 {
			v.place.Without = filter(all, special)
		}
	}
}

func buildpacksOf(a resolve.Attempt) []buildpack.Ref {
	var refs []buildpack.Ref
	for _, m := range a.Members {
		if !m.Module.IsExtension() {
			refs = append(refs, m.Module.Ref)
		}
	}
	return refs
}

func filter(refs []buildpack.Ref, hold func(buildpack.Ref) bool) []buildpack.Ref {
	var all []buildpack.Ref
	for _, ref := range refs {
		if hold(ref) {
			all = append(all, ref)
		}
	}
	return all
}

// failure tells of the variant's closest candidate. Candidates that differ in extensions only are as close as each other if
// a required module did not pass; else the one counts in which the least is wrong with the build plan.
func (v *variant) failure(attempts []resolve.Attempt, known *known) Failure {
	var best *Failure
	for _, i := range v.attempts {
		f := newFailure(attempts[i], known)
		if best == nil || cmp.Or(closer(f, *best), cmp.Compare(len(f.Facts), len(best.Facts))) < 0 {
			best = &f
		}
		if f.Recognition.NotPassed > 0 {
			break
		}
	}
	best.Places, best.Attempts = []Place{v.place}, v.attempts
	return *best
}

func newFailure(a resolve.Attempt, known *known) Failure {
	f := Failure{Members: a.Members}
	f.Recognition = recognitionOf(a.Members)
	if f.Recognition.NotPassed == 0 {
		f.Facts = diagnose(a, known)
	}
	return f
}

// recognitionOf counts what Recognition says.
func recognitionOf(members []resolve.Member) Recognition {
	var r Recognition
	provided := map[string]bool{}
	for _, m := range members {
		switch {
		case !m.Passed():
			if !m.Optional {
				r.NotPassed++
			}
			continue
		case m.Optional && requires(m, func(name string) bool { return provided[name] }):
			r.Optional++
		case !m.Optional && requires(m, func(string) bool { return true }):
			r.Required++
		}
		for _, alt := range m.Detection.Alternatives {
			for _, name := range alt.Provides {
				provided[name] = true
			}
		}
	}
	if r.NotPassed > 0 {
		r.Optional = 0
	}
	return r
}

// requires says whether an alternative of the member's build plan requires a name for which the condition holds.
func requires(m resolve.Member, hold func(string) bool) bool {
	return slices.ContainsFunc(m.Detection.Alternatives, func(alt buildpack.Alternative) bool {
		return slices.ContainsFunc(alt.Requires, func(r buildpack.Require) bool { return hold(r.Name) })
	})
}

// withoutRepetition makes one of failures that have the same reason; it stands where the first of them stood.
func withoutRepetition(failures []Failure) []Failure {
	var all []Failure
	index := map[string]int{}
	for _, f := range failures {
		key := f.reason()
		i, known := index[key]
		if !known {
			index[key] = len(all)
			all = append(all, f)
			continue
		}
		all[i].Places = append(all[i].Places, f.Places...)
		all[i].Attempts = append(all[i].Attempts, f.Attempts...)
	}
	for _, f := range all {
		slices.SortStableFunc(f.Places, func(a, b Place) int { return cmp.Compare(a.Group, b.Group) })
		slices.Sort(f.Attempts)
	}
	return all
}

// reason is the same for failures that have the same reason: the same modules did not pass, or the same is wrong with the
// build plan.
func (f Failure) reason() string {
	var parts []string
	for _, m := range f.NotPassed() {
		parts = append(parts, m.Module.Ref.String())
	}
	for _, fact := range f.Facts {
		parts = append(parts, fact.key())
	}
	return fmt.Sprintf("%t %s", f.Recognition.Enough(), strings.Join(parts, " | "))
}
