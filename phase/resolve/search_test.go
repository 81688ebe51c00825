package resolve

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/testhelpers"
)

// world is a Source over a map. It fails the test if a module is asked twice for what should be asked once.
type world struct {
	t       testing.TB
	modules map[buildpack.Ref]*buildpack.Module
	detects map[buildpack.Ref]buildpack.Detection
	run     []buildpack.Ref
}

func (w *world) Progress(ref buildpack.Ref) (buildpack.Detection, bool) {
	return buildpack.Detection{}, slices.Contains(w.run, ref)
}

var errMissing = errors.New("missing")

func (w *world) Module(ref buildpack.Ref) (*buildpack.Module, error) {
	if m := w.modules[ref]; m != nil {
		return m, nil
	}
	return nil, fmt.Errorf("%s: %w", ref, errMissing)
}

func (w *world) Detect(needs []Need, _ Ahead) ([]buildpack.Detection, error) {
	var detections []buildpack.Detection
	for _, need := range needs {
		if slices.Contains(w.run, need.Module.Ref) {
			w.t.Errorf("bin/detect of %s would run twice", need.Module.Ref)
		}
		w.run = append(w.run, need.Module.Ref)
		detections = append(detections, w.detects[need.Module.Ref])
	}
	return detections, nil
}

// hastySource is a world in which modules end in random order, and run ahead of their time where that is proposed.
type hastySource struct {
	*world
	r       *rand.Rand
	started map[buildpack.Ref]bool
	running []buildpack.Ref
	ended   map[buildpack.Ref]bool
}

func newHastySource(w *world, r *rand.Rand) *hastySource {
	return &hastySource{world: w, r: r, started: map[buildpack.Ref]bool{}, ended: map[buildpack.Ref]bool{}}
}

func (h *hastySource) Detect(needs []Need, ahead Ahead) ([]buildpack.Detection, error) {
	for _, need := range needs {
		if !h.started[need.Module.Ref] {
			h.start(need.Module)
		}
	}
	for {
		if h.r.IntN(2) == 0 {
			for _, m := range ahead.Propose(h.r.IntN(3) + 1) {
				h.start(m)
			}
		}
		detections, enough := make([]buildpack.Detection, len(needs)), true
		for i, need := range needs {
			detections[i], _ = h.Progress(need.Module.Ref)
			if need.Required && detections[i].Outcome == buildpack.Failed {
				return detections, nil
			}
			enough = enough && detections[i].Outcome != ""
		}
		if enough {
			return detections, nil
		}
		i := h.r.IntN(len(h.running))
		h.ended[h.running[i]] = true
		h.running = slices.Delete(h.running, i, i+1)
	}
}

func (h *hastySource) start(m *buildpack.Module) {
	if h.started[m.Ref] {
		h.t.Errorf("bin/detect of %s would run twice", m.Ref)
	}
	h.started[m.Ref] = true
	h.running = append(h.running, m.Ref)
}

func (h *hastySource) Progress(ref buildpack.Ref) (buildpack.Detection, bool) {
	if h.ended[ref] {
		return h.detects[ref], true
	}
	return buildpack.Detection{}, h.started[ref]
}

// TestHasteChangesNothing: in whatever order modules end, and whatever was run ahead, the answer is the same, with the errors that decided
// and, where it is asked for, the trace.
func TestHasteChangesNothing(t *testing.T) {
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			for i := range s.count / 4 {
				r := rand.New(rand.NewPCG(seed+2, uint64(i)))
				w, order, extensions, limits := s.random(t, r)
				limits.Trace = r.IntN(2) == 0
				want := reported(Search(order, extensions, limits, w))
				got := reported(Search(order, extensions, limits, newHastySource(w, r)))
				if got != want {
					t.Fatalf("instance %d\norder %v\nextensions %v\n got %s\nwant %s", i, order, extensions, got, want)
				}
			}
		})
	}
}

// reported is an answer with all that is said of it.
func reported(a *Answer, err error) string {
	text := answer(a, err)
	if a != nil {
		for _, d := range a.Decided {
			text += fmt.Sprintf("\nerr: %s in group %d", d.Member.Module, d.Group)
		}
		for _, c := range a.Trace {
			text += fmt.Sprintf("\n%d %s", c.Group, candidateText(c.Members))
		}
	}
	return text
}

// candidate is one candidate group of the slow model.
type candidate []Member

// item is an element with the composites that it is nested in.
type item struct {
	element buildpack.Element
	within  []buildpack.Ref
}

// enumerateCandidates lists all candidates, in order, the way docs/reference.md, "The order", puts it. It stops early if
// each says so.
func (w *world) enumerateCandidates(order, extensions buildpack.Order, limits Limits, each func(candidate) (stop bool)) error {
	for _, group := range order {
		var befores []buildpack.Group
		befores = append(befores, extensions...)
		befores = append(befores, nil)
		for _, before := range befores {
			stop, err := w.expand(items(slices.Concat(before, group), nil), nil, limits, each)
			if stop || err != nil {
				return err
			}
		}
	}
	return nil
}

func items(group buildpack.Group, within []buildpack.Ref) []item {
	var list []item
	for _, e := range group {
		list = append(list, item{e, within})
	}
	return list
}

func (w *world) expand(todo []item, done candidate, limits Limits, each func(candidate) bool) (bool, error) {
	if len(todo) == 0 {
		return each(done), nil
	}
	first, rest := todo[0], todo[1:]
	ref := first.element.Ref
	for _, m := range done {
		if m.Module.Kind == ref.Kind && m.Module.ID == ref.ID {
			return w.expand(rest, done, limits, each)
		}
	}
	m, err := w.Module(ref)
	if err != nil {
		return true, err
	}
	if limits.ExecEnv != "" {
		for _, list := range [][]string{first.element.ExecEnv, m.Descriptor.ExecEnv} {
			if len(list) > 0 && !slices.Contains(list, "*") && !slices.Contains(list, limits.ExecEnv) {
				return w.expand(rest, done, limits, each)
			}
		}
	}
	if len(m.Descriptor.Order) == 0 {
		member := Member{Module: m, Optional: first.element.Optional || ref.Kind == buildpack.KindExtension}
		return w.expand(rest, append(slices.Clone(done), member), limits, each)
	}
	if at := slices.Index(first.within, ref); at >= 0 {
		return true, cycleOf(append(slices.Clone(first.within[at:]), ref))
	}
	groups := slices.Clone(m.Descriptor.Order)
	if first.element.Optional {
		groups = append(groups, nil)
	}
	for _, group := range groups {
		nested := items(group, append(slices.Clone(first.within), ref))
		if stop, err := w.expand(slices.Concat(nested, rest), done, limits, each); stop || err != nil {
			return stop, err
		}
	}
	return false, nil
}

func cycleOf(path []buildpack.Ref) error {
	var names []string
	for _, ref := range path {
		names = append(names, ref.String())
	}
	return errors.New("a composite buildpack contains itself: " + strings.Join(names, " → "))
}

// full is the outcome of trying every candidate and every trial in turn, written down as text.
func (w *world) full(order, extensions buildpack.Order, limits Limits) (text string, ran map[buildpack.Ref]bool, decided []string) {
	ran = map[buildpack.Ref]bool{}
	told := map[buildpack.Ref]bool{}
	errored := false
	answer := ""
	err := w.enumerateCandidates(order, extensions, limits, func(c candidate) bool {
		var ps []participant
		bad, no, known := false, false, false
		tell := func(optional bool) {
			for _, m := range c {
				if m.Detection.Outcome == buildpack.Errored && m.Optional == optional && !no && !known && !told[m.Module.Ref] {
					told[m.Module.Ref] = true
					decided = append(decided, m.Module.Ref.String())
				}
			}
		}
		for i, m := range c {
			if limits.Target != nil && buildpack.MatchTargets(m.Module.Targets, *limits.Target) != nil {
				c[i].Detection = buildpack.Detection{Outcome: buildpack.Mismatched}
			} else {
				c[i].Detection = w.detects[m.Module.Ref]
				ran[m.Module.Ref] = true
			}
			switch {
			case c[i].Passed():
				ps = append(ps, participant{m.Module.Ref, m.Optional, c[i].Detection.Alternatives})
			case !m.Optional:
				bad, no, known = true, no || c[i].Detection.Outcome != buildpack.Errored, known || told[m.Module.Ref]
			}
			errored = errored || c[i].Errored()
		}
		if bad {
			tell(false)
			return false
		}
		if len(ps) > 0 {
			if trial := enumerate(ps); trial != nil {
				answer = describe(c, ps, trial)
				return true
			}
		}
		tell(true)
		return false
	})
	switch {
	case err != nil:
		return "error: " + err.Error(), ran, nil
	case answer != "":
		return answer, ran, decided
	}
	return fmt.Sprintf("failed, errored: %t", errored), ran, decided
}

func describe(c []Member, ps []participant, t *trial) string {
	var names []string
	for _, m := range c {
		names = append(names, m.Module.Ref.String())
	}
	return fmt.Sprintf("%v %s %s", names, trialText(ps, t), planText(entries(ps, t)))
}

// answer is the outcome of Search, written down as the same text.
func answer(a *Answer, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	r := a.Resolution
	if r == nil {
		return fmt.Sprintf("failed, errored: %t", a.Errored())
	}
	var names, kept []string
	for _, m := range r.Members {
		names = append(names, m.Module.Ref.String())
		if !m.Passed() {
			continue
		}
		at := slices.IndexFunc(r.Taking, func(g Member) bool { return g.Module.Ref == m.Module.Ref })
		if at < 0 {
			kept = append(kept, fmt.Sprintf("-%s.%d", m.Module.ID, len(m.Detection.Alternatives)-1))
		} else {
			kept = append(kept, fmt.Sprintf("%s.%d", m.Module.ID, r.Chosen[at]))
		}
	}
	return fmt.Sprintf("%v %s %s", names, strings.Join(kept, " "), planText(r.Plan))
}

// shape is a kind of random world.
type shape struct {
	name                       string
	count                      int
	ids, versions, composites  int
	groups, elements           int
	names                      int
	missing, failing, erroring float64
	// tower worlds have one group of several composites with no other reason to fail than the build plan.
	tower bool
	// again is how many elements of a tower are repeated.
	again int
	// optional is the share of optional elements; 0 means a third.
	optional float64
	// nested worlds have composites within composites, again and again, but none within itself.
	nested bool
}

var shapes = []shape{
	{name: "flat", count: 1500, ids: 6, versions: 2, groups: 4, elements: 5, names: 3, missing: .01, failing: .2, erroring: .05},
	{name: "composites", count: 3000, ids: 6, versions: 2, composites: 4, groups: 3, elements: 3, names: 3, missing: .01, failing: .15, erroring: .05},
	{name: "deep", count: 1500, ids: 5, versions: 1, composites: 7, groups: 2, elements: 3, names: 2, missing: .03, failing: .3, erroring: .1},
	{name: "repeats", count: 2000, ids: 3, versions: 3, composites: 5, groups: 3, elements: 4, names: 3, missing: .02, failing: .2, erroring: .05},
	{name: "towers", count: 3000, ids: 9, versions: 1, composites: 5, groups: 3, elements: 2, names: 3, failing: .02, tower: true},
	{name: "clashing", count: 2000, ids: 4, versions: 2, composites: 4, groups: 3, elements: 2, names: 3, failing: .05, tower: true},
	{name: "nested", count: 3000, ids: 6, versions: 1, composites: 5, groups: 2, elements: 2, names: 3, failing: .2, erroring: .03, nested: true},
	{name: "nested versions", count: 3000, ids: 4, versions: 2, composites: 5, groups: 2, elements: 3, names: 3, failing: .15, nested: true},
	{name: "again", count: 2000, ids: 6, versions: 2, composites: 3, groups: 3, elements: 2, names: 3, failing: .05, tower: true, again: 2},
	{name: "optional", count: 2000, ids: 8, versions: 1, composites: 4, groups: 3, elements: 2, names: 2, failing: .2, tower: true, optional: .7},
	{name: "passing", count: 2000, ids: 8, versions: 1, composites: 5, groups: 3, elements: 3, names: 5, failing: .02},
}

// random makes a world, an order and an order of extensions.
func (s shape) random(t testing.TB, r *rand.Rand) (w *world, order, extensions buildpack.Order, limits Limits) {
	w = &world{t: t, modules: map[buildpack.Ref]*buildpack.Module{}, detects: map[buildpack.Ref]buildpack.Detection{}}
	var refs, exts []buildpack.Ref
	for i := range s.ids {
		for v := range s.versions {
			refs = append(refs, buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprint("m", i), Version: fmt.Sprint(v)})
		}
	}
	for i := range 3 {
		exts = append(exts, buildpack.Ref{Kind: buildpack.KindExtension, ID: fmt.Sprint("m", i), Version: "0"})
	}
	for i := range s.composites { // some share the id of a component, with another version
		ref := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprint("c", i), Version: "0"}
		if r.IntN(6) == 0 {
			ref = buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprint("m", r.IntN(s.ids)), Version: "composite"}
		}
		refs = append(refs, ref)
	}
	names := class{participants: 1, alternatives: 3, names: s.names, provides: 1, requires: 1, silent: .3}
	for i, ref := range slices.Concat(refs, exts) {
		m := &buildpack.Module{Ref: ref, API: api.V(0, 12), Targets: []buildpack.Target{{}}}
		if !s.tower && r.IntN(12) == 0 {
			m.Targets = []buildpack.Target{{OS: "plan9"}}
		}
		if !s.tower && r.IntN(12) == 0 {
			m.Descriptor.ExecEnv = []string{"test"}
		}
		if i >= s.ids*s.versions && i < len(refs) {
			components := refs[:s.ids*s.versions]
			switch {
			case s.tower:
				m.Descriptor.Order = s.order(r, components)
			case s.nested: // twice, so that they are half of what is chosen from
				m.Descriptor.Order = s.order(r, slices.Concat(components[:2], refs[i+1:], refs[i+1:], components[2:]))
			default:
				m.Descriptor.Order = s.order(r, refs)
			}
		}
		if r.Float64() >= s.missing {
			w.modules[ref] = m
		}
		w.detects[ref] = s.detection(r, names, ref)
	}
	if r.IntN(2) == 0 {
		limits.Target = &buildpack.Target{OS: "linux"}
	}
	if r.IntN(2) == 0 {
		limits.ExecEnv = "production"
	}
	if r.IntN(2) == 0 {
		extensions = s.order(r, exts)
	}
	order = s.order(r, refs)
	if s.tower {
		composites := refs[s.ids*s.versions:]
		order = buildpack.Order{nil}
		for range 2 + r.IntN(4) {
			order[0] = append(order[0], buildpack.Element{Ref: composites[r.IntN(len(composites))], Optional: r.IntN(5) == 0})
			if r.IntN(4) == 0 {
				order[0] = append(order[0], buildpack.Element{Ref: refs[r.IntN(s.ids)], Optional: r.IntN(3) == 0})
			}
		}
		for range s.again {
			order[0] = append(order[0], order[0][r.IntN(len(order[0]))])
		}
	}
	return w, order, extensions, limits
}

func (s shape) detection(r *rand.Rand, names class, ref buildpack.Ref) buildpack.Detection {
	switch x := r.Float64(); {
	case x < s.failing:
		return buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100}
	case x < s.failing+s.erroring:
		return buildpack.Detection{Outcome: buildpack.Errored, ExitCode: 7}
	}
	p := names.participant(r, ref.String())
	if ref.Kind == buildpack.KindExtension {
		for i := range p.Alternatives {
			p.Alternatives[i].Requires = nil
		}
	}
	return buildpack.Detection{Outcome: buildpack.Passed, Alternatives: p.Alternatives}
}

func (s shape) order(r *rand.Rand, refs []buildpack.Ref) buildpack.Order {
	o := make(buildpack.Order, r.IntN(s.groups)+1)
	for i := range o {
		for range r.IntN(s.elements) + 1 {
			e := buildpack.Element{Ref: refs[r.IntN(len(refs))], Optional: r.Float64() < cmp.Or(s.optional, 1./3)}
			if !s.tower && r.IntN(20) == 0 {
				e.ExecEnv = []string{"test"}
			}
			o[i] = append(o[i], e)
		}
	}
	return o
}

// TestSearchAgainstFullEvaluation: group, plan, failure and errors are those of trying every candidate in turn, and no
// module runs that full evaluation would not have run.
func TestSearchAgainstFullEvaluation(t *testing.T) {
	const limit = 3000 // candidates; the few instances with more are left out
	for _, s := range shapes {
		count := s.count / 3
		if testhelpers.Long() {
			count = s.count * 4
		}
		t.Run(s.name, func(t *testing.T) {
			left, kinds := 0, map[string]int{}
			for i := range count {
				r := rand.New(rand.NewPCG(seed, uint64(i)))
				w, order, extensions, limits := s.random(t, r)
				candidates := 0
				w.enumerateCandidates(order, extensions, limits, func(candidate) bool { candidates++; return candidates > limit })
				if candidates > limit {
					left++
					continue
				}
				want, ran, decided := w.full(order, extensions, limits)
				w.run = nil
				found, err := Search(order, extensions, limits, w)
				got := answer(found, err)
				if got != want {
					t.Fatalf("instance %d\norder %v\nextensions %v\n got %s\nwant %s", i, order, extensions, got, want)
				}
				if candidates >= tryUnion {
					continue // the modules of the group were all detected, perhaps
				}
				if found != nil {
					var told []string
					for _, d := range found.Decided {
						told = append(told, d.Member.Module.Ref.String())
					}
					if !slices.Equal(told, decided) {
						t.Fatalf("instance %d\norder %v\nextensions %v\n told %s\nwant %s", i, order, extensions, told, decided)
					}
				}
				for _, ref := range w.run {
					if !ran[ref] {
						t.Fatalf("instance %d: %s was run, which full evaluation would not have reached", i, ref)
					}
				}
				if strings.HasPrefix(want, "failed") && len(w.run) != len(ran) {
					t.Fatalf("instance %d: %d modules were run, full evaluation of a failing order runs %d", i, len(w.run), len(ran))
				}
				kinds[strings.SplitN(want, " ", 2)[0][:1]]++
			}
			if left > count/4 {
				t.Errorf("%d of %d instances were too large", left, count)
			}
			t.Logf("%d instances, %d left out, outcomes by first letter: %v", count, left, kinds)
		})
	}
}

func candidateText(c []Member) string {
	var words []string
	for _, m := range c {
		word := string(m.Module.Kind[:1]) + m.Module.Ref.String()
		if m.Optional {
			word += "?"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}

// towers makes n composites in a row with four groups of one module each. Of the modules in the last group of each,
// only those of the last composite do not fit what the others are: the first combination that passes is the last.
func towers(t testing.TB, n int, plan func(composite, group int) buildpack.Detection) (*world, buildpack.Order) {
	w := &world{t: t, modules: map[buildpack.Ref]*buildpack.Module{}, detects: map[buildpack.Ref]buildpack.Detection{}}
	var group buildpack.Group
	for c := range n {
		composite := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprint("composite-", c), Version: "1"}
		m := &buildpack.Module{Ref: composite, API: api.V(0, 12)}
		for g := range 4 {
			ref := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: fmt.Sprintf("module-%d-%d", c, g), Version: "1"}
			w.modules[ref] = &buildpack.Module{Ref: ref, API: api.V(0, 12)}
			w.detects[ref] = plan(c, g)
			m.Descriptor.Order = append(m.Descriptor.Order, buildpack.Group{{Ref: ref}})
		}
		w.modules[composite] = m
		group = append(group, buildpack.Element{Ref: composite})
	}
	return w, buildpack.Order{group}
}

func passed(provides, requires []string) buildpack.Detection {
	return buildpack.Detection{Outcome: buildpack.Passed, Alternatives: []buildpack.Alternative{alt(provides, requires)}}
}

// towerFamilies are reasons why only the last of 4^n combinations passes.
func towerFamilies(n int) map[string]func(c, g int) buildpack.Detection {
	last := func(c, g int) bool { return g == 3 }
	var all []string
	for c := range n - 1 {
		all = append(all, fmt.Sprint("name-", c))
	}
	return map[string]func(c, g int) buildpack.Detection{
		"detection of the others fails": func(c, g int) buildpack.Detection {
			if last(c, g) {
				return passed(nil, nil)
			}
			return buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100}
		},
		"the others require what none provides": func(c, g int) buildpack.Detection {
			if last(c, g) {
				return passed(nil, nil)
			}
			return passed(nil, []string{"nothing"})
		},
		"the others provide what none requires": func(c, g int) buildpack.Detection {
			if last(c, g) {
				return passed(nil, nil)
			}
			return passed([]string{fmt.Sprint("unwanted-", c)}, nil)
		},
		"the last module requires something of each": func(c, g int) buildpack.Detection {
			switch {
			case c == n-1 && last(c, g):
				return passed(nil, all)
			case c == n-1:
				return buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100}
			case last(c, g):
				return passed([]string{fmt.Sprint("name-", c)}, nil)
			}
			return passed(nil, nil)
		},
		"each requires what the one before provides": func(c, g int) buildpack.Detection {
			name, before := fmt.Sprintf("link-%d", c), fmt.Sprintf("link-%d", c-1)
			switch {
			case last(c, g) && c == 0:
				return passed([]string{name}, nil)
			case last(c, g) && c == n-1:
				return passed(nil, []string{before})
			case last(c, g):
				return passed([]string{name}, []string{before})
			case c == n-1:
				return passed(nil, []string{"nothing"})
			}
			return passed(nil, nil)
		},
	}
}

// TestCompositesDoNotMultiply: 12 composites with 4 groups each make 16 million candidates. Only a few are judged, and the answer is
// the last. Where nothing but the combination is wrong with the others, all would have to be tried: the search gives up.
func TestCompositesDoNotMultiply(t *testing.T) {
	givenUp := []string{"the last module requires something of each", "each requires what the one before provides"}
	for name, plan := range towerFamilies(12) {
		t.Run(name, func(t *testing.T) {
			w, order := towers(t, 12, plan)
			s := newSearcher(order, nil, Limits{}, w)
			s.limit = 300_000
			found, err := s.group(0)
			if slices.Contains(givenUp, name) {
				if !errors.Is(err, errBound) {
					t.Errorf("found %v, error %v, want that it gives up", found, err)
				}
				return
			}
			if err != nil || found == nil {
				t.Fatalf("no answer, error %v", err)
			}
			for c, m := range found.Taking {
				if want := fmt.Sprintf("module-%d-3", c); m.Module.ID != want {
					t.Errorf("member %d is %s, want %s", c, m.Module.ID, want)
				}
			}
			if s.judged > 1000 { // of 16,777,216; all of them would not end
				t.Errorf("%d candidates were judged", s.judged)
			}
		})
	}
}

// TestSecondSearch: a search that takes too many steps because too little is known is repeated when all is known. What the first
// one counted does not count.
func TestSecondSearch(t *testing.T) {
	k := sketch{
		order:      []string{"c@1 d@1 " + each(40, "m#@1")}, // judging so many takes more than leaving them out
		composites: lists{"c@1": {"e@1", "f@1"}, "d@1": {"g@1", "h@1", "i@1", "j@1"}},
		detects:    strs{"e@1": "error", "g@1": "fail", "h@1": "fail", "i@1": "fail"},
	}
	w, order, _ := k.world(t)
	search := func(limit int, known bool) (*searcher, string) {
		w.run = nil
		s := newSearcher(order, nil, Limits{}, w)
		s.limit = limit
		if known {
			if err := s.ask(s.modules(), false); err != nil {
				t.Fatal(err)
			}
		}
		found, err := s.group(0)
		if err != nil || found == nil {
			t.Fatalf("%v, error %v", found, err)
		}
		return s, reported(&Answer{Resolution: found, Decided: s.decided}, nil)
	}
	known, want := search(mostSteps, true)
	first, _ := search(mostSteps, false)
	if first.steps >= known.steps {
		t.Fatalf("%d and %d steps are left, so this shows nothing", first.steps, known.steps)
	}
	second, got := search(mostSteps-known.steps, false)
	if got != want || second.judged != known.judged {
		t.Errorf("%d candidates, %s\nwant %d, %s", second.judged, got, known.judged, want)
	}
}

// nest makes n composites, each of which has the next one in both of its groups, with another module p or q after it or
// before it. The last one has the module last.
func nest(t testing.TB, n int, after bool, plan func(id string) buildpack.Detection) (*world, buildpack.Order) {
	w := &world{t: t, modules: map[buildpack.Ref]*buildpack.Module{}, detects: map[buildpack.Ref]buildpack.Detection{}}
	element := func(id string) buildpack.Element {
		ref := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: "1"}
		if w.modules[ref] == nil {
			w.modules[ref], w.detects[ref] = &buildpack.Module{Ref: ref, API: api.V(0, 12)}, plan(id)
		}
		return buildpack.Element{Ref: ref}
	}
	inner := element("last")
	for i := n - 1; i >= 0; i-- {
		composite := element(fmt.Sprint("composite-", i))
		var order buildpack.Order
		for _, name := range []string{"p", "q"} {
			group := buildpack.Group{element(fmt.Sprint(name, "-", i)), inner}
			if after {
				slices.Reverse(group)
			}
			order = append(order, group)
		}
		w.modules[composite.Ref].Descriptor.Order = order
		inner = composite
	}
	return w, buildpack.Order{{inner}}
}

// TestNestedCompositesDoNotMultiply: 30 composites within each other, with two groups each, stand for a billion candidates
// – and for as many places at which the innermost stands.
func TestNestedCompositesDoNotMultiply(t *testing.T) {
	failed := buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100}
	for _, test := range []struct {
		name   string
		plan   func(id string) buildpack.Detection
		passes bool
		why    string
	}{{
		name: "the innermost fails",
		plan: func(id string) buildpack.Detection {
			if id == "last" {
				return failed
			}
			return passed(nil, nil)
		},
		why: "it is in every candidate",
	}, {
		name: "all but the last group of each fail",
		plan: func(id string) buildpack.Detection {
			if id[0] == 'p' {
				return failed
			}
			return passed(nil, nil)
		},
		passes: true,
	}, {
		name: "the innermost requires what none provides",
		plan: func(id string) buildpack.Detection {
			if id == "last" {
				return passed(nil, []string{"nothing"})
			}
			return passed(nil, nil)
		},
		why: "it is in every candidate",
	}, {
		name: "all but the last group of each require what none provides",
		plan: func(id string) buildpack.Detection {
			if id[0] == 'p' {
				return passed(nil, []string{id})
			}
			return passed(nil, nil)
		},
		passes: true,
	}} {
		for _, after := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, after %t", test.name, after), func(t *testing.T) {
				w, order := nest(t, 30, after, test.plan)
				a, err := Search(order, nil, Limits{}, newHastySource(w, rand.New(rand.NewPCG(seed, 0))))
				if err != nil || (a.Resolution != nil) != test.passes {
					t.Fatalf("%v, error %v; want %t: %s", a, err, test.passes, test.why)
				}
				if a.Judged > 1000 { // of 1,073,741,824; all of them would not end
					t.Errorf("%d candidates were judged", a.Judged)
				}
				t.Logf("%d candidates judged", a.Judged)
			})
		}
	}
}

// A cycle that no candidate has run into yet is an error once one would, also of those that are known to fail: here each
// of two composites has been looked up where the other was skipped because of a component of its id.
func TestCycleBetweenKnownModules(t *testing.T) {
	w := &world{t: t, modules: map[buildpack.Ref]*buildpack.Module{}, detects: map[buildpack.Ref]buildpack.Detection{}}
	group := func(text string) (g buildpack.Group) {
		for name := range strings.FieldsSeq(text) {
			id, version, _ := strings.Cut(name, "@")
			ref := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: version}
			if w.modules[ref] == nil {
				w.modules[ref], w.detects[ref] = &buildpack.Module{Ref: ref, API: api.V(0, 12)}, passed(nil, nil)
			}
			if id == "stop" {
				w.detects[ref] = buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100}
			}
			g = append(g, buildpack.Element{Ref: ref})
		}
		return g
	}
	order := buildpack.Order{group("d@1 c@composite stop@1"), group("c@1 d@composite stop@1"), group("A@1 stop@1")}
	for name, groups := range map[string]string{"c@composite": "d@composite y@1", "d@composite": "c@composite y@1", "A@1": "y@1|c@composite"} {
		ref := group(name)[0].Ref
		for text := range strings.SplitSeq(groups, "|") {
			w.modules[ref].Descriptor.Order = append(w.modules[ref].Descriptor.Order, group(text))
		}
	}
	_, err := Search(order, nil, Limits{}, w)
	if err == nil || !strings.Contains(err.Error(), "contains itself") {
		t.Errorf("%v, want a cycle", err)
	}
}

func BenchmarkComposites(b *testing.B) {
	for name, plan := range towerFamilies(12) {
		b.Run(strings.ReplaceAll(name, " ", "_"), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				w, order := towers(b, 12, plan)
				s := newSearcher(order, nil, Limits{}, w)
				s.limit = 300_000
				s.group(0) // with an answer, or giving up
			}
		})
	}
}

// TestWhatAChoiceDependsOn: ways in which a choice made earlier is the reason for a failure without being part of
// what conflicts. Each order begins with a group that fails but makes everything known, so that not knowing is no reason.
func TestWhatAChoiceDependsOn(t *testing.T) {
	failed := buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100}
	for _, test := range []struct {
		name, want, why string
		composites      map[string][]string // the groups of each
		known, group    []string
		detects         map[string]buildpack.Detection
	}{{
		name:       "a composite is only there because no component has its id",
		composites: map[string][]string{"A@1": {"y@1", "x@1"}, "x@composite": {"f@1"}},
		known:      []string{"y@1", "x@1", "f@1", "A@1"},
		group:      []string{"A@1", "x@composite"},
		detects:    map[string]buildpack.Detection{"f@1": failed},
		want:       "x@1",
		why:        "with x@1 the composite of the same id is skipped, and with it what fails",
	}, {
		name:       "a module is skipped because of another one of its id",
		composites: map[string][]string{"A@1": {"x@1", "y@1"}},
		known:      []string{"x@1", "y@1", "n@1", "A@1"},
		group:      []string{"A@1", "x@2", "n@1"},
		detects:    map[string]buildpack.Detection{"x@2": passed([]string{"dep"}, nil), "n@1": passed(nil, []string{"dep"})},
		want:       "y@1 x@2 n@1",
		why:        "without x@1 its other version provides what n requires",
	}, {
		name:       "who requires a name may come from a choice further on",
		composites: map[string][]string{"C@1": {"b@1", "d@1"}},
		known:      []string{"b@1", "d@1", "C@1"},
		group:      []string{"a@1", "C@1"},
		detects:    map[string]buildpack.Detection{"a@1": passed([]string{"dep"}, nil), "d@1": passed(nil, []string{"dep"})},
		want:       "a@1 d@1",
		why:        "b leaves what a provides unwanted, d does not",
	}, {
		name:       "where a module stands may come from a choice before",
		composites: map[string][]string{"A@1": {"y@1", "x@1"}},
		known:      []string{"y@1", "x@1", "r@1", "A@1"},
		group:      []string{"A@1", "r@1?", "x@1"},
		detects:    map[string]buildpack.Detection{"x@1": passed([]string{"dep"}, nil), "r@1": passed(nil, []string{"dep"})},
		want:       "x@1 r@1?",
		why:        "r requires what x provides if x stands before it",
	}, {
		name:       "what conflicts within may be skipped with another group around",
		composites: map[string][]string{"A@1": {"C@1", "x@2 C@1"}, "C@1": {"x@1"}},
		known:      []string{"x@2", "y@1", "C@1", "A@1"},
		group:      []string{"A@1"},
		detects:    map[string]buildpack.Detection{"x@1": passed(nil, []string{"nothing"})},
		want:       "x@2",
		why:        "with x@2 in front the other version of x is skipped",
	}, {
		name:       "what fails within may be skipped with another group around",
		composites: map[string][]string{"A@1": {"C@1", "x@2 C@1"}, "C@1": {"x@1"}},
		known:      []string{"x@2", "y@1", "C@1", "A@1"},
		group:      []string{"A@1"},
		detects:    map[string]buildpack.Detection{"x@1": failed},
		want:       "x@2",
		why:        "with x@2 in front the other version of x is skipped",
	}, {
		name:       "what conflicts within may not, with another module before it in the same group",
		composites: map[string][]string{"A@1": {"C@1 p@1 C@1"}, "C@1": {"x@1", "y@1"}},
		known:      []string{"y@1", "p@1", "x@1", "A@1"},
		group:      []string{"A@1"},
		detects:    map[string]buildpack.Detection{"p@1": passed([]string{"dep"}, nil), "x@1": passed(nil, []string{"dep"})},
		want:       "y@1 p@1 x@1",
		why:        "x fails before p and passes after it: the same composite, with another group each time",
	}, {
		name:       "nor, one composite deeper",
		composites: map[string][]string{"A@1": {"B@1 p@1 B@1"}, "B@1": {"C@1"}, "C@1": {"x@1", "y@1"}},
		known:      []string{"y@1", "p@1", "x@1", "A@1"},
		group:      []string{"A@1"},
		detects:    map[string]buildpack.Detection{"p@1": passed([]string{"dep"}, nil), "x@1": passed(nil, []string{"dep"})},
		want:       "y@1 p@1 x@1",
		why:        "as above",
	}} {
		t.Run(test.name, func(t *testing.T) {
			w := &world{t: t, modules: map[buildpack.Ref]*buildpack.Module{}, detects: map[buildpack.Ref]buildpack.Detection{}}
			ref := func(text string) buildpack.Ref {
				id, version, _ := strings.Cut(text, "@")
				r := buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: version}
				if w.modules[r] == nil {
					w.modules[r], w.detects[r] = &buildpack.Module{Ref: r, API: api.V(0, 12)}, passed(nil, nil)
				}
				return r
			}
			group := func(names []string) (g buildpack.Group) {
				for _, name := range names {
					name, optional := strings.CutSuffix(name, "?")
					g = append(g, buildpack.Element{Ref: ref(name), Optional: optional})
				}
				return g
			}
			for name, members := range test.composites {
				r := ref(name)
				for _, member := range members {
					w.modules[r].Descriptor.Order = append(w.modules[r].Descriptor.Order, group(strings.Fields(member)))
				}
			}
			for name, d := range test.detects {
				w.detects[ref(name)] = d
			}
			w.detects[ref("stop@1")] = failed
			order := buildpack.Order{group(append(test.known, "stop@1")), group(test.group)}
			a, err := Search(order, nil, Limits{}, w)
			if err != nil || a.Resolution == nil || candidateText(a.Resolution.Taking) != "b"+strings.ReplaceAll(test.want, " ", " b") {
				t.Errorf("got %v, %v, want %s: %s", a, err, test.want, test.why)
			}
		})
	}
}
