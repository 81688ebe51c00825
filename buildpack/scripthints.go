package buildpack

import (
	"bytes"
	"fmt"
	"regexp"
	"sync"
)

// What authors of scripts who know other platforms, or an outdated page, take for the application's directory or for the build plan.
var (
	appVariable = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$\{?CNB_APP_DIR\b`) })
	firstAsApp  = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?im)\bcd "?\$\{?1\b|^\s*(?:local |export |readonly )?\w*(?:app|build|source|src)_?(?:dir|path|root)?=["']?\$\{?1\b|"?\$\{?1\}?"?/(?:[\w.*-]+\.(?:json|txt|toml|xml|lock|ya?ml|mod|py|rb|js|php|csproj|gradle)|Gemfile|Procfile|pom)`)
	})
	outputPlan = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`\$\{?CNB_OUTPUT_DIR\}?"?/plan\.toml|>\s*["']?(?:\./)?plan\.toml\b`)
	})
	rootPlan = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?m)[\s:'"]/plan\.toml['"]?: (?:Permission denied|Read-only file system)`)
	})
)

// ErrorHint returns what to try about a script bin/detect or bin/generate that has ended with an error, from how the script is written; empty if
// nothing comes to mind. name is that of the executable.
func ErrorHint(name string, script []byte) string {
	const hint = "%s %s: the application's directory is the working directory"
	switch {
	case !bytes.HasPrefix(script, []byte("#!")):
		return ""
	case appVariable().Match(script):
		return fmt.Sprintf(hint+", and nothing sets that variable", name, "mentions $CNB_APP_DIR")
	case name == "bin/detect" && firstAsApp().Match(script):
		return fmt.Sprintf(hint+`, $1 is the platform directory, and "not for this app" is exit code 100`, name, "seems to take $1 for the application's directory")
	}
	return ""
}

// PlanHint returns where the build plan of a script bin/detect should have gone, if the script or what it printed shows that it went elsewhere;
// else it is empty.
func PlanHint(script, output []byte) string {
	if !bytes.HasPrefix(script, []byte("#!")) || !outputPlan().Match(script) && !rootPlan().Match(output) {
		return ""
	}
	return `bin/detect seems to write its build plan elsewhere: it goes to "$CNB_BUILD_PLAN_PATH", which is also the second argument`
}
