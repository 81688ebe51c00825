package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/platform"
)

func TestOptions(t *testing.T) {
	for _, test := range []struct{ args, want string }{
		{"-kind run -to a/b", ""},
		{"-kind build -to registry.example/a/b:1 -push -result r", ""},
		{"-version", ""},
		{"-to a/b", `-kind is ""`},
		{"-kind both -to a/b", `-kind is "both"`},
		{"-kind run", "-to is missing"},
		{"-kind run -to A", "-to: "},
		{"-kind run -to a@sha256:" + strings.Repeat("a", 64), "-to: "},
		{"-kind run -to a/b -engine kaniko", `-engine is "kaniko"`},
		{"-kind run -to a/b -network x", `-network is "x"`},
		{"-kind run -to a/b -result r", "-result needs -push"},
		{"-kind run -to a/b -engine buildkit -tls-verify=false", "insecure-registries"},
		{"-kind run -to a/b c", `unexpected argument "c"`},
		{"-kind run -to a/b -wrong", "-wrong"},
	} {
		_, err := parseOptions(strings.Fields(test.args), nil)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.args, err, test.want)
		}
	}
	var help strings.Builder
	if _, err := parseOptions([]string{"-help"}, &help); !errors.Is(err, flag.ErrHelp) || !strings.Contains(help.String(), "Example: extend -kind run") || !strings.Contains(help.String(), "-tls-verify") {
		t.Errorf("%v %s", err, &help)
	}
}

// unpushable is an engine whose registry is away.
type unpushable struct{ *memory }

func (unpushable) push(context.Context, string) (string, error) { return "", errors.New("no registry") }

func TestNextPhases(t *testing.T) {
	const text = "future = 1\n\n[image]\n  reference = \"app@sha256:1\"\n\n[run-image]\n  reference = \"run@sha256:2\"\n  image = \"run:1\"\n  extend = true\n  [run-image.target]\n    os = \"linux\"\n"
	const extended = "registry.example/app-run@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	steps := []step{{extension: "a"}}
	for _, test := range []struct {
		why     string
		options string
		p       plan
		engine  engine
		wrong   string
		changed bool
	}{
		{"pushed", "-push -result RESULT", plan{kind: "run", steps: steps}, &memory{}, "", true},
		{"not pushed", "", plan{kind: "run", steps: steps}, &memory{}, "", false},
		{"the build image", "-push", plan{kind: "build", steps: steps}, &memory{}, "", false},
		{"nothing applied", "-push", plan{kind: "run"}, &memory{}, "", false},
		{"no registry", "-push -result RESULT", plan{kind: "run", steps: steps}, unpushable{&memory{}}, "no registry", false},
	} {
		w := newWorld(t)
		path := w.write("layers/analyzed.toml", text)
		args := strings.ReplaceAll("-kind "+string(test.p.kind)+" -to registry.example/app-run:1 -layers "+w.dir+"/layers "+test.options, "RESULT", w.dir+"/result")
		o, err := parseOptions(strings.Fields(args), nil)
		w.check(err)
		next, err := readAnalyzed(o.analyzed, nil)
		w.check(err)
		var said strings.Builder
		err = o.finish(t.Context(), test.engine, test.p, picture{id: "123", user: "1000:1001"}, next, &said)
		if (err == nil) != (test.wrong == "") || err != nil && !strings.Contains(err.Error(), test.wrong) {
			t.Errorf("%s: %v", test.why, err)
		}
		now, err := os.ReadFile(path)
		w.check(err)
		if !test.changed {
			if string(now) != text {
				t.Errorf("%s: analyzed.toml has become\n%s", test.why, now)
			}
			continue
		}
		a, err := platform.ParseAnalyzed(path, now)
		w.check(err)
		if a.RunImage.Reference != extended || a.RunImage.Image != "registry.example/app-run:1" || strings.Contains(string(now), "extend = true") || a.RunImage.Target.OS != "linux" || !strings.Contains(string(now), "future = 1") || !strings.Contains(string(now), "app@sha256:1") {
			t.Errorf("%s: analyzed.toml has become\n%s", test.why, now)
		}
		if result, err := os.ReadFile(w.dir + "/result"); string(result) != extended {
			t.Errorf("%s: the result is %q %v", test.why, result, err)
		}
		if want := "registry.example/app-run:1: " + extended + ", user 1000:1001, rebasable: false\n"; said.String() != want {
			t.Errorf("%s: %q, want %q", test.why, &said, want)
		}
	}
}

func TestWhatEnginesSay(t *testing.T) {
	d, err := parse("run", []byte(head+"ENV a=b\nWORKDIR /x\nRUN one\nRUN two \\\n  three\nUSER 1\n"))
	if err != nil {
		t.Fatal(err)
	}
	failed := &failure{"x build", errors.New("exit status 1"), ""}
	for _, test := range []struct {
		why  string
		got  error
		want string
	}{
		{"buildah", buildahError(d, "STEP 1/6: FROM x\nSTEP 5/6: RUN two   three\nError: building at STEP \"RUN two   three\": exit status 1\n", failed), "line 6: RUN two \\: exit status 1"},
		{"buildah in a namespace", buildahError(d, "STEP 4/6: RUN one\nsubprocess exited with status 1\nsubprocess exited with status 1\nError: building at STEP \"RUN one\": exit status 1\nlevel=error msg=\"exit status 125\"", failed), "line 5: RUN one: exit status 1"},
		{"buildah before any step", buildahError(d, "Error: no storage\n", &failure{"x build", failed.err, "Error: no storage\n"}), "x build: exit status 1: no storage"},
		{"BuildKit 20.10", buildkitError(d, "#6 ERROR: x\n------\n > [4/4] RUN two   three:\n------\nexecutor failed running [x]: exit code: 1\n", failed), "line 6: RUN two \\: executor failed running [x]: exit code: 1"},
		{"a newer one", buildkitError(d, "------\n > [stage-0 3/4] RUN one:\n------\nDockerfile:5\n--------------------\n   5 | >>> RUN one\n--------------------\nERROR: failed to solve: process \"x\" did not complete successfully: exit code: 1\n", failed), "line 5: RUN one: process \"x\" did not complete successfully: exit code: 1"},
		{"BuildKit without a place", buildkitError(d, "error during connect: no daemon\n", failed), "error during connect: no daemon"},
		{"ended", buildkitError(d, "", context.Canceled), "context canceled"},
	} {
		if test.got.Error() != test.want {
			t.Errorf("%s: %v, want %s", test.why, test.got, test.want)
		}
	}
	missing := tool{name: "no-such-engine"}
	if _, err := missing.quiet(t.Context(), "pull"); err == nil || !strings.Contains(err.Error(), "is not installed here") {
		t.Errorf("%v", err)
	}
}
