// Package explain finds out why no group of an order fits an app, and why a module that passed does not take part
// (docs/reference.md, "Why no group passed").
//
// It has two layers. Facts come first: explain.go finds what failed, which group is the closest and what it lacks, and plan.go
// why a build plan does not work out. words.go puts them into words, and nothing else does.
//
// What an app has to do with an answer is not guessed from build plans. It is what differs from the answer of the same module
// for an empty directory (package baseline).
package explain

import (
	"cmp"
	"regexp"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
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
	// AppDir is the directory of the app.
	AppDir string
	// NoHints is true if a variable names a directory of the app, so that modules do not look at its top.
	NoHints bool
}

// Explanation is why no group of the order fits the app.
type Explanation struct {
	// Top are the names at the top of the app.
	Top []string
	// Failed are the modules that errored because of the app, Builder those that also do so without one, and Unknown those of which
	// that is not known.
	Failed, Builder, Unknown []Saying
	// Unanswered counts modules that passed, and had no time to be run in an empty directory.
	Unanswered int
	// Complaints are what modules say of the app that answer as they do for an empty directory; only where nothing else is
	// known.
	Complaints []Saying
	// Closest are the groups that recognised the most of the app and lack the least; none if no group recognised it. Complete are
	// others whose required modules all passed.
	Closest, Complete []Close
	// Mismatched are the required modules that do not support the image.
	Mismatched []Saying
	// Unfit is why the build plans do not work out, if that alone is wrong with every group, with and without an app.
	Unfit []PlanFact
	// Hints are names of the app that modules look for, with other names or in other places.
	Hints []baseline.Hint
	// Refused are files that bear the name of a module that said no.
	Refused []Refused
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
	// Members are those of its first variant.
	Members []resolve.Member
	// Recognised are the modules that recognised the app, with what they say of it.
	Recognised []Saying
	// Lacks are the required modules that did not pass, for each of its equally close variants.
	Lacks [][]Saying
	// Plan is why the build plan does not work out, where all required modules passed, and Despite what some of those complain of
	// that passed.
	Plan    []PlanFact
	Despite []Saying
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
	// Related is true if the modules speak of something that the app has, or nearly has.
	Related bool
}

// mostVariants is how many candidates of a group of the order are looked at.
const mostVariants = 512

// Why finds out why no group passed.
func Why(in Input) Explanation {
	w := newWhy(in)
	e := Explanation{Top: in.App.Top, names: w.names}
	w.errors(&e)
	best := w.closest(false)
	for _, v := range best {
		e.Closest = w.addClose(e.Closest, v)
	}
	if len(e.Failed) > 0 {
		for _, v := range w.closest(true) {
			e.Complete = w.addClose(e.Complete, v)
		}
	}
	if !in.NoHints {
		e.Hints = w.hints(e)
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
	names    names
	variants [][]variant
	members  map[buildpack.Ref]resolve.Member
	// groups is in how many groups of the order a module stands.
	groups map[buildpack.Ref]int
	wants  map[buildpack.Ref][]baseline.Want
}

// variant is a candidate with what counts for its closeness.
type variant struct {
	resolve.Candidate
	// required and recognised count the modules that recognise the app: the required ones, and all.
	required, recognised, lacking int
}

func newWhy(in Input) *why {
	w := &why{
		Input: in, names: newNames(in), members: map[buildpack.Ref]resolve.Member{},
		groups: map[buildpack.Ref]int{}, wants: map[buildpack.Ref][]baseline.Want{},
	}
	for _, m := range in.Answer.Members {
		w.members[m.Module.Ref] = m
		if !m.Passed() {
			w.wants[m.Module.Ref] = baseline.Wants(m.Module.Ref, m.Detection.Output, in.AppDir)
		}
	}
	for i := range in.Order {
		seen := map[buildpack.Ref]bool{}
		candidates := in.Answer.Candidates(i, mostVariants)
		for _, c := range candidates {
			for _, m := range c.Members {
				if !seen[m.Module.Ref] {
					seen[m.Module.Ref] = true
					w.groups[m.Module.Ref]++
				}
			}
		}
		w.variants = append(w.variants, nil)
		for _, c := range candidates {
			w.variants[i] = append(w.variants[i], variant{Candidate: c})
		}
	}
	for i := range w.variants {
		for j := range w.variants[i] {
			w.measure(&w.variants[i][j])
		}
	}
	return w
}

// measure counts what makes a candidate close.
func (w *why) measure(v *variant) {
	errors := 0
	for _, m := range v.Members {
		if w.recognises(m) {
			v.recognised++
		}
		switch {
		case m.Optional || !w.recognises(m):
		case m.Passed():
			v.required++
		default:
			errors = 1 // more modules with the same error do not make a group closer
		}
		if lacking(m) {
			v.lacking++
		}
	}
	v.required += errors
}

func lacking(m resolve.Member) bool { return !m.Optional && !m.Passed() }

// recognises reports whether a module's answer has to do with the app, and is not no. A module that stands in more than half of
// several groups tells nothing about one of them.
func (w *why) recognises(m resolve.Member) bool {
	said := m.Passed() || m.Detection.Outcome == buildpack.Errored
	return said && w.Contrasts[m.Module.Ref].Differs && (len(w.Order) < 3 || 2*w.groups[m.Module.Ref] <= len(w.Order))
}

// closest are the candidates that recognised the most, and of these the ones that lack the fewest modules. An optional module alone
// recognises nothing: one that looks for .git does so for every language. If complete, only those whose required modules all passed count.
func (w *why) closest(complete bool) []variant {
	var best []variant
	for _, variants := range w.variants {
		for _, v := range variants {
			if v.required == 0 || complete && v.lacking > 0 {
				continue
			}
			order := -1
			if len(best) > 0 {
				order = cmp.Or(cmp.Compare(best[0].required, v.required), cmp.Compare(best[0].recognised, v.recognised), cmp.Compare(v.lacking, best[0].lacking))
			}
			switch {
			case order < 0:
				best = []variant{v}
			case order == 0:
				best = append(best, v)
			}
		}
	}
	return best
}

// addClose adds a candidate to the groups that are closest. Groups of the same name are one.
func (w *why) addClose(all []Close, v variant) []Close {
	var lacks []Saying
	for _, m := range v.Members {
		if lacking(m) {
			lacks = append(lacks, w.saying(m))
		}
	}
	slices.SortStableFunc(lacks, func(a, b Saying) int { return compareBool(w.isNew(a), w.isNew(b)) })
	var recognised []Saying
	for _, m := range v.Members {
		if w.recognises(m) && m.Passed() {
			recognised = append(recognised, Saying{By: []buildpack.Ref{m.Module.Ref}, Words: lastNew(w.Contrasts[m.Module.Ref].New)})
		}
	}
	name := w.groupName(v.Group, recognised)
	i := slices.IndexFunc(all, func(c Close) bool { return c.Name == name })
	if i < 0 {
		i = len(all)
		all = append(all, Close{Group: v.Group, Name: name, Members: v.Members, Recognised: recognised})
	}
	c := &all[i]
	if len(lacks) == 0 {
		if len(c.Plan) == 0 {
			c.Plan = w.planFacts(v.Candidate)
			c.Despite = w.despite(v)
		}
		return all
	}
	for j, other := range c.Lacks {
		switch {
		case slices.EqualFunc(other, lacks, func(a, b Saying) bool { return slices.Contains(a.By, b.By[0]) }):
			return all
		case len(other) == 1 && len(lacks) == 1 && other[0].Words == lacks[0].Words:
			c.Lacks[j][0].By = append(other[0].By, lacks[0].By...)
			return all
		}
	}
	c.Lacks = append(c.Lacks, lacks)
	slices.SortStableFunc(c.Lacks, func(a, b []Saying) int { return compareBool(w.isNew(a[0]), w.isNew(b[0])) })
	return all
}

// despite are the complaints, new against an empty directory, of modules that passed.
func (w *why) despite(v variant) []Saying {
	var all []Saying
	for _, m := range v.Members {
		if text := complaint(w.Contrasts[m.Module.Ref].New); m.Passed() && text != "" {
			all = append(all, Saying{By: []buildpack.Ref{m.Module.Ref}, Words: tidy.LastLine([]byte(text), longest)})
		}
	}
	return all
}

// isNew reports whether a module says something that it does not say of an empty directory.
func (w *why) isNew(s Saying) bool { return len(w.Contrasts[s.By[0]].New) > 0 }

// lastNew is what lines complain of, or the last one that is no warning and no row of a table.
func lastNew(lines []string) string {
	if text := complaint(lines); text != "" {
		return tidy.LastLine([]byte(text), longest)
	}
	for i := len(lines) - 1; i >= 0; i-- {
		if !warns.MatchString(lines[i]) && !isSetting(lines[i]) {
			return tidy.LastLine([]byte(lines[i]), longest)
		}
	}
	return ""
}

// unfit is why the build plan of each group does not work out; none if a group lacks a module.
func (w *why) unfit() []PlanFact {
	var facts []PlanFact
	for _, variants := range w.variants {
		i := slices.IndexFunc(variants, func(v variant) bool { return v.lacking == 0 })
		if i < 0 {
			return nil
		}
		facts = append(facts, w.planFacts(variants[i].Candidate)...)
	}
	return facts
}

// errors finds the modules that errored. Those of the closest groups come first, required ones before optional ones. Of equal words,
// all who say them are told.
func (w *why) errors(e *Explanation) {
	rank := map[buildpack.Ref]int{}
	for _, v := range w.closest(false) {
		for i, m := range v.Members {
			if _, known := rank[m.Module.Ref]; !known {
				rank[m.Module.Ref] = i - 1000
				if m.Optional {
					rank[m.Module.Ref] += 500
				}
			}
		}
	}
	members := slices.Clone(w.Answer.Members)
	slices.SortStableFunc(members, func(a, b resolve.Member) int { return cmp.Compare(rank[a.Module.Ref], rank[b.Module.Ref]) })
	for _, m := range members {
		c, known := w.Contrasts[m.Module.Ref]
		switch {
		case m.Passed() && !known && len(w.Contrasts) > 0:
			e.Unanswered++
		case !m.Errored():
		case m.Detection.Outcome == buildpack.Mismatched:
			e.Mismatched = addSaying(e.Mismatched, w.saying(m))
		case known && !c.Differs:
			e.Builder = append(e.Builder, w.saying(m))
		case !known && len(w.Contrasts) > 0:
			e.Unknown = append(e.Unknown, w.saying(m))
		default:
			e.Failed = addSaying(e.Failed, w.saying(m))
		}
	}
	same := func(s Saying) bool { return len(addSaying(slices.Clone(e.Failed), s)) == len(e.Failed) }
	e.Builder, e.Unknown = slices.DeleteFunc(e.Builder, same), slices.DeleteFunc(e.Unknown, same)
}

// quotation is what modules put into their words that others put otherwise.
var quotation = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// complaints are the words, new against an empty directory, of modules whose answers are the same.
func (w *why) complaints() []Saying {
	var all []Saying
	for _, m := range w.Answer.Members {
		text := tidy.LastLine([]byte(complaint(w.Contrasts[m.Module.Ref].New)), longest)
		if m.Passed() || text == "" {
			continue
		}
		like := func(s Saying) bool {
			return quotation.ReplaceAllString(s.Words, "") == quotation.ReplaceAllString(text, "")
		}
		if i := slices.IndexFunc(all, like); i >= 0 {
			all[i].By = append(all[i].By, m.Module.Ref)
		} else {
			all = append(all, Saying{By: []buildpack.Ref{m.Module.Ref}, Words: text})
		}
	}
	return all
}

// hints are those that help: of modules that the closest groups lack, or if there is none of all modules.
func (w *why) hints(e Explanation) []baseline.Hint {
	var wants []baseline.Want
	closest := map[buildpack.Ref]bool{}
	for _, c := range e.Closest {
		for _, lacks := range c.Lacks {
			for _, s := range lacks {
				for _, ref := range s.By {
					closest[ref] = true
				}
			}
		}
	}
	for _, m := range w.Answer.Members {
		if len(e.Closest) == 0 || closest[m.Module.Ref] {
			wants = append(wants, w.wants[m.Module.Ref]...)
		}
	}
	var hints []baseline.Hint
	for _, h := range w.App.Hints(wants) {
		if h.Exact || len(hints) == 0 && len(e.Closest) == 0 {
			hints = append(hints, h)
		}
	}
	return hints
}
