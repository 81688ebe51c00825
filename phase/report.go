package phase

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/phase/explain"
	"github.com/cnb-prelude/prelude/phase/resolve"
	"github.com/cnb-prelude/prelude/platform"
)

// This file turns what a record holds into a report.

// report puts the report together.
func (r *Record) report(version string, err error) platform.Report {
	total := platform.Millis(time.Since(r.started))
	why := r.why()
	report := platform.Report{
		Version: platform.ReportVersion, Phase: r.in.Phase, Prelude: version, PlatformAPI: r.in.PlatformAPI.String(),
		Outcome: outcome(err), ExecEnv: r.in.ExecEnv,
		Candidates: r.candidates(why), Explanation: r.explanation(why), Modules: r.modules(),
		Group: r.group(), Dropped: r.dropped(), Plan: r.entries(),
		Generation: r.generationReport(),
		Warnings:   list(r.warnings),
		Timings: platform.ReportTimings{
			Started: r.started.UTC().Truncate(time.Millisecond), TotalMS: total,
			Detect: r.spanOf(r.detecting), Generate: r.spanOf(r.generating),
		},
	}
	if r.target != nil {
		report.Target = targetReport(*r.target)
	}
	if r.order != nil {
		report.Order = &platform.ReportOrder{Extensions: orderGroups(r.order.Extensions), Buildpacks: orderGroups(r.order.Buildpacks)}
	}
	report.Evaluated = r.evaluated()
	if report.Generation == nil {
		report.Timings.Generate = nil
	}
	return report
}

// outcome is how a phase ends, from the error that also the exit code derives from.
func outcome(err error) platform.ReportOutcome {
	var exit *platform.Exit
	switch {
	case err == nil:
		return platform.ReportOutcome{}
	case !errors.As(err, &exit):
		exit = &platform.Exit{Code: platform.CodeFailed, Err: err}
	}
	return platform.ReportOutcome{ExitCode: exit.Code, Error: exit.Error(), Hint: exit.Hint()}
}

func (r *Record) spanOf(s span) *platform.ReportSpan {
	switch {
	case s.from.IsZero():
		return nil
	case s.to.IsZero():
		s.to = time.Now()
	}
	return platform.SpanOf(r.started, s.from, s.to)
}

func targetReport(t buildpack.Target) *platform.ReportTarget {
	report := &platform.ReportTarget{OS: t.OS, Arch: t.Arch, Variant: t.Variant}
	for _, d := range t.Distros {
		report.Distro, report.DistroVersion = d.Name, d.Version
	}
	return report
}

func orderGroups(order buildpack.Order) [][]platform.ReportElement {
	all := [][]platform.ReportElement{}
	for _, group := range order {
		elements := []platform.ReportElement{}
		for _, e := range group {
			elements = append(elements, platform.ReportElement{ID: e.ID, Version: e.Version, Optional: e.Optional, ExecEnv: e.ExecEnv})
		}
		all = append(all, elements)
	}
	return all
}

// list is a list that is not nil, so that it is [] in JSON.
func list[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}

func refReport(ref buildpack.Ref) platform.ReportRef {
	return platform.ReportRef{Kind: string(ref.Kind), ID: ref.ID, Version: ref.Version}
}

func (r *Record) evaluated() int {
	switch {
	case r.resolution != nil:
		return r.resolution.Evaluated
	case r.failure != nil:
		return r.failure.Evaluated
	}
	return 0
}

// attempts are the candidates that failed.
func (r *Record) attempts() []resolve.Attempt {
	switch {
	case r.resolution != nil:
		return r.resolution.Before
	case r.failure != nil:
		return r.failure.Attempts
	}
	return nil
}

func (r *Record) candidates(why explain.Explanation) []platform.ReportCandidate {
	all := []platform.ReportCandidate{}
	for _, attempt := range r.attempts() {
		all = append(all, candidate(attempt, false))
	}
	for i, f := range why.Failures {
		for _, attempt := range f.Attempts {
			all[attempt].Failure = &i
		}
	}
	if res := r.resolution; res != nil {
		all = append(all, candidate(resolve.Attempt{Number: res.Evaluated, Group: res.GroupOfOrder, Members: res.Candidate}, true))
	}
	return all
}

func candidate(a resolve.Attempt, passed bool) platform.ReportCandidate {
	c := platform.ReportCandidate{Number: a.Number, Group: a.Group + 1, Passed: passed, Members: []platform.ReportCandidateMember{}}
	for _, m := range a.Members {
		c.Members = append(c.Members, candidateMember(m))
	}
	return c
}

func candidateMember(m resolve.Member) platform.ReportCandidateMember {
	return platform.ReportCandidateMember{ReportRef: refReport(m.Module.Ref), Optional: m.Optional, Outcome: string(m.Detection.Outcome)}
}

// why explains the candidates that failed.
func (r *Record) why() explain.Explanation {
	var composites [][]buildpack.Ref
	switch {
	case r.resolution != nil:
		composites = r.resolution.Composites
	case r.failure != nil:
		composites = r.failure.Composites
	}
	return explain.Why(r.attempts(), composites)
}

// explanation is why candidates failed; nil if none did.
func (r *Record) explanation(why explain.Explanation) *platform.ReportExplanation {
	if len(why.Failures) == 0 {
		return nil
	}
	report := &platform.ReportExplanation{
		Groups: why.Groups, Recognised: why.Recognised(),
		Failures: []platform.ReportFailure{}, Advice: []string{}, Text: []string{},
	}
	for _, f := range why.Failures {
		report.Failures = append(report.Failures, failureReport(f))
	}
	if r.failure != nil {
		report.Text = why.Lines(false)
		for _, a := range why.Advice {
			report.Advice = append(report.Advice, a.String())
		}
	}
	return report
}

func failureReport(f explain.Failure) platform.ReportFailure {
	report := platform.ReportFailure{
		Where: f.Where(), Places: []platform.ReportPlace{}, Recognised: f.Recognition.Enough(),
		Members: []platform.ReportFailureMember{}, Facts: factReports(f.Facts), Reasons: list(f.Reasons()), Candidates: f.Attempts,
	}
	for _, p := range f.Places {
		report.Places = append(report.Places, platform.ReportPlace{
			Group: p.Group, Composites: refReports(p.Composites), With: refReports(p.With), Without: refReports(p.Without), EachExtensions: p.EachExtensions,
		})
	}
	for _, m := range f.Members {
		member := platform.ReportFailureMember{ReportCandidateMember: candidateMember(m), ExitCode: exitCode(m.Detection.ExitCode)}
		if !m.Passed() {
			member.Words = explain.Words(m)
		}
		report.Members = append(report.Members, member)
	}
	return report
}

func refReports(refs []buildpack.Ref) []platform.ReportRef {
	all := []platform.ReportRef{}
	for _, ref := range refs {
		all = append(all, refReport(ref))
	}
	return all
}

// How many links of a chain there are in the report: of a reason, and of that for which somebody dropped out – the links
// of the latter are mostly about others who dropped out, who have a reason of their own.
const (
	linksOfReason  = 200
	linksOfDropout = 10
)

func factReports(facts []explain.Fact) []platform.ReportFact {
	all := []platform.ReportFact{}
	for _, f := range facts {
		all = append(all, factReport(f, linksOfReason))
	}
	return all
}

func factReport(f explain.Fact, links int) platform.ReportFact { return chainReport(f, &links) }

// chainReport is a fact with its chain, as far as there are links left.
func chainReport(f explain.Fact, links *int) platform.ReportFact {
	report := platform.ReportFact{Kind: string(f.Kind), Text: strings.Join(f.Lines(), "\n"), Optional: f.Optional, Names: f.Names}
	if f.Module != (buildpack.Ref{}) {
		ref := refReport(f.Module)
		report.Module = &ref
	}
	for _, o := range f.Others {
		report.Others = append(report.Others, otherReport(o))
	}
	if f.Near != nil {
		report.Near = &platform.ReportNear{Module: refReport(f.Near.Module), Name: f.Near.Name}
	}
	for _, l := range f.Loose {
		report.Loose = append(report.Loose, platform.ReportLoose{Module: refReport(l.Module), Names: list(l.Names), Printed: l.Printed})
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

func otherReport(o explain.Other) platform.ReportOther {
	d := o.Member.Detection
	report := platform.ReportOther{Module: refReport(o.Member.Module.Ref), Fate: string(o.Fate)}
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

func alternatives(all []buildpack.Alternative) []platform.ReportAlternative {
	reports := []platform.ReportAlternative{}
	for _, a := range all {
		report := platform.ReportAlternative{Provides: list(a.Provides), Requires: []platform.ReportRequire{}}
		for _, require := range a.Requires {
			report.Requires = append(report.Requires, platform.ReportRequire{Name: require.Name, Metadata: metadata(require.Metadata)})
		}
		reports = append(reports, report)
	}
	return reports
}

// members are all modules of candidates, each once, in the order in which they were reached.
func (r *Record) members() []resolve.Member {
	switch {
	case r.resolution != nil:
		return tried(r.resolution)
	case r.failure != nil:
		return r.failure.Members
	}
	return r.begun()
}

// begun are the modules of a detection that came to no end, in the order in which they were started.
func (r *Record) begun() []resolve.Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []resolve.Member
	for _, run := range r.runs {
		all = append(all, resolve.Member{Module: run.module, Detection: run.detection})
	}
	slices.SortFunc(all, func(a, b resolve.Member) int {
		return r.runs[a.Module.Ref].from.Compare(r.runs[b.Module.Ref].from)
	})
	return all
}

func (r *Record) modules() []platform.ReportModule {
	all := []platform.ReportModule{}
	for _, m := range r.members() {
		d := m.Detection
		report := platform.ReportModule{
			ReportRef: refReport(m.Module.Ref), Name: m.Module.Descriptor.Name, API: m.Module.Descriptor.API, Homepage: m.Module.Descriptor.Homepage,
			Target: r.verdict(m.Module), Outcome: string(d.Outcome), Cause: causeText(d.Cause),
			Alternatives: alternatives(d.Alternatives), Chosen: r.chosen(m.Module.Ref),
			Warnings: slices.Concat(m.Module.Warnings, d.Warnings), Output: shorten(d.Output),
		}
		if d.Outcome != "" {
			report.ExitCode = exitCode(d.ExitCode)
		}
		r.mu.Lock()
		if run, ran := r.runs[m.Module.Ref]; ran {
			report.Time = platform.SpanOf(r.started, run.from, run.to)
		}
		r.mu.Unlock()
		all = append(all, report)
	}
	return all
}

// verdict says whether a module supports the run image.
func (r *Record) verdict(m *buildpack.Module) platform.ReportVerdict {
	if !judgesTargets(r.in.PlatformAPI) || r.target == nil {
		return platform.ReportVerdict{Verdict: "not judged"}
	}
	if err := buildpack.MatchTargets(m.Targets, *r.target); err != nil {
		return platform.ReportVerdict{Verdict: "mismatch", Reason: err.Error()}
	}
	return platform.ReportVerdict{Verdict: "match"}
}

// chosen is the alternative with which a module takes part; nil if it does not.
func (r *Record) chosen(ref buildpack.Ref) *int {
	if r.resolution == nil {
		return nil
	}
	for i, m := range r.resolution.Group {
		if m.Module.Ref == ref {
			return &r.resolution.Chosen[i]
		}
	}
	return nil
}

func (r *Record) group() []platform.ReportMember {
	all := []platform.ReportMember{}
	var modules []*buildpack.Module
	switch {
	case r.resolution != nil:
		for _, m := range r.resolution.Group {
			modules = append(modules, m.Module)
		}
	case r.generation != nil:
		modules = r.generation.request.Extensions
	}
	for _, m := range modules {
		all = append(all, platform.ReportMember{ReportRef: refReport(m.Ref), API: m.Descriptor.API, Homepage: m.Descriptor.Homepage})
	}
	return all
}

func (r *Record) dropped() []platform.ReportDropped {
	all := []platform.ReportDropped{}
	if r.resolution == nil {
		return all
	}
	for _, left := range explain.WhyLeftOut(r.resolution) {
		report := platform.ReportDropped{ReportRef: refReport(left.Member.Module.Ref), Reason: left.String()}
		if left.Fact != nil {
			fact := factReport(*left.Fact, linksOfDropout)
			report.Fact = &fact
		}
		all = append(all, report)
	}
	return all
}

// entries are those of the build plan, with who asks for each as far as that is known.
func (r *Record) entries() []platform.ReportEntry {
	all := []platform.ReportEntry{}
	shared := newShare(r.plan)
	givenTo := map[int]*platform.ReportRef{}
	if r.generation != nil {
		for _, m := range r.generation.request.Extensions {
			_, shared = shared.givenTo(m)
			for _, entry := range shared.taken {
				if ref := refReport(m.Ref); entry.extension == m.ID {
					givenTo[entry.place] = &ref
				}
			}
		}
	}
	for place, entry := range r.plan {
		report := platform.ReportEntry{Providers: []platform.ReportRef{}, Requires: []platform.ReportPlanRequires{}, GivenTo: givenTo[place]}
		for _, p := range entry.Providers {
			kind := buildpack.KindBuildpack
			if p.Extension {
				kind = buildpack.KindExtension
			}
			report.Providers = append(report.Providers, platform.ReportRef{Kind: string(kind), ID: p.ID, Version: p.Version})
		}
		var by []*platform.ReportRef
		for i, require := range entry.Requires {
			if i == 0 {
				report.Name = require.Name
				by = r.requirers(require.Name)
			}
			report.Requires = append(report.Requires, platform.ReportPlanRequires{Metadata: metadata(require.Metadata)})
			if len(by) == len(entry.Requires) {
				report.Requires[i].By = by[i]
			}
		}
		all = append(all, report)
	}
	return all
}

// requirers are who requires a name, in the order of the group: as often as each of them does, as in the plan.
func (r *Record) requirers(name string) []*platform.ReportRef {
	var all []*platform.ReportRef
	if r.resolution == nil {
		return nil
	}
	for i, m := range r.resolution.Group {
		for _, require := range m.Detection.Alternatives[r.resolution.Chosen[i]].Requires {
			if ref := refReport(m.Module.Ref); require.Name == name {
				all = append(all, &ref)
			}
		}
	}
	return all
}

// metadata is that of a requirement, in values that JSON has.
func metadata(table map[string]any) map[string]any {
	if len(table) == 0 {
		return nil
	}
	return plain(table).(map[string]any)
}

func (r *Record) generationReport() *platform.ReportGeneration {
	g := r.generation
	if g == nil || len(g.request.Extensions) == 0 {
		return nil
	}
	report := &platform.ReportGeneration{Extensions: []platform.ReportExtension{}}
	for _, e := range g.extensions {
		report.Extensions = append(report.Extensions, r.extension(e))
	}
	if g.done == nil {
		return report
	}
	var all []extended
	for _, e := range g.extensions {
		all = append(all, e.extended)
	}
	report.RunImage = runImageReport(g, decideRunImage(runDockerfiles(all)), all)
	built := g.done.Metadata.BuildImage
	report.BuildImage = &platform.ReportBuildImage{Image: built.Reference, Extend: built.Extend}
	return report
}

func (r *Record) extension(e extensionRecord) platform.ReportExtension {
	report := platform.ReportExtension{
		ReportRef: refReport(e.module.Ref), Static: !invoke.HasGenerate(e.module), Given: []string{},
		Checks: []platform.ReportCheck{}, Dockerfiles: []platform.ReportDockerfile{}, Contexts: []platform.ReportContext{},
		Warnings: []platform.ReportNote{}, Output: e.output, Time: r.spanOf(e.span),
	}
	for _, require := range e.given {
		if !slices.Contains(report.Given, require.Name) {
			report.Given = append(report.Given, require.Name)
		}
	}
	for _, note := range slices.Concat(e.notes, e.strays) {
		report.Warnings = append(report.Warnings, platform.ReportNote{Text: note.Text, Hint: note.Hint, Minor: note.Minor})
	}
	passed := func(what, text string) {
		report.Checks = append(report.Checks, platform.ReportCheck{What: what, Passed: true, Text: text})
	}
	for _, d := range e.dockerfiles {
		passed(d.Kind.File(), describe(d.Dockerfile))
		report.Dockerfiles = append(report.Dockerfiles, r.dockerfile(e, d))
	}
	if e.refused != nil {
		report.Dockerfiles = append(report.Dockerfiles, r.dockerfile(e, *e.refused))
		report.Dockerfiles[len(report.Dockerfiles)-1].Refused = true
	}
	if args := len(e.config.Build) + len(e.config.Run); args > 0 {
		passed(extendConfig, count(args, "build argument"))
	}
	for _, kind := range buildpack.DockerfileKinds() {
		if dir := e.contexts[kind]; dir != "" {
			report.Contexts = append(report.Contexts, platform.ReportContext{Kind: string(kind), Directory: dir})
			if len(report.Contexts) == 1 || report.Contexts[0].Directory != dir {
				passed(dir, "a build context without links out of it, devices or pipes")
			}
		}
	}
	if e.err != nil {
		report.Error = outcome(e.err).Error
		what := "output"
		if e.refused != nil {
			what = e.refused.Kind.File()
		}
		report.Checks = append(report.Checks, platform.ReportCheck{What: what, Text: report.Error})
	}
	return report
}

// describe says what a Dockerfile does.
func describe(d buildpack.Dockerfile) string {
	what := "extends the " + string(d.Kind) + " image"
	if d.Switches() {
		what = "switches the run image to " + d.From
	}
	if d.Instructions == 0 {
		return what
	}
	return what + ", " + count(d.Instructions, "instruction")
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// dockerfile is a Dockerfile, and what has become of it if generation went well.
func (r *Record) dockerfile(e extensionRecord, d dockerfile) platform.ReportDockerfile {
	report := platform.ReportDockerfile{
		Kind: string(d.Kind), Digest: d.digest, From: d.From, Instructions: d.Instructions,
		Args: []platform.ReportArg{}, Text: shorten(bytes.TrimSuffix(d.text, []byte("\n"))),
	}
	for _, arg := range e.config.For(d.Kind) {
		report.Args = append(report.Args, platform.ReportArg{Name: arg.Name, Value: arg.Value})
	}
	if r.generation.done == nil {
		return report
	}
	for _, g := range r.generation.done.Metadata.For(d.Kind) {
		if g.Extension == e.module.ID {
			report.Path, report.Context = g.Path, g.Context
		}
	}
	for _, ignored := range r.generation.done.Metadata.Ignored {
		if ignored.Extension == e.module.ID && d.Kind == buildpack.RunDockerfile {
			report.Path, report.IgnoredFor = ignored.Path, ignored.OverruledBy
		}
	}
	return report
}

// runImageReport is which run image it is to be, and why.
func runImageReport(g *generationRecord, decision runDecision, all []extended) *platform.ReportRunImage {
	image := g.done.Metadata.RunImage
	report := &platform.ReportRunImage{Image: image.Image, SwitchedBy: decision.by, Extend: decision.extend}
	if before := g.request.Analyzed.RunImage; before != nil {
		report.Before = before.Reference
		if report.Before == "" {
			report.Before = before.Image
		}
	}
	if decision.switches() {
		known := g.request.RunImages.Knows(decision.image)
		report.Known = &known
	}
	report.Reasons = runImageReasons(decision, runDockerfiles(all))
	return report
}

// runImageReasons words the decision about the run image.
func runImageReasons(decision runDecision, dockerfiles []runDockerfile) []string {
	var reasons, ignored, extending []string
	for i, d := range dockerfiles {
		switch {
		case decision.ignores(i):
			ignored = append(ignored, d.extension)
		case d.instructions > 0:
			extending = append(extending, d.extension)
		}
	}
	switch {
	case decision.switches():
		reasons = append(reasons, fmt.Sprintf("%s switches the run image to %s, and no later extension switches it again", decision.by, decision.image))
	case len(dockerfiles) == 0:
		reasons = append(reasons, "no extension left a run.Dockerfile")
	default:
		reasons = append(reasons, "no run.Dockerfile switches the run image")
	}
	if len(ignored) > 0 {
		reasons = append(reasons, fmt.Sprintf("ignored, because they come before the switch: the run.Dockerfiles of %s", strings.Join(ignored, ", ")))
	}
	switch {
	case decision.extend:
		reasons = append(reasons, fmt.Sprintf("it is to be extended: these have instructions after FROM: %s", strings.Join(extending, ", ")))
	case len(dockerfiles) > 0:
		reasons = append(reasons, "nothing is to be extended: no run.Dockerfile that counts has an instruction after FROM")
	}
	return reasons
}

// plain is a value of TOML as one that JSON has: dates and times, infinity and what is no number become strings.
func plain(value any) any {
	switch v := value.(type) {
	case map[string]any:
		table := make(map[string]any, len(v))
		for key, value := range v {
			table[key] = plain(value)
		}
		return table
	case []map[string]any:
		array := make([]any, len(v))
		for i, value := range v {
			array[i] = plain(value)
		}
		return array
	case []any:
		array := make([]any, len(v))
		for i, value := range v {
			array[i] = plain(value)
		}
		return array
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return strings.TrimPrefix(strings.ToLower(fmt.Sprint(v)), "+")
		}
	case time.Time:
		return timeText(v)
	}
	return value
}

// timeText is one of TOML's four kinds of date and time, as TOML writes it. Those without an offset have a location that
// tells the kind.
func timeText(t time.Time) string {
	switch t.Location().String() {
	case "datetime-local":
		return t.Format("2006-01-02T15:04:05.999999999")
	case "date-local":
		return t.Format("2006-01-02")
	case "time-local":
		return t.Format("15:04:05.999999999")
	}
	return t.Format(time.RFC3339Nano)
}
