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

// answer is what detection found; nil if it came to no end.
func (r *Record) answer() *resolve.Answer {
	if r.Detection == nil {
		return nil
	}
	return r.Detection.Answer
}

// resolution is the group that passed; nil if there is none.
func (r *Record) resolution() *resolve.Resolution {
	if a := r.answer(); a != nil {
		return a.Resolution
	}
	return nil
}

func (r *Record) judged() int {
	if a := r.answer(); a != nil {
		return a.Judged
	}
	return 0
}

func (r *Record) candidates() []Candidate {
	all := []Candidate{}
	if a := r.answer(); a != nil {
		for _, c := range a.Trace {
			all = append(all, candidate(c, false))
		}
	}
	if res := r.resolution(); res != nil {
		all = append(all, candidate(res.Candidate, true))
	}
	return all
}

func candidate(from resolve.Candidate, passed bool) Candidate {
	c := Candidate{Group: from.Group + 1, Passed: passed, Members: []CandidateMember{}, Reason: explain.CandidateReason(from)}
	if passed {
		c.Reason = ""
	}
	for _, m := range from.Members {
		c.Members = append(c.Members, CandidateMember{Ref: refReport(m.Module.Ref), Optional: m.Optional, Outcome: string(m.Detection.Outcome)})
	}
	return c
}

// explanation is why no group passed; nil if one did.
func (r *Record) explanation() *Explanation {
	if r.Detection == nil || r.Detection.Explanation == nil {
		return nil
	}
	e := r.Detection.Explanation
	report := &Explanation{Text: e.Lines(), Failed: sayings(e.Failed), Closest: []Closest{}}
	for _, c := range e.Closest {
		closest := Closest{Group: c.Group + 1, Name: c.Name, Recognised: sayings(c.Recognised), Lacks: [][]Saying{}}
		for _, lacks := range c.Lacks {
			closest.Lacks = append(closest.Lacks, sayings(lacks))
		}
		report.Closest = append(report.Closest, closest)
	}
	return report
}

func sayings(from []explain.Saying) []Saying {
	all := []Saying{}
	for _, s := range from {
		all = append(all, Saying{Modules: refReports(s.By), Words: s.Words})
	}
	return all
}

func refReports(refs []buildpack.Ref) []Ref {
	all := []Ref{}
	for _, ref := range refs {
		all = append(all, refReport(ref))
	}
	return all
}

// contrast is what differs for a module from an empty directory; nil if that is not known.
func (r *Record) contrast(ref buildpack.Ref) *Contrast {
	c := r.Detection.Contrasts[ref]
	if !c.Known {
		return nil
	}
	return &Contrast{Differs: c.Differs, New: list(c.New)}
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
	if a := r.answer(); a != nil {
		return slices.DeleteFunc(slices.Clone(a.Members), func(m resolve.Member) bool { return m.Detection.Outcome == "" })
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
			Contrast: r.contrast(m.Module.Ref),
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
	for i, m := range res.Taking {
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
		for _, m := range res.Taking {
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
	res := r.resolution()
	if res == nil {
		return all
	}
	for _, m := range res.Members {
		if slices.ContainsFunc(res.Taking, func(t resolve.Member) bool { return t.Module.Ref == m.Module.Ref }) {
			continue
		}
		reason := m.Module.String() + " did not pass: " + explain.Words(m)
		for _, left := range r.Detection.LeftOut {
			if left.Member.Module.Ref == m.Module.Ref {
				reason = left.String()
			}
		}
		all = append(all, Dropped{Ref: refReport(m.Module.Ref), Reason: reason})
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
	for i, m := range res.Taking {
		for _, require := range m.Detection.Alternatives[res.Chosen[i]].Requires {
			if ref := refReport(m.Module.Ref); require.Name == name {
				all = append(all, &ref)
			}
		}
	}
	return all
}
