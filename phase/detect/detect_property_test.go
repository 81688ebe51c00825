package detect

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
)

// TestDetectAgreesWithTheRules makes random modules and orders on disk, runs the real detection on them, processes and
// all, and compares exit code, group and plan with a second reading of docs/reference.md, "The order" to "The build plan": slow, and as plain
// as its words. ORDERS=5000 tries that many of them.
func TestDetectAgreesWithTheRules(t *testing.T) {
	count := 150
	if n, err := strconv.Atoi(os.Getenv("ORDERS")); err == nil {
		count = n
	}
	codes := map[int]int{}
	for seed := range count {
		w := newWorld(rand.New(rand.NewPCG(3, uint64(seed))))
		dir := t.TempDir()
		w.write(t, dir)
		want := w.expect()
		got := w.detect(t, dir)
		codes[want.code]++
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
			t.Fatalf("seed %d, Platform API %s (-reference +real):\n%s\n%s", seed, w.platformAPI, diff, w.describe())
		}
		w.checkRuns(t, dir, seed)
	}
	for _, code := range []int{0, 1, 12, 20, 21, 22} {
		if codes[code] == 0 && count >= 150 {
			t.Errorf("no order that ends with exit code %d among %v: the test shows less than it should", code, codes)
		}
	}
	t.Logf("exit codes: %v", codes)
}

// answer is what can be compared.
type answer struct {
	code  int
	group []string
	plan  string
}

// world is a random set of modules, and the files and inputs that go with it.
type world struct {
	platformAPI api.Version
	modules     map[buildpack.Ref]*fakeModule
	refs        []buildpack.Ref // in a fixed order
	order, exts [][]fakeElement
	pre, post   []fakeElement

	errored bool
}

type fakeElement struct {
	ref      buildpack.Ref
	optional bool
	execEnv  string // "", or one name
	// extensions stands for the groups of extensions; within are the composites it came out of. The model only.
	extensions [][]fakeElement
	within     []buildpack.Ref
}

// fakeModule says how a module behaves.
type fakeModule struct {
	api      string
	exit     int    // of bin/detect
	broken   string // "", "plan" or "start"
	mismatch bool   // its target is not that of the image
	execEnv  string
	missing  bool
	order    [][]fakeElement // of a composite
	plans    []fakePlan
}

type fakePlan struct{ provides, requires []string }

func newWorld(r *rand.Rand) *world {
	apis := []int{7, 9, 10, 12, 13, 15, 15, 15}
	w := &world{platformAPI: api.V(0, apis[r.IntN(len(apis))]), modules: map[buildpack.Ref]*fakeModule{}}
	var components, composites, extensions []buildpack.Ref
	for i := range 5 {
		for version := range 1 + r.IntN(2) {
			components = append(components, buildpack.Ref{Kind: buildpack.KindBuildpack, ID: "b/" + string(rune('a'+i)), Version: fmt.Sprint(version + 1)})
		}
	}
	for i := range 3 {
		composites = append(composites, buildpack.Ref{Kind: buildpack.KindBuildpack, ID: "c/" + string(rune('a'+i)), Version: "1"})
		extensions = append(extensions, buildpack.Ref{Kind: buildpack.KindExtension, ID: "e/" + string(rune('a'+i)), Version: "1"})
	}
	// Some worlds have everything that can be wrong, others only what can fail.
	wrong := r.IntN(3) == 0
	for _, ref := range slices.Concat(components, composites, extensions) {
		w.refs = append(w.refs, ref)
		w.modules[ref] = newFake(r, ref, wrong)
	}
	all := slices.Concat(components, composites)
	for i, ref := range composites {
		inner := slices.Concat(components, composites[i+1:])
		if wrong {
			inner = all // and so a cycle is possible
		}
		w.modules[ref].order = groups(r, inner, 1+r.IntN(3))
	}
	w.order = groups(r, all, 1+r.IntN(3))
	if r.IntN(2) == 0 {
		w.exts = groups(r, extensions, 1+r.IntN(2))
	}
	if r.IntN(3) == 0 {
		w.pre, w.post = groups(r, components, 1)[0], groups(r, components, 1)[0]
	}
	return w
}

func newFake(r *rand.Rand, ref buildpack.Ref, wrong bool) *fakeModule {
	m := &fakeModule{api: "0.12", plans: []fakePlan{{}}}
	one := func(in int) bool { return r.IntN(in) == 0 }
	if one(3) {
		m.api = []string{"0.7", "0.8", "0.9", "0.10", "0.11"}[r.IntN(5)]
	}
	switch {
	case one(6):
		m.exit = 100
	case wrong && one(8):
		m.exit = 1 + r.IntN(50)
	case wrong && one(12):
		m.broken = "plan"
	case wrong && one(12) && ref.Kind == buildpack.KindBuildpack:
		m.broken = "start"
	}
	m.mismatch = one(8)
	if one(6) {
		m.execEnv = []string{"test", "production", "*"}[r.IntN(3)]
	}
	if wrong && one(25) {
		m.missing = true
	}
	if wrong && one(25) {
		m.api = []string{"0.6", "", "0.13", "x"}[r.IntN(4)]
	}
	m.plans = nil
	for range 1 + r.IntN(2) {
		var p fakePlan
		for _, name := range []string{"x", "y"} {
			if one(3) {
				p.provides = append(p.provides, name)
			}
			if one(4) && ref.Kind == buildpack.KindBuildpack {
				p.requires = append(p.requires, name)
			}
		}
		m.plans = append(m.plans, p)
	}
	return m
}

func groups(r *rand.Rand, from []buildpack.Ref, count int) [][]fakeElement {
	var all [][]fakeElement
	for range count {
		group := []fakeElement{}
		for range 1 + r.IntN(3) {
			e := fakeElement{ref: from[r.IntN(len(from))]}
			e.optional = r.IntN(3) == 0 || e.ref.Kind == buildpack.KindExtension
			if r.IntN(12) == 0 {
				e.execEnv = []string{"test", "production"}[r.IntN(2)]
			}
			group = append(group, e)
		}
		all = append(all, group)
	}
	return all
}

// write puts the world on disk.
func (w *world) write(t *testing.T, dir string) {
	t.Helper()
	put := func(name, text string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	for ref, m := range w.modules {
		if m.missing {
			continue
		}
		base := filepath.Join(string(ref.Kind)+"s", ref.Escaped(), ref.Version)
		text := fmt.Sprintf("api = %q\n[%s]\nid = %q\n", m.api, ref.Kind, ref.ID)
		if m.execEnv != "" {
			text += fmt.Sprintf("exec-env = [%q]\n", m.execEnv)
		}
		if m.mismatch {
			text += "[[targets]]\narch = \"pdp11\"\n"
		}
		put(filepath.Join(base, string(ref.Kind)+".toml"), text+orderTOML("order", m.order), 0o644)
		put(filepath.Join(base, "bin/build"), "", 0o755)
		mode := os.FileMode(0o755)
		if m.broken == "start" {
			mode = 0o644
		}
		script := fmt.Sprintf("#!/bin/sh\necho %s >> ran\n", ref)
		for _, line := range strings.Split(strings.TrimSpace(m.planTOML()), "\n") {
			script += fmt.Sprintf("echo '%s' >> \"$2\"\n", line)
		}
		put(filepath.Join(base, "bin/detect"), script+fmt.Sprintf("exit %d\n", m.exit), mode)
	}
	put("order.toml", orderTOML("order", w.order)+orderTOML("order-extensions", w.exts), 0o644)
	put("system.toml", systemTOML("pre", w.pre)+systemTOML("post", w.post), 0o644)
}

func orderTOML(table string, groups [][]fakeElement) string {
	var text strings.Builder
	for _, group := range groups {
		fmt.Fprintf(&text, "[[%s]]\n", table)
		for _, e := range group {
			fmt.Fprintf(&text, "[[%s.group]]\n%s", table, e.toml())
		}
	}
	return text.String()
}

func systemTOML(place string, group []fakeElement) string {
	var text strings.Builder
	for _, e := range group {
		fmt.Fprintf(&text, "[[system.%s.buildpacks]]\n%s", place, e.toml())
	}
	return text.String()
}

func (e fakeElement) toml() string {
	text := fmt.Sprintf("id = %q\nversion = %q\n", e.ref.ID, e.ref.Version)
	if e.optional && e.ref.Kind == buildpack.KindBuildpack {
		text += "optional = true\n"
	}
	if e.execEnv != "" {
		text += fmt.Sprintf("exec-env = [%q]\n", e.execEnv)
	}
	return text
}

func (m *fakeModule) planTOML() string {
	if m.broken == "plan" {
		return "[[provides"
	}
	var text strings.Builder
	for i, p := range m.plans {
		prefix := ""
		if i > 0 {
			prefix = "or."
			text.WriteString("[[or]]\n")
		}
		for _, name := range p.provides {
			fmt.Fprintf(&text, "[[%sprovides]]\nname = \"%s\"\n", prefix, name)
		}
		for _, name := range p.requires {
			fmt.Fprintf(&text, "[[%srequires]]\nname = \"%s\"\n", prefix, name)
		}
	}
	return text.String()
}

// detect runs the real thing.
func (w *world) detect(t *testing.T, dir string) answer {
	t.Helper()
	in := platform.Inputs{
		Phase: platform.Detector, PlatformAPI: w.platformAPI, AppDir: dir, BuildpacksDir: filepath.Join(dir, "buildpacks"),
		ExtensionsDir: filepath.Join(dir, "extensions"), OrderPath: filepath.Join(dir, "order.toml"),
		SystemPath: filepath.Join(dir, "system.toml"), PlatformDir: dir, ExecEnv: "production", ExperimentalMode: "silent",
	}
	log := slog.New(slog.DiscardHandler)
	code := func(err error) answer {
		var exit *platform.Exit
		if !errors.As(err, &exit) {
			t.Fatalf("%v is no exit", err)
		}
		return answer{code: exit.Code}
	}
	d := Detector{Inputs: in, Log: log, Environment: invoke.Environment{
		App: dir, Platform: dir, Target: buildpack.Target{OS: "linux", Arch: "amd64"}, ExecEnv: in.ExecEnv,
	}}
	order, err := d.ReadOrder()
	if err != nil {
		return code(err)
	}
	result, err := d.Detect(t.Context(), order)
	if err != nil {
		return code(err)
	}
	resolution := result.Answer.Resolution
	var a answer
	for _, m := range resolution.Taking {
		a.group = append(a.group, m.Module.String())
	}
	text, err := platform.Plan{Entries: resolution.Plan}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	a.plan = string(text)
	return a
}

// checkRuns: no bin/detect ran twice, nor any that should not run at all.
func (w *world) checkRuns(t *testing.T, dir string, seed int) {
	t.Helper()
	data, _ := os.ReadFile(filepath.Join(dir, "ran"))
	ran := strings.Fields(string(data))
	slices.Sort(ran)
	if len(slices.Compact(slices.Clone(ran))) != len(ran) {
		t.Errorf("seed %d: ran more than once: %v", seed, ran)
	}
	for ref, m := range w.modules {
		if slices.Contains(ran, ref.String()) && (m.mismatch && w.platformAPI.AtLeast(api.V(0, 12)) || m.missing || m.order != nil) {
			t.Errorf("seed %d: %s ran", seed, ref)
		}
	}
}

// What follows is the second reading.

// fatal ends detection with an exit code.
type fatal int

func (w *world) expect() (a answer) {
	defer func() {
		if code, is := recover().(fatal); is {
			a = answer{code: int(code)}
		}
	}()
	exts := w.exts
	if !w.platformAPI.AtLeast(api.V(0, 10)) {
		exts = nil
	}
	var order [][]fakeElement
	for _, group := range w.order {
		if w.platformAPI.AtLeast(api.V(0, 15)) {
			group = slices.Concat(others(w.pre, group), group, others(w.post, group))
		}
		order = append(order, group)
	}
	for _, group := range slices.Concat(order, exts) {
		for _, e := range group {
			w.lookUp(e.ref, 1)
		}
	}
	for _, group := range order {
		if len(exts) > 0 {
			group = append([]fakeElement{{extensions: exts}}, group...)
		}
		if found, is := w.try(group, nil); is {
			return found
		}
	}
	if w.errored {
		return answer{code: 21}
	}
	return answer{code: 20}
}

func others(system, group []fakeElement) []fakeElement {
	var rest []fakeElement
	for _, e := range system {
		if !slices.ContainsFunc(group, func(o fakeElement) bool { return o.ref.ID == e.ref.ID }) {
			rest = append(rest, e)
		}
	}
	return rest
}

func (w *world) lookUp(ref buildpack.Ref, ifMissing fatal) *fakeModule {
	m := w.modules[ref]
	if m.missing {
		panic(ifMissing)
	}
	if !slices.Contains([]string{"0.7", "0.8", "0.9", "0.10", "0.11", "0.12"}, m.api) {
		panic(fatal(12))
	}
	return m
}

// try goes through a group from left to right; done is the candidate so far.
func (w *world) try(group, done []fakeElement) (answer, bool) {
	for i, e := range group {
		rest := group[i+1:]
		if e.extensions != nil {
			return w.tryEach(e.extensions, true, nil, rest, done)
		}
		if slices.ContainsFunc(done, func(o fakeElement) bool { return o.ref.Kind == e.ref.Kind && o.ref.ID == e.ref.ID }) {
			continue
		}
		m := w.lookUp(e.ref, 22)
		byOrder := len(e.within) == 0 || w.modules[e.within[len(e.within)-1]].api == "0.12" // order.toml is the platform's
		if w.platformAPI.AtLeast(api.V(0, 15)) && (byOrder && e.execEnv == "test" || m.api == "0.12" && m.execEnv == "test") {
			continue
		}
		if m.order != nil {
			if slices.Contains(e.within, e.ref) {
				panic(fatal(22))
			}
			return w.tryEach(m.order, e.optional, append(slices.Clone(e.within), e.ref), rest, done)
		}
		done = append(slices.Clone(done), e)
	}
	return w.judge(done)
}

func (w *world) tryEach(order [][]fakeElement, optional bool, within []buildpack.Ref, rest, done []fakeElement) (answer, bool) {
	for _, group := range order {
		var inner []fakeElement
		for _, e := range group {
			e.within = within
			inner = append(inner, e)
		}
		if found, is := w.try(append(inner, rest...), done); is {
			return found, true
		}
	}
	if optional {
		return w.try(rest, done)
	}
	return answer{}, false
}

// judge reports whether one candidate passes, and how.
func (w *world) judge(candidate []fakeElement) (answer, bool) {
	var passing []fakeElement
	fails := false
	for _, e := range candidate {
		m := w.modules[e.ref]
		switch mismatch := m.mismatch && w.platformAPI.AtLeast(api.V(0, 12)); {
		case mismatch && e.optional:
		case mismatch || m.broken == "start" || m.exit != 0 && m.exit != 100 || m.exit == 0 && m.broken == "plan":
			w.errored = true
			fails = fails || !e.optional
		case m.exit == 100:
			fails = fails || !e.optional
		default:
			passing = append(passing, e)
		}
	}
	if fails || len(passing) == 0 {
		return answer{}, false
	}
	return w.trials(passing, nil)
}

// trials tries every combination of alternatives; the last module's change fastest.
func (w *world) trials(passing []fakeElement, chosen []int) (answer, bool) {
	if len(chosen) == len(passing) {
		return w.trial(passing, chosen)
	}
	for i := range w.modules[passing[len(chosen)].ref].plans {
		if found, is := w.trials(passing, append(slices.Clone(chosen), i)); is {
			return found, true
		}
	}
	return answer{}, false
}

func (w *world) trial(passing []fakeElement, chosen []int) (answer, bool) {
	in := make([]bool, len(passing))
	plan := make([]fakePlan, len(passing))
	for i, e := range passing {
		in[i], plan[i] = true, w.modules[e.ref].plans[chosen[i]]
	}
	provided := func(name string, upTo int) bool {
		for i := 0; i <= upTo; i++ {
			if in[i] && slices.Contains(plan[i].provides, name) {
				return true
			}
		}
		return false
	}
	required := func(name string, from int) bool {
		for i := from; i < len(in); i++ {
			if in[i] && slices.Contains(plan[i].requires, name) {
				return true
			}
		}
		return false
	}
	for again := true; again; {
		again = false
		for i, e := range passing {
			unmet := false
			for _, name := range plan[i].requires {
				unmet = unmet || !provided(name, i)
			}
			for _, name := range plan[i].provides {
				unmet = unmet || !required(name, i)
			}
			if !in[i] || !unmet {
				continue
			}
			if last := len(w.modules[e.ref].plans) - 1; !e.optional || chosen[i] != last {
				return answer{}, false
			}
			in[i], again = false, true
		}
	}
	var a answer
	buildpacks := 0
	for i, e := range passing {
		if in[i] {
			a.group = append(a.group, e.ref.String())
			if e.ref.Kind == buildpack.KindBuildpack {
				buildpacks++
			}
		}
	}
	a.plan = w.entries(passing, in, plan)
	return a, buildpacks > 0
}

// entries writes plan.toml by hand.
func (w *world) entries(passing []fakeElement, in []bool, plan []fakePlan) string {
	var names []string
	for i := range passing {
		for _, name := range plan[i].requires {
			if in[i] && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	var entries []string
	for _, name := range names {
		entry := "[[entries]]\n"
		for i, e := range passing {
			if in[i] && slices.Contains(plan[i].provides, name) {
				entry += fmt.Sprintf("\n  [[entries.providers]]\n    id = %q\n    version = %q\n", e.ref.ID, e.ref.Version)
				if e.ref.Kind == buildpack.KindExtension {
					entry += "    extension = true\n"
				}
			}
		}
		for i := range passing {
			if in[i] && slices.Contains(plan[i].requires, name) {
				entry += fmt.Sprintf("\n  [[entries.requires]]\n    name = %q\n", name)
			}
		}
		entries = append(entries, entry)
	}
	return strings.Join(entries, "\n")
}

// describe is the world for a person who has to find out what went wrong.
func (w *world) describe() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s%s%s%s", orderTOML("order", w.order), orderTOML("order-extensions", w.exts), systemTOML("pre", w.pre), systemTOML("post", w.post))
	for _, ref := range w.refs {
		m := w.modules[ref]
		fmt.Fprintf(&text, "%s %s: api %s exit %d broken %q mismatch %t exec-env %q missing %t plans %v\n%s", ref.Kind, ref, m.api, m.exit, m.broken, m.mismatch, m.execEnv, m.missing, m.plans, orderTOML("inner", m.order))
	}
	return text.String()
}
