package generate

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/testhelpers"
)

// layers is a layers directory on which generator runs.
type layers struct {
	*world
	at api.Version
}

const (
	groupOf2 = `[[group]]
id = "p"
version = "1"

[[group-extensions]]
id = "a"
version = "1"

[[group-extensions]]
id = "b"
version = "1"
`
	planOf2 = `[[entries]]

  [[entries.providers]]
    id = "a"
    version = "1"
    extension = true

  [[entries.providers]]
    id = "p"
    version = "1"

  [[entries.requires]]
    name = "first"
    [entries.requires.metadata]
      ratio = 1.0
      since = 1979-05-27T07:32:00

[[entries]]

  [[entries.providers]]
    id = "p"
    version = "1"

  [[entries.requires]]
    name = "second"

[[entries]]

  [[entries.providers]]
    id = "b"
    version = "1"
    extension = true

  [[entries.requires]]
    name = "third"
    [entries.requires.metadata]
`
	analyzedBefore = `[build-image]
  reference = "build"

[run-image]
  image = "one"
  reference = "one@sha256:1"
  [run-image.target]
    os = "linux"
`
)

// newLayers has two extensions: a switches the run image, b extends both images and appends to what it finds. Each
// leaves the plan that it was given.
func newLayers(t *testing.T, at api.Version) *layers {
	l := &layers{newWorld(t), at}
	l.write("layers/group.toml", groupOf2)
	l.write("layers/plan.toml", planOf2)
	l.write("layers/analyzed.toml", analyzedBefore)
	for id, text := range map[string]string{"a": "echo FROM two >> \"$1/run.Dockerfile\"\n", "b": extendingScript("run.Dockerfile") + extendingScript("build.Dockerfile") + "echo RUN true >> \"$1/run.Dockerfile\"\n"} {
		m := l.script(id, text+"PATH=/usr/bin:/bin\nsed 's/^/# /' \"$3\" >> \"$1/run.Dockerfile\"\n")
		l.write(filepath.Join("extensions", id, "1", "extension.toml"), "api = \"0.10\"\n[extension]\nid = \""+id+"\"\nversion = \"1\"\n")
		if err := os.Rename(filepath.Join(m.Dir, "bin"), filepath.Join(m.Dir, "1", "bin")); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

func (l *layers) inputs() platform.Inputs {
	in := func(name string) string { return filepath.Join(l.root, "layers", name) }
	return platform.Inputs{
		Phase: platform.Generator, PlatformAPI: l.at, AppDir: l.root, PlatformDir: l.root, ExtensionsDir: filepath.Join(l.root, "extensions"),
		GroupPath: in("group.toml"), PlanPath: in("plan.toml"), AnalyzedPath: in("analyzed.toml"),
		GeneratedDir: in("generated"), GeneratedMetadataPath: in("generated.toml"),
	}
}

// run is one run of generator, as cmd does it.
func (l *layers) run() error {
	log := platform.NewLogger(&l.log, l.level, false)
	in := l.inputs()
	r, err := ReadRequest(in, log)
	if err != nil {
		return err
	}
	result, err := l.generator(in).Generate(context.Background(), r)
	if err != nil {
		return err
	}
	g := result.Generation
	texts := map[string]func() ([]byte, error){"generated.toml": g.Metadata.Encode, "plan.toml": platform.Plan{Entries: g.Plan}.Encode}
	if len(r.Extensions) > 0 {
		texts["analyzed.toml"] = g.Analyzed.Encode
	}
	for name, encode := range texts {
		text, err := encode()
		l.check(err)
		l.write("layers/"+name, string(text))
	}
	return g.Keep()
}

func (l *layers) tree() string {
	tree, err := testhelpers.Tree(filepath.Join(l.root, "layers"))
	l.check(err)
	return tree
}

func (l *layers) read(name string) string {
	data, err := os.ReadFile(filepath.Join(l.root, "layers", name))
	l.check(err)
	return string(data)
}

func (l *layers) remove(name string) {
	l.check(os.RemoveAll(filepath.Join(l.root, "layers", name)))
}

// twice runs generator and then again, and demands the same bytes.
func (l *layers) twice() {
	l.t.Helper()
	l.check(l.run())
	first, generated := l.tree(), l.read("generated.toml")
	for range 2 {
		l.check(l.run())
		if again := l.tree(); again != first {
			l.t.Fatalf("Platform API %s: at first\n%s\n%s\nand again\n%s\n%s", l.at, first, generated, again, l.read("generated.toml"))
		}
	}
}

// Running generator on what it left leaves the same bytes, although it has filtered the plan and rewritten analyzed.toml.
func TestRunningAgain(t *testing.T) {
	eachLayout(t, func(t *testing.T, at api.Version) {
		for _, test := range []struct {
			why     string
			arrange func(l *layers)
		}{
			{"as usual", func(*layers) {}},
			{"no analyzed.toml at first", func(l *layers) { l.remove("analyzed.toml") }},
			{"an analyzed.toml without images", func(l *layers) { l.write("layers/analyzed.toml", "[metadata]\na = 1\n") }},
			{"a run-image table with nothing in it", func(l *layers) { l.write("layers/analyzed.toml", "[run-image]\n[build-image]\n") }},
			{"a build image that is said to be extended", func(l *layers) { l.write("layers/analyzed.toml", "[build-image]\nextend = true\nkept = 1979-05-27\n") }},
			{"a switch to the same image", func(l *layers) { l.write("layers/analyzed.toml", "[run-image]\nimage = \"two\"\n") }},
			{"no extension took anything", func(l *layers) { l.write("layers/plan.toml", "") }},
			{"no buildpack keeps anything", func(l *layers) {
				l.write("layers/plan.toml", planOf2[:strings.Index(planOf2, "[[entries]]\n\n  [[entries.providers]]\n    id = \"p\"")])
			}},
			{"no extensions", func(l *layers) { l.write("layers/group.toml", "[[group]]\nid = \"p\"\nversion = \"1\"\n") }},
			{"an empty group", func(l *layers) { l.write("layers/group.toml", "") }},
		} {
			l := newLayers(t, at)
			test.arrange(l)
			l.twice()
			if t.Failed() {
				t.Fatal(test.why)
			}
		}
	})
}

// What is restored is exact: providers and types of the entries. Those that extensions took come first, in their sequence.
func TestRestoredRequest(t *testing.T) {
	l := newLayers(t, newLayout)
	before, err := ReadRequest(l.inputs(), platform.NewLogger(&l.log, l.level, false))
	l.check(err)
	l.check(l.run())
	if text := l.read("plan.toml"); strings.Contains(text, "first") || strings.Contains(text, "third") || !strings.Contains(text, "second") {
		t.Errorf("plan.toml:\n%s", text)
	}
	after, err := ReadRequest(l.inputs(), platform.NewLogger(&l.log, l.level, false))
	l.check(err)
	plan, err := platform.Plan{Entries: after.Plan}.Encode()
	l.check(err)
	analyzed, err := after.Analyzed.Encode()
	l.check(err)
	entries := strings.Split(planOf2, "[[entries]]\n")
	want := strings.Join([]string{"", entries[1], strings.TrimSuffix(entries[3], "\n") + "\n\n", strings.TrimSuffix(entries[2], "\n")}, "[[entries]]\n")
	if string(plan) != want || string(analyzed) != analyzedBefore {
		t.Errorf("plan:\n%s\nanalyzed:\n%s", plan, analyzed)
	}
	if len(before.Plan) != 3 || before.Earlier != nil || after.Earlier == nil {
		t.Errorf("before: %+v", before)
	}
}

// What others have written since is taken as it is.
func TestFilesWrittenInBetween(t *testing.T) {
	l := newLayers(t, newLayout)
	l.check(l.run())
	l.write("layers/plan.toml", planOf2) // a new detection
	l.write("layers/analyzed.toml", "[run-image]\nimage = \"three\"\n")
	l.twice()
	if text := l.read("plan.toml"); strings.Count(text, "[[entries]]") != 1 {
		t.Errorf("plan.toml:\n%s", text)
	}

	// The same plan by chance, but another group: nothing of it was taken.
	l = newLayers(t, newLayout)
	l.check(l.run())
	filtered := l.read("plan.toml")
	l.write("layers/group.toml", "[[group]]\nid = \"p\"\nversion = \"1\"\n\n[[group-extensions]]\nid = \"b\"\nversion = \"1\"\n")
	l.check(l.run())
	if l.read("plan.toml") != filtered || strings.Contains(l.read("generated.toml"), "provided") {
		t.Errorf("plan.toml:\n%s\ngenerated.toml:\n%s", l.read("plan.toml"), l.read("generated.toml"))
	}
	if _, err := os.Stat(filepath.Join(l.root, "layers/generated/a")); err == nil {
		t.Error("the result of an extension that is no longer in the group is still there")
	}

	// Without generated.toml it is not known what was taken.
	l = newLayers(t, newLayout)
	l.check(l.run())
	l.remove("generated.toml")
	l.check(l.run())
	if l.read("plan.toml") != filtered {
		t.Errorf("plan.toml:\n%s", l.read("plan.toml"))
	}
}

// From one Platform API to another, the second run leaves what it would have left as the first.
func TestRunningAgainAtAnotherPlatformAPI(t *testing.T) {
	for _, at := range []struct{ first, second api.Version }{{newLayout, oldLayout}, {oldLayout, newLayout}, {api.V(0, 11), oldLayout}} {
		l, fresh := newLayers(t, at.first), newLayers(t, at.second)
		l.check(l.run())
		l.at = at.second
		l.twice()
		fresh.check(fresh.run())
		if l.tree() != fresh.tree() {
			t.Errorf("from %s to %s:\n%s\n%s\nat once:\n%s\n%s", at.first, at.second, l.tree(), l.read("generated.toml"), fresh.tree(), fresh.read("generated.toml"))
		}
	}
}

// After a detection without generation, the results of an earlier one are those of another group.
func TestRemoveEarlier(t *testing.T) {
	eachLayout(t, func(t *testing.T, at api.Version) {
		l := newLayers(t, at)
		l.check(l.run())
		l.write("layers/generated/kept/file", "")
		l.check(RemoveEarlier(l.inputs()))
		names, err := testhelpers.Names(filepath.Join(l.root, "layers"))
		l.check(err)
		if got := strings.Join(names, " "); got != "analyzed.toml generated/ generated/kept/ generated/kept/file group.toml plan.toml" {
			t.Errorf("left: %s", got)
		}
		l.check(RemoveEarlier(l.inputs())) // nothing left to remove
	})
}

// Input that cannot be used is an error that names the file; nothing changes.
func TestUnusableInput(t *testing.T) {
	for _, test := range []struct {
		why, name, text string
		want            []string
		code            int
	}{
		{"no group", "group.toml", "-", []string{"failed to read group file", "group.toml"}, 0},
		{"no plan", "plan.toml", "-", []string{"failed to read plan file", "plan.toml"}, 0},
		{"a malformed plan", "plan.toml", "[[entries]\n", []string{"plan.toml", "line 1"}, 0},
		{"a malformed analyzed.toml", "analyzed.toml", "a = 1 2\n", []string{"analyzed.toml", "line 1"}, 0},
		{"an unknown extension", "group.toml", "[[group-extensions]]\nid = \"z\"\nversion = \"1\"\n", []string{"group.toml", "extension z@1"}, platform.CodeFailed},
		{"an extension id that leads out", "group.toml", "[[group-extensions]]\nid = \"../z\"\nversion = \"1\"\n", []string{"group.toml", `"../z" is not safe`}, platform.CodeFailed},
		{"a malformed generated.toml", "generated.toml", "version = 1 2\n", []string{"generated.toml", "line 1"}, 0},
		{"a generated.toml of the future", "generated.toml", "version = 2\n", []string{"generated.toml", "version is 2"}, 0},
		{"a generated.toml that leads out", "generated.toml", "version = 1\n[[ignored]]\npath = \"../../x/run.Dockerfile.ignore\"\n", []string{"generated.toml", "not a path below"}, 0},
		{"a generated.toml of another program", "generated.toml", "version = 1\n[[ignored]]\npath = \"important/data\"\n", []string{"important/data"}, platform.CodeFailed},
	} {
		l := newLayers(t, newLayout)
		l.write("layers/generated/important/data", "")
		if test.text == "-" {
			l.remove(test.name)
		} else {
			l.write("layers/"+test.name, test.text)
		}
		before := l.tree()
		err := l.run()
		if err == nil {
			t.Errorf("%s: no error", test.why)
			continue
		}
		var exit *platform.Exit
		if errors.As(err, &exit) && exit.Code != test.code {
			t.Errorf("%s: exit code %d, want %d", test.why, exit.Code, test.code)
		}
		for _, want := range test.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q is not in %q", test.why, want, err)
			}
		}
		hint := (&platform.Exit{Err: err}).Hint()
		if exit != nil {
			hint = exit.Hint()
		}
		if strings.Contains(test.why, "generated.toml") != (hint != "") {
			t.Errorf("%s: the hint is %q", test.why, hint)
		}
		if l.tree() != before {
			t.Errorf("%s: something changed", test.why)
		}
	}
}

// Notes for a rerun that do not fit are an error, never a panic.
func TestNotesThatDoNotFit(t *testing.T) {
	l := newLayers(t, newLayout)
	l.check(l.run())
	l.write("layers/generated.toml", strings.ReplaceAll(l.read("generated.toml"), "rerun.entries", "rerun.others"))
	before := l.tree()
	if err := l.run(); err == nil || !strings.Contains(err.Error(), "generated.toml: rerun has 0 entries, provided has 2") {
		t.Errorf("got %v", err)
	}
	if l.tree() != before {
		t.Error("something changed")
	}
}

// Should generator be killed between writing its files, generated.toml is there first: another run leaves what it would
// have left.
func TestKilledBetweenFiles(t *testing.T) {
	for _, old := range [][]string{{"plan.toml", "analyzed.toml"}, {"analyzed.toml"}, {"plan.toml"}} {
		l := newLayers(t, newLayout)
		before := map[string]string{"plan.toml": planOf2, "analyzed.toml": analyzedBefore}
		l.check(l.run())
		want := l.tree()
		for _, name := range old {
			l.write("layers/"+name, before[name])
		}
		l.check(l.run())
		if got := l.tree(); got != want {
			t.Errorf("%s not written: got\n%s\nwant\n%s", old, got, want)
		}
	}
}
