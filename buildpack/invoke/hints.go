package invoke

import (
	"fmt"
	"path/filepath"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
)

// longestScript is how many bytes a script may have that is looked at.
const longestScript = 256 << 10

// ErrorHint returns what to try about an executable of a module that has ended with an error; see [buildpack.ErrorHint].
func ErrorHint(m *buildpack.Module, name string) string {
	script, _ := files.Read(filepath.Join(m.Dir, name), longestScript) // then there is no hint
	return buildpack.ErrorHint(name, script)
}

// withHints adds to a detection what its author may have got wrong, from how the script is written.
func withHints(m *buildpack.Module, d buildpack.Detection) buildpack.Detection {
	failed := d.Outcome == buildpack.Errored && d.ExitCode > 0
	if !failed && !(d.Outcome == buildpack.Passed && plansNothing(d)) {
		return d
	}
	script, _ := files.Read(filepath.Join(m.Dir, "bin", "detect"), longestScript) // then there is no hint
	hint := buildpack.PlanHint(script, d.Output)
	if failed && hint == "" {
		hint = buildpack.ErrorHint("bin/detect", script)
	}
	if hint != "" {
		d.Warnings = append(d.Warnings, fmt.Sprintf("%s %s: %s", m.Kind, m.Ref, hint))
	}
	return d
}

// plansNothing reports whether a module has left an empty build plan.
func plansNothing(d buildpack.Detection) bool {
	return len(d.Alternatives) == 1 && len(d.Alternatives[0].Provides) == 0 && len(d.Alternatives[0].Requires) == 0
}
