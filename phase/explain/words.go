package explain

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// This file words an explanation (docs/reference.md, "Why no group passed"; B33). What is said fits on one screen, however large the order is.

const (
	// quoteShown is how many characters of a module's output are quoted at most, briefShown where there is a line for a group.
	quoteShown = 200
	briefShown = 100
	// listed is how many modules or names a sentence lists at most.
	listed = 3
	// linesShown is how many lines the reasons of the closest group take at most, asCloseLines those of others as close, of
	// which asCloseShown are told of.
	linesShown   = 12
	asCloseLines = 4
	asCloseShown = 1
	// othersShown is how many groups there are lines for, besides the closest one.
	othersShown = 12
	// adviceShown is how many pieces of advice there are at most.
	adviceShown = 3
)

// Lines are the explanation in words, for people: one screen, or all of it.
func (e Explanation) Lines(all bool) []string {
	w := &writer{all: all}
	rest := e.Failures
	switch {
	case len(rest) == 1 && e.Groups == 1:
		w.line("%s does not fit this app%s:", e.groups(), e.extensions())
		w.reasons(rest[0], linesShown)
		w.advice(e.Advice)
		rest = nil
	case e.Recognised():
		w.line("%s fits this app%s.", e.none(), e.extensions())
		w.line("")
		w.line("Closest: %s", rest[0].Where())
		w.reasons(rest[0], linesShown)
		w.advice(e.Advice)
		for _, f := range firstOf(e.closest()[1:], asCloseShown, all) {
			w.line("As close: %s", f.Where())
			w.reasons(f, asCloseLines)
			rest = rest[1:]
		}
		rest = rest[1:]
		if len(rest) > 0 {
			w.line("")
			w.line("The others:")
		}
	default:
		w.line("%s fits this app%s.", e.none(), e.extensions())
		w.line("")
		w.line("No group recognised the app. This is what each of them looked for:")
	}
	w.others(rest)
	w.errors(e.Failures)
	return w.lines
}

// none names the groups of the order, none of which fits.
func (e Explanation) none() string {
	if e.Groups == 1 {
		return "No variant of the only group of the order"
	}
	return fmt.Sprintf("None of the %d groups of the order", e.Groups)
}

// groups names the only group of the order.
func (e Explanation) groups() string {
	text := "The only group of the order"
	for _, c := range e.Failures[0].Places[0].Composites {
		text += ", " + c.String() + ","
	}
	return text
}

// extensions says so if there were extensions to try groups with.
func (e Explanation) extensions() string {
	for _, f := range e.Failures {
		if slices.ContainsFunc(f.Places, func(p Place) bool { return p.EachExtensions }) {
			return ", with or without extensions"
		}
	}
	return ""
}

// writer collects lines.
type writer struct {
	lines []string
	// all is true if nothing is left out.
	all bool
}

func (w *writer) line(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf(format, args...))
}

// reasons says why one group failed: which modules did not pass, or what is wrong with the build plan.
func (w *writer) reasons(f Failure, limit int) {
	lines := f.Reasons()
	shown := firstOf(lines, limit, w.all)
	for _, line := range shown {
		w.line("  %s", line)
	}
	if more := len(lines) - len(shown); more > 0 {
		w.line("  … and %s (-log-level debug shows them)", tidy.Count(more, "more line"))
	}
}

// advice stands right below the group that it is about.
func (w *writer) advice(list []Advice) {
	for _, a := range firstOf(list, adviceShown, w.all) {
		w.line("  For who composes the builder: %s", a)
	}
}

// others has a line for each group. Variants of a group that has not recognised the app share one.
func (w *writer) others(failures []Failure) {
	type other struct {
		where   string
		members []resolve.Member
		fact    *Fact
	}
	var all []other
	byGroup := map[int]int{}
	for _, f := range failures {
		at, known := byGroup[f.Places[0].Group]
		if known && !f.Recognition.Enough() && len(f.Places) == 1 {
			all[at].where = f.Places[0].group()
			for _, m := range f.notPassed() {
				if !slices.ContainsFunc(all[at].members, func(o resolve.Member) bool { return o.Module.Ref == m.Module.Ref }) {
					all[at].members = append(all[at].members, m)
				}
			}
			continue
		}
		o := other{where: f.Where(), members: f.notPassed()}
		if len(f.Facts) > 0 {
			o.fact = &f.Facts[0]
		}
		if !f.Recognition.Enough() {
			byGroup[f.Places[0].Group] = len(all)
		}
		all = append(all, o)
	}
	shown := firstOf(all, othersShown, w.all)
	for _, o := range shown {
		w.line("  %s: %s", o.where, brief(o.members, o.fact))
	}
	if more := len(all) - len(shown); more > 0 {
		w.line("  … and %s (-log-level debug lists them)", tidy.Count(more, "more group"))
	}
}

// brief says on one line why a group failed.
func brief(notPassed []resolve.Member, fact *Fact) string {
	if len(notPassed) == 0 {
		if fact == nil {
			return "no buildpack passed"
		}
		return fact.brief()
	}
	slices.SortStableFunc(notPassed, func(a, b resolve.Member) int { return compareBool(a.Errored(), b.Errored()) })
	return saidBriefly(notPassed[0]) + andMore(len(notPassed)-1)
}

func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf("; and %d more", n)
}

// errors mentions modules that errored and have not been quoted: because of them the exit code is that of an error.
func (w *writer) errors(failures []Failure) {
	var errored []resolve.Member
	for _, f := range failures {
		for _, m := range f.Members {
			is := func(o resolve.Member) bool { return o.Module.Ref == m.Module.Ref }
			if m.Detection.Outcome == buildpack.Errored && !w.quotes(m) && !slices.ContainsFunc(errored, is) {
				errored = append(errored, m)
			}
		}
	}
	if len(errored) == 0 {
		return
	}
	w.line("")
	w.line("Ended with an error, too:")
	for _, m := range firstOf(errored, listed, w.all) {
		text := said(m)
		if m.Optional {
			text += " (optional)"
		}
		w.line("  %s", text)
	}
	if more := len(errored) - listed; more > 0 && !w.all {
		w.line("  … and %d more", more)
	}
}

// quotes says whether what a module said has been quoted.
func (w *writer) quotes(m resolve.Member) bool {
	return slices.ContainsFunc(w.lines, func(line string) bool {
		return strings.Contains(line, m.Module.Ref.String()+" – ") || strings.Contains(line, m.Module.Ref.String()+" did not pass – ")
	})
}

// firstOf are the first n, or all. One more is shown rather than counted.
func firstOf[T any](list []T, n int, all bool) []T {
	if all || len(list) <= n+1 {
		return list
	}
	return list[:n]
}

// Where is the place of a failure in the order: "group 2, samples/nodejs@5.0.0, with samples/npm-install".
func (f Failure) Where() string {
	var groups []string
	for _, p := range f.Places {
		groups = appendNew(groups, fmt.Sprint(p.Group))
	}
	switch {
	case len(f.Places) == 1:
		return f.Places[0].String()
	case len(groups) == 1:
		return fmt.Sprintf("%s, %d variants", f.Places[0].group(), len(f.Places))
	}
	return "groups " + series(groups, 2*listed)
}

// String is the place with what tells it from the group's other variants.
func (p Place) String() string {
	text := p.group()
	if len(p.With) > 0 {
		text += ", with " + series(ids(p.With), listed-1)
	}
	if len(p.Without) > 0 {
		text += ", without " + series(ids(p.Without), listed-1)
	}
	return text
}

func (p Place) group() string {
	text := fmt.Sprintf("group %d", p.Group)
	for _, c := range p.Composites {
		text += ", " + c.String()
	}
	return text
}

func ids(refs []buildpack.Ref) []string {
	var all []string
	for _, ref := range refs {
		all = append(all, ref.ID)
	}
	return all
}

// Reasons say why the group failed, a line each, what there is to do something about first.
func (f Failure) Reasons() []string {
	notPassed := f.notPassed()
	var lines []string
	for _, m := range notPassed {
		lines = append(lines, "did not pass: "+said(m))
	}
	if passed := f.passed(); len(notPassed) > 0 && len(passed) > 0 {
		lines = append(lines, "passed:       "+series(refs(passed), 2*listed))
	}
	seen := map[string]bool{}
	for _, fact := range f.Facts {
		for _, line := range fact.Lines() {
			if strings.HasPrefix(line, " ") && seen[line] {
				continue // said of the fact before
			}
			seen[line] = true
			lines = append(lines, line)
		}
	}
	return lines
}

// said is a module that did not pass, with why it did not in its own words.
func said(m resolve.Member) string { return m.Module.Ref.String() + " – " + Words(m) }

func saidBriefly(m resolve.Member) string {
	return m.Module.Ref.String() + " – " + wordsOfAtMost(m, briefShown)
}

// Words say why a module did not pass: the last line of what it printed and, if it errored, its exit code or the cause.
func Words(m resolve.Member) string { return wordsOfAtMost(m, quoteShown) }

func wordsOfAtMost(m resolve.Member, longest int) string {
	d := m.Detection
	quote := tidy.LastLine(d.Output, longest)
	switch {
	case d.Outcome == buildpack.Mismatched:
		return "does not support this image: " + firstLine(d.Cause)
	case d.Outcome == buildpack.Failed && quote == "":
		return fmt.Sprintf("it printed nothing (exit %d)", d.ExitCode)
	case d.Outcome == buildpack.Failed:
		return quote
	case d.Outcome == "":
		return "it was not run"
	case d.ExitCode == buildpack.NoExitCode || d.ExitCode == 0:
		return firstLine(d.Cause) + after("; it printed last: ", quote)
	}
	return fmt.Sprintf("error (exit %d)", d.ExitCode) + after(": ", quote)
}

// after is a text with what goes before it, or nothing.
func after(before, text string) string {
	if text == "" {
		return ""
	}
	return before + text
}

func firstLine(cause error) string {
	if cause == nil {
		return "error"
	}
	return tidy.Text(strings.SplitN(strings.TrimSpace(cause.Error()), "\n", 2)[0])
}

// Lines are the fact and what stands behind it; a link of the chain is a line, and the next one is indented.
func (f Fact) Lines() []string {
	if f.Kind == Unrequired && f.has(DroppedOut) && !f.has(Bound, Misplaced) && len(f.Because) > 0 {
		return f.fromRequirers()
	}
	lines := []string{f.String()}
	for _, line := range f.suspects() {
		lines = append(lines, "  "+line)
	}
	for _, b := range f.Because {
		for _, line := range b.Lines() {
			lines = append(lines, "  "+line)
		}
	}
	return lines
}

// fromRequirers tells of a name that is not required because of what its requirers require: that comes first.
func (f Fact) fromRequirers() []string {
	var lines []string
	for _, b := range f.Because {
		lines = append(lines, b.Lines()...)
	}
	dropped := refs(f.others(DroppedOut))
	return append(lines, fmt.Sprintf("so %s, and nothing requires %s, which %s provides",
		verb(dropped, "drops out", "drop out"), quoted(f.Names), f.Module))
}

// String is the fact by itself: samples/app@1 requires "node", which nothing before it provides; samples/node@2 provides it,
// but runs later.
func (f Fact) String() string {
	switch f.Kind {
	case Unprovided, Unrequired:
		return f.unmet()
	case NoAlternative:
		return fmt.Sprintf("%s offers %d alternatives, none of which is possible:", f.Module, len(f.Alternatives))
	case NoBuildpack:
		if len(f.Because) == 0 {
			return "no buildpack passed"
		}
		return "no buildpack is left:"
	case Incompatible:
		return "no choice of alternatives suits all of these modules:"
	case Offer:
		return f.offer()
	}
	return ""
}

// brief is the fact on one line, with the first of those that might have helped.
func (f Fact) brief() string {
	text := f.String()
	if len(f.Because) > 0 && strings.HasSuffix(text, ":") {
		return text + " " + f.Because[0].brief() + andMore(len(f.Because)-1)
	}
	if might, how := f.mightHave(); len(might) > 0 {
		text += ": " + suspect(might[0], how, briefShown) + andMore(len(might)-1)
	}
	return text
}

// words are those that differ between the two sides of a name.
type words struct{ has, wants, wantPlural, where, misplaced string }

var (
	unprovidedWords = words{has: "requires", wants: "provides", wantPlural: "provide", where: "before", misplaced: "later"}
	unrequiredWords = words{has: "provides", wants: "requires", wantPlural: "require", where: "after", misplaced: "earlier"}
)

func (f Fact) words() words {
	if f.Kind == Unrequired {
		return unrequiredWords
	}
	return unprovidedWords
}

func (f Fact) unmet() string {
	w := f.words()
	text := fmt.Sprintf("%s %s %s", f.Module, w.has, quoted(f.Names))
	dropped, bound := refs(f.others(DroppedOut)), refs(f.others(Bound))
	want := func(refs []string) string { return tidy.Plural(len(refs), w.wants, w.wantPlural) }
	switch {
	case len(dropped) > 0:
		text += fmt.Sprintf(", but %s, which %s it, %s", series(dropped, listed), want(dropped), tidy.Plural(len(dropped), "drops out", "drop out"))
	case len(bound) > 0:
		text += fmt.Sprintf(", but %s, which %s it, cannot take part that way", series(bound, listed), want(bound))
	default:
		text += ", which nothing " + w.where + " it " + w.wants
	}
	if len(dropped) > 0 && len(bound) > 0 {
		text += fmt.Sprintf("; %s %s it, but cannot take part that way", series(bound, listed), want(bound))
	}
	if misplaced := refs(f.others(Misplaced)); len(misplaced) > 0 {
		text += fmt.Sprintf("; %s %s it, but %s %s", series(misplaced, listed), want(misplaced), tidy.Plural(len(misplaced), "runs", "run"), w.misplaced)
	}
	if f.Near != nil {
		text += fmt.Sprintf("; is %q meant, which %s %s?", f.Near.Name, f.Near.Module, w.wants)
	}
	if elsewhere := refs(f.others(Elsewhere)); len(elsewhere) > 0 {
		text += fmt.Sprintf("; %s %s it, but not in this group", series(elsewhere, listed), want(elsewhere))
	}
	return text
}

// suspects are lines about those that might have helped, errors first, and about what else is offered in vain.
func (f Fact) suspects() []string {
	might, how := f.mightHave()
	printed := slices.ContainsFunc(f.Loose, func(l Loose) bool { return l.Printed })
	loose := slices.DeleteFunc(slices.Clone(f.Loose), func(l Loose) bool { return printed && !l.Printed })
	var lines, others []string
	for _, m := range might {
		line := suspect(m, how, quoteShown)
		if m.Detection.Outcome == buildpack.Errored {
			lines = append(lines, line)
		} else if !printed {
			others = append(others, line)
		}
	}
	shown := firstOf(others, listed, false)
	lines = append(lines, shown...)
	if more := len(others) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more did not pass", more))
	}
	for _, l := range firstOf(loose, listed-1, false) {
		lines = append(lines, f.loose(l))
	}
	return lines
}

// mightHave are the modules that did not pass and spoke of the name, or seem to; how says how sure that is.
func (f Fact) mightHave() (members []resolve.Member, how string) {
	w := f.words()
	if m := f.others(Undetected); len(m) > 0 {
		return m, ", which " + w.wants + " it,"
	}
	if m := f.others(Presumed); len(m) > 0 {
		return m, ", which by its name might,"
	}
	if f.Near != nil || f.has(Misplaced, DroppedOut, Bound) {
		return nil, ""
	}
	return f.others(Possible), ""
}

func suspect(m resolve.Member, how string, longest int) string {
	return fmt.Sprintf("%s%s did not pass – %s", m.Module.Ref, how, wordsOfAtMost(m, longest))
}

func (f Fact) loose(l Loose) string {
	w := f.words()
	switch {
	case l.Printed:
		return fmt.Sprintf("%s left an empty build plan: what it printed looks like one, but belongs into the file $CNB_BUILD_PLAN_PATH ($2)", l.Module)
	case len(l.Names) == 0:
		return fmt.Sprintf("%s left an empty build plan", l.Module)
	}
	return fmt.Sprintf("of this group, %s %s %s, which nothing %s", l.Module, w.wants, quoted(l.Names), w.has)
}

// offer: samples/a@1 provides "x", or requires "y" and "z", or nothing.
func (f Fact) offer() string {
	var ways []string
	for _, alt := range f.Alternatives {
		ways = appendNew(ways, offered(alt))
	}
	text := f.Module.String() + " " + strings.Join(shorten(ways, listed+1, "others"), ", or ")
	if f.Optional {
		text += ", or drops out"
	}
	return text
}

func offered(alt buildpack.Alternative) string {
	var required, parts []string
	for _, r := range alt.Requires {
		required = append(required, r.Name)
	}
	if len(alt.Provides) > 0 {
		parts = append(parts, "provides "+quoted(alt.Provides))
	}
	if len(required) > 0 {
		parts = append(parts, "requires "+quoted(required))
	}
	if len(parts) == 0 {
		return "has nothing to do with it"
	}
	return strings.Join(parts, " or ")
}

// String is the advice in words.
func (a Advice) String() string {
	var requirers []string
	for _, ref := range a.Requirers {
		requirers = append(requirers, ref.String())
	}
	who := series(requirers, listed)
	switch a.Kind {
	case Move:
		return fmt.Sprintf("put %s before %s in the order", a.Provider, who)
	case Rename:
		return fmt.Sprintf("%s provides %q and %s %s: the names look alike, but must be equal", a.Provider, a.Provided, verb(requirers, "requires", "require"), quoted(a.Names))
	}
	modules := "no module of the order"
	if a.Unsure {
		modules += " that passed"
	}
	return fmt.Sprintf("%s %s required by %s; %s provides %s", quoted(a.Names), tidy.Plural(len(a.Names), "is", "are"), who, modules, tidy.Plural(len(a.Names), "it", "them"))
}

func refs(members []resolve.Member) []string {
	var all []string
	for _, m := range members {
		all = append(all, m.Module.Ref.String())
	}
	return all
}

// verb is some modules with what they do.
func verb(refs []string, one, many string) string {
	return series(refs, listed) + " " + tidy.Plural(len(refs), one, many)
}

func quoted(names []string) string {
	var texts []string
	for _, name := range names {
		texts = append(texts, fmt.Sprintf("%q", name))
	}
	return series(texts, listed)
}

// series: a, b and c; or, beyond n: a, b, c and 4 more.
func series(texts []string, n int) string {
	texts = shorten(texts, n, "more")
	last := len(texts) - 1
	if last <= 0 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:last], ", ") + " and " + texts[last]
}

// shorten replaces what is beyond n texts by their number.
func shorten(texts []string, n int, what string) []string {
	if len(texts) <= n+1 {
		return texts
	}
	return append(slices.Clone(texts[:n]), fmt.Sprintf("%d %s", len(texts)-n, what))
}

// Candidate names a candidate for a trace: its number, its place in the order and its members.
func Candidate(a resolve.Attempt, composites [][]buildpack.Ref) string {
	place := Place{Group: a.Group + 1}
	if a.Group < len(composites) {
		place.Composites = composites[a.Group]
	}
	var members []string
	for _, m := range a.Members {
		text := m.Module.Ref.String()
		if m.Optional {
			text += "?"
		}
		members = append(members, text)
	}
	return fmt.Sprintf("candidate %d, %s [%s]", a.Number, place.group(), strings.Join(members, " "))
}

// Candidates are lines that say of each candidate in a few words why it failed, and of those that were not tried as which
// other one they could only fail (B50), in the order of the groups.
func Candidates(attempts []resolve.Attempt, passedOver []resolve.PassedOver, composites [][]buildpack.Ref) []string {
	known := newKnown(attempts)
	var lines []string
	before := func(number int) {
		for len(passedOver) > 0 && passedOver[0].After < number {
			lines = append(lines, notTried(passedOver[0]))
			passedOver = passedOver[1:]
		}
	}
	for _, a := range attempts {
		before(a.Number)
		f := newFailure(a, known)
		var fact *Fact
		if len(f.Facts) > 0 {
			fact = &f.Facts[0]
		}
		lines = append(lines, Candidate(a, composites)+": "+brief(f.notPassed(), fact))
	}
	before(math.MaxInt)
	return lines
}

// notTried: not tried: group 2 with groups 2 and 3 of samples/nodejs@5.0.0, which could only fail as candidate 4 did.
func notTried(p resolve.PassedOver) string {
	var groups []string
	for i := p.From; i < min(p.To, p.Groups); i++ {
		groups = append(groups, fmt.Sprint(i+1))
	}
	of, out := " of extensions", "without extensions"
	if p.Composite != (buildpack.Ref{}) {
		of, out = " of "+p.Composite.String(), "without "+p.Composite.String()
	}
	var parts []string
	if len(groups) > 0 {
		parts = append(parts, "with "+tidy.Plural(len(groups), "group ", "groups ")+series(groups, 2*listed)+of)
	}
	if p.To > p.Groups {
		parts = append(parts, out)
	}
	return fmt.Sprintf("not tried: group %d %s, which could only fail as candidate %d did", p.Group+1, strings.Join(parts, " or "), p.Like)
}
