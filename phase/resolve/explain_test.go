package resolve

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata/explain")

// TestExplain (B33) explains the orders in testdata/explain and compares with what stands below the line in each file. Above
// it are the modules, in the notation of participants or with what became of their detection, and the order:
//
//	samples/a@1: provides x
//	samples/b@1 fails
//	samples/c@1 errors 7
//	samples/d@1 errors: what went wrong
//	samples/e@1 mismatches: wants arch arm64, found amd64
//	ext samples/f@1: provides y
//	composite samples/g@1 = samples/a@1 samples/b@1? | samples/c@1
//	extensions samples/f@1
//	group samples/a@1 samples/g@1?
func TestExplain(t *testing.T) {
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
			got := strings.Join(Render(Explain(parseOrder(t, situation).attempts(t)), 10), "\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(situation+"---\n"+got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if got != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// order is an order as testdata describes it.
type order struct {
	modules    map[string]Member
	composites map[string][][]string
	extensions [][]string
	groups     [][]string
}

func parseOrder(t *testing.T, text string) order {
	t.Helper()
	o := order{modules: map[string]Member{}, composites: map[string][][]string{}}
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
			id, m := parseModule(t, line)
			o.modules[id] = m
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

func parseModule(t *testing.T, line string) (string, Member) {
	t.Helper()
	words := strings.Fields(line)
	_, cause, _ := strings.Cut(line, ": ")
	d := buildpack.Detection{ExitCode: buildpack.NoExitCode}
	switch strings.TrimSuffix(append(words, "")[1], ":") {
	case "fails":
		d.Outcome, d.ExitCode = buildpack.Failed, 100
	case "errors":
		d.Outcome = buildpack.Errored
		if n, err := strconv.Atoi(words[2]); err == nil && cause == "" {
			d.ExitCode = n
		} else {
			d.Cause = errors.New(cause)
		}
	case "mismatches":
		d.Outcome, d.Cause = buildpack.Mismatched, errors.New(cause)
	default:
		p := participants(t, line)[0]
		d.Outcome, d.ExitCode, d.Alternatives = buildpack.Passed, 0, p.Alternatives
		return p.Ref.String(), Member{Module: &buildpack.Module{Ref: p.Ref}, Detection: d}
	}
	id, version, _ := strings.Cut(words[0], "@")
	ref := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: version}
	return words[0], Member{Module: &buildpack.Module{Ref: ref}, Detection: d}
}

// attempts evaluates all candidates, each of which must fail, without any of the search's shortcuts.
func (o order) attempts(t *testing.T) []Attempt {
	t.Helper()
	var attempts []Attempt
	for _, group := range o.groups {
		for _, extensions := range append(slices.Clone(o.extensions), nil) {
			for _, ids := range o.expand(append(slices.Clone(extensions), group...)) {
				attempts = append(attempts, o.attempt(t, ids))
			}
		}
	}
	return attempts
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

func (o order) attempt(t *testing.T, ids []string) Attempt {
	t.Helper()
	var a Attempt
	var ps []Participant
	stuck := false
	for _, id := range ids {
		id, optional := strings.CutSuffix(id, "?")
		m, known := o.modules[id]
		if !known {
			t.Fatalf("no module %s", id)
		}
		m.Optional = optional || m.Module.IsExtension()
		a.Members = append(a.Members, m)
		stuck = stuck || !m.Optional && !m.Passed()
		if m.Passed() {
			ps = append(ps, Participant{Ref: m.Module.Ref, Optional: m.Optional, Alternatives: m.Detection.Alternatives})
		}
	}
	if stuck || len(ps) == 0 {
		return a
	}
	trial, clash := Solve(ps)
	if trial != nil {
		t.Fatalf("%v passes with %s", ids, trialText(ps, trial))
	}
	a.Clash = clash
	return a
}

// TestExplainAttempts: a fact is said once and knows its candidates, and what says less than another is not said.
func TestExplainAttempts(t *testing.T) {
	const text = `
		samples/node@2: provides node requires python
		samples/app@1: requires node
		samples/java@1 fails
		composite samples/js@1 = samples/node@2? | samples/java@1
		group samples/js@1? samples/app@1
		group samples/java@1`
	facts := Explain(parseOrder(t, text).attempts(t))
	type known struct {
		kind     FactKind
		module   string
		attempts []int
	}
	var got []known
	for _, f := range facts {
		got = append(got, known{f.Kind, f.Module.String(), f.Attempts})
	}
	want := []known{
		{Unprovided, "samples/app@1", []int{0, 2}}, // that nobody is there in 2 is less than that node drops out in 0
		{NotPassed, "samples/java@1", []int{1, 3}},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(known{})); diff != "" {
		t.Errorf("Explain (-want +got):\n%s", diff)
	}
}

func TestExplainNothing(t *testing.T) {
	if facts := Explain(nil); len(facts) > 0 {
		t.Errorf("no attempts, but %v", facts)
	}
	facts := Explain([]Attempt{{}})
	if want := "no buildpack is left: there was none in the group that passed detection"; len(facts) != 1 || facts[0].String() != want {
		t.Errorf("a candidate without members: got %v, want %q", facts, want)
	}
}

// TestExplainBounds: what people have to read stays short, however many candidates and links there are.
func TestExplainBounds(t *testing.T) {
	ps := chain(100, 1)
	for m := range ps {
		ps[m].Optional = m < 99
	}
	ps[0].Alternatives[0].Requires = []buildpack.Require{{Name: "culprit"}}
	base := attemptOf(ps)
	var attempts []Attempt
	for i := range 256 {
		a := Attempt{Members: slices.Clone(base.Members), Clash: base.Clash}
		last := &a.Members[99]
		last.Module = &buildpack.Module{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprintf("samples/app%d", i), Version: "1"}}
		attempts = append(attempts, a)
	}
	facts := Explain(attempts)
	if len(facts) != 256 {
		t.Fatalf("%d facts, want 256", len(facts))
	}
	text := facts[0].String()
	if n := strings.Count(text, "\n") + 1; n != linesShown+1 || !strings.HasSuffix(text, `samples/m0@1 requires "culprit", which nothing before it provides`) {
		t.Errorf("%d lines, want %d that end at the culprit:\n%s", n, linesShown+1, text)
	}
	lines := strings.Split(strings.Join(Render(facts, 10), "\n"), "\n")
	if len(lines) > 10*(linesShown+1)+1+hintsShown {
		t.Errorf("%d lines", len(lines))
	}
	if len(text) > 3000 {
		t.Errorf("%d bytes in one fact", len(text))
	}
}

// attemptOf makes a failed attempt of participants.
func attemptOf(ps []Participant) Attempt {
	var a Attempt
	for _, p := range ps {
		d := buildpack.Detection{Outcome: buildpack.Passed, Alternatives: p.Alternatives}
		a.Members = append(a.Members, Member{Module: &buildpack.Module{Ref: p.Ref}, Optional: p.Optional, Detection: d})
	}
	_, a.Clash = Solve(ps)
	return a
}

// TestExplainIsTrue: what is said of random candidates holds, and something is said of each.
func TestExplainIsTrue(t *testing.T) {
	for i, c := range classes {
		r := rand.New(rand.NewPCG(seed, uint64(100+i)))
		for range c.count / 4 {
			ps := c.random(r)
			if trial, _ := Solve(ps); trial != nil {
				continue
			}
			facts := Explain([]Attempt{attemptOf(ps)})
			if len(facts) == 0 {
				t.Fatalf("no reason given for\n%s", write(ps))
			}
			for _, f := range facts {
				if err := verify(ps, f); err != nil {
					t.Fatalf("%v, in\n%s\nof\n%s", err, f, write(ps))
				}
			}
		}
	}
}

// verify checks a fact and the chain behind it against the participants.
func verify(ps []Participant, f Fact) error {
	place := func(ref buildpack.Ref) int {
		return slices.IndexFunc(ps, func(p Participant) bool { return p.Ref == ref })
	}
	switch f.Kind {
	case Unprovided, Unrequired:
		m := place(f.Module)
		if ps[m].Optional != f.Optional {
			return fmt.Errorf("%s is not as optional as that", f.Module)
		}
		for i, p := range ps {
			speaks := slices.ContainsFunc(p.Alternatives, Closed{Name: f.Name, Required: f.Kind == Unrequired}.spokenOfBy)
			at := slices.IndexFunc(f.Others, func(o Other) bool { return o.Module == p.Ref })
			if i == m {
				continue
			}
			if speaks != (at >= 0) {
				return fmt.Errorf("%s: speaks of %q: %v, listed: %v", p.Ref, f.Name, speaks, at >= 0)
			}
			if speaks && (f.Others[at].Fate == Misplaced) != ((i > m) == (f.Kind == Unprovided)) {
				return fmt.Errorf("%s is not %s", p.Ref, f.Others[at].Fate)
			}
			if speaks && f.Others[at].Fate == DroppedOut && !p.Optional {
				return fmt.Errorf("%s is required", p.Ref)
			}
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
