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

// success says which modules take part (docs/reference.md, "What goes where"), what went wrong with others of the same candidate,
// and why the build plan left some out (B49). Findings about earlier candidates are for debug level: how many there are
// depends on which module was the first to end.
func (t *detectLog) success(answer *Result) {
	r := answer.Resolution
	t.debug(r)
	for _, m := range r.Candidate {
		t.warnings(m)
		if m.Detection.Outcome == buildpack.Errored {
			t.output(m, slog.LevelInfo)
			t.log.Info(result(m) + ", optional, left out")
		}
	}
	if len(r.Group) < len(r.Candidate) {
		for _, left := range answer.LeftOut {
			if left.Member.Passed() {
				t.log.Info("left out: " + left.String())
			}
		}
		t.log.Info(fmt.Sprintf("%d of %d buildpacks participating", len(r.Group), len(r.Candidate)))
	}
	width := 0
	for _, m := range r.Group {
		width = max(width, len(m.Module.ID))
	}
	for _, m := range r.Group {
		t.log.Info(fmt.Sprintf("%-*s %s", width, m.Module.ID, m.Module.Version))
	}
}

// debug says the same of all candidates that were tried as a failure would, at debug level.
func (t *detectLog) debug(r *resolve.Resolution) {
	if !t.debugs() {
		return
	}
	all := r.Tried()
	for _, m := range all {
		if !inErrorOf(r, m) { // that is said anyway
			t.output(m, slog.LevelDebug)
		}
		t.plan(m)
	}
	t.log.Debug("======== Results ========")
	for _, m := range all {
		t.log.Debug(result(m))
	}
	t.candidates(r.Before, r.PassedOver, r.Composites)
	passed := resolve.Attempt{Number: r.Evaluated, Group: r.GroupOfOrder, Members: r.Candidate}
	t.log.Debug(explain.Candidate(passed, r.Composites) + ": passed")
}

func (t *detectLog) debugs() bool { return t.log.Enabled(context.Background(), slog.LevelDebug) }

// candidates says of each candidate that failed why it did, or as which other one it could only fail (B50).
func (t *detectLog) candidates(attempts []resolve.Attempt, passedOver []resolve.PassedOver, composites [][]buildpack.Ref) {
	if !t.debugs() {
		return
	}
	t.log.Debug("======== Candidates ========")
	for _, line := range explain.Candidates(attempts, passedOver, composites) {
		t.log.Debug(line)
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

// inErrorOf says whether the member errored in the candidate that passed.
func inErrorOf(r *resolve.Resolution, m resolve.Member) bool {
	return m.Detection.Outcome == buildpack.Errored &&
		slices.ContainsFunc(r.Candidate, func(c resolve.Member) bool { return c.Module.Ref == m.Module.Ref })
}

// failure says what every module said, how it went and why no group passed, and returns how the phase ends.
func (t *detectLog) failure(answer *Result) *platform.Exit {
	f := answer.Failure
	for _, m := range f.Members {
		t.warnings(m)
		t.output(m, slog.LevelInfo)
		t.plan(m)
	}
	t.log.Info("======== Results ========")
	for _, m := range f.Members {
		t.log.Info(result(m))
	}
	t.candidates(f.Attempts, f.PassedOver, f.Composites)
	t.log.Info("======== Why ========")
	for _, line := range answer.Explanation.Lines(t.debugs()) {
		t.log.Info(line)
	}
	t.log.Error("No buildpack groups passed detection.")
	if f.Errored {
		return &platform.Exit{Code: platform.CodeNoGroupWithError, Action: "detect", Err: errors.New("buildpack(s) failed with err")}
	}
	t.log.Error("Please check that you are running against the correct path.")
	return &platform.Exit{Code: platform.CodeNoGroup, Action: "detect", Err: errors.New("no buildpacks participating")}
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

// result is a module's line in the results.
func result(m resolve.Member) string {
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
