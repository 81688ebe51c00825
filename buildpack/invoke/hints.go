package invoke

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
)

// ErrorHint returns what to try about an executable of a module that has ended with an error; see [buildpack.ErrorHint].
func ErrorHint(m *buildpack.Module, name string) string {
	script := scriptOf(m, name)
	return buildpack.ErrorHint(name, script)
}

// longestScript is how many bytes a script may have that is looked at.
const longestScript = 256 << 10

// scriptOf is the text of an executable; empty if it cannot be read or is too large.
func scriptOf(m *buildpack.Module, name string) []byte {
	script, _ := files.Read(filepath.Join(m.Dir, name), longestScript) // then there is no hint
	return script
}

// withHints adds to a detection what its author may have got wrong, from how the script is written.
func withHints(m *buildpack.Module, d buildpack.Detection) buildpack.Detection {
	name := filepath.Join("bin", "detect")
	hint := ""
	switch {
	case d.Outcome == buildpack.Errored && d.ExitCode > 0:
		script := scriptOf(m, name)
		if hint = buildpack.PlanHint(script, d.Output); hint == "" {
			hint = buildpack.ErrorHint(name, script)
		}
	case d.Outcome == buildpack.Passed && plansNothing(d):
		script := scriptOf(m, name)
		hint = buildpack.PlanHint(script, d.Output)
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

// misplacedInRoot is about files that lie beside bin/ and belong into it or into detect/.
func misplacedInRoot(m *buildpack.Module) []string {
	var warnings []string
	for _, name := range [][2]string{{"detect", "bin/detect"}, {"plan.toml", "detect/plan.toml"}} {
		if info, err := os.Stat(filepath.Join(m.Dir, name[0])); err == nil && info.Mode().IsRegular() {
			warnings = append(warnings, fmt.Sprintf("%s %s has no %s, but %s, which nothing uses: move it to %s", m.Kind, m.Ref, name[1], name[0], name[1]))
		}
	}
	return warnings
}
