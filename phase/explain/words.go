package explain

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase/baseline"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// How much is shown of a list: names in a sentence, rows, and names at the top of an app.
const (
	listed   = 4
	rows     = 6
	topNames = 12
)

// Lines are the explanation in words: first what is wrong, then what to do, then details.
func (e Explanation) Lines() []string {
	var lines []string
	switch {
	case len(e.Failed) > 0:
		lines = e.failed()
	case len(e.Closest) > 0:
		lines = e.lacking()
	default:
		lines = e.unrecognised()
	}
	for _, s := range e.Mismatched[:min(3, len(e.Mismatched))] {
		does := tidy.Plural(len(s.By), "does", "do")
		lines = append(lines, fmt.Sprintf("%s %s not support this image: %s", e.names.list(s.By), does, s.Words))
	}
	if len(e.Builder) > 0 {
		lines = append(lines, fmt.Sprintf("%s also %s in an empty directory, so this app is not the cause.",
			e.names.list(e.Builder), tidy.Plural(len(e.Builder), "fails", "fail")))
	}
	if e.Unanswered > 0 {
		lines = append(lines, fmt.Sprintf("There was no time to run %s in an empty directory, so what the app has to do with the result "+
			"is not known.", tidy.Count(e.Unanswered, "module")))
	}
	return lines
}

func (e Explanation) failed() []string {
	var lines []string
	for _, s := range e.Failed[:min(rows, len(e.Failed))] {
		lines = append(lines, fmt.Sprintf("%s failed: %s", e.names.of(s.By[0]), s.Words))
		if others := s.By[1:]; len(others) > 0 {
			lines = append(lines, fmt.Sprintf("  %s %s the same.", e.names.list(others), tidy.Plural(len(others), "says", "say")))
		}
	}
	if more := len(e.Failed) - rows; more > 0 {
		lines = append(lines, fmt.Sprintf("  … and %d more", more))
	}
	if len(e.Closest) == 0 {
		return append(lines, e.top())
	}
	return append(lines, e.closest(), e.top())
}

// closest: nodejs is the closest match in this builder.
func (e Explanation) closest() string {
	var names []string
	for _, c := range e.Closest {
		names = appendNew(names, c.Name)
	}
	name := series(names, listed)
	return fmt.Sprintf("  %s %s in this builder.", name, tidy.Plural(count(name), "is the closest match", "are the closest matches"))
}

// lacking is about what the closest groups lack.
func (e Explanation) lacking() []string {
	c := e.Closest[0]
	if len(c.Lacks) == 0 {
		return e.planned(c)
	}
	var lines []string
	var single []Saying
	for _, l := range c.Lacks {
		if len(l) == 1 {
			single = append(single, l[0])
		}
	}
	needs := tidy.Plural(count(c.Name), "needs", "need")
	switch {
	case len(single) == 1:
		if len(single[0].By) > 1 {
			needs += " one of"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s, which did not pass: %s", c.Name, needs, e.names.list(single[0].By), single[0].Words))
	case len(single) > 0:
		lines = append(lines, fmt.Sprintf("%s %s one of these, which did not pass:", c.Name, needs))
		lines = append(lines, e.rows(single)...)
	default:
		lines = append(lines, fmt.Sprintf("%s %s all of these, which did not pass:", c.Name, needs))
		lines = append(lines, e.rows(c.Lacks[0])...)
	}
	if e.renames() {
		lines = append(e.hints(), lines...)
		lines[0] = strings.TrimSpace(lines[0])
	} else {
		lines = append(lines, e.hints()...)
	}
	if slices.ContainsFunc(single, func(s Saying) bool { return variable().MatchString(s.Words) }) {
		lines = append(lines, "  To set a variable: pack build --env NAME=value.")
	}
	if len(e.Closest) > 1 {
		return append(lines, e.closest()+" They are equally close.", e.top())
	}
	return append(lines, e.recognised(c), e.top())
}

// variable is a name such as BP_PHP_SERVER.
var variable = tidy.Pattern(`\b[A-Z]+_[A-Z_]+\b`)

// rows are modules with their words.
func (e Explanation) rows(sayings []Saying) []string {
	var lines []string
	for _, s := range sayings[:min(rows, len(sayings))] {
		lines = append(lines, fmt.Sprintf("  %s – %s", e.names.list(s.By), s.Words))
	}
	if n := len(sayings) - rows; n > 0 {
		lines = append(lines, fmt.Sprintf("  … and %d more", n))
	}
	return lines
}

// recognised tells by which modules a group recognised the app, and what they say of it.
func (e Explanation) recognised(c Close) string {
	var parts []string
	for _, s := range c.Recognised {
		text := e.names.list(s.By)
		if s.Words != "" {
			text += " (" + s.Words + ")"
		}
		parts = append(parts, text)
	}
	if text := series(parts, listed); text != c.Name { // of which the first line says so
		return e.closest() + " " + text + " recognised the app."
	}
	return e.closest()
}

// planned is about a group whose required modules all passed.
func (e Explanation) planned(c Close) []string {
	lines := []string{c.Name + " recognised the app, but its modules do not fit together."}
	for i, f := range c.Plan[:min(rows, len(c.Plan))] {
		facts := f.lines(e.names, "  ")
		if i == 0 {
			lines[0], facts = c.Name+" recognised the app, but "+strings.TrimSpace(facts[0]), facts[1:]
		}
		lines = append(lines, facts...)
	}
	lines = append(lines, e.hints()...)
	return append(lines, e.recognised(c), e.top())
}

// brief: npm-start requires "node", which nothing before it provides.
func (f PlanFact) brief(n names) string {
	verb, other, side, runs := "requires", "provides", "before", "runs later"
	if !f.Required {
		verb, other, side, runs = "provides", "requires", "after", "runs earlier"
	}
	text := fmt.Sprintf("%s %s %q", n.of(f.Module), verb, tidy.LastLine([]byte(f.Name), longest/2))
	switch {
	case len(f.Dropped) > 0:
		return fmt.Sprintf("%s; %s %s it, but cannot take part", text, n.list(f.Dropped), other)
	case len(f.Misplaced) > 0:
		return fmt.Sprintf("%s; %s %s it, but %s", text, n.list(f.Misplaced), other, runs)
	}
	return fmt.Sprintf("%s, which nothing %s it %s", text, side, other)
}

// lines are the fact with its chain.
func (f PlanFact) lines(n names, indent string) []string {
	lines := []string{indent + f.brief(n) + "."}
	if f.Meant != "" {
		lines[0] += fmt.Sprintf(" Did you mean %q (%s by %s)?", f.Meant, map[bool]string{true: "provided", false: "required"}[f.Required], n.list(f.MeantBy))
	}
	if f.Because != nil {
		lines = append(lines, f.Because.lines(n, indent+"  ")...)
	}
	if len(f.Absent) == 0 {
		return lines
	}
	lines = append(lines, indent+tidy.Plural(len(f.Absent), "This module did not pass:", "These modules did not pass; one of them may be what is missing:"))
	for _, row := range (Explanation{names: n}).rows(f.Absent) {
		lines = append(lines, indent+row)
	}
	return lines
}

// unrecognised is about an app that no group recognised.
func (e Explanation) unrecognised() []string {
	var lines []string
	for i, f := range e.Unfit[:min(rows, len(e.Unfit))] {
		if i == 0 {
			lines = append(lines, "The modules of this builder passed, but they do not fit together.")
		}
		lines = append(lines, f.lines(e.names, "  ")...)
	}
	lines = append(lines, e.top())
	lines = append(lines, e.hints()...)
	for _, s := range e.Complaints[:min(3, len(e.Complaints))] {
		lines = append(lines, fmt.Sprintf("  %s %s: %s", e.names.list(s.By), tidy.Plural(len(s.By), "says", "say"), s.Words))
	}
	var related, others []string
	for _, b := range e.Builds {
		if (b.Related || len(e.Builds) <= listed) && len(related) < listed && len(b.Words) > 0 {
			words := strings.Join(b.Words[:min(2, len(b.Words))], "; or: ")
			related = append(related, fmt.Sprintf("  %-14s %s", b.Name, tidy.LastLine([]byte(words), longest)))
		} else {
			others = appendNew(others, b.short())
		}
	}
	if len(e.Unfit) > 0 || slices.ContainsFunc(e.Hints, func(h baseline.Hint) bool { return h.Exact || h.Dir == "" }) {
		return lines
	}
	can := "This builder can build: "
	if len(related) > 0 {
		lines = append(append(lines, "This builder can build:"), related...)
		can = "It can also build: "
	}
	if len(others) > 0 {
		lines = append(lines, can+series(others, 4*listed)+".")
	}
	if len(related)+len(e.Refused) == 0 {
		lines = append(lines, "Is this the directory of the app? If the app is of none of these kinds, it needs another builder.")
	}
	return lines
}

// short: go (go.mod).
func (b Build) short() string {
	if len(b.Files) == 0 {
		return b.Name
	}
	return b.Name + " (" + strings.Join(b.Files[:min(3, len(b.Files))], ", ") + ")"
}

// top: Nothing was recognised at the top of the app: README.md web/
func (e Explanation) top() string {
	names := allShown(e.Top)
	if len(names) > topNames {
		names = append(names[:topNames], fmt.Sprintf("… and %d more", len(e.Top)-topNames))
	}
	list := strings.Join(names, " ")
	switch {
	case len(e.Failed)+len(e.Closest) > 0:
		return "  At the top of the app: " + list
	case len(names) == 0:
		return "The app is empty: its directory has no files. Check which directory is built."
	case !slices.ContainsFunc(e.Top, func(name string) bool { return !strings.HasPrefix(name, ".") }):
		return "The app has nothing but hidden files: " + list + ". Check which directory is built."
	}
	return "Nothing was recognised at the top of the app: " + list
}

// shown is a name of a file, in quotes if it has blanks or characters that cannot be seen.
func shown(name string) string {
	if strings.Contains(name, " ") {
		return strconv.Quote(name)
	}
	return tidy.Name(name)
}

func allShown(names []string) (all []string) {
	for _, name := range names {
		all = append(all, shown(name))
	}
	return all
}

// renames reports whether the first hint is to rename a file.
func (e Explanation) renames() bool { return len(e.Hints) > 0 && e.Hints[0].Dir == "" }

// hints say what to do, where that follows from facts.
func (e Explanation) hints() []string {
	var lines []string
	for _, h := range e.Hints[:min(3, len(e.Hints))] {
		who, look := e.names.list(h.By), tidy.Plural(len(h.By), "looks", "look")
		if h.Dir == "" {
			lines = append(lines, fmt.Sprintf("  %s is there, but %s %s for %s. Rename it.", shown(h.Names[0]), who, look, h.Wanted))
			continue
		}
		line := fmt.Sprintf("  %s/ has %s, which %s %s for.", shown(h.Dir), series(allShown(h.Names), listed), who, look)
		if h.Exact { // a source file may be that of a library
			line += fmt.Sprintf(" If the app is in %s/, build that directory (pack build --path %s).", shown(h.Dir), shown(h.Dir))
		}
		lines = append(lines, line)
	}
	for _, r := range e.Refused {
		name := e.names.of(r.By.By[0])
		lines = append(lines, fmt.Sprintf("  %s is there, but the module %s did not take it: %s", shown(r.File), name, r.By.Words))
		own := endings(r.By.By[0].ID)[0]
		if title := strings.ToUpper(own[:1]) + own[1:]; strings.HasSuffix(own, "file") && title != r.File {
			lines = append(lines, fmt.Sprintf("  Such files are found by the name %s. Rename it.", title))
		}
	}
	return lines
}

// String tells on one line why the build plan left a module out.
func (l LeftOut) String() string { return l.Fact.brief(nil) }

// Matters reports whether the module was left out because something that it requires is missing. A module that only provides
// what nothing requires is left out of most builds.
func (l LeftOut) Matters() bool { return l.Fact.Required }

// CandidateLine is a candidate with the reason why it failed, if it did.
func CandidateLine(c resolve.Candidate, passed bool) string {
	var members []string
	for _, m := range c.Members {
		text := m.Module.Ref.String()
		if m.Optional {
			text += "?"
		}
		members = append(members, text)
	}
	reason := "passed"
	if !passed {
		reason = CandidateReason(c)
	}
	return fmt.Sprintf("group %d [%s]: %s", c.Group+1, strings.Join(members, " "), reason)
}

// CandidateReason is why a candidate failed, in a few words.
func CandidateReason(c resolve.Candidate) string {
	var reasons []string
	for _, m := range lacks(c) {
		reasons = append(reasons, m.Module.Ref.String()+" did not pass")
	}
	if len(reasons) > 0 {
		return strings.Join(reasons, ", ")
	}
	for _, f := range (&why{}).planFacts(c) {
		reasons = append(reasons, f.brief(nil))
	}
	if len(reasons) == 0 {
		return "no module passed, or no choice of alternatives of the build plans works out"
	}
	return strings.Join(reasons, "; ")
}

// count is 1 for one name, and more for a series.
func count(names string) int { return 1 + strings.Count(names, " and ") }

// series: a, b and c; or, beyond n: a, b, c and 4 more.
func series(texts []string, n int) string {
	if len(texts) > n+1 {
		texts = append(slices.Clone(texts[:n]), fmt.Sprintf("%d more", len(texts)-n))
	}
	last := len(texts) - 1
	if last <= 0 {
		return strings.Join(texts, "")
	}
	return strings.Join(texts[:last], ", ") + " and " + texts[last]
}
