package resolve

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/testhelpers"
)

// participant is a member that passed, in short.
type participant struct {
	Ref          buildpack.Ref
	Optional     bool
	Alternatives []buildpack.Alternative
}

func members(ps []participant) (all []Member) {
	for _, p := range ps {
		all = append(all, Member{
			Module: &buildpack.Module{Ref: p.Ref}, Optional: p.Optional,
			Detection: buildpack.Detection{Outcome: buildpack.Passed, Alternatives: p.Alternatives},
		})
	}
	return all
}

func solved(ps []participant) *trial {
	t, _ := solve(members(ps), mostSteps)
	return t
}

// planned are the entries of a trial.
func planned(ps []participant, t *trial) []buildpack.PlanEntry {
	var taking []Member
	var chosen []int
	for i, m := range members(ps) {
		if t.kept[i] {
			taking, chosen = append(taking, m), append(chosen, t.chosen[i])
		}
	}
	return planEntries(taking, chosen)
}

// participants reads the notation of the tests: one participant a line,
//
//	[ext] <id>[@<version>][?]: [provides <name>…] [requires <name>…] [| <another alternative>]…
//
// where ? makes a buildpack optional, and extensions always are. Lines that start with # are left out. Each requirement
// has metadata that tell it from all others.
func participants(t testing.TB, text string) []participant {
	t.Helper()
	var ps []participant
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		head, plan, found := strings.Cut(line, ":")
		if !found {
			t.Fatalf("no colon in %q", line)
		}
		p := participant{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack}}
		if rest, is := strings.CutPrefix(head, "ext "); is {
			head, p.Ref.Kind, p.Optional = rest, buildpack.KindExtension, true
		}
		head, optional := strings.CutSuffix(head, "?")
		p.Optional = p.Optional || optional
		p.Ref.ID, p.Ref.Version, found = strings.Cut(head, "@")
		if !found {
			p.Ref.Version = "1"
		}
		p.Alternatives = testhelpers.Alternatives(t, p.Ref.ID, plan)
		ps = append(ps, p)
	}
	return ps
}

// trialText writes a trial as "a.0 -b.1": a takes part with its first alternative, b was taken out with its second.
func trialText(ps []participant, t *trial) string {
	if t == nil {
		return "none"
	}
	var words []string
	for m, p := range ps {
		out := "-"
		if t.kept[m] {
			out = ""
		}
		words = append(words, fmt.Sprintf("%s%s.%d", out, p.Ref.ID, t.chosen[m]))
	}
	return strings.Join(words, " ")
}

func TestSolve(t *testing.T) {
	for _, test := range []struct {
		name  string
		group string
		want  string
		why   string
	}{{
		name:  "nothing to say",
		group: "a:",
		want:  "a.0",
		why:   "a module without a plan takes part",
	}, {
		name: "met",
		group: `
			a: provides x
			b: requires x`,
		want: "a.0 b.0",
		why:  "what b requires is provided before it, what a provides is required after it",
	}, {
		name:  "met by itself",
		group: "a: provides x requires x",
		want:  "a.0",
		why:   "the same module counts as before and as after itself",
	}, {
		name:  "names are compared whole",
		group: "a: provides x requires X",
		want:  "none",
		why:   "x is not X; one of the two reasons is enough",
	}, {
		name: "provider too late",
		group: `
			a: requires x
			b?: provides x`,
		want: "none",
		why:  "a provider counts at or before the module that requires; b has no part in the conflict",
	}, {
		name: "requirer too early",
		group: `
			a?: requires x
			b: provides x`,
		want: "none",
		why:  "a requirement meets a provided name at or after the provider",
	}, {
		name: "second alternative",
		group: `
			a: provides x | provides y
			b: requires y`,
		want: "a.1 b.0",
		why:  "the first alternative of a leaves x without anyone who requires it",
	}, {
		name: "last changes fastest",
		group: `
			a: provides x | provides y
			b: requires y | requires x`,
		want: "a.0 b.1",
		why:  "a.0 b.1 comes before a.1 b.0",
	}, {
		name: "an alternative is not mixed with another",
		group: `
			a: provides x | provides y
			b: requires x requires y`,
		want: "none",
		why:  "a provides x or y, never both",
	}, {
		name: "optional taken out",
		group: `
			a?: provides x
			b:`,
		want: "-a.0 b.0",
		why:  "no module requires x, and a's only alternative is its last",
	}, {
		name: "optional before its last alternative",
		group: `
			a?: provides x | provides y
			b:`,
		want: "-a.1 b.0",
		why:  "in its first alternative a is not optional, so a.0 fails the trial",
	}, {
		name: "optional prefers its first alternative",
		group: `
			a?: provides x | provides y
			b: requires x`,
		want: "a.0 b.0",
		why:  "nothing is unmet",
	}, {
		name: "optional with a last alternative that says nothing",
		group: `
			a?: provides x |
			b:`,
		want: "a.1 b.0",
		why:  "an alternative without names is always met: a takes part",
	}, {
		name: "extension before its last alternative",
		group: `
			ext e: provides x | provides x provides y
			b: requires x`,
		want: "e.0 b.0",
		why:  "the first trial passes",
	}, {
		name: "extension last alternative drops what is needed",
		group: `
			ext e: provides y | provides x provides y
			b: requires x`,
		want: "none",
		why:  "e provides x only along with y, which no module requires, so it is taken out and b is left without",
	}, {
		name: "one taken out takes out the next",
		group: `
			a?: provides x requires nothing
			b?: provides y requires x
			c?: requires y
			d:`,
		want: "-a.0 -b.0 -c.0 d.0",
		why:  "everything is judged again without a, then without b",
	}, {
		name: "judged again backwards",
		group: `
			a?: provides x
			b?: requires x provides y
			c?: requires y requires nothing
			d:`,
		want: "-a.0 -b.0 -c.0 d.0",
		why:  "c goes, then no module requires y, then none requires x",
	}, {
		name: "optional ones that hold each other",
		group: `
			a?: provides x
			b?: requires x provides y
			c?: requires y`,
		want: "a.0 b.0 c.0",
		why:  "all are met as long as all are there: nothing takes the first one out",
	}, {
		name: "taking out reaches a required one",
		group: `
			a?: provides x requires nothing
			b: requires x`,
		want: "none",
		why:  "a must go, and then b has nothing to stand on",
	}, {
		name: "another provider is enough",
		group: `
			a?: provides x requires nothing
			b: provides x
			c: requires x`,
		want: "-a.0 b.0 c.0",
		why:  "b provides x just as well",
	}, {
		name: "B31 only an extension left",
		group: `
			ext e: provides x requires x
			b?: requires nothing`,
		want: "none",
		why:  "b is taken out; a group without a buildpack fails, whatever extensions are left",
	}, {
		name:  "B31 only extensions to begin with",
		group: "ext e:",
		want:  "none",
		why:   "no buildpack takes part",
	}, {
		name: "B31 another alternative keeps a buildpack",
		group: `
			ext e: | provides x
			b?: requires x`,
		want: "e.1 b.0",
		why:  "with e.0 no buildpack is left, so the search goes on to e.1",
	}, {
		name: "B31 an earlier alternative of an optional buildpack",
		group: `
			a?: provides x | provides y
			b?: requires y`,
		want: "a.1 b.0",
		why:  "a.0 fails: there a must be met",
	}, {
		name: "repeated names",
		group: `
			a: provides x x
			b: requires x x`,
		want: "a.0 b.0",
		why:  "saying it twice changes nothing",
	}, {
		name: "repeated alternatives",
		group: `
			a: provides y | provides x | provides x
			b: requires x`,
		want: "a.1 b.0",
		why:  "the first of two equal ones is picked",
	}, {
		name: "repeated last alternative of an optional",
		group: `
			a?: provides x | provides x
			b:`,
		want: "-a.1 b.0",
		why:  "equal alternatives still differ in that only the last one is optional",
	}, {
		name: "far apart",
		group: `
			a: provides x | provides y
			m1: | provides p requires p
			m2: | provides q requires q
			z: requires x requires z | requires y`,
		want: "a.1 m1.0 m2.0 z.1",
		why:  "z.0 requires z, so z.1 requires y, so a must provide y",
	}, {
		name: "conflict far apart",
		group: `
			a: provides x | provides y
			m1: | provides p requires p
			m2?: provides q | requires q
			z: requires z`,
		want: "none",
		why:  "whatever the others pick, z has no chance",
	}, {
		name: "earlier members are enough for a conflict",
		group: `
			a: provides x
			b: requires y
			z: requires z`,
		want: "none",
		why:  "there are three reasons; that of the smallest prefix rules out the most",
	}, {
		name:  "nobody",
		group: "",
		want:  "none",
		why:   "an empty group has no buildpack",
	}} {
		t.Run(test.name, func(t *testing.T) {
			ps := participants(t, test.group)
			if got := trialText(ps, solved(ps)); got != test.want {
				t.Errorf("got %q, want %q: %s", got, test.want, test.why)
			}
		})
	}
}

// enumerate is docs/reference.md, "The build plan", word by word: every trial in order, each judged until nothing changes.
func enumerate(ps []participant) *trial {
	chosen := make([]int, len(ps))
	for {
		if kept := judge(ps, chosen); kept != nil {
			return &trial{chosen, kept}
		}
		m := len(ps) - 1
		for ; m >= 0; m-- {
			if chosen[m]++; chosen[m] < len(ps[m].Alternatives) {
				break
			}
			chosen[m] = 0
		}
		if m < 0 {
			return nil
		}
	}
}

// judge returns who is kept, or nil if the trial fails.
func judge(ps []participant, chosen []int) []bool {
	kept := make([]bool, len(ps))
	for m := range kept {
		kept[m] = true
	}
	for again := true; again; {
		again = false
		for m, p := range ps {
			if !kept[m] || met(ps, chosen, kept, m) {
				continue
			}
			if !p.Optional || chosen[m] != len(p.Alternatives)-1 {
				return nil
			}
			kept[m] = false
			again = true
		}
	}
	for m, p := range ps {
		if kept[m] && p.Ref.Kind == buildpack.KindBuildpack {
			return kept
		}
	}
	return nil
}

func met(ps []participant, chosen []int, kept []bool, m int) bool {
	for _, r := range ps[m].Alternatives[chosen[m]].Requires {
		found := false
		for i := 0; i <= m; i++ {
			found = found || kept[i] && slices.Contains(ps[i].Alternatives[chosen[i]].Provides, r.Name)
		}
		if !found {
			return false
		}
	}
	for _, name := range ps[m].Alternatives[chosen[m]].Provides {
		found := false
		for i := m; i < len(ps); i++ {
			found = found || kept[i] && requires(ps[i].Alternatives[chosen[i]], name)
		}
		if !found {
			return false
		}
	}
	return true
}

func requires(a buildpack.Alternative, name string) bool {
	return slices.ContainsFunc(a.Requires, func(r buildpack.Require) bool { return r.Name == name })
}

func provides(a buildpack.Alternative, name string) bool { return slices.Contains(a.Provides, name) }

// class is a kind of random instances.
type class struct {
	name                        string
	count                       int
	participants, alternatives  int // at most
	names                       int // in all
	provides, requires          int // at most, of one alternative
	silent, optional, extension float64
}

// random makes an instance. Repeated names and empty alternatives are meant to happen.
func (c class) random(r *rand.Rand) []participant {
	ps := make([]participant, r.IntN(c.participants)+1)
	for m := range ps {
		ps[m] = c.participant(r, fmt.Sprintf("m%d", m))
	}
	return ps
}

func (c class) participant(r *rand.Rand, id string) participant {
	p := participant{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: "1"}}
	switch x := r.Float64(); {
	case x < c.extension:
		p.Ref.Kind, p.Optional = buildpack.KindExtension, true
	case x < c.extension+c.optional:
		p.Optional = true
	}
	p.Alternatives = make([]buildpack.Alternative, r.IntN(c.alternatives)+1)
	for a := range p.Alternatives {
		if r.Float64() < c.silent {
			continue
		}
		for range r.IntN(c.provides + 1) {
			p.Alternatives[a].Provides = append(p.Alternatives[a].Provides, c.anyName(r))
		}
		for i := range r.IntN(c.requires + 1) {
			p.Alternatives[a].Requires = append(p.Alternatives[a].Requires, testhelpers.Require(c.anyName(r), id, a, i))
		}
	}
	return p
}

func (c class) anyName(r *rand.Rand) string { return string(rune('t' + r.IntN(c.names))) }

var classes = []class{
	{name: "small", count: 12000, participants: 4, alternatives: 3, names: 3, provides: 2, requires: 2, optional: .3, extension: .1},
	{name: "one name", count: 2000, participants: 6, alternatives: 3, names: 1, provides: 2, requires: 2, silent: .1, optional: .3, extension: .2},
	{name: "optional", count: 3000, participants: 6, alternatives: 2, names: 4, provides: 2, requires: 2, optional: .7, extension: .2},
	{name: "loose", count: 2000, participants: 7, alternatives: 3, names: 3, provides: 1, requires: 1, silent: .1, optional: .1},
	{name: "middle", count: 1500, participants: 6, alternatives: 3, names: 4, provides: 2, requires: 2, optional: .3, extension: .1},
	{name: "large", count: 700, participants: 7, alternatives: 4, names: 4, provides: 2, requires: 1, optional: .2, extension: .1},
	{name: "required", count: 1500, participants: 6, alternatives: 4, names: 3, provides: 1, requires: 1},
}

// seed of all random instances. What is found with another belongs in TestSolve.
const seed = 20

// TestSolveAgainstEnumeration compares answer, group and plan with full enumeration.
func TestSolveAgainstEnumeration(t *testing.T) {
	total := 0
	for i, c := range classes {
		total += c.count
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			t.Logf("seed %d, %d", seed, i)
			r := rand.New(rand.NewPCG(seed, uint64(i)))
			passing, later := 0, 0
			for range c.count {
				ps := c.random(r)
				want := enumerate(ps)
				compare(t, ps, want)
				if want == nil {
					continue
				}
				passing++
				if slices.Max(want.chosen) > 0 || slices.Contains(want.kept, false) {
					later++
				}
			}
			t.Logf("%d instances, %d pass, %d of them not just with everybody's first alternative", c.count, passing, later)
			if passing < c.count/20 || c.count-passing < c.count/20 || later < c.count/40 {
				t.Errorf("the instances are too much alike to show anything")
			}
		})
	}
	if total < 20000 {
		t.Errorf("%d instances, want 20000", total)
	}
}

// compare checks Solve and Entries against what enumeration found.
func compare(t *testing.T, ps []participant, want *trial) {
	t.Helper()
	got := solved(ps)
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(trial{})); diff != "" {
		t.Fatalf("Solve (-want +got):\n%s\n%s", diff, write(ps))
	}
	if got == nil {
		return
	}
	if diff := cmp.Diff(entries(ps, want), planned(ps, got)); diff != "" {
		t.Fatalf("Entries (-want +got):\n%s\n%s", diff, write(ps))
	}
}

// entries is what docs/reference.md says of the plan's entries: for each name, all who provide it before or at one who requires it.
func entries(ps []participant, t *trial) []buildpack.PlanEntry {
	var names []string
	for m := range ps {
		for _, r := range ps[m].Alternatives[t.chosen[m]].Requires {
			if t.kept[m] && !slices.Contains(names, r.Name) {
				names = append(names, r.Name)
			}
		}
	}
	var all []buildpack.PlanEntry
	for _, name := range names {
		var e buildpack.PlanEntry
		last := 0
		for m := range ps {
			for _, r := range ps[m].Alternatives[t.chosen[m]].Requires {
				if t.kept[m] && r.Name == name {
					e.Requires = append(e.Requires, r)
					last = m
				}
			}
		}
		for m := 0; m <= last; m++ {
			if t.kept[m] && provides(ps[m].Alternatives[t.chosen[m]], name) {
				ref := ps[m].Ref
				e.Providers = append(e.Providers, buildpack.Provider{ID: ref.ID, Version: ref.Version, Extension: ref.Kind == buildpack.KindExtension})
			}
		}
		all = append(all, e)
	}
	return all
}

// write is the opposite of participants.
func write(ps []participant) string {
	var b strings.Builder
	for _, p := range ps {
		head := p.Ref.ID
		switch {
		case p.Ref.Kind == buildpack.KindExtension:
			head = "ext " + head
		case p.Optional:
			head += "?"
		}
		var alts []string
		for _, a := range p.Alternatives {
			text := ""
			for _, name := range a.Provides {
				text += " provides " + name
			}
			for _, r := range a.Requires {
				text += " requires " + r.Name
			}
			alts = append(alts, text)
		}
		fmt.Fprintf(&b, "%s:%s\n", head, strings.Join(alts, " |"))
	}
	return b.String()
}

// FuzzSolve reads an instance from bytes and compares Solve with enumeration.
func FuzzSolve(f *testing.F) {
	r := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		data := make([]byte, 40)
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		ps := decode(data)
		compare(t, ps, enumerate(ps))
	})
}

// decode reads a byte for each participant – optional, extension, number of alternatives – and one for each
// alternative – two names and what is said of them.
func decode(data []byte) []participant {
	next := func() byte {
		if len(data) == 0 {
			return 0
		}
		b := data[0]
		data = data[1:]
		return b
	}
	var ps []participant
	for len(data) > 0 && len(ps) < 6 {
		head := next()
		id := fmt.Sprintf("m%d", len(ps))
		p := participant{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: "1"}, Optional: head&1 != 0}
		if head&6 == 6 {
			p.Ref.Kind, p.Optional = buildpack.KindExtension, true
		}
		for a := range int(head>>3&3) + 1 {
			p.Alternatives = append(p.Alternatives, decodeAlternative(next(), id, a))
		}
		ps = append(ps, p)
	}
	return ps
}

func decodeAlternative(b byte, id string, a int) buildpack.Alternative {
	var alt buildpack.Alternative
	for range 2 {
		name := string(rune('w' + b&3))
		switch b >> 2 & 3 {
		case 1:
			alt.Provides = append(alt.Provides, name)
		case 2:
			alt.Requires = append(alt.Requires, testhelpers.Require(name, id, a, len(alt.Requires)))
		case 3:
			alt.Provides = append(alt.Provides, name, name)
			alt.Requires = append(alt.Requires, testhelpers.Require(name, id, a, len(alt.Requires)))
		}
		b >>= 4
	}
	return alt
}
