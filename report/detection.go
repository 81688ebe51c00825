package report

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/phase/detect"
	"github.com/cnb-prelude/prelude/phase/explain"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// addDetection adds what detection found; if it was ended early, that is what was run.
func (r *Record) addDetection(report *Report) {
	d := r.Detection
	if d == nil {
		return
	}
	report.Order = &Order{Extensions: each(d.Order.Extensions, elements), Buildpacks: each(d.Order.Buildpacks, elements)}
	report.Timings.Detect = spanOf(r.started, d.Started, d.Ended)
	report.Modules = r.modules()
	if d.Answer == nil {
		return
	}
	report.Judged, report.Candidates = d.Answer.Judged, each(d.Answer.Trace, candidate)
	report.Explanation = explanation(d.Explanation)
	if res := d.Answer.Resolution; res != nil {
		report.Candidates = append(report.Candidates, Candidate{Group: res.Group + 1, Passed: true, Members: each(res.Members, candidateMember)})
		report.Group = each(res.Taking, func(m resolve.Member) Ref { return Ref(m.Module.Ref) })
		report.Dropped = r.dropped(res)
	}
	report.Alternatives = each(d.Alternatives, func(a explain.Alternative) AlsoFits { return AlsoFits{a.Group + 1, refs(a.Modules), list(a.Files)} })
}

func elements(group buildpack.Group) []Element {
	return each(group, func(e buildpack.Element) Element { return Element{e.ID, e.Version, e.Optional, e.ExecEnv} })
}

func candidate(c resolve.Candidate) Candidate {
	return Candidate{Group: c.Group + 1, Reason: explain.CandidateReason(c), Members: each(c.Members, candidateMember)}
}

func candidateMember(m resolve.Member) CandidateMember {
	return CandidateMember{Ref: Ref(m.Module.Ref), Optional: m.Optional, Outcome: string(m.Detection.Outcome)}
}

// explanation is why no group passed; nil if one did.
func explanation(e *explain.Explanation) *Explanation {
	if e == nil {
		return nil
	}
	return &Explanation{Text: e.Lines(), Failed: sayings(e.Failed), Closest: each(e.Closest, func(c explain.Close) Closest {
		return Closest{
			Group: c.Group + 1, Name: c.Name, Members: each(c.Members, candidateMember),
			Recognised: sayings(c.Recognised), Lacks: each(c.Lacks, sayings),
		}
	})}
}

func sayings(from []explain.Saying) []Saying {
	return each(from, func(s explain.Saying) Saying { return Saying{Modules: refs(s.By), Words: s.Words} })
}

// chosen are the alternatives with which modules take part.
func (r *Record) chosen() map[buildpack.Ref]int {
	all := map[buildpack.Ref]int{}
	if d := r.Detection; d != nil && d.Answer != nil && d.Answer.Resolution != nil {
		for i, m := range d.Answer.Resolution.Taking {
			all[m.Module.Ref] = d.Answer.Resolution.Chosen[i]
		}
	}
	return all
}

// dropped are the members of the candidate that passed which do not take part.
func (r *Record) dropped(res *resolve.Resolution) []Dropped {
	all, taking, reasons := []Dropped{}, r.chosen(), map[buildpack.Ref]string{}
	for _, left := range r.Detection.LeftOut {
		reasons[left.Member.Module.Ref] = left.String()
	}
	for _, m := range res.Members {
		if _, takes := taking[m.Module.Ref]; !takes {
			reason := cmp.Or(reasons[m.Module.Ref], m.Module.String()+" did not pass: "+explain.Words(m))
			all = append(all, Dropped{Ref: Ref(m.Module.Ref), Reason: reason})
		}
	}
	return all
}

// members are all modules of candidates, each once, in the order in which they were reached. Those of a detection that was
// ended early are in the order in which they were started.
func (r *Record) members() []resolve.Member {
	if a := r.Detection.Answer; a != nil {
		return slices.DeleteFunc(slices.Clone(a.Members), func(m resolve.Member) bool { return m.Detection.Outcome == "" })
	}
	return each(r.Detection.Runs, func(run *detect.Run) resolve.Member {
		return resolve.Member{Module: run.Module, Detection: run.Detection}
	})
}

func (r *Record) modules() []Module {
	times, chosen := map[buildpack.Ref]*Span{}, r.chosen()
	for _, run := range r.Detection.Runs {
		times[run.Module.Ref] = spanOf(r.started, run.Started, run.Ended)
	}
	return each(r.members(), func(m resolve.Member) Module {
		ref, descriptor, d := m.Module.Ref, m.Module.Descriptor, m.Detection
		report := Module{
			Ref: Ref(ref), Name: descriptor.Name, API: descriptor.API, Homepage: descriptor.Homepage,
			Target: r.verdict(m), Outcome: string(d.Outcome), Cause: causeText(d.Cause),
			Alternatives: each(d.Alternatives, alternative), Warnings: slices.Concat(m.Module.Warnings, d.Warnings),
			Output: shorten(d.Output), Time: times[ref],
		}
		if at, takes := chosen[ref]; takes {
			report.Chosen = &at
		}
		if c, known := r.Detection.Contrasts[ref]; known {
			report.Contrast = &Contrast{Differs: c.Differs, New: list(c.New)}
		}
		if d.Outcome != "" && d.ExitCode != buildpack.NoExitCode {
			report.ExitCode = &d.ExitCode
		}
		return report
	})
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

func alternative(a buildpack.Alternative) Alternative {
	return Alternative{Provides: list(a.Provides), Requires: each(a.Requires, func(r buildpack.Require) Require {
		return Require{Name: r.Name, Metadata: metadata(r.Metadata)}
	})}
}

// shown is how many bytes of a module's output or of a Dockerfile are in the report, half of them from its end.
const shown = 32 << 10

func shorten(text []byte) string { return tidy.Shorten(text, shown/2) }

// verdict reports whether a module supports the run image, as detection has judged it.
func (r *Record) verdict(m resolve.Member) Verdict {
	switch {
	case !phase.JudgesTargets(r.in.PlatformAPI):
		return Verdict{Verdict: "not judged"}
	case m.Detection.Outcome == buildpack.Mismatched:
		return Verdict{Verdict: "mismatch", Reason: m.Detection.Cause.Error()}
	}
	return Verdict{Verdict: "match"}
}

// plan is the build plan before generation, with the modules that require each entry where they are known.
func (r *Record) plan() []Entry {
	var entries []buildpack.PlanEntry
	var takers []*buildpack.Module
	requirers := map[string][]*Ref{}
	if d := r.Detection; d != nil && d.Answer != nil && d.Answer.Resolution != nil {
		entries, requirers = d.Answer.Resolution.Plan, requirersOf(d.Answer.Resolution)
	}
	if r.Generation != nil {
		entries, takers = r.Generation.Request.Plan, r.Generation.Split.Takers
	}
	all := []Entry{}
	for at, from := range entries {
		entry := Entry{Providers: each(from.Providers, provider), Requires: []PlanRequires{}}
		if takers != nil && takers[at] != nil {
			entry.GivenTo = (*Ref)(&takers[at].Ref)
		}
		for i, require := range from.Requires {
			entry.Name = require.Name
			entry.Requires = append(entry.Requires, PlanRequires{Metadata: metadata(require.Metadata)})
			if by := requirers[entry.Name]; len(by) == len(from.Requires) {
				entry.Requires[i].By = by[i]
			}
		}
		all = append(all, entry)
	}
	return all
}

func provider(p buildpack.Provider) Ref {
	if p.Extension {
		return Ref{Kind: buildpack.KindExtension, ID: p.ID, Version: p.Version}
	}
	return Ref{Kind: buildpack.KindBuildpack, ID: p.ID, Version: p.Version}
}

// requirersOf are the modules that require each name, in the order of the group: as often as each of them does, as in the plan.
func requirersOf(res *resolve.Resolution) map[string][]*Ref {
	all := map[string][]*Ref{}
	for i, m := range res.Taking {
		for _, require := range m.Detection.Alternatives[res.Chosen[i]].Requires {
			all[require.Name] = append(all[require.Name], (*Ref)(&m.Module.Ref))
		}
	}
	return all
}
