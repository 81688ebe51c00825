package report

import (
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase/detect"
	"github.com/cnb-prelude/prelude/phase/explain"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

func (r *Record) evaluated() int {
	if res, f := r.resolution(), r.failure(); res != nil {
		return res.Evaluated
	} else if f != nil {
		return f.Evaluated
	}
	return 0
}

// attempts are the candidates that failed.
func (r *Record) attempts() []resolve.Attempt {
	if res, f := r.resolution(), r.failure(); res != nil {
		return res.Before
	} else if f != nil {
		return f.Attempts
	}
	return nil
}

func (r *Record) candidates(why explain.Explanation) []Candidate {
	all := []Candidate{}
	for _, attempt := range r.attempts() {
		all = append(all, candidate(attempt, false))
	}
	for i, f := range why.Failures {
		for _, attempt := range f.Attempts {
			all[attempt].Failure = &i
		}
	}
	if res := r.resolution(); res != nil {
		all = append(all, candidate(resolve.Attempt{Number: res.Evaluated, Group: res.GroupOfOrder, Members: res.Candidate}, true))
	}
	return all
}

func candidate(a resolve.Attempt, passed bool) Candidate {
	c := Candidate{Number: a.Number, Group: a.Group + 1, Passed: passed, Members: []CandidateMember{}}
	for _, m := range a.Members {
		c.Members = append(c.Members, candidateMember(m))
	}
	return c
}

func candidateMember(m resolve.Member) CandidateMember {
	return CandidateMember{Ref: refReport(m.Module.Ref), Optional: m.Optional, Outcome: string(m.Detection.Outcome)}
}

// why explains the candidates that failed.
func (r *Record) why() explain.Explanation {
	if r.Detection == nil {
		return explain.Explanation{}
	}
	return r.Detection.Explanation
}

// explanation is why candidates failed; nil if none did.
func (r *Record) explanation(why explain.Explanation) *Explanation {
	if len(why.Failures) == 0 {
		return nil
	}
	report := &Explanation{
		Groups: why.Groups, Recognised: why.Recognised(),
		Failures: []Failure{}, Advice: []string{}, Text: []string{},
	}
	for _, f := range why.Failures {
		report.Failures = append(report.Failures, failureReport(f))
	}
	if r.failure() != nil {
		report.Text = why.Lines(false)
		for _, a := range why.Advice {
			report.Advice = append(report.Advice, a.String())
		}
	}
	return report
}

func failureReport(f explain.Failure) Failure {
	report := Failure{
		Where: f.Where(), Places: []Place{}, Recognised: f.Recognition.Enough(),
		Members: []FailureMember{}, Facts: factReports(f.Facts), Reasons: list(f.Reasons()), Candidates: f.Attempts,
	}
	for _, p := range f.Places {
		report.Places = append(report.Places, Place{
			Group: p.Group, Composites: refReports(p.Composites), With: refReports(p.With), Without: refReports(p.Without), EachExtensions: p.EachExtensions,
		})
	}
	for _, m := range f.Members {
		member := FailureMember{CandidateMember: candidateMember(m), ExitCode: exitCode(m.Detection.ExitCode)}
		if !m.Passed() {
			member.Words = explain.Words(m)
		}
		report.Members = append(report.Members, member)
	}
	return report
}

func refReports(refs []buildpack.Ref) []Ref {
	all := []Ref{}
	for _, ref := range refs {
		all = append(all, refReport(ref))
	}
	return all
}

// How many links of a chain there are in the report: of a reason, and of that for which a module dropped out – the links
// of the latter are mostly about other modules that dropped out, with a reason of their own.
const (
	linksOfReason  = 200
	linksOfDropout = 10
)

func factReports(facts []explain.Fact) []Fact {
	all := []Fact{}
	for _, f := range facts {
		all = append(all, factReport(f, linksOfReason))
	}
	return all
}

func factReport(f explain.Fact, links int) Fact { return chainReport(f, &links) }

// chainReport is a fact with its chain, as far as there are links left.
func chainReport(f explain.Fact, links *int) Fact {
	report := Fact{Kind: string(f.Kind), Text: strings.Join(f.Lines(), "\n"), Optional: f.Optional, Names: f.Names}
	if f.Module != (buildpack.Ref{}) {
		ref := refReport(f.Module)
		report.Module = &ref
	}
	for _, o := range f.Others {
		report.Others = append(report.Others, otherReport(o))
	}
	if f.Near != nil {
		report.Near = &Near{Module: refReport(f.Near.Module), Name: f.Near.Name}
	}
	for _, l := range f.Loose {
		report.Loose = append(report.Loose, Loose{Module: refReport(l.Module), Names: list(l.Names), Printed: l.Printed})
	}
	if len(f.Alternatives) > 0 {
		report.Alternatives = alternatives(f.Alternatives)
	}
	for _, b := range f.Because {
		if *links == 0 {
			report.Cut = true
			break
		}
		*links--
		report.Because = append(report.Because, chainReport(b, links))
	}
	return report
}

func otherReport(o explain.Other) Other {
	d := o.Member.Detection
	report := Other{Module: refReport(o.Member.Module.Ref), Fate: string(o.Fate)}
	if !o.Member.Passed() {
		report.Outcome, report.ExitCode, report.Words = string(d.Outcome), exitCode(d.ExitCode), explain.Words(o.Member)
	}
	return report
}

func causeText(cause error) string {
	if cause == nil {
		return ""
	}
	text := cause.Error()
	if hint := platform.HintOf(cause); hint != "" {
		text += "; " + hint
	}
	return strings.ToValidUTF8(text, "\uFFFD")
}

func exitCode(code int) *int {
	if code == buildpack.NoExitCode {
		return nil
	}
	return &code
}

func alternatives(all []buildpack.Alternative) []Alternative {
	reports := []Alternative{}
	for _, a := range all {
		report := Alternative{Provides: list(a.Provides), Requires: []Require{}}
		for _, require := range a.Requires {
			report.Requires = append(report.Requires, Require{Name: require.Name, Metadata: metadata(require.Metadata)})
		}
		reports = append(reports, report)
	}
	return reports
}

// members are all modules of candidates, each once, in the order in which they were reached. Those of a detection that came
// to no end are in the order in which they were started.
func (r *Record) members() []resolve.Member {
	if res, f := r.resolution(), r.failure(); res != nil {
		return res.Tried()
	} else if f != nil {
		return f.Members
	}
	var all []resolve.Member
	for _, run := range r.runs() {
		all = append(all, resolve.Member{Module: run.Module, Detection: run.Detection})
	}
	return all
}

func (r *Record) runs() []detect.Run {
	if r.Detection == nil {
		return nil
	}
	return r.Detection.Runs
}

func (r *Record) modules() []Module {
	times := map[buildpack.Ref]*Span{}
	for _, run := range r.runs() {
		times[run.Module.Ref] = spanOf(r.started, run.Started, run.Ended)
	}
	all := []Module{}
	for _, m := range r.members() {
		d := m.Detection
		report := Module{
			Ref: refReport(m.Module.Ref), Name: m.Module.Descriptor.Name, API: m.Module.Descriptor.API, Homepage: m.Module.Descriptor.Homepage,
			Target: r.verdict(m), Outcome: string(d.Outcome), Cause: causeText(d.Cause),
			Alternatives: alternatives(d.Alternatives), Chosen: r.chosen(m.Module.Ref),
			Warnings: slices.Concat(m.Module.Warnings, d.Warnings), Output: shorten(d.Output), Time: times[m.Module.Ref],
		}
		if d.Outcome != "" {
			report.ExitCode = exitCode(d.ExitCode)
		}
		all = append(all, report)
	}
	return all
}

// shown is how many bytes of a module's output or of a Dockerfile are in the report, half of them from its end.
const shown = 32 << 10

func shorten(text []byte) string { return tidy.Shorten(text, shown/2) }

// verdict says whether a module supports the run image, as detection has judged it.
func (r *Record) verdict(m resolve.Member) Verdict {
	switch {
	case !r.Detection.TargetsJudged:
		return Verdict{Verdict: "not judged"}
	case m.Detection.Outcome == buildpack.Mismatched:
		return Verdict{Verdict: "mismatch", Reason: m.Detection.Cause.Error()}
	}
	return Verdict{Verdict: "match"}
}

// chosen is the alternative with which a module takes part; nil if it does not.
func (r *Record) chosen(ref buildpack.Ref) *int {
	res := r.resolution()
	if res == nil {
		return nil
	}
	for i, m := range res.Group {
		if m.Module.Ref == ref {
			return &res.Chosen[i]
		}
	}
	return nil
}

func (r *Record) group() []Member {
	all := []Member{}
	var modules []*buildpack.Module
	if res := r.resolution(); res != nil {
		for _, m := range res.Group {
			modules = append(modules, m.Module)
		}
	} else if r.Generation != nil {
		modules = r.Generation.Request.Extensions
	}
	for _, m := range modules {
		all = append(all, Member{Ref: refReport(m.Ref), API: m.Descriptor.API, Homepage: m.Descriptor.Homepage})
	}
	return all
}

func (r *Record) dropped() []Dropped {
	all := []Dropped{}
	if r.Detection == nil {
		return all
	}
	for _, left := range r.Detection.LeftOut {
		report := Dropped{Ref: refReport(left.Member.Module.Ref), Reason: left.String()}
		if left.Fact != nil {
			fact := factReport(*left.Fact, linksOfDropout)
			report.Fact = &fact
		}
		all = append(all, report)
	}
	return all
}

// plan is the build plan before generation.
func (r *Record) plan() []buildpack.PlanEntry {
	if res := r.resolution(); r.Generation != nil {
		return r.Generation.Request.Plan
	} else if res != nil {
		return res.Plan
	}
	return nil
}

// entries are those of the build plan, with the modules that require each as far as that is known.
func (r *Record) entries() []Entry {
	all := []Entry{}
	givenTo := map[int]*Ref{}
	if r.Generation != nil {
		for _, entry := range r.Generation.Split.Taken {
			ref := refReport(entry.Extension.Ref)
			givenTo[entry.Place] = &ref
		}
	}
	for place, entry := range r.plan() {
		report := Entry{Providers: []Ref{}, Requires: []PlanRequires{}, GivenTo: givenTo[place]}
		for _, p := range entry.Providers {
			kind := buildpack.KindBuildpack
			if p.Extension {
				kind = buildpack.KindExtension
			}
			report.Providers = append(report.Providers, Ref{Kind: string(kind), ID: p.ID, Version: p.Version})
		}
		var by []*Ref
		for i, require := range entry.Requires {
			if i == 0 {
				report.Name = require.Name
				by = r.requirers(require.Name)
			}
			report.Requires = append(report.Requires, PlanRequires{Metadata: metadata(require.Metadata)})
			if len(by) == len(entry.Requires) {
				report.Requires[i].By = by[i]
			}
		}
		all = append(all, report)
	}
	return all
}

// requirers are the modules that require a name, in the order of the group: as often as each of them does, as in the plan.
func (r *Record) requirers(name string) []*Ref {
	var all []*Ref
	res := r.resolution()
	if res == nil {
		return nil
	}
	for i, m := range res.Group {
		for _, require := range m.Detection.Alternatives[res.Chosen[i]].Requires {
			if ref := refReport(m.Module.Ref); require.Name == name {
				all = append(all, &ref)
			}
		}
	}
	return all
}
