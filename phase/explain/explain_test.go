package explain

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"errors"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/testhelpers"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

// TestWhy (B33) explains the orders in testdata/explain and compares with what stands below the line in each file. Above it
// are the modules, with their build plan or what became of their detection, and the order:
//
//	samples/a@1: provides x
//	samples/b@1 fails: what it printed
//	samples/c@1 errors 7: what it printed
//	samples/d@1 errors: what went wrong
//	samples/e@1 mismatches: wants arch arm64, found amd64
//	ext samples/f@1: provides y
//	composite samples/g@1 = samples/a@1 samples/b@1? | samples/c@1
//	extensions samples/f@1
//	group samples/a@1 samples/g@1?
func TestWhy(t *testing.T) {
	files, err := filepath.Glob("testdata/explain/*.txt")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d situations, want at least 15 (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			situation, want, _ := strings.Cut(string(data), "---\n")
			got := strings.Join(parseOrder(t, situation).why(t).Lines(false), "\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(situation+"---\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// order is an order as testdata describes it.
type order struct {
	modules    map[string]resolve.Member
	composites map[string][][]string
	extensions [][]string
	groups     [][]string
}

func parseOrder(t *testing.T, text string) order {
	t.Helper()
	o := order{modules: map[string]resolve.Member{}, composites: map[string][][]string{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case line == "" || strings.HasPrefix(line, "#"):
		case word == "group":
			o.groups = append(o.groups, strings.Fields(rest))
		case word == "extensions":
			o.extensions = parseGroups(rest)
		case word == "composite":
			id, groups, _ := strings.Cut(rest, " = ")
			o.composites[id] = parseGroups(groups)
		default:
			m := parseModule(t, line)
			o.modules[m.Module.Ref.String()] = m
		}
	}
	return o
}

func parseGroups(text string) [][]string {
	var groups [][]string
	for group := range strings.SplitSeq(text, "|") {
		groups = append(groups, strings.Fields(group))
	}
	return groups
}

func parseModule(t *testing.T, line string) resolve.Member {
	t.Helper()
	line, extension := strings.CutPrefix(line, "ext ")
	head, text, _ := strings.Cut(line, ":")
	text = strings.TrimSpace(text)
	words := append(strings.Fields(head), "", "")
	id, version, _ := strings.Cut(words[0], "@")
	ref := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: version}
	if extension {
		ref.Kind = buildpack.KindExtension
	}
	d := buildpack.Detection{ExitCode: buildpack.NoExitCode}
	switch words[1] {
	case "fails":
		d.Outcome, d.ExitCode, d.Output = buildpack.Failed, 100, []byte(text)
	case "errors":
		d.Outcome = buildpack.Errored
		if n, err := strconv.Atoi(words[2]); err == nil {
			d.ExitCode, d.Output = n, []byte(text)
		} else {
			d.Cause = errors.New(text)
		}
	case "mismatches":
		d.Outcome, d.Cause = buildpack.Mismatched, errors.New(text)
	case "":
		d.Outcome, d.ExitCode, d.Alternatives = buildpack.Passed, 0, testhelpers.Alternatives(t, id, text)
	default:
		t.Fatalf("%q says neither fails, errors nor mismatches", line)
	}
	return resolve.Member{Module: &buildpack.Module{Ref: ref}, Detection: d}
}

// why evaluates all candidates, each of which must fail, without any of the search's shortcuts, and explains that.
func (o order) why(t *testing.T) Explanation {
	t.Helper()
	var attempts []resolve.Attempt
	var composites [][]buildpack.Ref
	for g, group := range o.groups {
		var named []buildpack.Ref
		for _, id := range group {
			id = strings.TrimSuffix(id, "?")
			if _, is := o.composites[id]; is {
				name, version, _ := strings.Cut(id, "@")
				named = append(named, buildpack.Ref{Kind: buildpack.KindBuildpack, ID: name, Version: version})
			}
		}
		composites = append(composites, named)
		for _, extensions := range append(slices.Clone(o.extensions), nil) {
			for _, ids := range o.expand(append(slices.Clone(extensions), group...)) {
				attempts = append(attempts, o.attempt(t, g, ids))
			}
		}
	}
	return Why(attempts, composites)
}

// expand replaces composites.
func (o order) expand(ids []string) [][]string {
	if len(ids) == 0 {
		return [][]string{nil}
	}
	id, optional := strings.CutSuffix(ids[0], "?")
	groups, composite := o.composites[id]
	switch {
	case !composite:
		groups = [][]string{ids[:1]}
	case optional:
		groups = append(slices.Clone(groups), nil)
	}
	var all [][]string
	for _, group := range groups {
		if !composite {
			for _, rest := range o.expand(ids[1:]) {
				all = append(all, append(slices.Clone(group), rest...))
			}
			continue
		}
		all = append(all, o.expand(append(slices.Clone(group), ids[1:]...))...)
	}
	return all
}

func (o order) attempt(t *testing.T, group int, ids []string) resolve.Attempt {
	t.Helper()
	a := resolve.Attempt{Group: group}
	for _, id := range ids {
		id, optional := strings.CutSuffix(id, "?")
		m, known := o.modules[id]
		if !known {
			t.Fatalf("no module %s", id)
		}
		m.Optional = optional || m.Module.IsExtension()
		a.Members = append(a.Members, m)
	}
	return solved(t, a)
}

// solved adds the conflict, if the candidate comes to a trial. It must fail.
func solved(t *testing.T, a resolve.Attempt) resolve.Attempt {
	t.Helper()
	var ps []resolve.Participant
	for _, m := range a.Members {
		switch {
		case m.Passed():
			ps = append(ps, resolve.Participant{Ref: m.Module.Ref, Optional: m.Optional, Alternatives: m.Detection.Alternatives})
		case !m.Optional:
			return a
		}
	}
	if len(ps) == 0 {
		return a
	}
	var trial *resolve.Trial
	if trial, a.Conflict = resolve.Solve(ps); trial != nil {
		t.Fatalf("%v passes", ps)
	}
	return a
}

// TestClosest (B33): which failures come first, and what each stands for, without any words.
func TestClosest(t *testing.T) {
	const modules = `
		samples/engine@1: provides node
		samples/install@1 fails: no lock file
		samples/yarn@1 fails: no yarn.lock
		samples/start@1: requires node
		samples/pip@1 fails: no requirements.txt
		samples/jdk@1: provides jdk
		samples/maven@1: requires jdk requires syft
		samples/gradle@1 fails: no build.gradle
		samples/broken@1 errors 1: oops
		ext samples/os@1: provides os
		composite samples/nodejs@1 = samples/engine@1 samples/install@1 samples/start@1 | samples/engine@1 samples/yarn@1 samples/start@1
	`
	for _, test := range []struct{ name, order, want, why string }{
		{"a required module that requires something has recognised the app", `
			group samples/pip@1
			group samples/engine@1 samples/install@1 samples/start@1`,
			"recognised 2 | 1", "start passed and requires node, one did not pass"},
		{"a module that only provides passes for every app", `
			group samples/pip@1
			group samples/engine@1 samples/install@1`,
			"1 | 2", "engine only provides"},
		{"fewer recognised it than did not pass", `
			group samples/engine@1 samples/install@1 samples/yarn@1 samples/start@1
			group samples/engine@1 samples/yarn@1 samples/start@1`,
			"recognised 2 | 1", "one of two is not enough, one of one is"},
		{"more modules that recognised it", `
			group samples/engine@1 samples/install@1 samples/start@1
			group samples/engine@1 samples/start@1 samples/maven@1 samples/pip@1`,
			"recognised 2 | 1", "start and maven against start"},
		{"fewer that did not pass, where as many recognised it", `
			group samples/engine@1 samples/install@1 samples/start@1
			group samples/jdk@1 samples/maven@1`,
			"recognised 2 | 1", "all passed in 2"},
		{"a module that requires what is not there tells less", `
			group samples/maven@1
			group samples/engine@1 samples/install@1 samples/start@1`,
			"recognised 2 | 1", "maven might do so for every app"},
		{"but more than one that requires nothing", `
			group samples/pip@1
			group samples/maven@1`,
			"recognised 2 | 1", "it passed and requires something"},
		{"an error is closer than a module that found nothing, where all else is equal", `
			group samples/engine@1 samples/install@1 samples/start@1
			group samples/engine@1 samples/broken@1 samples/start@1`,
			"recognised 2 | 1", "broken has looked at the app and complains"},
		{"the order, where all else is equal", `
			group samples/engine@1 samples/yarn@1 samples/start@1
			group samples/engine@1 samples/install@1 samples/start@1`,
			"recognised 1 | 2", "none is closer"},
		{"where no required one requires anything, optional ones that miss a single name count", `
			group samples/pip@1
			group samples/jdk@1 samples/gradle@1? samples/maven@1?`,
			"recognised 2 | 1", "with syft provided, 2 would pass"},
		{"optional ones that miss more do not", `
			group samples/pip@1
			group samples/gradle@1? samples/maven@1?`,
			"1 | 2", "neither jdk nor syft is there: such modules may pass for every app"},
		{"nor do optional ones where a required one did not pass", `
			group samples/pip@1
			group samples/jdk@1 samples/maven@1? samples/install@1`,
			"1 | 2", "only required ones count"},
		{"an error comes first where no group recognised the app", `
			group samples/pip@1
			group samples/broken@1`,
			"2 | 1", "it decides the exit code"},
		{"extensions do not make another failure", `
			extensions samples/os@1
			group samples/engine@1 samples/install@1 samples/start@1`,
			"recognised 1 extensions", "with and without, for the same reason"},
		{"the same reason is one failure", `
			group samples/pip@1
			group samples/engine@1 samples/install@1 samples/start@1
			group samples/jdk@1 samples/pip@1`,
			"recognised 2 | 1,3", "pip did not pass in 1 and 3"},
		{"variants of a composite are told apart", `
			group samples/nodejs@1`,
			"recognised 1 with samples/install | 1 with samples/yarn", "each group of the composite, by what the other does not have"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := parseOrder(t, modules+test.order).why(t)
			var parts []string
			for _, f := range e.Failures {
				var places []string
				for _, p := range f.Places {
					place := fmt.Sprint(p.Group)
					if len(p.With) > 0 {
						place += " with " + strings.Join(ids(p.With), " ")
					}
					if p.EachExtensions {
						place += " extensions"
					}
					places = append(places, place)
				}
				parts = append(parts, strings.Join(places, ","))
			}
			got := strings.Join(parts, " | ")
			if e.Recognised() {
				got = "recognised " + got
			}
			if got != test.want {
				t.Errorf("%s, want %s: %s", got, test.want, test.why)
			}
		})
	}
}

func TestWhyNothing(t *testing.T) {
	if e := Why(nil, nil); len(e.Failures) > 0 || e.Recognised() {
		t.Errorf("no attempts, but %v", e)
	}
	e := Why([]resolve.Attempt{{}}, make([][]buildpack.Ref, 1))
	if got := strings.Join(e.Lines(false), "\n"); !strings.HasSuffix(got, "no buildpack passed") {
		t.Errorf("a candidate without members: %s", got)
	}
}

// TestOneScreen (B33): what people have to read stays short, however many groups, modules and links there are.
func TestOneScreen(t *testing.T) {
	var attempts []resolve.Attempt
	for g := range 300 {
		a := resolve.Attempt{Group: g}
		for m := range 30 {
			ref := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprintf("samples/group%d-module%d", g, m), Version: "1.2.3"}
			d := buildpack.Detection{Outcome: buildpack.Passed, Alternatives: testhelpers.Alternatives(t, ref.ID, "requires something")}
			switch {
			case m%3 == 1 && g%2 == 0:
				d = buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100, Output: []byte(strings.Repeat("nothing here for me ", 50))}
			case m%3 == 1 && g%5 == 0:
				d = buildpack.Detection{Outcome: buildpack.Errored, ExitCode: 3, Output: []byte("oops")}
			}
			a.Members = append(a.Members, resolve.Member{Module: &buildpack.Module{Ref: ref}, Optional: m%4 == 3, Detection: d})
		}
		attempts = append(attempts, solved(t, a))
	}
	lines := Why(attempts, make([][]buildpack.Ref, 300)).Lines(false)
	if len(lines) > 45 {
		t.Errorf("%d lines:\n%s", len(lines), strings.Join(lines, "\n"))
	}
	for _, line := range lines {
		if len(line) > 600 {
			t.Errorf("a line of %d bytes: %s", len(line), line)
		}
	}
	if all := Why(attempts, make([][]buildpack.Ref, 300)).Lines(true); len(all) < 300 {
		t.Errorf("debug shows %d lines of 300 groups", len(all))
	}
}

// TestFactsAreTrue: what is said of random candidates holds, and something is said of each.
func TestFactsAreTrue(t *testing.T) {
	for i := range 4000 {
		r := rand.New(rand.NewPCG(7, uint64(i)))
		a := randomAttempt(r)
		var ps []resolve.Participant
		for _, m := range a.Members {
			ps = append(ps, resolve.Participant{Ref: m.Module.Ref, Optional: m.Optional, Alternatives: m.Detection.Alternatives})
		}
		var trial *resolve.Trial
		if trial, a.Conflict = resolve.Solve(ps); trial != nil {
			continue
		}
		e := Why([]resolve.Attempt{a}, make([][]buildpack.Ref, 1))
		facts := e.Failures[0].Facts
		if len(facts) == 0 || len(e.Lines(false)) < 2 {
			t.Fatalf("instance %d: no reason given for %v", i, ps)
		}
		for _, f := range facts {
			if err := verify(ps, f); err != nil {
				t.Fatalf("instance %d: %v, in\n%s\nof %v", i, err, strings.Join(f.Lines(), "\n"), ps)
			}
		}
	}
}

func randomAttempt(r *rand.Rand) resolve.Attempt {
	var a resolve.Attempt
	name := func() string { return string(rune('a' + r.IntN(4))) }
	for m := range 1 + r.IntN(6) {
		ref := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprintf("m%d", m), Version: "1"}
		d := buildpack.Detection{Outcome: buildpack.Passed}
		for range 1 + r.IntN(3) {
			var alt buildpack.Alternative
			for range r.IntN(3) {
				alt.Provides = append(alt.Provides, name())
			}
			for range r.IntN(3) {
				alt.Requires = append(alt.Requires, buildpack.Require{Name: name()})
			}
			d.Alternatives = append(d.Alternatives, alt)
		}
		a.Members = append(a.Members, resolve.Member{Module: &buildpack.Module{Ref: ref}, Optional: r.IntN(3) == 0, Detection: d})
	}
	return a
}

// verify checks a fact and the chain behind it against the participants.
func verify(ps []resolve.Participant, f Fact) error {
	switch f.Kind {
	case Unprovided, Unrequired:
		if err := verifyUnmet(ps, f); err != nil {
			return err
		}
	case NoBuildpack:
		for _, p := range ps {
			if p.Ref.Kind == buildpack.KindBuildpack && !p.Optional {
				return fmt.Errorf("%s is required", p.Ref)
			}
		}
	case Incompatible:
		if len(f.Because) == 0 {
			return fmt.Errorf("no offers")
		}
	}
	for _, b := range f.Because {
		if err := verify(ps, b); err != nil {
			return err
		}
	}
	return nil
}

func verifyUnmet(ps []resolve.Participant, f Fact) error {
	m := slices.IndexFunc(ps, func(p resolve.Participant) bool { return p.Ref == f.Module })
	if ps[m].Optional != f.Optional {
		return fmt.Errorf("%s is not as optional as that", f.Module)
	}
	for i, p := range ps {
		says := slices.ContainsFunc(p.Alternatives, func(alt buildpack.Alternative) bool {
			return slices.ContainsFunc(f.Names, func(name string) bool { return mentions(alt, f.wanted(), name) })
		})
		at := slices.IndexFunc(f.Others, func(o Other) bool { return o.Member.Module.Ref == p.Ref })
		switch {
		case i == m:
		case says != (at >= 0):
			return fmt.Errorf("%s: speaks of %q: %v, listed: %v", p.Ref, f.Names, says, at >= 0)
		case says && (f.Others[at].Fate == Misplaced) != ((i > m) == (f.Kind == Unprovided)):
			return fmt.Errorf("%s is not %s", p.Ref, f.Others[at].Fate)
		case says && f.Others[at].Fate == DroppedOut && !p.Optional:
			return fmt.Errorf("%s is required", p.Ref)
		}
	}
	for _, l := range f.Loose {
		for _, p := range ps {
			for _, name := range l.Names {
				if p.Ref == l.Module && !slices.ContainsFunc(p.Alternatives, func(alt buildpack.Alternative) bool { return mentions(alt, f.wanted(), name) }) {
					return fmt.Errorf("%s does not speak of %q", l.Module, name)
				}
			}
		}
	}
	return nil
}

// unmatched is a candidate of two modules: one provides the names with one letter in front, the other requires those with
// another, so that all are alike and none is met.
func unmatched(t testing.TB, n int) []resolve.Attempt {
	var provided buildpack.Alternative
	var required buildpack.Alternative
	for i := range n {
		name := fmt.Sprintf("%d%s%04d", i%10, strings.Repeat("name", 20), i)
		provided.Provides = append(provided.Provides, "p"+name)
		required.Requires = append(required.Requires, buildpack.Require{Name: "r" + name})
	}
	var a resolve.Attempt
	for id, alt := range map[string]buildpack.Alternative{"p": provided, "r": required} {
		a.Members = append(a.Members, resolve.Member{
			Module:    &buildpack.Module{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: "1"}},
			Detection: buildpack.Detection{Outcome: buildpack.Passed, Alternatives: []buildpack.Alternative{alt}},
		})
	}
	slices.SortFunc(a.Members, func(a, b resolve.Member) int { return a.Module.Ref.Compare(b.Module.Ref) })
	return []resolve.Attempt{a}
}

// Names that look alike are found, and the search does not grow with the square of how many there are and with how long
// they are: this took 17 s once.
func TestNearOfManyNames(t *testing.T) {
	facts := Why(unmatched(t, 400), make([][]buildpack.Ref, 1)).Failures[0].Facts
	found := slices.IndexFunc(facts, func(f Fact) bool { return f.Near != nil })
	if found < 0 || facts[found].Near.Name[1:] != facts[found].Names[0][1:] {
		t.Errorf("nothing of %d is like anything, or not what is most alike", len(facts))
	}
}

// Two neighbours swapped are one mistake, in a name of the build plan and in what the id of a module suggests.
func TestNearSwapped(t *testing.T) {
	o := parseOrder(t, "samples/pyhton-engine@1: provides ruby pyhton")
	k := newKnown([]resolve.Attempt{{Members: []resolve.Member{o.modules["samples/pyhton-engine@1"]}}})
	if got := k.like("python"); len(got) != 1 || got["pyhton"] == 0 {
		t.Errorf("like python: %v", got)
	}
	if !k.suggests("samples/pyhton-engine", "python") || k.suggests("samples/pyhton-engine", "maven") {
		t.Error("samples/pyhton-engine suggests python, and not maven")
	}
	if !k.suggests("samples/pyhton-engine", "engine") {
		t.Error("samples/pyhton-engine suggests engine")
	}
}

func BenchmarkWhyManyNames(b *testing.B) {
	attempts := unmatched(b, 400)
	for b.Loop() {
		Why(attempts, make([][]buildpack.Ref, 1))
	}
}
