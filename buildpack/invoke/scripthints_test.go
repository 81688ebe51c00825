package invoke

import (
	"strings"
	"testing"
)

// Scripts as they are written for other platforms, and scripts that are right.
func TestErrorHint(t *testing.T) {
	const app, first = "mentions $CNB_APP_DIR", "seems to take $1 for the application's directory"
	for _, test := range []struct{ why, name, script, want string }{
		{"the variable of a draft", "bin/detect", "#!/bin/sh\ntest -f \"${CNB_APP_DIR}/go.mod\"\n", app},
		{"the same in bin/generate", "bin/generate", "#!/bin/sh\ncd $CNB_APP_DIR\n", app},
		{"the first argument, as on Heroku", "bin/detect", "#!/usr/bin/env bash\nif [ -f \"$1/package.json\" ]; then exit 0; fi\nexit 1\n", first},
		{"the same with braces", "bin/detect", "#!/bin/sh\n[ -f ${1}/requirements.txt ] || exit 1\n", first},
		{"a change of the directory", "bin/detect", "#!/bin/sh\ncd \"$1\" || exit 1\n", first},
		{"a variable", "bin/detect", "#!/bin/sh\nBUILD_DIR=$1\n", first},
		{"another variable", "bin/detect", "#!/bin/sh\n  local app_dir=\"${1}\"\n", first},
		{"in bin/generate it is the output", "bin/generate", "#!/bin/sh\ncp \"$1/package.json\" .\n", ""},
		{"what the argument is", "bin/detect", "#!/bin/sh\nplatform_dir=$1\nplan=$2\ncat \"$1/env/BP_X\"\nls $1/bindings\n", ""},
		{"the tenth argument and a function's", "bin/detect", "#!/bin/sh\nrun() { echo \"$1\" $10; }\n", ""},
		{"another variable of the application", "bin/detect", "#!/bin/sh\ntest -f $CNB_APP_DIRS\n", ""},
		{"no script", "bin/detect", "\x7fELF$CNB_APP_DIR", ""},
	} {
		if got := errorHint(test.name, []byte(test.script)); !strings.Contains(got, test.want) || test.want == "" && got != "" {
			t.Errorf("%s: %q, want %q", test.why, got, test.want)
		}
	}
}

func TestPlanHint(t *testing.T) {
	for _, test := range []struct {
		why, script, output string
		want                bool
	}{
		{"a variable that only bin/generate has", "cat > \"$CNB_OUTPUT_DIR/plan.toml\" <<EOF\nEOF\n", "", true},
		{"the same with braces", "cat >> ${CNB_OUTPUT_DIR}/plan.toml", "", true},
		{"the working directory", "echo x > plan.toml", "", true},
		{"the same in other words", "echo x >>'./plan.toml'", "", true},
		{"its error", "cat > \"$OUT/plan.toml\"", "bin/detect: line 3: /plan.toml: Permission denied\n", true},
		{"the right place", "cat > \"$CNB_BUILD_PLAN_PATH\"", "", false},
		{"the second argument, copied from its own file", "cat plan.toml > $2\ncp \"$CNB_EXTENSION_DIR/plan.toml\" \"$2\"", "", false},
		{"another place that is not allowed", "cat > $2", "cat: /etc/plan.toml: Permission denied", false},
	} {
		if got := planHint([]byte("#!/bin/sh\n"+test.script), []byte(test.output)) != ""; got != test.want {
			t.Errorf("%s: %t", test.why, got)
		}
	}
}
