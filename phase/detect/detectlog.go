package detect

import (
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

// detectLog logs how detection went, each thing once.
type detectLog struct {
	log *slog.Logger
	// warned has the modules of whose descriptors the log has warned.
	warned map[buildpack.Ref]bool
}

// success logs the errors because of which earlier candidates failed, those of the group, which modules are left out, and which
// take part.
func (l *detectLog) success(result *Result) {
	answer, r := result.Answer, result.Answer.Resolution
	var errored []resolve.Member
	what := map[buildpack.Ref]string{}
	for _, d := range answer.Decided {
		errored, what[d.Member.Module.Ref] = append(errored, d.Member), fmt.Sprintf("group %d", d.Group+1)
	}
	for _, m := range r.Members {
		if m.Detection.Outcome == buildpack.Errored && what[m.Module.Ref] == "" {
			errored, what[m.Module.Ref] = append(errored, m), "optional, left out"
		}
	}
	l.debug(answer, what)
	for _, m := range errored {
		l.output(m, slog.LevelInfo)
		l.log.Info(outcome(m) + ", " + what[m.Module.Ref])
	}
	for _, m := range r.Members {
		l.warnings(m.Module, m.Detection.Warnings)
	}
	l.leftOut(result)
	width := 0
	for _, m := range r.Taking {
		width = max(width, len(m.Module.ID))
	}
	for _, m := range r.Taking {
		l.log.Info(fmt.Sprintf("%-*s %s", width, m.Module.ID, m.Module.Version))
	}
}

// leftOut logs which modules of the order and of the group do not take part. Those that the execution environment or the
// build plan leaves out as intended are for the debug level.
func (l *detectLog) leftOut(result *Result) {
	r := result.Answer.Resolution
	for _, over := range r.PassedOver {
		if over.ExecEnv != "" {
			l.log.Debug(over.String())
		} else {
			l.log.Info("left out: " + over.String())
		}
	}
	for _, left := range result.LeftOut {
		level := slog.LevelDebug
		if left.Matters() {
			level = slog.LevelInfo
		}
		l.log.Log(context.Background(), level, "left out: "+left.String())
	}
	if len(r.Taking) < len(r.Members) {
		l.log.Info(fmt.Sprintf("%d of %d buildpacks participating", len(r.Taking), len(r.Members)))
	}
}

func (l *detectLog) debugs() bool { return l.log.Enabled(context.Background(), slog.LevelDebug) }

// debug logs of all modules that were tried what a failure would. The output of those in shown is shown at info level.
func (l *detectLog) debug(answer *resolve.Answer, shown map[buildpack.Ref]string) {
	if !l.debugs() {
		return
	}
	tried := slices.DeleteFunc(slices.Clone(answer.Members), func(m resolve.Member) bool { return m.Detection.Outcome == "" })
	for _, m := range tried {
		if shown[m.Module.Ref] == "" {
			l.output(m, slog.LevelDebug)
		}
		l.plan(m)
	}
	l.log.Debug("======== Results ========")
	for _, m := range tried {
		l.log.Debug(outcome(m))
	}
	l.candidates(answer)
}

// candidates logs of each candidate that was judged why it failed.
func (l *detectLog) candidates(answer *resolve.Answer) {
	if !l.debugs() {
		return
	}
	l.log.Debug("======== Candidates ========")
	for _, c := range answer.Trace {
		l.log.Debug(explain.CandidateLine(c, false))
	}
	if more := answer.Judged - len(answer.Trace); more > 1 {
		l.log.Debug(fmt.Sprintf("and %d more", more))
	}
	if r := answer.Resolution; r != nil {
		l.log.Debug(explain.CandidateLine(r.Candidate, true))
	}
}

// plan shows a module's build plan as it was read.
func (l *detectLog) plan(m resolve.Member) {
	if !l.debugs() || !m.Passed() {
		return
	}
	text, err := buildpack.EncodeBuildPlan(m.Detection.Alternatives)
	if err != nil {
		text = []byte(err.Error())
	}
	if len(text) == 0 {
		text = []byte("(empty)")
	}
	l.log.Debug(fmt.Sprintf("======== Build plan: %s ========\n%s", m.Module.Ref, text))
}

// failure logs what every module printed, how it went and why no group passed, and returns how the phase ends. Modules that do
// the same in an empty directory come first, so that what matters stands at the end.
func (l *detectLog) failure(result *Result) *platform.Exit {
	members := result.Answer.Members
	for _, differs := range []bool{false, true} {
		for _, m := range members {
			if c := result.Contrasts[m.Module.Ref]; (c.Differs || len(c.New) > 0) != differs {
				continue
			}
			l.warnings(m.Module, m.Detection.Warnings)
			l.output(m, slog.LevelInfo)
			l.plan(m)
		}
	}
	l.log.Info("======== Results ========")
	for _, m := range members {
		l.log.Info(outcome(m))
	}
	l.candidates(result.Answer)
	l.log.Info("======== Why ========")
	for _, line := range result.why() {
		l.log.Info(line)
	}
	for _, path := range result.LineFeeds {
		l.log.Warn(path + ": the value ends with a line feed, which modules see as part of it")
	}
	l.log.Error("No buildpack groups passed detection.")
	if result.Answer.Errored() {
		return &platform.Exit{Code: platform.CodeNoGroupWithError, Action: "detect", Err: errors.New("buildpack(s) failed with err")}
	}
	l.log.Error("Please check that you are running against the correct path.")
	return &platform.Exit{Code: platform.CodeNoGroup, Action: "detect", Err: errors.New("no buildpacks participating")}
}

// why returns why no group passed, and what was left out of the groups.
func (r *Result) why() []string {
	lines := r.Explanation.Lines()
	for _, over := range r.Explanation.PassedOver {
		text := over.String()
		if over.ExecEnv == "" {
			text = "Left out: " + text
		}
		lines = append(lines, text+".")
	}
	return lines
}

// warnings warns of unknown keys in a module's descriptor, once, and of what is odd about its detection.
func (l *detectLog) warnings(m *buildpack.Module, ofDetection []string) {
	if !l.warned[m.Ref] {
		ofDetection = slices.Concat(m.Warnings, ofDetection)
	}
	l.warned[m.Ref] = true
	for _, warning := range ofDetection {
		l.log.Warn(warning)
	}
}

// output shows what a module printed, and what went wrong with it.
func (l *detectLog) output(m resolve.Member, level slog.Level) {
	show := func(title, text string) {
		l.log.Log(context.Background(), level, fmt.Sprintf("======== %s: %s ========\n%s", title, m.Module.Ref, text))
	}
	d := m.Detection
	if len(d.Output) > 0 {
		show("Output", string(d.Output))
	}
	hint := platform.HintOf(d.Cause)
	if d.Cause == nil || !m.Errored() || d.ExitCode != buildpack.NoExitCode && hint == "" {
		return
	}
	text := d.Cause.Error()
	if d.Outcome == buildpack.Mismatched {
		text = "does not support this image: " + text
	}
	if hint != "" {
		text += "\nhint: " + hint
	}
	show("Error", text)
}

// outcome returns a module's line in the results.
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
