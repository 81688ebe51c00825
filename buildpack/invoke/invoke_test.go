package invoke

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
)

// scripted makes a module whose bin/detect is a script.
func scripted(t *testing.T, script string) (Environment, *buildpack.Module) {
	t.Helper()
	dir := t.TempDir()
	tree(t, dir, map[string]string{"bin/detect": "#!/bin/sh\n" + script})
	check(t, os.Chmod(filepath.Join(dir, "bin/detect"), 0o755))
	return Environment{App: dir, Platform: dir, Environ: os.Environ()}, at(dir)
}

// A time limit is the error of the module, and a phase that is asked to end says why.
func TestTimeout(t *testing.T) {
	e, m := scripted(t, "echo begun; exec sleep 60")
	if d := e.RunDetect(t.Context(), m, 200*time.Millisecond); d.Outcome != buildpack.Errored || d.Cause.Error() != "timed out after 200ms" {
		t.Errorf("%s %v", d.Outcome, d.Cause)
	}
}

// The exit codes of the specification, and a signal; a likely cause is a hint.
func TestOutcomes(t *testing.T) {
	for script, want := range map[string]struct {
		outcome buildpack.Outcome
		code    int
		cause   string
		hint    string
	}{
		"exit 0":        {buildpack.Passed, 0, "", ""},
		"exit 100":      {buildpack.Failed, 100, "", ""},
		"exit 3":        {buildpack.Errored, 3, "exit code 3", ""},
		"exit 137":      {buildpack.Errored, 137, "exit code 137", "the system ran out of memory"},
		"exit 153":      {buildpack.Errored, 153, "exit code 153", "size limit"},
		"kill -KILL $$": {buildpack.Errored, buildpack.NoExitCode, "ended by signal 9 (killed)", "the system ran out of memory"},
		"kill -TERM $$": {buildpack.Errored, buildpack.NoExitCode, "ended by signal 15 (terminated)", ""},
	} {
		e, m := scripted(t, script)
		d := e.RunDetect(t.Context(), m, 0)
		cause, hint := "", ""
		if d.Cause != nil {
			cause = d.Cause.Error()
		}
		if hinted, ok := d.Cause.(interface{ Hint() string }); ok {
			hint = hinted.Hint()
		}
		if d.Outcome != want.outcome || d.ExitCode != want.code || cause != want.cause || !strings.Contains(hint, want.hint) || (hint == "") != (want.hint == "") {
			t.Errorf("%s: %s %d %q, hint %q; want %+v", script, d.Outcome, d.ExitCode, cause, hint, want)
		}
	}
}

// Temporary directories are removed, also those that a module has made hard to remove.
func TestTemporaryDirectories(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	w, m := scripted(t, "cd ${2%/*}; mkdir -p a/b; echo >a/b/c; chmod 0 a/b a; test $PWD/plan.toml = $2")
	if d := w.RunDetect(t.Context(), m, 0); d.Outcome != buildpack.Passed {
		t.Errorf("%s %v %s", d.Outcome, d.Cause, d.Output)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Malformed ways to leave a plan: none keeps us waiting or is taken for a plan.
func TestPlanFilesOfEveryKind(t *testing.T) {
	for script, want := range map[string]string{
		"rm $2":                     "",
		"rm $2; mkfifo $2":          "build plan: open",
		"rm $2; mkdir $2":           "build plan: open",
		"ln -sf /dev/zero $2":       "build plan: open",
		"ln -sf nowhere $2":         "",
		"ln -sf plan.toml $2":       "build plan: open",
		"truncate -s 17M $2":        "larger than 1 MiB",
		"printf '[[[' >$2":          "invalid build plan",
		"printf 'a=\\000' >$2":      "invalid build plan",
		"printf 'a=\"\\377\"' >$2":  "invalid build plan",
		"yes [ | head -c 1M >$2":    "nested deeper than 128 levels",
		"printf '\\377\\376a' >$2":  "invalid build plan",
		"head -c 100000 /bin/sh>$2": "invalid build plan",
	} {
		w, m := scripted(t, script)
		d := w.RunDetect(t.Context(), m, 0)
		if d.Cause == nil && want != "" || d.Cause != nil && (want == "" || !strings.Contains(d.Cause.Error(), want)) {
			t.Errorf("%s: %s %v, want %q", script, d.Outcome, d.Cause, want)
		}
	}
}

// B30: the first and the last MiB are kept, in the order written, and a line says how much is missing.
func TestCaptureIsBounded(t *testing.T) {
	w, m := scripted(t, "echo first; yes 0123456789 | head -c 64M; echo; echo last >&2")
	d := w.RunDetect(t.Context(), m, 0)
	text := string(d.Output)
	if len(text) > 2<<20+100 || !strings.HasPrefix(text, "first\n0123456789\n") || !strings.HasSuffix(text, "\nlast\n") {
		t.Errorf("%d bytes: %.30q … %q", len(text), text, text[len(text)-30:])
	}
	if want := fmt.Sprintf("\n[… %d bytes left out …]\n", 64<<20+12-2<<20); !strings.Contains(text, want) {
		t.Errorf("there is no line %q", want)
	}
}

func at(dir string) *buildpack.Module {
	return &buildpack.Module{
		Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: "some/bp", Version: "1"}, API: api.V(0, 10), Dir: dir,
	}
}
