// Package explain finds out why no group of an order fits an app, and why a module that passed does not take part.
//
// It has two layers. Facts come first: explain.go finds what failed, which group is the closest and what it lacks, and plan.go
// why a build plan does not work out. words.go puts them into words.
//
// What an app has to do with an answer is not guessed from build plans. It is what differs from the answer of the same module
// for an empty directory (package baseline).
package explain

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/similar"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase/baseline"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// Input is what is known after a failure.
type Input struct {
	Answer *resolve.Answer
	Order  buildpack.Order
	// Contrasts are what differs for each module; empty if the modules were not run in an empty directory.
	Contrasts map[buildpack.Ref]baseline.Contrast
	App       baseline.App
	// NoHints is true if a variable names a directory of the app, so that modules do not look at its top.
	NoHints bool
}

// Explanation is why no group of the order fits the app.
type Explanation struct {
	// Top are the names at the top of the app.
	Top []string
	// Failed are the modules that errored, and Builder those that also do so without an app, if the closest groups, or all groups,
	// cannot pass because of them.
	Failed  []Saying
	Builder []buildpack.Ref
	// Unanswered counts modules that had no time to be run in an empty directory, although they passed or errored.
	Unanswered int
	// Complaints are what modules say of the app that answer as they do for an empty directory; only where nothing else is
	// known.
	Complaints []Saying
	// Closest are the groups that recognised the most of the app and lack the least; none if no group recognised it.
	Closest []Close
	// Mismatched are the required modules that do not support the image.
	Mismatched []Saying
	// Unfit is why the build plans do not work out, if that alone is wrong with every group, with and without an app.
	Unfit []PlanFact
	// Hints are names of the app that modules look for, with other names or in other places.
	Hints []baseline.Hint
	// Refused are files that bear the name of a module that said no.
	Refused []Refused
	// PassedOver are the elements that are left out of candidates, each reason once.
	PassedOver []resolve.PassedOver
	// Builds is what the groups of the order look for.
	Builds []Build

	names names
}

// Saying is what some modules say, with equal words.
type Saying struct {
	By    []buildpack.Ref
	Words string
}

// Close is a group of the order that is as close as any other.
type Close struct {
	// Group is the index of the group in the order, and Name what it is called.
	Group int
	Name  string
	// Members are those of its first candidate.
	Members []resolve.Member
	// Recognised are the modules that recognised the app, with what they say of it.
	Recognised []Saying
	// Lacks are the required modules that did not pass, for each of its equally close candidates.
	Lacks [][]Saying
	// Plan is why the build plan does not work out, where all required modules passed.
	Plan []PlanFact
}

// Refused is a file with the name of a module that did not take it.
type Refused struct {
	File string
	By   Saying
}

// Build is a group of the order with the words of the modules that it lacks.
type Build struct {
	Name  string
	Words []string
	// Files are the names of files that they look for.
	Files []string
	// Related is true if the modules speak of a file that is at the top of the app.
	Related bool
}

// mostCandidates is how many candidates of a group of the order are looked at.
const mostCandidates = 512

// Why finds out why no group passed.
func Why(in Input) Explanation {
	w := newWhy(in)
	e := Explanation{Top: in.App.Top, PassedOver: resolve.PassedOverIn(slices.Concat(w.candidates...)), names: w.names}
	best := w.closest()
	w.errors(&e, best)
	if !w.blocks(e.Builder, best) {
		e.Builder = nil
	}
	for _, c := range best {
		e.Closest = w.addClose(e.Closest, c)
	}
	if !in.NoHints {
		e.Hints = w.hints(best)
		e.Refused = w.refused()
	}
	if len(best) == 0 {
		e.Unfit = w.unfit()
		e.Builds = w.builds()
		e.Complaints = w.complaints()
	}
	return e
}

// why is one question.
type why struct {
	Input
	names names
	// candidates are those of each group of the order.
	candidates [][]resolve.Candidate
	members    map[buildpack.Ref]resolve.Member
	// groups is in how many groups of the order a module stands.
	groups map[buildpack.Ref]int
	wants  map[buildpack.Ref][]baseline.Want
}

func newWhy(in Input) *why {
	w := &why{
		Input: in, names: newNames(in), members: map[buildpack.Ref]resolve.Member{},
		groups: map[buildpack.Ref]int{}, wants: map[buildpack.Ref][]baseline.Want{},
	}
	for _, m := range in.Answer.Members {
		w.members[m.Module.Ref] = m
		if !m.Passed() {
			w.wants[m.Module.Ref] = baseline.Wants(m.Module.Ref, m.Detection.Output, in.App.Dir)
		}
	}
	for i := range in.Order {
		w.candidates = append(w.candidates, in.Answer.Candidates(i, mostCandidates))
		seen := map[buildpack.Ref]bool{}
		for _, c := range w.candidates[i] {
			for _, m := range c.Members {
				if !seen[m.Module.Ref] {
					seen[m.Module.Ref] = true
					w.groups[m.Module.Ref]++
				}
			}
		}
	}
	return w
}

// lacks are the required members of a candidate that did not pass.
func lacks(c resolve.Candidate) []resolve.Member {
	return slices.DeleteFunc(slices.Clone(c.Members), func(m resolve.Member) bool { return m.Optional || m.Passed() })
}

// recognises reports whether a module's answer has to do with the app, and is not no. A module that stands in more than half of
// several groups tells nothing about one of them.
func (w *why) recognises(m resolve.Member) bool {
	said := m.Passed() || m.Detection.Outcome == buildpack.Errored
	return said && w.Contrasts[m.Module.Ref].Differs && (len(w.Order) < 3 || 2*w.groups[m.Module.Ref] <= len(w.Order))
}

// closeness is what makes a candidate close: how many modules recognise the app, the required ones and all, and how few it
// lacks.
type closeness struct{ required, recognised, lacking int }

func (w *why) closeness(c resolve.Candidate) closeness {
	n, errors := closeness{lacking: len(lacks(c))}, 0
	for _, m := range c.Members {
		if w.recognises(m) {
			n.recognised++
		}
		switch {
		case m.Optional || !w.recognises(m):
		case m.Passed():
			n.required++
		default:
			errors = 1 // a package.json that three modules cannot read makes no group closer than one that two cannot
		}
	}
	n.required += errors
	return n
}

func (n closeness) compare(o closeness) int {
	return cmp.Or(cmp.Compare(n.required, o.required), cmp.Compare(n.recognised, o.recognised), cmp.Compare(o.lacking, n.lacking))
}

// closest are the candidates that recognised the most, and of these the ones that lack the fewest modules. An optional module
// alone recognises nothing: one that looks for .git does so for every language.
func (w *why) closest() []resolve.Candidate {
	var best []resolve.Candidate
	var most closeness
	for _, c := range slices.Concat(w.candidates...) {
		n := w.closeness(c)
		switch order := n.compare(most); {
		case n.required == 0 || order < 0:
		case order == 0:
			best = append(best, c)
		default:
			best, most = []resolve.Candidate{c}, n
		}
	}
	return best
}

// addClose adds a candidate to the groups that are closest. Groups of the same name are one.
func (w *why) addClose(all []Close, c resolve.Candidate) []Close {
	var recognised []Saying
	for _, m := range c.Members {
		if w.recognises(m) && m.Passed() {
			recognised = append(recognised, Saying{By: []buildpack.Ref{m.Module.Ref}, Words: gist(w.Contrasts[m.Module.Ref].New)})
		}
	}
	name := w.groupName(c.Group, recognised)
	i := slices.IndexFunc(all, func(other Close) bool { return other.Name == name })
	if i < 0 {
		i = len(all)
		all = append(all, Close{Group: c.Group, Name: name, Members: c.Members, Recognised: recognised})
	}
	var lacking []Saying
	for _, m := range lacks(c) {
		lacking = append(lacking, w.saying(m))
	}
	if len(lacking) > 0 {
		all[i].Lacks = addLacks(all[i].Lacks, lacking)
		slices.SortStableFunc(all[i].Lacks, func(a, b []Saying) int { return trueFirst(w.isNew(a[0]), w.isNew(b[0])) })
	} else if len(all[i].Plan) == 0 {
		all[i].Plan = w.planFacts(c)
	}
	return all
}

// addLacks adds what one more candidate lacks. Single modules that say the same are one.
func addLacks(all [][]Saying, lacks []Saying) [][]Saying {
	for i, other := range all {
		switch {
		case slices.EqualFunc(other, lacks, func(a, b Saying) bool { return slices.Contains(a.By, b.By[0]) }):
			return all
		case len(other) == 1 && len(lacks) == 1 && other[0].Words == lacks[0].Words:
			all[i][0].By = append(other[0].By, lacks[0].By...)
			return all
		}
	}
	return append(all, lacks)
}

// isNew reports whether a module says something that it does not say of an empty directory.
func (w *why) isNew(s Saying) bool { return len(w.Contrasts[s.By[0]].New) > 0 }

// trueFirst compares two answers.
func trueFirst(a, b bool) int {
	if a == b {
		return 0
	} else if a {
		return -1
	}
	return 1
}

// unfit is why the build plan of each group does not work out; none if a group lacks a module.
func (w *why) unfit() []PlanFact {
	var facts []PlanFact
	for _, candidates := range w.candidates {
		i := slices.IndexFunc(candidates, func(c resolve.Candidate) bool { return len(lacks(c)) == 0 })
		if i < 0 {
			return nil
		}
		facts = append(facts, w.planFacts(candidates[i])...)
	}
	return facts
}

// errors finds the modules that errored. Those of the closest candidates come first.
func (w *why) errors(e *Explanation, best []resolve.Candidate) {
	near := map[buildpack.Ref]bool{}
	for _, c := range best {
		for _, m := range c.Members {
			near[m.Module.Ref] = true
		}
	}
	members := slices.Clone(w.Answer.Members)
	slices.SortStableFunc(members, func(a, b resolve.Member) int { return trueFirst(near[a.Module.Ref], near[b.Module.Ref]) })
	for _, m := range members {
		ref := m.Module.Ref
		c, known := w.Contrasts[ref]
		ended := m.Passed() || m.Detection.Outcome == buildpack.Errored && m.Detection.ExitCode != buildpack.NoExitCode
		if ended && !known && len(w.Contrasts) > 0 {
			e.Unanswered++
		}
		switch {
		case !m.Errored():
		case m.Detection.Outcome == buildpack.Mismatched:
			e.Mismatched = addSaying(e.Mismatched, w.saying(m))
		case known && !c.Differs:
			e.Builder = append(e.Builder, ref)
		default:
			e.Failed = addSaying(e.Failed, w.saying(m))
		}
	}
}

// blocks reports whether some modules keep a closest candidate from passing, or if there is none every candidate.
func (w *why) blocks(refs []buildpack.Ref, best []resolve.Candidate) bool {
	blocked := func(c resolve.Candidate) bool {
		return slices.ContainsFunc(lacks(c), func(m resolve.Member) bool { return slices.Contains(refs, m.Module.Ref) })
	}
	if len(best) > 0 {
		return slices.ContainsFunc(best, blocked)
	}
	return !slices.ContainsFunc(slices.Concat(w.candidates...), func(c resolve.Candidate) bool { return !blocked(c) })
}

// complaints are the words, new against an empty directory, of modules whose answers are the same.
func (w *why) complaints() []Saying {
	var all []Saying
	for _, m := range w.Answer.Members {
		text := tidy.LastLine([]byte(complaint(w.Contrasts[m.Module.Ref].New)), longest)
		if !m.Passed() && text != "" {
			all = addSaying(all, Saying{By: []buildpack.Ref{m.Module.Ref}, Words: text})
		}
	}
	return all
}

// hints are those that help: of modules that the closest groups lack, or if there is none of all modules.
func (w *why) hints(closest []resolve.Candidate) []baseline.Hint {
	lacking := map[buildpack.Ref]bool{}
	for _, c := range closest {
		for _, m := range lacks(c) {
			lacking[m.Module.Ref] = true
		}
	}
	var wants []baseline.Want
	for _, m := range w.Answer.Members {
		if len(closest) == 0 || lacking[m.Module.Ref] {
			wants = append(wants, w.wants[m.Module.Ref]...)
		}
	}
	var hints []baseline.Hint
	for _, h := range w.App.Hints(wants) {
		if h.Exact || len(hints) == 0 && len(closest) == 0 {
			hints = append(hints, h)
		}
	}
	return hints
}

// refused are the files at the top that bear the name of a module that said no, or nearly that of one like procfile.
func (w *why) refused() []Refused {
	var all []Refused
	for _, m := range w.Answer.Members {
		own := endings(m.Module.ID)[0]
		i := slices.IndexFunc(w.App.Top, func(name string) bool {
			_, nearly := similar.Closest(name, []string{own})
			return strings.EqualFold(name, own) || nearly && strings.HasSuffix(own, "file") && strings.HasSuffix(name, "file")
		})
		if i >= 0 && m.Detection.Outcome == buildpack.Failed {
			all = append(all, Refused{File: w.App.Top[i], By: w.saying(m)})
		}
	}
	return all
}
