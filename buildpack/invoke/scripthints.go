package invoke

import (
	"bytes"

	"github.com/cnb-prelude/prelude/internal/tidy"
)

// What authors of scripts who know other platforms, or an outdated page, take for the application's directory or for the build
// plan.
var (
	appVariable = tidy.Pattern(`\$\{?CNB_APP_DIR\b`)
	firstAsApp  = tidy.Pattern(`(?im)\bcd "?\$\{?1\b` +
		`|^\s*(?:local |export |readonly )?\w*(?:app|build|source|src)_?(?:dir|path|root)?=["']?\$\{?1\b` +
		`|"?\$\{?1\}?"?/(?:[\w.*-]+\.(?:json|txt|toml|xml|lock|ya?ml|mod|py|rb|js|php|csproj|gradle)|Gemfile|Procfile|pom)`)
	outputPlan = tidy.Pattern(`\$\{?CNB_OUTPUT_DIR\}?"?/plan\.toml|>\s*["']?(?:\./)?plan\.toml\b`)
	rootPlan   = tidy.Pattern(`(?m)[\s:'"]/plan\.toml['"]?: (?:Permission denied|Read-only file system)`)
)

// errorHint returns what to try about a script bin/detect or bin/generate, given by its name, that has ended with an error; empty
// if the script shows no mistake that is known.
func errorHint(name string, script []byte) string {
	const hint = ": the application's directory is the working directory"
	switch {
	case !bytes.HasPrefix(script, []byte("#!")):
		return ""
	case appVariable().Match(script):
		return name + " mentions $CNB_APP_DIR" + hint + ", and nothing sets that variable"
	case name == "bin/detect" && firstAsApp().Match(script):
		return name + " seems to take $1 for the application's directory" + hint +
			`, $1 is the platform directory, and "not for this app" is exit code 100`
	}
	return ""
}

// planHint returns where the build plan of a script bin/detect should have gone, if the script or its output shows that it went
// elsewhere; else it is empty.
func planHint(script, output []byte) string {
	if !bytes.HasPrefix(script, []byte("#!")) || !outputPlan().Match(script) && !rootPlan().Match(output) {
		return ""
	}
	return `bin/detect seems to write its build plan elsewhere: it goes to "$CNB_BUILD_PLAN_PATH", which is also the second argument`
}
