package resolve

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// This file words the facts of explain.go (contract, section 5; B33). One sentence says one link of a chain; the next
// link stands below it, indented.

const (
	// refsShown is how many modules a sentence lists at most.
	refsShown = 3
	// linesShown is how many lines a fact has at most. Of a longer chain the beginning and the end are shown.
	linesShown = 12
	// indentsShown is how far lines are indented at most.
	indentsShown = 5
	// hintsShown is how many hints follow the facts at most.
	hintsShown = 5
)

// Render words facts for people: at most limit of them (all, if it is 0), how many more there are, and hints what to do
// about those shown, on lines of their own that start with "hint: ". Many modules that merely found nothing to do are
// one line.
func Render(facts []Fact, limit int) []string {
	facts, failed := splitFailed(facts)
	shown := facts
	if limit > 0 && len(facts) > limit {
		shown = facts[:limit]
	}
	var lines, hints []string
	for _, f := range shown {
		lines = append(lines, f.String())
		hints = append(hints, f.Hints()...)
	}
	if more := len(facts) - len(shown); more > 0 {
		lines = append(lines, fmt.Sprintf("… and %s (debug level lists them)", count(more, "more reason")))
	}
	if len(failed) > 0 {
		lines = append(lines, "required, but did not pass detection: "+enumeration(failed, 2*refsShown))
	}
	for _, hint := range firstOnes(hints, hintsShown) {
		lines = append(lines, "hint: "+hint)
	}
	return lines
}

// splitFailed splits off the modules that merely found nothing to do, if they are many.
func splitFailed(facts []Fact) (rest []Fact, failed []buildpack.Ref) {
	for _, f := range facts {
		if f.rank() > 0 {
			failed = append(failed, f.Module)
		} else {
			rest = append(rest, f)
		}
	}
	if len(failed) <= refsShown {
		return facts, nil
	}
	return rest, failed
}

// firstOnes are the first n different texts.
func firstOnes(texts []string, n int) []string {
	var ones []string
	for _, text := range texts {
		if len(ones) < n && !slices.Contains(ones, text) {
			ones = append(ones, text)
		}
	}
	return ones
}

// String is the fact in words: one line, or several if there is a chain.
func (f Fact) String() string {
	lines := f.lines(0)
	if extra := len(lines) - linesShown; extra > 0 {
		head, tail := lines[:linesShown/2], lines[len(lines)-linesShown/2:]
		lines = append(slices.Clip(head), fmt.Sprintf("  … %s …", count(extra, "line")))
		lines = append(lines, tail...)
	}
	return strings.Join(lines, "\n")
}

func (f Fact) lines(depth int) []string {
	indent := strings.Repeat("  ", min(depth, indentsShown))
	lines := []string{indent + f.sentence()}
	rest, failed := splitFailed(f.Because)
	for _, b := range rest {
		lines = append(lines, b.lines(depth+1)...)
	}
	if len(failed) > 0 {
		lines = append(lines, indent+"  did not pass detection: "+enumeration(failed, 2*refsShown))
	}
	return lines
}

func (f Fact) sentence() string {
	switch f.Kind {
	case NotPassed:
		return f.notPassed()
	case Unprovided, Unrequired:
		return f.unmet()
	case NoAlternative:
		return fmt.Sprintf("%s offers %d alternatives, none of which is possible:", f.Module, len(f.Alternatives))
	case NoBuildpack:
		if len(f.Because) == 0 {
			return "no buildpack is left: there was none in the group that passed detection"
		}
		return "no buildpack is left in the group:"
	case Incompatible:
		return "no choice of alternatives suits all of these modules:"
	case Offer:
		return f.offer()
	}
	return ""
}

func (f Fact) notPassed() string {
	end := ending(f.Outcome, f.ExitCode, f.Cause)
	if f.Optional || f.Outcome == buildpack.Mismatched {
		return fmt.Sprintf("%s %s", f.Module, end)
	}
	return fmt.Sprintf("%s is required, but %s", f.Module, end)
}

// ending says how a detection ended that did not pass.
func ending(outcome buildpack.Outcome, exitCode int, cause error) string {
	switch {
	case outcome == buildpack.Mismatched:
		return "does not support this image: " + firstLine(cause)
	case outcome == buildpack.Failed:
		return fmt.Sprintf("did not pass detection (exit %d)", exitCode)
	case exitCode != buildpack.NoExitCode && exitCode != 0:
		return fmt.Sprintf("ended with an error (exit %d)", exitCode)
	}
	return "ended with an error: " + firstLine(cause)
}

func firstLine(cause error) string {
	if cause == nil {
		return "unknown cause"
	}
	line, _, _ := strings.Cut(strings.TrimSpace(cause.Error()), "\n")
	return line
}

// unmet: samples/app@1 requires "node", which nothing before it provides; samples/node@2 provides it, but runs later.
func (f Fact) unmet() string {
	w := unprovidedWords
	if f.Kind == Unrequired {
		w = unrequiredWords
	}
	text := fmt.Sprintf("%s %s %q", f.Module, w.has, f.Name)
	dropped, bound := f.others(DroppedOut), f.others(Bound)
	switch {
	case len(dropped) > 0:
		drop := plural(dropped, "drops out", "drop out")
		text += fmt.Sprintf(", but %s, which %s it, %s", enumeration(dropped, refsShown), w.want(dropped), drop)
	case len(bound) > 0:
		text += fmt.Sprintf(", but %s, which %s it, cannot take part that way", enumeration(bound, refsShown), w.want(bound))
	default:
		text += ", which nothing " + w.where + " it " + w.wants
	}
	if len(dropped) > 0 && len(bound) > 0 {
		text += fmt.Sprintf("; %s %s it, but cannot take part that way", enumeration(bound, refsShown), w.want(bound))
	}
	if refs := f.others(Misplaced); len(refs) > 0 {
		run := plural(refs, "runs", "run")
		text += fmt.Sprintf("; %s %s it, but %s %s", enumeration(refs, refsShown), w.want(refs), run, w.misplaced)
	}
	for _, o := range f.Others {
		if o.Fate == Undetected {
			text += fmt.Sprintf("; %s %s it, but %s", o.Module, w.wants, ending(o.Outcome, o.ExitCode, o.Cause))
		}
	}
	return text
}

// words are those that differ between the two sides of a name.
type words struct{ has, wants, wantPlural, where, misplaced string }

var (
	unprovidedWords = words{has: "requires", wants: "provides", wantPlural: "provide", where: "before", misplaced: "later"}
	unrequiredWords = words{has: "provides", wants: "requires", wantPlural: "require", where: "after", misplaced: "earlier"}
)

func (w words) want(refs []buildpack.Ref) string { return plural(refs, w.wants, w.wantPlural) }

func plural(refs []buildpack.Ref, one, many string) string {
	if len(refs) == 1 {
		return one
	}
	return many
}

func (f Fact) others(fate Fate) []buildpack.Ref {
	var refs []buildpack.Ref
	for _, o := range f.Others {
		if o.Fate == fate {
			refs = append(refs, o.Module)
		}
	}
	return refs
}

// offer: samples/a@1 provides "x", or requires "y" and "z", or nothing.
func (f Fact) offer() string {
	var ways []string
	for _, alt := range f.Alternatives {
		if way := offered(alt); !slices.Contains(ways, way) {
			ways = append(ways, way)
		}
	}
	text := f.Module.String() + " " + strings.Join(shorten(ways, refsShown+1, "others"), ", or ")
	if f.Optional {
		text += ", or drops out"
	}
	return text
}

func offered(alt buildpack.Alternative) string {
	var required []string
	for _, r := range alt.Requires {
		required = append(required, r.Name)
	}
	var parts []string
	if len(alt.Provides) > 0 {
		parts = append(parts, "provides "+quoted(alt.Provides))
	}
	if len(required) > 0 {
		parts = append(parts, "requires "+quoted(required))
	}
	if len(parts) == 0 {
		return "has nothing to do with it"
	}
	return strings.Join(parts, " and ")
}

func quoted(names []string) string {
	var texts []string
	for _, name := range names {
		texts = append(texts, fmt.Sprintf("%q", name))
	}
	return series(texts, refsShown)
}

// enumeration: a@1, b@1 and c@1; or, beyond n: a@1, b@1, c@1 and 4 more.
func enumeration(refs []buildpack.Ref, n int) string {
	var texts []string
	for _, ref := range refs {
		texts = append(texts, ref.String())
	}
	return series(texts, n)
}

func series(texts []string, n int) string {
	texts = shorten(texts, n, "more")
	last := len(texts) - 1
	if last == 0 {
		return texts[0]
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

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Hints are what somebody may do about the fact and the links of its chain.
func (f Fact) Hints() []string {
	var hints []string
	switch f.Kind {
	case NotPassed:
		hints = f.detectionHints()
	case Unprovided:
		hints = f.unprovidedHints()
	case Unrequired:
		hints = f.unrequiredHints()
	}
	for _, b := range f.Because {
		hints = append(hints, b.Hints()...)
	}
	return firstOnes(hints, hintsShown)
}

func (f Fact) detectionHints() []string {
	switch {
	case f.Outcome == buildpack.Mismatched:
		return []string{fmt.Sprintf("use a run image that %s supports, or a version of it that supports this image", f.Module)}
	case f.Alone && f.Outcome == buildpack.Failed:
		const text = "all others that its group requires passed; if the app can do without %s, make it optional in the order"
		return []string{fmt.Sprintf(text, f.Module)}
	}
	return nil
}

func (f Fact) unprovidedHints() []string {
	hints := f.presumed("provide")
	misplaced, elsewhere := f.others(Misplaced), f.others(Elsewhere)
	switch {
	case len(misplaced) > 0:
		hints = append(hints, inOrder(misplaced[0], f.Module))
	case f.Near != nil:
		hints = append(hints, lookAlike(f.Near.Module, f.Near.Name, f.Module, f.Name))
	case len(elsewhere) > 0:
		hints = append(hints, apart(elsewhere[0], f.Module, f.Name))
	case len(f.Others) == 0:
		hints = append(hints, fmt.Sprintf("add a module before %s that provides %q", f.Module, f.Name))
	}
	return hints
}

func (f Fact) unrequiredHints() []string {
	hints := f.presumed("require")
	misplaced, elsewhere := f.others(Misplaced), f.others(Elsewhere)
	switch {
	case len(misplaced) > 0:
		hints = append(hints, inOrder(f.Module, misplaced[0]))
	case f.Near != nil:
		hints = append(hints, lookAlike(f.Module, f.Name, f.Near.Module, f.Near.Name))
	case len(elsewhere) > 0:
		hints = append(hints, apart(f.Module, elsewhere[0], f.Name))
	case len(f.Others) == 0 && f.Optional:
		hints = append(hints, fmt.Sprintf("add a module after %s that requires %q", f.Module, f.Name))
	case len(f.Others) == 0:
		const text = "add a module after %s that requires %q, or make %s optional in the order"
		hints = append(hints, fmt.Sprintf(text, f.Module, f.Name, f.Module))
	}
	return hints
}

// These three say the same of a pair whichever of the two the fact is about.

func inOrder(provider, requirer buildpack.Ref) string {
	return fmt.Sprintf("put %s before %s in the order", provider, requirer)
}

func lookAlike(provider buildpack.Ref, provided string, requirer buildpack.Ref, required string) string {
	const text = "%s provides %q and %s requires %q: the names look alike, but must be equal"
	return fmt.Sprintf(text, provider, provided, requirer, required)
}

func apart(provider, requirer buildpack.Ref, name string) string {
	const text = "%s provides %q, which %s requires, but they are in different groups: put %s before it in the same one"
	return fmt.Sprintf(text, provider, name, requirer, provider)
}

// presumed speaks of those who did not pass detection and whose names suggest that they would have helped.
func (f Fact) presumed(verb string) []string {
	var hints []string
	for _, o := range f.Others {
		if o.Fate == Presumed {
			end := ending(o.Outcome, o.ExitCode, o.Cause)
			hints = append(hints, fmt.Sprintf("%s, which by its name might %s %q, %s", o.Module, verb, f.Name, end))
		}
	}
	return hints
}
