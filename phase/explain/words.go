package explain

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
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
		lines = append(lines, fmt.Sprintf("%s %s not support this image: %s", e.names.list(s.By), tidy.Plural(len(s.By), "does", "do"), s.Words))
	}
	lines = append(append(lines, e.everywhere()...),
		e.besides(e.Unknown, "and it is not known if this app is the cause: there was no time to run it in an empty directory.")...)
	if e.Unanswered > 0 {
		lines = append(lines, fmt.Sprintf("%s passed, but had no time to run in an empty directory. What they recognised is not known.", tidy.Count(e.Unanswered, "module")))
	}
	return lines
}

// everywhere is about errors that the builder has with every app.
func (e Explanation) everywhere() []string {
	var refs []buildpack.Ref
	for _, s := range e.Builder {
		refs = append(refs, s.By...)
	}
	if len(refs) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("%s %s with every app, even an empty one. That is a fault of the builder, not of this app.", e.names.list(refs), tidy.Plural(len(refs), "fails", "fail"))}
}

// besides is about errors that need not have to do with the app.
func (e Explanation) besides(sayings []Saying, how string) []string {
	var refs []buildpack.Ref
	for _, s := range sayings {
		refs = append(refs, s.By...)
	}
	if len(refs) == 0 {
		return nil
	}
	text := fmt.Sprintf("%s ended with an error, %s", e.names.list(refs), how)
	if len(sayings) == 1 {
		text += " It says: " + tidy.LastLine([]byte(sayings[0].Words), longest/2)
	}
	return []string{text}
}

// Verdict is the first line.
func (e Explanation) Verdict() string { return e.Lines()[0] }

func (e Explanation) failed() []string {
	var lines []string
	for i, s := range e.Failed[:min(rows, len(e.Failed))] {
		verb := "failed"
		if i > 0 {
			verb = "also failed"
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", e.names.of(s.By[0]), verb, s.Words))
		if others := s.By[1:]; len(others) > 0 {
			lines = append(lines, fmt.Sprintf("  %s %s the same.", e.names.list(others), tidy.Plural(len(others), "says", "say")))
		}
	}
	if more := len(e.Failed) - rows; more > 0 {
		lines = append(lines, fmt.Sprintf("%s failed in other ways.", tidy.Count(more, "more module")))
	}
	if len(e.Closest) == 0 {
		return append(lines, e.top())
	}
	for _, c := range e.Complete[:min(1, len(e.Complete))] {
		if !slices.ContainsFunc(e.Closest, func(o Close) bool { return o.Name == c.Name }) && len(c.Plan) > 0 {
			lines = append(append(lines, "Or to build it with "+c.Name+":"), c.Plan[0].lines(e.names, "  ")...)
		}
	}
	lines = append(lines, strings.TrimRight(e.closest()+" "+e.onlyLacks(), " "))
	failed := e.Failed[0].By[0]
	if slices.ContainsFunc(e.Closest[0].Members, func(m resolve.Member) bool { return m.Module.Ref == failed }) {
		lines = append(lines, fmt.Sprintf("  %s is in group %d of the order.", failed, e.Closest[0].Group+1))
	}
	return lines
}

// closest: nodejs is the closest of what this builder can build.
func (e Explanation) closest() string {
	var names []string
	for _, c := range e.Closest {
		names = appendNew(names, c.Name)
	}
	name := series(names, listed)
	return fmt.Sprintf("  %s %s the closest of what this builder can build.", name, verb(name, "is", "are"))
}

// verb is the form of a verb for one name, or for several in a series.
func verb(names, one, several string) string {
	if strings.Contains(names, " and ") {
		return several
	}
	return one
}

// onlyLacks: It lacks nothing else. It is about a variant that lacks nothing but what failed first.
func (e Explanation) onlyLacks() string {
	for _, lacks := range e.Closest[0].Lacks {
		if len(lacks) == 1 && slices.Contains(e.Failed[0].By, lacks[0].By[0]) {
			return "It lacks nothing else."
		}
	}
	return ""
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
	needs := verb(c.Name, "needs", "need")
	switch {
	case len(single) == 1:
		if len(single[0].By) > 1 {
			needs += " one of"
		}
		lines = append(lines, fmt.Sprintf("%s %s %s, which did not pass: %s", c.Name, needs, e.names.list(single[0].By), single[0].Words))
	case len(single) > 0:
		lines = append(lines, fmt.Sprintf("%s %s one more thing. Any one of these is enough:", c.Name, needs))
		lines = append(lines, e.rows(single)...)
	default:
		lines = append(lines, fmt.Sprintf("%s %s all of these, which did not pass:", c.Name, needs))
		lines = append(lines, e.rows(c.Lacks[0])...)
	}
	lines = append(lines, e.hints()...)
	if slices.ContainsFunc(single, func(s Saying) bool { return variable.MatchString(s.Words) }) {
		lines = append(lines, "  Variables are set for the build (pack build --env NAME=value).")
	}
	if len(e.Closest) > 1 {
		return append(lines, e.closest()+" They are equally close.", e.top())
	}
	return append(lines, e.recognised(c), e.top())
}

// variable is a name such as BP_PHP_SERVER.
var variable = regexp.MustCompile(`\b[A-Z]+_[A-Z_]+\b`)

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
	if len(parts) == 0 {
		return e.closest()
	}
	return e.closest() + " The app was recognised by " + series(parts, listed) + "."
}

// planned is about a group whose required modules all passed.
func (e Explanation) planned(c Close) []string {
	verdict, plan := "its modules do not fit together.", c.Plan[:min(rows, len(c.Plan))]
	switch {
	case len(c.Despite) > 0:
		for i := range plan {
			plan[i].Absent = nil
		}
		verdict = fmt.Sprintf("%s complains: %s", e.names.list(c.Despite[0].By), c.Despite[0].Words)
	case len(plan) > 0:
		verdict = plan[0].brief(e.names) + "."
	}
	lines := []string{fmt.Sprintf("%s recognised the app, but %s", c.Name, verdict)}
	for _, f := range plan {
		for _, line := range f.lines(e.names, "  ") {
			if strings.TrimSpace(line) != verdict {
				lines = append(lines, line)
			}
		}
	}
	lines = append(lines, e.hints()...)
	return append(lines, e.recognised(c), e.top())
}

// brief: npm-start requires "node", which nothing before it provides.
func (f PlanFact) brief(n names) string {
	verb, other, side := "requires", "provides", "before"
	if !f.Required {
		verb, other, side = "provides", "requires", "after"
	}
	text := fmt.Sprintf("%s %s %q", n.of(f.Module), verb, tidy.LastLine([]byte(f.Name), longest/2))
	switch {
	case len(f.Dropped) > 0:
		return fmt.Sprintf("%s; %s %s it, but cannot take part", text, n.list(f.Dropped), other)
	case len(f.Misplaced) > 0 && f.Required:
		return fmt.Sprintf("%s; %s %s it, but runs later", text, n.list(f.Misplaced), other)
	case len(f.Misplaced) > 0:
		return fmt.Sprintf("%s; %s %s it, but runs earlier", text, n.list(f.Misplaced), other)
	case len(f.Elsewhere) > 0:
		return fmt.Sprintf("%s; %s %s it, but not in this group", text, n.list(f.Elsewhere), other)
	}
	return fmt.Sprintf("%s, which nothing %s it %s", text, side, other)
}

// lines are the fact with its chain.
func (f PlanFact) lines(n names, indent string) []string {
	lines := []string{indent + f.brief(n) + "."}
	for _, b := range f.Because {
		lines = append(lines, b.lines(n, indent+"  ")...)
	}
	if len(f.Because) > 0 || len(f.Absent) == 0 || len(f.Misplaced) > 0 {
		return lines
	}
	lines = append(lines, indent+tidy.Plural(len(f.Absent), "This module did not pass:", "These modules did not pass; one of them may be what is missing:"))
	for _, row := range (Explanation{names: n}).rows(f.Absent) {
		lines = append(lines, indent+row)
	}
	return lines
}

// unrecognised is about an app that no group recognised, as far as is known.
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
	lines = append(lines, e.looked()...)
	for _, s := range e.Complaints[:min(3, len(e.Complaints))] {
		lines = append(lines, fmt.Sprintf("  %s says: %s", e.names.of(s.By[0]), s.Words))
		if others := s.By[1:]; len(others) > 0 {
			lines = append(lines, fmt.Sprintf("  %s %s something similar.", e.names.list(others), tidy.Plural(len(others), "says", "say")))
		}
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
	can := "This builder can build: "
	if len(related) > 0 {
		lines = append(append(lines, "This builder can build:"), related...)
		can = "It can also build: "
	}
	if len(others) > 0 {
		lines = append(lines, can+series(others, 4*listed)+". An app of another kind needs another builder.")
	}
	return lines
}

// short: go (go.mod).
func (b Build) short() string {
	if len(b.Files) == 0 {
		return b.Name
	}
	return b.Name + " (" + strings.Join(b.Files[:min(2, len(b.Files))], ", ") + ")"
}

// top: Nothing was recognised at the top of the app: README.md web/
func (e Explanation) top() string {
	names := make([]string, len(e.Top))
	for i, name := range e.Top {
		names[i] = shown(name)
	}
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

// shown quotes a name with characters that cannot be seen.
func shown(name string) string {
	if q := fmt.Sprintf("%q", name); q != `"`+name+`"` || strings.ContainsRune(name, ' ') {
		return q
	}
	return name
}

// hints say what to do, where that follows from facts.
func (e Explanation) hints() []string {
	var lines []string
	for _, h := range e.Hints[:min(3, len(e.Hints))] {
		who := e.names.list(h.By)
		if h.Dir == "" {
			lines = append(lines, fmt.Sprintf("  %s is there, but %s %s for %s. Rename it.", shown(h.Names[0]), who, tidy.Plural(len(h.By), "looks", "look"), h.Wanted))
			continue
		}
		names := make([]string, 0, len(h.Names))
		for _, name := range h.Names {
			names = append(names, shown(name))
		}
		line := fmt.Sprintf("  %s/ has %s, which %s %s for.", shown(h.Dir), series(names, listed), who, tidy.Plural(len(h.By), "looks", "look"))
		if h.Exact { // a source file may be that of a library
			line += fmt.Sprintf(" If the app is in %s/, build that directory (pack build --path %s).", shown(h.Dir), shown(h.Dir))
		}
		lines = append(lines, line)
	}
	for _, r := range e.Refused {
		name := e.names.of(r.By.By[0])
		lines = append(lines, fmt.Sprintf("  %s is there, but the module %s did not take it: %s", shown(r.File), name, r.By.Words))
		if title := strings.ToUpper(r.File[:1]) + r.File[1:]; strings.HasSuffix(r.File, "file") && title != r.File {
			lines = append(lines, fmt.Sprintf("  Such files are found by the name %s. Rename it.", title))
		}
	}
	return lines
}

// looked names the directories in which nothing was found.
func (e Explanation) looked() []string {
	var dirs []string
	for _, name := range e.Top {
		dir, isDir := strings.CutSuffix(name, "/")
		hinted := slices.ContainsFunc(e.Hints, func(h baseline.Hint) bool { return h.Dir == dir || strings.HasPrefix(h.Dir, dir+"/") })
		if isDir && !hinted && !strings.HasPrefix(name, ".") {
			dirs = append(dirs, shown(path.Clean(dir))+"/")
		}
	}
	if len(dirs) == 0 || len(e.Hints) > 0 {
		return nil
	}
	return []string{fmt.Sprintf("  Looked into %s: no file there is one that this builder looks for.", series(dirs, listed))}
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
	for _, m := range c.Members {
		if lacking(m) {
			reasons = append(reasons, m.Module.Ref.String()+" did not pass")
		}
	}
	if len(reasons) > 0 {
		return strings.Join(reasons, ", ")
	}
	for _, f := range (&why{Input: Input{Answer: &resolve.Answer{}}}).planFacts(c) {
		reasons = append(reasons, f.brief(nil))
	}
	if len(reasons) == 0 {
		return "no module passed, or no choice of alternatives of the build plans works out"
	}
	return strings.Join(reasons, "; ")
}

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
