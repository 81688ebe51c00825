package baseline

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
)

func TestCompare(t *testing.T) {
	failed := func(output string) buildpack.Detection {
		return buildpack.Detection{Outcome: buildpack.Failed, ExitCode: 100, Output: []byte(output)}
	}
	passed := func(a buildpack.Alternative) buildpack.Detection {
		return buildpack.Detection{Outcome: buildpack.Passed, Alternatives: []buildpack.Alternative{a}}
	}
	node := func(metadata map[string]any) buildpack.Alternative {
		return buildpack.Alternative{Provides: []string{"node"}, Requires: []buildpack.Require{{Name: "node", Metadata: metadata}}}
	}
	for name, c := range map[string]struct {
		here, empty buildpack.Detection
		differs     bool
		lines       []string
		why         string
	}{
		"the same words":     {failed("no go.mod\n"), failed("no go.mod\n"), false, nil, "the module says this of every app"},
		"another word":       {failed("no main package\n"), failed("no go.mod\n"), false, []string{"no main package"}, "words alone are new, but the answer is the same"},
		"the app's path":     {failed("no go.mod in /workspace\n"), failed("no go.mod in /tmp/prelude-empty-123/4/app\n"), false, nil, "both are the directory of the app"},
		"a file in the app":  {failed("no /workspace/go.mod"), failed("no /tmp/prelude-empty-123/4/app/go.mod"), false, nil, "so are paths below it"},
		"the platform's":     {failed("none in /platform/bindings"), failed("none in /tmp/prelude-empty-9/0/platform/bindings"), false, nil, "both are platform directories"},
		"a plan's directory": {failed("wrote /tmp/prelude-detect-11/plan"), failed("wrote /tmp/prelude-detect-22/plan"), false, nil, "detector makes one for each run"},
		"times":              {failed("took 12 ms"), failed("took 7 ms"), false, nil, "digits differ from run to run"},
		"hexadecimal":        {failed("id deadbeef01"), failed("id 0badf00d77"), false, nil, "so do identifiers"},
		"a short word":       {failed("no face"), failed("no bead"), false, []string{"no face"}, "seven letters at least are an identifier"},
		"blanks and colours": {failed("\x1b[31m  no   go.mod\x1b[0m\n"), failed("no go.mod"), false, nil, "they say nothing"},
		"twice the same":     {failed("no main\nno main\n"), failed(""), false, []string{"no main"}, "once is enough"},
		"the exit code":      {buildpack.Detection{Outcome: buildpack.Errored, ExitCode: 1}, buildpack.Detection{Outcome: buildpack.Errored, ExitCode: 2}, true, nil, "the module ended otherwise because of the app"},
		"the outcome":        {passed(buildpack.Alternative{}), failed(""), true, nil, "it recognises this app only"},
		"another plan":       {passed(node(nil)), passed(buildpack.Alternative{}), true, nil, "it requires something of this app only"},
		"values of metadata": {passed(node(map[string]any{"version": "20"})), passed(node(nil)), false, nil, "a version that is read from a variable is not the app"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Compare(c.here, c.empty, "/workspace", "/platform")
			if diff := cmp.Diff(Contrast{Differs: c.differs, New: c.lines}, got); diff != "" {
				t.Errorf("%s:\n%s", c.why, diff)
			}
		})
	}
}

// TestLinesEnd: of a long output the end counts, where modules say what is wrong.
func TestLinesEnd(t *testing.T) {
	var output []byte
	for len(output) < 2*mostBytes {
		output = append(output, "row\n"...)
	}
	lines := Lines(append(output, "the reason"...))
	if n := len(lines); n > mostBytes/len("row\n") || lines[n-1] != "the reason" {
		t.Errorf("%d lines, the last %q", n, lines[n-1])
	}
}
