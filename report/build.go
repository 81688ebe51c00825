package report

import (
	"errors"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/phase/explain"
	"github.com/cnb-prelude/prelude/platform"
)

// report makes a report of what the record holds. version is that of the executable, and err how the phase ends.
func (r *Record) report(version string, err error) Report {
	report := Report{
		Version: Version, Phase: r.in.Phase, Prelude: version, PlatformAPI: r.in.PlatformAPI.String(), ExecEnv: r.in.ExecEnv,
		Outcome: outcome(err), Inputs: each(r.in.Settings(), func(s platform.Setting) Setting { return Setting(s) }),
		Candidates: []Candidate{}, Modules: []Module{}, Group: []Ref{}, Dropped: []Dropped{}, Warnings: list(r.warnings),
		Timings: Timings{Started: r.started.UTC().Truncate(time.Millisecond), TotalMS: millis(time.Since(r.started))},
	}
	report.TraceID, report.Alternatives = r.TraceID, r.alternatives()
	if c := r.Context; c != nil {
		report.Target, report.BuildImage = target(c.Environment.Target), c.Analyzed.BuildReference
	}
	r.addDetection(&report)
	r.addGeneration(&report)
	report.Plan = r.plan()
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

// list is a list that is not nil, so that it is [] in JSON.
func list[T any](l []T) []T { return append([]T{}, l...) }

// each is the list of what becomes of each value of a list. It is not nil.
func each[A, B any](from []A, become func(A) B) []B {
	all := make([]B, 0, len(from))
	for _, one := range from {
		all = append(all, become(one))
	}
	return all
}

// alternatives are the groups that fit as well.
func (r *Record) alternatives() []AlsoFits {
	if r.Detection == nil || len(r.Detection.Alternatives) == 0 {
		return nil
	}
	return each(r.Detection.Alternatives, func(a explain.Alternative) AlsoFits {
		return AlsoFits{Group: a.Group + 1, Modules: refs(a.Modules), Files: list(a.Files)}
	})
}

// refs are the names of modules.
func refs(from []buildpack.Ref) []Ref { return each(from, func(r buildpack.Ref) Ref { return Ref(r) }) }
