// Package explain says why no group of an order fits an app (docs/reference.md, "Why no group passed"; B33), and why a
// module that passed detection does not take part (B49).
//
// It is pure and has two layers. The facts come first: explain.go makes one Failure of each group of the order, in each of
// the variants that its composites make of it, and puts the closest first; diagnosis.go finds out why the build plan of one
// candidate does not work out; advice.go what the author of the builder can do about that. words.go words them, and
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
	// Advice is for the author of the builder; nil if there is something to do about the app.
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
	// With and Without are members that it has or lacks, by which it is told from the group's other variants. Both are empty
	// if there are none.
	With, Without []buildpack.Ref
	// EachExtensions is true if it was tried with several groups of extensions, or with one and with none.
	EachExtensions bool
}

// Recognition is how much of the app the modules of a candidate have recognised.
type Recognition struct {
	// Required is how many required modules passed and require something. A module that only provides passes for every app.
	Required int
	// Met is how many of these require something that the module itself or an earlier one provides.
	Met int
	// NotPassed is how many required modules did not pass, and Errored how many of these errored: such a module has looked at
	// the app and complains.
	NotPassed, Errored int
	// Wrong is how many things are wrong with the build plan, where all required modules passed.
	Wrong int
	// OneAway is true if all required modules passed, none of them requires anything, and the build plan would work out with
	// one more name provided.
	OneAway bool
}

// level is how sure it is that the app was recognised, 0 if it was not. Modules that require what is not there tell less
// than others: some do so for every app.
func (r Recognition) level() int {
	switch {
	case r.Met > 0 && r.Met >= r.NotPassed:
		return 3
	case r.Required > 0 && r.Required >= r.NotPassed:
		return 2
	case r.OneAway:
		return 1
	}
	return 0
}

// Enough says whether the app was recognised: by at least as many required modules as did not pass or, where no required
// module requires anything, by optional ones that miss a single name.
func (r Recognition) Enough() bool { return r.level() > 0 }

// Recognised says whether some group recognised the app: then the first of the failures is the closest group.
func (e Explanation) Recognised() bool {
	return len(e.Failures) > 0 && e.Failures[0].Recognition.Enough()
}

// notPassed are the required members that did not pass: if there are any, they are why the group failed.
func (f Failure) notPassed() []resolve.Member {
	return f.membersThat(func(m resolve.Member) bool { return !m.Optional && !m.Passed() })
}

// passed are the required members that passed.
func (f Failure) passed() []resolve.Member {
	return f.membersThat(func(m resolve.Member) bool { return !m.Optional && m.Passed() })
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

// closer puts first where the app was recognised most (docs/reference.md, "Why no group passed"): groups that recognised it by how many modules
// did, then by how much is wrong: modules that did not pass, and what does not work out in the build plan. Of the others
// those come first in which a module errored, because that decides the exit code. Equal ones stay in the order.
func closer(a, b Failure) int {
	x, y := a.Recognition, b.Recognition
	if !x.Enough() && !y.Enough() {
		return compareBool(a.hasError(), b.hasError())
	}
	return cmp.Or(
		cmp.Compare(y.level(), x.level()),
		cmp.Compare(y.Required, x.Required),
		cmp.Compare(x.NotPassed+x.Wrong, y.NotPassed+y.Wrong),
		cmp.Compare(x.NotPassed, y.NotPassed),
		cmp.Compare(y.Errored, x.Errored),
	)
}

// closest are the failures that are as close as the first one, which are several if they differ in nothing that counts; none
// if no group recognised the app.
func (e Explanation) closest() []Failure {
	if !e.Recognised() {
		return nil
	}
	first := e.Failures[0]
	n := 1
	for n < len(e.Failures) && closer(first, e.Failures[n]) == 0 {
		n++
	}
	return e.Failures[:n]
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
		key := fmt.Sprint(a.Group, optionalities(a), buildpacksOf(a))
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

// tellApart names the members that tell each variant of a group from the others: as few as do, and those that it lacks
// where others have all that it has.
func tellApart(variants []*variant, attempts []resolve.Attempt) {
	var sets [][]buildpack.Ref
	for _, v := range variants {
		sets = append(sets, buildpacksOf(attempts[v.attempts[0]]))
	}
	for i, v := range variants {
		others := slices.Delete(slices.Clone(sets), i, i+1)
		for len(others) > 0 {
			ref, left := mostTelling(sets[i], others)
			if len(left) == len(others) {
				break
			}
			v.place.With, others = append(v.place.With, ref), left
		}
		for len(others) > 0 {
			lacks := func(ref buildpack.Ref) bool { return !slices.Contains(sets[i], ref) }
			at := slices.IndexFunc(others[0], lacks)
			if at < 0 {
				break // the same modules in another order
			}
			ref := others[0][at]
			v.place.Without = append(v.place.Without, ref)
			others = slices.DeleteFunc(others, func(set []buildpack.Ref) bool { return slices.Contains(set, ref) })
		}
	}
}

// mostTelling is the first of some members that the fewest other variants have, and which of these have it.
func mostTelling(members []buildpack.Ref, others [][]buildpack.Ref) (ref buildpack.Ref, left [][]buildpack.Ref) {
	left = others
	for _, member := range members {
		var have [][]buildpack.Ref
		for _, set := range others {
			if slices.Contains(set, member) {
				have = append(have, set)
			}
		}
		if len(have) < len(left) {
			ref, left = member, have
		}
	}
	return ref, left
}

// optionalities tell candidates apart in which the same buildpacks are required here and optional there.
func optionalities(a resolve.Attempt) string {
	var text strings.Builder
	for _, m := range a.Members {
		if !m.Module.IsExtension() {
			fmt.Fprint(&text, m.Optional, " ")
		}
	}
	return text.String()
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
	f := Failure{Members: a.Members, Recognition: recognitionOf(a.Members)}
	if r := &f.Recognition; r.NotPassed == 0 {
		f.Facts = diagnose(a, known)
		r.Wrong = len(f.Facts)
		r.OneAway = r.Required == 0 && slices.ContainsFunc(f.unprovided(), func(name string) bool { return passesWith(a, name) })
	}
	return f
}

// recognitionOf counts the facts that are known before the build plan is looked at.
func recognitionOf(members []resolve.Member) Recognition {
	var r Recognition
	provided := map[string]bool{}
	for _, m := range members {
		if m.Passed() {
			for _, alt := range m.Detection.Alternatives {
				for _, name := range alt.Provides {
					provided[name] = true
				}
			}
		}
		switch {
		case m.Optional:
		case !m.Passed():
			r.NotPassed++
			if m.Detection.Outcome == buildpack.Errored {
				r.Errored++
			}
		case requires(m, func(name string) bool { return provided[name] }):
			r.Required++
			r.Met++
		case requires(m, func(string) bool { return true }):
			r.Required++
		}
	}
	return r
}

// requires says whether an alternative of the member's build plan requires a name for which the condition holds.
func requires(m resolve.Member, hold func(string) bool) bool {
	return slices.ContainsFunc(m.Detection.Alternatives, func(alt buildpack.Alternative) bool {
		return slices.ContainsFunc(alt.Requires, func(r buildpack.Require) bool { return hold(r.Name) })
	})
}

// unprovided are the first names that the facts miss.
func (f Failure) unprovided() []string {
	var names []string
	var visit func([]Fact)
	visit = func(facts []Fact) {
		for _, fact := range facts {
			for _, name := range fact.Names {
				if fact.Kind == Unprovided && len(names) < namesTried {
					names = appendNew(names, name)
				}
			}
			visit(fact.Because)
		}
	}
	visit(f.Facts)
	return names
}

// namesTried is how many names are tried to find out whether one is all that a candidate misses.
const namesTried = 8

// passesWith says whether a candidate would pass if something before it provided a name.
func passesWith(a resolve.Attempt, name string) bool {
	before := buildpack.Ref{Kind: buildpack.KindBuildpack}
	ps := []resolve.Participant{{Ref: before, Alternatives: []buildpack.Alternative{{Provides: []string{name}}}}}
	for _, m := range a.Members {
		if m.Passed() {
			ps = append(ps, resolve.Participant{Ref: m.Module.Ref, Optional: m.Optional, Alternatives: m.Detection.Alternatives})
		}
	}
	trial, _ := resolve.Solve(ps)
	return trial != nil
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
	for _, m := range f.notPassed() {
		parts = append(parts, m.Module.Ref.String())
	}
	for _, fact := range f.Facts {
		parts = append(parts, fact.key())
	}
	return fmt.Sprintf("%t %s", f.Recognition.Enough(), strings.Join(parts, " | "))
}
