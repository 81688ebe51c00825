package report

import (
	"errors"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/platform"
)

// This file turns what a record holds into a report.

// report puts the report together.
func (r *Record) report(version string, err error) Report {
	total := millis(time.Since(r.started))
	report := Report{
		Version: Version, Phase: r.in.Phase, Prelude: version, PlatformAPI: r.in.PlatformAPI.String(),
		Outcome: outcome(err), ExecEnv: r.in.ExecEnv, Judged: r.judged(),
		Candidates: r.candidates(), Explanation: r.explanation(), Modules: r.modules(),
		Group: r.group(), Dropped: r.dropped(), Plan: r.entries(),
		Generation: r.generation(),
		Warnings:   list(r.warnings),
		Timings:    Timings{Started: r.started.UTC().Truncate(time.Millisecond), TotalMS: total},
	}
	report.TraceID, report.Alternatives = r.TraceID, r.alternatives()
	if r.Target != nil {
		report.Target = target(*r.Target)
	}
	if d := r.Detection; d != nil {
		report.Order = &Order{Extensions: orderGroups(d.Order.Extensions), Buildpacks: orderGroups(d.Order.Buildpacks)}
		report.Timings.Detect = spanOf(r.started, d.Started, d.Ended)
	}
	if g := r.Generation; g != nil && report.Generation != nil {
		report.Timings.Generate = spanOf(r.started, g.Started, g.Ended)
	}
	return report
}

// outcome is how a phase ends, from the error that also the exit code derives from.
func outcome(err error) Outcome {
	var exit *platform.Exit
	switch {
	case err == nil:
		return Outcome{}
	case !errors.As(err, &exit):
		exit = &platform.Exit{Code: platform.CodeFailed, Err: err}
	}
	return Outcome{ExitCode: exit.Code, Error: exit.Error(), Hint: exit.Hint()}
}

func target(t buildpack.Target) *Target {
	report := &Target{OS: t.OS, Arch: t.Arch, Variant: t.Variant}
	for _, d := range t.Distros {
		report.Distro, report.DistroVersion = d.Name, d.Version
	}
	return report
}

func orderGroups(order buildpack.Order) [][]Element {
	all := [][]Element{}
	for _, group := range order {
		elements := []Element{}
		for _, e := range group {
			elements = append(elements, Element{ID: e.ID, Version: e.Version, Optional: e.Optional, ExecEnv: e.ExecEnv})
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

func refReport(ref buildpack.Ref) Ref {
	return Ref{Kind: string(ref.Kind), ID: ref.ID, Version: ref.Version}
}

// alternatives are the groups that fit as well.
func (r *Record) alternatives() []AlsoFits {
	var all []AlsoFits
	if r.Detection == nil {
		return nil
	}
	for _, a := range r.Detection.Alternatives {
		all = append(all, AlsoFits{Group: a.Group + 1, Modules: refReports(a.Modules), Files: list(a.Files)})
	}
	return all
}
