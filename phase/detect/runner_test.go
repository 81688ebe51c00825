package detect

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// fake is a world of modules without files or processes, for whom bin/detect is a function.
type fake struct {
	outcomes map[string]buildpack.Detection
	delays   map[string]time.Duration

	mu      sync.Mutex
	started []string
	running int
	most    int
}

func (s *fake) Module(ref buildpack.Ref) (*buildpack.Module, error) {
	if ref.ID == "missing" {
		return nil, errors.New("missing")
	}
	return &buildpack.Module{Ref: ref, API: api.V(0, 12)}, nil
}

func (s *fake) detect(ctx context.Context, m *buildpack.Module) buildpack.Detection {
	s.mu.Lock()
	s.started = append(s.started, m.ID)
	s.running++
	s.most = max(s.most, s.running)
	s.mu.Unlock()
	select {
	case <-time.After(s.delays[m.ID]):
	case <-ctx.Done():
	}
	s.mu.Lock()
	s.running--
	s.mu.Unlock()
	if ctx.Err() != nil {
		return buildpack.Detection{Outcome: buildpack.Errored, Cause: context.Cause(ctx)}
	}
	return s.outcomes[m.ID]
}

var (
	passing = buildpack.Detection{Outcome: buildpack.Passed, Alternatives: []buildpack.Alternative{{}}}
	failing = buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100}
	erring  = buildpack.Detection{Outcome: buildpack.Errored, ExitCode: 7}
)

// player is the stage as the search sees it.
type player struct {
	*fake
	*runner
}

// play searches an order of groups of required modules, with so many slots.
func (s *fake) play(parallel int, idle func() bool, groups ...[]string) (*resolve.Answer, error) {
	r := newRunner(context.Background(), s.detect, parallel)
	defer r.stop()
	if parallel != 1 {
		r.idle = idle
	}
	var order buildpack.Order
	for _, ids := range groups {
		var group buildpack.Group
		for _, id := range ids {
			group = append(group, buildpack.Element{Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: id, Version: "1"}})
		}
		order = append(order, group)
	}
	return resolve.Search(order, nil, resolve.Limits{Trace: parallel == 1}, player{s, r})
}

// group is the group that passed, as ids; nil if none did.
func group(a *resolve.Answer) (ids []string) {
	if a != nil && a.Resolution != nil {
		for _, m := range a.Resolution.Members {
			ids = append(ids, m.Module.ID)
		}
	}
	return ids
}

func always() bool { return true }
func never() bool  { return false }

// One at a time, in order, nothing ahead: that is what -parallel 1 is for.
func TestOneSlotIsStrict(t *testing.T) {
	s := &fake{outcomes: map[string]buildpack.Detection{"a": failing, "b": passing, "c": passing, "d": passing}}
	a, _ := s.play(1, nil, []string{"a", "b"}, []string{"c"}, []string{"d"})
	if want := []string{"a", "b", "c"}; group(a) == nil || !slices.Equal(s.started, want) || s.most != 1 {
		t.Errorf("started %v, %d at the same time; want %v, one at a time", s.started, s.most, want)
	}
}

// How many run at the same time depends on what is asked for, the CPUs and the descriptors that there are.
func TestSlots(t *testing.T) {
	for _, test := range []struct {
		why                  string
		parallel, cpus, room int
		each                 int
		ahead                bool
	}{
		{"from the CPUs", 0, 2, 1000, 2 * slotsPerCPU, true},
		{"as asked for", 5, 2, 1000, 5, true},
		{"strictly one after the other", 1, 2, 1000, 1, false},
		{"many CPUs, but not as many descriptors: half for what is needed, half for what is ahead", 0, 64, 400, 200, true},
		{"asked for more than there is room for", 100, 2, 7, 3, true},
		{"one needed, one ahead", 0, 2, 2, 1, true},
		{"room for one: nothing ahead", 0, 2, 1, 1, false},
	} {
		if each, ahead := slots(test.parallel, test.cpus, test.room); each != test.each || ahead != test.ahead {
			t.Errorf("%s: %d, %t; want %d, %t", test.why, each, ahead, test.each, test.ahead)
		}
	}
}

// As soon as the required b has failed, the next candidate is tried: slow is not waited for, and ended at the end.
func TestALostCandidateIsNotWaitedFor(t *testing.T) {
	s := &fake{
		outcomes: map[string]buildpack.Detection{"slow": passing, "b": failing, "c": passing},
		delays:   map[string]time.Duration{"slow": time.Hour},
	}
	a, _ := s.play(4, never, []string{"slow", "b"}, []string{"c"})
	if !slices.Equal(group(a), []string{"c"}) {
		t.Errorf("no answer: %v", group(a))
	}
	if s.running != 0 {
		t.Errorf("%d still running after the answer", s.running)
	}
}

// What is needed is not started any more once a required module said no.
func TestALostCandidateStartsNothing(t *testing.T) {
	s := &fake{
		outcomes: map[string]buildpack.Detection{"a": failing, "b": passing, "c": passing, "d": passing},
		delays:   map[string]time.Duration{"b": time.Hour},
	}
	answer, _ := s.play(2, never, []string{"a", "b", "c"}, []string{"d"})
	if slices.Contains(s.started, "c") || !slices.Equal(group(answer), []string{"d"}) {
		t.Errorf("started %v, passed %v; want no c, and d", s.started, group(answer))
	}
}

// A required module that ended with an error is no such reason: what is told of it must not depend on which module ends first.
// So slow is waited for, and its no makes that the error of b is not told.
func TestACandidateWithAnErrorIsWaitedFor(t *testing.T) {
	s := &fake{
		outcomes: map[string]buildpack.Detection{"slow": failing, "b": erring, "c": passing},
		delays:   map[string]time.Duration{"slow": 20 * time.Millisecond},
	}
	a, _ := s.play(4, never, []string{"slow", "b"}, []string{"c"})
	if !slices.Equal(group(a), []string{"c"}) || len(a.Decided) != 0 {
		t.Errorf("%v, told %v; want c and nothing told", group(a), a.Decided)
	}
	s.outcomes["slow"] = passing
	a, _ = s.play(4, never, []string{"slow", "b"}, []string{"c"})
	if len(a.Decided) != 1 || a.Decided[0].Member.Module.ID != "b" || a.Decided[0].Group != 0 {
		t.Errorf("told %v; want the error of b", a.Decided)
	}
}

// Idle slots run what coming candidates need, in that order; a busy machine runs nothing ahead.
func TestIdleSlotsLookAhead(t *testing.T) {
	groups := [][]string{{"a", "b"}, {"c"}, {"d", "e"}}
	outcomes := map[string]buildpack.Detection{"a": passing, "b": passing, "c": passing, "d": passing, "e": passing}
	delays := map[string]time.Duration{"a": 50 * time.Millisecond, "b": 50 * time.Millisecond, "c": time.Hour, "d": time.Hour, "e": time.Hour}
	s := &fake{outcomes: outcomes, delays: delays}
	s.play(4, always, groups...)
	first := slices.Sorted(slices.Values(s.started[:4])) // goroutines begin in any order; e comes when a or b has ended
	if want := []string{"a", "b", "c", "d"}; !slices.Equal(first, want) {
		t.Errorf("started %v, want %v first: two that are needed and, in the other slots, the next two", s.started, want)
	}
	s = &fake{outcomes: outcomes, delays: delays}
	s.play(4, never, groups...)
	slices.Sort(s.started)
	if want := []string{"a", "b"}; !slices.Equal(s.started, want) {
		t.Errorf("started %v on a busy machine, want %v", s.started, want)
	}
}

// What is needed never waits for what runs ahead: the slots of the one are not those of the other.
func TestNeededDoesNotWaitForAhead(t *testing.T) {
	s := &fake{
		outcomes: map[string]buildpack.Detection{"a": failing, "b": passing, "slow": passing},
		delays:   map[string]time.Duration{"slow": time.Hour, "a": 20 * time.Millisecond},
	}
	// While a runs, the other slot is taken by slow, which the second candidate needs only if x passes.
	s.outcomes["x"] = failing
	a, _ := s.play(2, always, []string{"a"}, []string{"slow", "x"}, []string{"b"})
	if !slices.Equal(group(a), []string{"b"}) {
		t.Errorf("no answer: %v", group(a))
	}
}

// What is wrong in a candidate that is never reached concerns nobody, even if it was run ahead.
func TestTroubleAheadConcernsNobody(t *testing.T) {
	s := &fake{
		outcomes: map[string]buildpack.Detection{"a": passing, "e": erring},
		delays:   map[string]time.Duration{"a": 50 * time.Millisecond},
	}
	a, err := s.play(8, always, []string{"a"}, []string{"e"}, []string{"missing"})
	if err != nil || group(a) == nil || a.Errored() {
		t.Errorf("%v, %v", a, err)
	}
	if !slices.Contains(s.started, "e") {
		t.Error("e was not run ahead, so this shows nothing")
	}
}

// Nothing of a candidate runs before all of it has been found, not even ahead of its time.
func TestNothingOfAnIncompleteCandidateRunsAhead(t *testing.T) {
	s := &fake{
		outcomes: map[string]buildpack.Detection{"a": passing, "b": passing, "c": passing},
		delays:   map[string]time.Duration{"a": 20 * time.Millisecond},
	}
	s.play(8, always, []string{"a"}, []string{"b"}, []string{"c", "missing"}, []string{"d"})
	slices.Sort(s.started)
	if want := []string{"a", "b"}; !slices.Equal(s.started, want) {
		t.Errorf("started %v, want %v", s.started, want)
	}
}

func TestSlotsAreABound(t *testing.T) {
	s := &fake{outcomes: map[string]buildpack.Detection{}, delays: map[string]time.Duration{}}
	var all []string
	for i := range 40 {
		id := fmt.Sprint("m", i)
		s.outcomes[id], s.delays[id] = passing, 2*time.Millisecond
		all = append(all, id)
	}
	if a, _ := s.play(5, always, all); group(a) == nil || s.most != 5 {
		t.Errorf("%d at the same time, want 5", s.most)
	}
}

// With random outcomes and delays, and whatever number of slots, the answer is that of one slot.
func TestSlotsChangeNothing(t *testing.T) {
	for i := range 150 {
		rng := rand.New(rand.NewPCG(7, uint64(i)))
		outcomes, delays := map[string]buildpack.Detection{}, map[string]time.Duration{}
		var groups [][]string
		for range 1 + rng.IntN(6) {
			var group []string
			for range 1 + rng.IntN(4) {
				id := fmt.Sprint("m", rng.IntN(9))
				outcomes[id] = []buildpack.Detection{passing, passing, failing, erring}[rng.IntN(4)]
				delays[id] = time.Duration(rng.IntN(3000)) * time.Microsecond
				group = append(group, id)
			}
			groups = append(groups, group)
		}
		want := summary((&fake{outcomes: outcomes}).play(1, nil, groups...))
		for _, slots := range []int{2, 3, 16} {
			s := &fake{outcomes: outcomes, delays: delays}
			if got := summary(s.play(slots, always, groups...)); got != want {
				t.Fatalf("instance %d, %d slots: groups %v\n got %s\nwant %s", i, slots, groups, got, want)
			}
			seen := map[string]bool{}
			for _, id := range s.started {
				if seen[id] {
					t.Fatalf("instance %d: %s was run twice", i, id)
				}
				seen[id] = true
			}
		}
	}
}

// summary is what is told of an answer: the group and the errors that decided before it; or, if no group passed, all outcomes.
func summary(a *resolve.Answer, err error) string {
	if err != nil {
		return err.Error()
	}
	text := fmt.Sprint(group(a))
	for _, d := range a.Decided {
		text += fmt.Sprintf(" err %s, group %d", d.Member.Module.ID, d.Group+1)
	}
	if a.Resolution == nil {
		text += fmt.Sprintf(" errored %t", a.Errored())
		for _, m := range a.Members {
			text += fmt.Sprintf(" %s %s", m.Module.ID, m.Detection.Outcome)
		}
	}
	return text
}

// Being asked to end ends the search, after what runs has ended.
func TestAskedToEnd(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &fake{outcomes: map[string]buildpack.Detection{"a": passing}, delays: map[string]time.Duration{"a": time.Hour}}
	r := newRunner(ctx, s.detect, 2)
	wanted := errors.New("asked to end")
	time.AfterFunc(10*time.Millisecond, func() { cancel(wanted) })
	m, _ := s.Module(buildpack.Ref{ID: "a"})
	_, err := r.Detect([]resolve.Need{{Module: m}}, nothingAhead{})
	if !errors.Is(err, wanted) || s.running != 0 {
		t.Errorf("%v, %d running", err, s.running)
	}
}

// What runs for long is named once its patience is over, and again after each interval; who asks the phase to end learns what was
// running.
func TestLongRunsAreNamed(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	s := &fake{outcomes: map[string]buildpack.Detection{"slow": passing}, delays: map[string]time.Duration{"slow": time.Hour}}
	r := newRunner(ctx, s.detect, 2)
	r.patience, r.interval = 5*time.Millisecond, 5*time.Millisecond
	said := 0
	r.say = func(text string) {
		if text != "still running: slow@1, 0 s" && said == 0 {
			t.Errorf("said %q", text)
		}
		if said++; said == 2 {
			cancel(&platform.Exit{Code: platform.CodeTerminated, Err: errors.New("terminated")})
		}
	}
	m, _ := s.Module(buildpack.Ref{ID: "slow", Version: "1"})
	_, err := r.Detect([]resolve.Need{{Module: m}}, nothingAhead{})
	exit := r.whileRunning(platform.Interrupted(ctx))
	if err == nil || said != 2 || exit.Code != platform.CodeTerminated || !strings.HasPrefix(exit.Error(), "terminated while these were running: slow@1, ") {
		t.Errorf("%v, said %d times, %v", err, said, exit)
	}
}

type nothingAhead struct{}

func (nothingAhead) Propose(int) []*buildpack.Module { return nil }
