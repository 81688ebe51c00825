package detect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/explain"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// detectLog says on the log how detection went, each thing once.
type detectLog struct {
	log *slog.Logger
	// descriptors of which the warnings have been said.
	descriptors map[buildpack.Ref]bool
}

func newDetectLog(log *slog.Logger) *detectLog {
	return &detectLog{log: log, descriptors: map[buildpack.Ref]bool{}}
}

// descriptor warns of unknown keys in a module's descriptor.
func (t *detectLog) descriptor(m *buildpack.Module) {
	if t.descriptors[m.Ref] {
		return
	}
	t.descriptors[m.Ref] = true
	for _, warning := range m.Warnings {
		t.log.Warn(warning)
	}
}

// success tells the errors because of which earlier candidates failed, what went wrong with modules of the group, which ones the
// build plan left out, and which take part.
func (t *detectLog) success(result *Result) {
	answer := result.Answer
	r := answer.Resolution
	t.debug(answer)
	for _, d := range answer.Decided {
		t.output(d.Member, slog.LevelInfo)
		t.log.Info(fmt.Sprintf("%s, group %d", outcome(d.Member), d.Group+1))
	}
	for _, m := range r.Members {
		t.warnings(m)
		if m.Detection.Outcome == buildpack.Errored && !decided(answer, m) {
			t.output(m, slog.LevelInfo)
			t.log.Info(outcome(m) + ", optional, left out")
		}
	}
	for _, over := range r.PassedOver {
		t.passedOver(over)
	}
	for _, left := range result.LeftOut {
		level := slog.LevelDebug
		if left.Matters() {
			level = slog.LevelInfo
		}
		t.log.Log(context.Background(), level, "left out: "+left.String())
	}
	if len(r.Taking) < len(r.Members) {
		t.log.Info(fmt.Sprintf("%d of %d buildpacks participating", len(r.Taking), len(r.Members)))
	}
	width := 0
	for _, m := range r.Taking {
		width = max(width, len(m.Module.ID))
	}
	for _, m := range r.Taking {
		t.log.Info(fmt.Sprintf("%-*s %s", width, m.Module.ID, m.Module.Version))
	}
}

// passedOver tells of an element of the order that is not in the candidate: of another version at info level, and of the execution
// environment, which does what it is for, at debug level.
func (t *detectLog) passedOver(over resolve.PassedOver) {
	if over.ExecEnv != "" {
		t.log.Debug(over.String())
		return
	}
	t.log.Info("left out: " + over.String())
}

// decided reports whether the member's error is told because a candidate failed by it.
func decided(answer *resolve.Answer, m resolve.Member) bool {
	return slices.ContainsFunc(answer.Decided, func(d resolve.Decided) bool { return d.Member.Module.Ref == m.Module.Ref })
}

// debug tells of all modules that were tried what a failure would, at debug level.
func (t *detectLog) debug(answer *resolve.Answer) {
	if !t.debugs() {
		return
	}
	tried := slices.DeleteFunc(slices.Clone(answer.Members), func(m resolve.Member) bool { return m.Detection.Outcome == "" })
	for _, m := range tried {
		if m.Detection.Outcome != buildpack.Errored || !told(answer, m) {
			t.output(m, slog.LevelDebug)
		}
		t.plan(m)
	}
	t.log.Debug("======== Results ========")
	for _, m := range tried {
		t.log.Debug(outcome(m))
	}
	t.candidates(answer)
}

// told reports whether the output of a module with an error is shown at info level.
func told(answer *resolve.Answer, m resolve.Member) bool {
	return decided(answer, m) || slices.ContainsFunc(answer.Resolution.Members, func(c resolve.Member) bool { return c.Module.Ref == m.Module.Ref })
}

func (t *detectLog) debugs() bool { return t.log.Enabled(context.Background(), slog.LevelDebug) }

// candidates tells of each candidate that was judged why it failed, at debug level.
func (t *detectLog) candidates(answer *resolve.Answer) {
	if !t.debugs() {
		return
	}
	t.log.Debug("======== Candidates ========")
	for _, c := range answer.Trace {
		t.log.Debug(explain.CandidateLine(c, false))
	}
	if more := answer.Judged - len(answer.Trace); more > 1 {
		t.log.Debug(fmt.Sprintf("and %d more", more))
	}
	if r := answer.Resolution; r != nil {
		t.log.Debug(explain.CandidateLine(r.Candidate, true))
	}
}

// plan shows a module's build plan as it was read, at debug level.
func (t *detectLog) plan(m resolve.Member) {
	if !t.debugs() || !m.Passed() {
		return
	}
	text, err := buildpack.EncodeBuildPlan(m.Detection.Alternatives)
	if err != nil {
		text = []byte(err.Error())
	}
	if len(text) == 0 {
		text = []byte("(empty)")
	}
	t.log.Debug(fmt.Sprintf("======== Build plan: %s ========\n%s", m.Module.Ref, text))
}

// failure tells what every module said, how it went and why no group passed, and returns how the phase ends. What modules also
// say in an empty directory comes first, so that what matters stands at the end.
func (t *detectLog) failure(result *Result) *platform.Exit {
	members := result.Answer.Members
	sorted := slices.Clone(members)
	differs := func(m resolve.Member) int {
		if c := result.Contrasts[m.Module.Ref]; c.Differs || len(c.New) > 0 {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(sorted, func(a, b resolve.Member) int { return cmp.Compare(differs(a), differs(b)) })
	for _, m := range sorted {
		t.warnings(m)
		t.output(m, slog.LevelInfo)
		t.plan(m)
	}
	t.log.Info("======== Results ========")
	for _, m := range members {
		t.log.Info(outcome(m))
	}
	t.candidates(result.Answer)
	t.log.Info("======== Why ========")
	for _, line := range result.why() {
		t.log.Info(line)
	}
	for _, path := range result.LineFeeds {
		t.log.Warn(path + ": the value ends with a line feed, which modules see as part of it")
	}
	t.log.Error("No buildpack groups passed detection.")
	if result.Answer.Errored() {
		return &platform.Exit{Code: platform.CodeNoGroupWithError, Action: "detect", Err: errors.New("buildpack(s) failed with err")}
	}
	t.log.Error("Please check that you are running against the correct path.")
	return &platform.Exit{Code: platform.CodeNoGroup, Action: "detect", Err: errors.New("no buildpacks participating")}
}

// mostVariants is how many candidates of each group are looked at for what was left out of them.
const mostVariants = 512

// why is why no group passed: what the explanation says, and what was left out of the groups.
func (r *Result) why() []string {
	lines := r.Explanation.Lines()
	for _, over := range r.Answer.PassedOver(mostVariants) {
		text := over.String()
		if over.ExecEnv == "" {
			text = "Left out: " + text
		}
		lines = append(lines, text+".")
	}
	return lines
}

// warnings warns of unknown keys in a module's descriptor and in its build plan.
func (t *detectLog) warnings(m resolve.Member) {
	t.descriptor(m.Module)
	for _, warning := range m.Detection.Warnings {
		t.log.Warn(warning)
	}
}

// output shows what a module printed, and what went wrong with it.
func (t *detectLog) output(m resolve.Member, level slog.Level) {
	say := func(title, text string) {
		t.log.Log(context.Background(), level, fmt.Sprintf("======== %s: %s ========\n%s", title, m.Module.Ref, text))
	}
	d := m.Detection
	if len(d.Output) > 0 {
		say("Output", string(d.Output))
	}
	if hint := platform.HintOf(d.Cause); d.Cause != nil && m.Errored() && (d.ExitCode == buildpack.NoExitCode || hint != "") {
		text := cause(m)
		if hint != "" {
			text += "\nhint: " + hint
		}
		say("Error", text)
	}
}

func cause(m resolve.Member) string {
	if m.Detection.Outcome == buildpack.Mismatched {
		return "does not support this image: " + m.Detection.Cause.Error()
	}
	return m.Detection.Cause.Error()
}

// outcome is a module's line in the results.
func outcome(m resolve.Member) string {
	d := m.Detection
	switch {
	case d.Outcome == buildpack.Passed:
		return "pass: " + m.Module.Ref.String()
	case m.Errored() && d.ExitCode == buildpack.NoExitCode:
		return "err:  " + m.Module.Ref.String()
	case m.Errored():
		return fmt.Sprintf("err:  %s (%d)", m.Module.Ref, d.ExitCode)
	case m.Optional:
		return "skip: " + m.Module.Ref.String()
	}
	return "fail: " + m.Module.Ref.String()
}
