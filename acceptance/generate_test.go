package acceptance

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// generates shows what generation leaves for a scenario, at each of the given Platform APIs, which have to agree:
//
//	generates 0.10 0.12
//	cmp stdout layout-0.10
//
// A scenario is a few files of the script:
//
//	ext/<id with _ for />/…   what an extension leaves; the extensions form the group in the order of their names
//	ext/<id>/bin/generate     a script that leaves it instead
//	ext/<id>/plan.toml        its build plan; without one it provides its own id
//	requires.toml             the build plan of the group's buildpack, samples/app; without one it requires all these ids
//	analyzed.toml, run.toml   without one: the run image is registry.example/run:1, and registry.example/other:1 is known
//	before/…                  what is below <layers> at first
//
// "generates -without-analyzed 0.10" is for a platform that has no analyzed.toml.
//
// It runs detector alone; detector -skip-generate and then generator; and generator once more on what that left. All
// three have to leave the same bytes – or, on error, what detection found and what was there before – and end in the same
// way; the text of a refused file is kept if that is said, and only then. On stdout is how
// generator ended if not well, what it said but for info, and what there is below <layers> then. The table [rerun] of
// generated.toml is left out: it is generator's own, and the third run is what it is for.
//
// With `make long` it does so at each Platform API, unless the runs are reported. Otherwise it does so at the first, and at the
// others detector runs alone; without `make long` that is left out where generation fails.
func generates(ts *testscript.TestScript, neg bool, args []string) {
	s := &scenario{ts: ts, analyzed: true}
	if len(args) > 0 && args[0] == "-without-analyzed" {
		s.analyzed, args = false, args[1:]
	}
	if neg || len(args) == 0 {
		ts.Fatalf("usage: generates [-without-analyzed] <platform api>...")
	}
	ts.Setenv("CNB_EXPERIMENTAL_MODE", "quiet")
	s.extensions = s.findExtensions()
	first := s.run(args[0])
	for _, api := range args[1:] {
		var other outcome
		want := first
		switch {
		case testhelpers.Long() && ts.Getenv(reportsTo) == "":
			other = s.run(api)
		case testhelpers.Long() || first.code == 0:
			other, want.said = s.detect(api), "" // what detector says differs in its hints
		default:
			continue
		}
		if other != want {
			ts.Fatalf("Platform API %s:\n%s\nPlatform API %s:\n%s", args[0], want, api, other)
		}
	}
	_, err := ts.Stdout().Write([]byte(first.String()))
	ts.Check(err)
}

// outcome is how generation ended.
type outcome struct {
	code int
	said string // by generator, but for info; not looked at if detector did it
	left string // what there is below <layers> then; not looked at on error
}

func (o outcome) String() string {
	if o.code == 0 {
		return o.said + o.left
	}
	return fmt.Sprintf("exit code %d\n%s", o.code, o.said)
}

type scenario struct {
	ts         *testscript.TestScript
	analyzed   bool
	extensions []string // escaped ids
	root       string   // where the modules for this Platform API are
}

func (s *scenario) findExtensions() []string {
	entries, err := os.ReadDir(s.ts.MkAbs("ext"))
	if !errors.Is(err, fs.ErrNotExist) {
		s.ts.Check(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

// detect runs the scenario at one Platform API, by detector alone.
func (s *scenario) detect(api string) outcome {
	s.makeModules(api)
	alone := filepath.Join(s.root, "alone")
	s.makeLayers(alone)
	if code := s.execute("detector", alone, s.detectorFlags()...); code != 0 {
		return outcome{code: code}
	}
	return outcome{left: s.plain(api, alone, s.show(alone))}
}

// run runs the scenario at one Platform API in all three ways.
func (s *scenario) run(api string) outcome {
	ts := s.ts
	alone := s.detect(api)
	before, steps := filepath.Join(s.root, "before"), filepath.Join(s.root, "steps")
	s.makeLayers(before)
	s.makeLayers(steps)
	if code := s.execute("detector", steps, append(s.detectorFlags(), "-skip-generate")...); code != 0 {
		ts.Fatalf("detector -skip-generate exited with %d", code)
	}
	detected := s.tree(steps)
	code := s.execute("generator", steps, "-log-level=warn")
	said := s.plain(api, steps, ts.ReadFile("stdout"))
	if code != alone.code {
		ts.Fatalf("generator exited with %d, detector with %d", code, alone.code)
	}
	if code != 0 {
		s.demandKept(said, before, detected)
		return outcome{code: code, said: said}
	}
	after := s.tree(steps)
	s.demandSame("detector alone left something else than detector -skip-generate and generator", after, s.tree(filepath.Join(s.root, "alone")))
	if code := s.execute("generator", steps); code != 0 {
		ts.Fatalf("generator, run again, exited with %d", code)
	}
	s.demandSame("generator left something else when it was run again", after, s.tree(steps))
	return outcome{said: said, left: s.plain(api, steps, s.show(steps))}
}

// demandKept is for generation that failed: detector has left what was there before, and its group and plan, generator what was
// detected. Both keep the text of a refused file if generator said so.
func (s *scenario) demandKept(said, before, detected string) {
	alone, steps := filepath.Join(s.root, "alone"), filepath.Join(s.root, "steps")
	for _, name := range []string{"group.toml", "plan.toml"} {
		text, err := os.ReadFile(filepath.Join(steps, name))
		s.ts.Check(err)
		s.ts.Check(os.WriteFile(filepath.Join(before, name), text, 0o666))
	}
	for _, layers := range []string{alone, steps} {
		kept := os.Remove(filepath.Join(layers, "prelude-refused.txt")) == nil
		if kept != strings.Contains(said, "is in <layers>/prelude-refused.txt\n") {
			s.ts.Fatalf("the text of a refused file is kept: %t, but it says:\n%s", kept, said)
		}
	}
	s.demandSame("detector failed, and did not leave what was there before, and group and plan", s.tree(before), s.tree(alone))
	s.demandSame("generator failed, but what was there before is not", detected, s.tree(steps))
}

// plain takes out of a text what is different everywhere.
func (s *scenario) plain(api, layers, text string) string {
	return strings.NewReplacer(
		layers, "<layers>", s.root, "$ROOT", s.ts.Getenv("WORK"), "$WORK",
		fmt.Sprintf("platform-api = %q", api), `platform-api = "$API"`, "Platform API "+api+" ", "Platform API $API ",
	).Replace(text)
}

func (s *scenario) tree(dir string) string {
	tree, err := testhelpers.Tree(dir)
	s.ts.Check(err)
	return tree
}

func (s *scenario) demandSame(message, want, got string) {
	if want != got {
		s.ts.Fatalf("%s\nwant:\n%s\ngot:\n%s", message, want, got)
	}
}

// show lists what is below a directory and the contents of those files that generation writes.
func (s *scenario) show(layers string) string {
	names, err := testhelpers.Names(layers)
	s.ts.Check(err)
	text := strings.Join(names, "\n") + "\n"
	for _, name := range []string{"analyzed.toml", "plan.toml", "generated.toml"} {
		data, err := os.ReadFile(filepath.Join(layers, name))
		if err != nil {
			continue
		}
		contents, _, _ := strings.Cut(string(data), "\n[rerun]\n")
		text += "\n==> " + name + "\n" + strings.TrimRight(contents, "\n") + "\n"
	}
	return text
}

func (s *scenario) detectorFlags() []string {
	return []string{"-buildpacks", filepath.Join(s.root, "buildpacks"), "-order", filepath.Join(s.root, "order.toml")}
}

// execute runs an executable and returns its exit code.
func (s *scenario) execute(name, layers string, flags ...string) int {
	s.ts.Setenv("CNB_RUN_PATH", filepath.Join(s.root, "run.toml"))
	err := s.ts.Exec(name, append(flags, "-layers", layers, "-app", s.root, "-extensions", filepath.Join(s.root, "extensions"))...)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	s.ts.Check(err)
	return 0
}

const (
	usualAnalyzed = `[run-image]
image = "registry.example/run:1"
reference = "registry.example/run@sha256:1111111111111111111111111111111111111111111111111111111111111111"
[run-image.target]
os = "linux"
arch = "amd64"
[run-image.target.distro]
name = "debian"
version = "12"
`
	usualRun = `[[images]]
image = "registry.example/run:1"
[[images]]
image = "registry.example/other:1"
`
)

func (s *scenario) makeLayers(layers string) {
	s.ts.Check(os.MkdirAll(layers, 0o777))
	if before := s.ts.MkAbs("before"); exists(before) {
		s.ts.Check(testhelpers.CopyTree(before, layers))
	}
	if s.analyzed {
		s.write(filepath.Join(layers, "analyzed.toml"), s.given("analyzed.toml", usualAnalyzed))
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// given is a file of the script, or what is usual if it has none of that name.
func (s *scenario) given(name, usual string) string {
	data, err := os.ReadFile(s.ts.MkAbs(name))
	if errors.Is(err, fs.ErrNotExist) {
		return usual
	}
	s.ts.Check(err)
	return string(data)
}

// makeModules makes the extensions, the buildpack and the order of the scenario, for a Platform API.
func (s *scenario) makeModules(api string) {
	s.ts.Setenv("CNB_PLATFORM_API", api)
	s.root = s.ts.MkAbs(api)
	order := "[[order]]\n[[order.group]]\nid = \"samples/app\"\nversion = \"1\"\n"
	requires := ""
	if len(s.extensions) > 0 {
		order += "[[order-extensions]]\n"
	}
	for _, escaped := range s.extensions {
		id := strings.ReplaceAll(escaped, "_", "/")
		order += fmt.Sprintf("[[order-extensions.group]]\nid = %q\nversion = \"1\"\n", id)
		requires += fmt.Sprintf("[[requires]]\nname = %q\n", id)
		s.makeExtension(escaped, id)
	}
	s.write(filepath.Join(s.root, "order.toml"), order)
	s.write(filepath.Join(s.root, "run.toml"), s.given("run.toml", usualRun))
	app := filepath.Join(s.root, "buildpacks/samples_app/1")
	s.write(filepath.Join(app, "buildpack.toml"), "api = \"0.10\"\n[buildpack]\nid = \"samples/app\"\nversion = \"1\"\n")
	s.write(filepath.Join(app, "bin/detect"), "#!/bin/sh\nprintf %s '"+s.given("requires.toml", requires)+"' > \"$CNB_BUILD_PLAN_PATH\"\n")
	s.write(filepath.Join(app, "bin/build"), "#!/bin/sh\n")
}

func (s *scenario) makeExtension(escaped, id string) {
	from := s.ts.MkAbs(filepath.Join("ext", escaped))
	to := filepath.Join(s.root, "extensions", escaped, "1")
	s.write(filepath.Join(to, "extension.toml"), fmt.Sprintf("api = \"0.10\"\n[extension]\nid = %q\nversion = \"1\"\n", id))
	s.write(filepath.Join(to, "detect/plan.toml"), s.given(filepath.Join("ext", escaped, "plan.toml"), fmt.Sprintf("[[provides]]\nname = %q\n", id)))
	entries, err := os.ReadDir(from)
	s.ts.Check(err)
	for _, entry := range entries {
		target := filepath.Join(to, "generate", entry.Name())
		if name := entry.Name(); slices.Contains([]string{"bin", "plan.toml", ".keep"}, name) {
			target = filepath.Join(to, name)
		}
		if entry.IsDir() {
			s.ts.Check(testhelpers.CopyTree(filepath.Join(from, entry.Name()), target))
		} else {
			s.write(target, s.given(filepath.Join(from, entry.Name()), ""))
		}
	}
}

func (s *scenario) write(path, text string) {
	mode := fs.FileMode(0o644)
	if filepath.Base(filepath.Dir(path)) == "bin" {
		mode = 0o755
	}
	s.ts.Check(os.MkdirAll(filepath.Dir(path), 0o777))
	s.ts.Check(os.WriteFile(path, []byte(text), mode))
}
