package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/platform"
)

// memory is an engine that builds nothing: an image is the list of what was applied.
type memory struct {
	images map[string]picture
	// user is that of the base; built are the builds, as "<base>|<args>|<context's files>".
	user    string
	built   []build
	files   []string
	failing int
	passwds int
}

func (m *memory) pull(ctx context.Context, image string) (picture, error) {
	return picture{id: "id of " + image, user: m.user, labels: map[string]string{rebasable: "true"}}, nil
}

func (m *memory) find(_ context.Context, image string) (picture, error) {
	if p, ok := m.images[image]; ok {
		return p, nil
	}
	return picture{}, errors.New("it is not there")
}

func (m *memory) build(_ context.Context, b build) (picture, int, error) {
	m.built = append(m.built, b)
	text, err := os.ReadFile(b.file)
	if err != nil {
		return picture{}, 0, err
	}
	listing := string(text)
	filepath.WalkDir(b.context, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			listing += "," + strings.TrimPrefix(path, b.context)
		}
		return nil
	})
	m.files = append(m.files, listing)
	if len(m.built) == m.failing {
		return picture{}, 0, &buildError{b.dockerfile.place(0), "exit status 1"}
	}
	user := m.user
	for _, line := range b.dockerfile.lines {
		if name, ok := strings.CutPrefix(line, "USER "); ok {
			user = name
		}
	}
	made := picture{id: fmt.Sprintf("%s+%d", b.base, len(m.built)), user: user, labels: map[string]string{rebasable: fmt.Sprint(!b.notRebasable)}}
	if b.as != "" {
		m.images[b.as] = made
	}
	return made, 0, nil
}

func (m *memory) passwd(context.Context, picture) (string, error) {
	m.passwds++
	return "root:x:0:0:root\ncnb:x:1000:1001:cnb\n", nil
}

func (m *memory) tag(_ context.Context, image picture, name string) error {
	m.images[name] = image
	return nil
}

func (m *memory) untag(_ context.Context, name string) error { delete(m.images, name); return nil }

func (m *memory) push(_ context.Context, name string) (string, error) {
	return "sha256:" + strings.Repeat("a", 64), nil
}

// world is a layers and an app directory.
type world struct {
	*testing.T
	dir    string
	engine *memory
	// named says that the engine builds on names only.
	named bool
	toml  string
}

const image = "registry.example/run@sha256:5555555555555555555555555555555555555555555555555555555555555555"

func newWorld(t *testing.T) *world {
	w := &world{T: t, dir: t.TempDir(), engine: &memory{images: map[string]picture{}, user: "1000:1001"}, named: true}
	w.toml = fmt.Sprintf("version = 1\n[run-image]\nimage = %q\n[build-image]\nreference = %q\n", image, image)
	w.write("app/code", "app")
	return w
}

func (w *world) write(name, text string) string {
	w.Helper()
	path := filepath.Join(w.dir, name)
	w.check(os.MkdirAll(filepath.Dir(path), 0o755))
	w.check(os.WriteFile(path, []byte(text), 0o644))
	return path
}

func (w *world) check(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// leaves is an extension that leaves a Dockerfile, as generated.toml lists it.
func (w *world) leaves(extension string, kind buildpack.DockerfileKind, text, keys string) string {
	w.Helper()
	path := extension + "/" + kind.File()
	w.write("layers/generated/"+path, text)
	w.toml += fmt.Sprintf("[[dockerfiles]]\nkind = %q\nextension = \"some/%s\"\npath = %q\ndigest = %q\ninstructions = %d\n%s\n",
		kind, extension, path, platform.Digest([]byte(text)), strings.Count(text, "\n")-strings.Count(text, "ARG base_image\n")-1, keys)
	return path
}

// extend runs it as the command line does, with this engine.
func (w *world) extend(kind string) (picture, string, error) {
	w.Helper()
	file := w.write("layers/generated.toml", w.toml)
	g, err := platform.ReadGenerated(file)
	if err != nil {
		return picture{}, "", err
	}
	p, err := newPlan(file, *g, buildpack.DockerfileKind(kind))
	if err != nil {
		return picture{}, "", err
	}
	var log strings.Builder
	e := extension{engine: w.engine, generated: w.dir + "/layers/generated", app: w.dir + "/app", dir: w.TempDir(), log: &log}
	if !w.named {
		e.engine = struct{ engine }{w.engine}
	}
	made, err := e.extend(w.Context(), p)
	return made, log.String(), err
}

func (w *world) must(kind string) (picture, string) {
	w.Helper()
	made, log, err := w.extend(kind)
	if err != nil {
		w.Fatalf("%v\n%s", err, log)
	}
	return made, log
}

// refuses demands an error with all these words, and that nothing was built.
func (w *world) refuses(kind string, words ...string) {
	w.Helper()
	_, _, err := w.extend(kind)
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			w.Errorf("got %v, want %q", err, word)
		}
	}
	if len(w.engine.built) > 0 {
		w.Errorf("something was built: %v", w.engine.files)
	}
}

const head = "ARG base_image\nFROM ${base_image}\n"

func TestOrderArgumentsAndContexts(t *testing.T) {
	w := newWorld(t)
	w.engine.user = "cnb"
	w.leaves("first", "run", head+"ARG build_id=0\nARG user_id\nARG group_id\nARG own\nCOPY . /x\nUSER 7:8\n", "context = \"first/context\"\n[[dockerfiles.args]]\nname = \"own\"\nvalue = \"a=b c\"\n[[dockerfiles.args]]\nname = \"other\"\nvalue = \"\"")
	w.write("layers/generated/first/context/sub/file", "")
	w.leaves("other", "build", head+"RUN true\n", "")
	w.leaves("second", "run", head+"ARG user_id\nADD code /\n", "")
	w.leaves("third", "run", head+"RUN true\n", "")
	made, _ := w.must("run")
	var got []string
	for i, b := range w.engine.built {
		for j, arg := range b.args {
			if arg.Name == "build_id" && len(arg.Value) == 36 {
				b.args[j].Value = "UUID"
			}
		}
		_, files, _ := strings.Cut(w.engine.files[i], ",")
		got = append(got, fmt.Sprint(b.args, files))
	}
	want := []string{"[{build_id UUID} {user_id cnb} {group_id 1001} {own a=b c}]/sub/file", "[{user_id 7}]/code", "[]"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if made.user != "cnb" && !strings.HasSuffix(made.id, "+3") {
		t.Errorf("%+v", made)
	}
	if w.engine.passwds != 1 {
		t.Errorf("/etc/passwd was read %d times, where one Dockerfile asks for the group", w.engine.passwds)
	}
	for name := range w.engine.images {
		if strings.Contains(name, "once-") {
			t.Errorf("%s is left", name)
		}
	}
}

// TestNames: an engine that builds on ids gives images in between no name but those that a later run looks for.
func TestNames(t *testing.T) {
	for _, named := range []bool{true, false} {
		w := newWorld(t)
		w.leaves("kept", "run", head+"RUN true\n", "")
		w.leaves("new", "run", head+"ARG build_id\nRUN true\n", "")
		w.leaves("last", "run", head+"RUN true\n", "")
		w.named = named
		w.must("run")
		built := w.engine.built
		got, want := []string{built[0].base, built[1].base, built[2].base, built[1].as}, []string{"id of " + image, built[0].as, built[0].as + "+2", ""}
		if named {
			want = []string{repository + "base-" + sum("id of "+image), built[0].as, built[1].as, got[3]}
		}
		if !slices.Equal(got, want) || !strings.HasPrefix(built[0].as, repository) || named != strings.HasPrefix(got[3], repository+"once-") {
			t.Errorf("%v: got %q, want %q", named, got, want)
		}
		for name := range w.engine.images {
			if name != built[0].as && !strings.HasPrefix(name, repository+"base-") {
				t.Errorf("%s is left", name)
			}
		}
	}
}

func TestRebasable(t *testing.T) {
	yes, no := head+"LABEL io.buildpacks.rebasable=true\nENV a=b\n", head+"ENV a=b\n"
	for _, test := range []struct {
		why         string
		dockerfiles []string
		want        string
	}{
		{"the base's own, if nothing is applied", nil, "true"},
		{"all say so", []string{yes, yes}, "true"},
		{"in quotes", []string{head + "LABEL \"io.buildpacks.rebasable\"=\"true\"\n"}, "true"},
		{"only inherited", []string{no}, "false"},
		{"the first does not", []string{no, yes}, "false"},
		{"the last does not", []string{yes, no}, "false"},
		{"the last word counts", []string{head + "LABEL io.buildpacks.rebasable=true\nLABEL io.buildpacks.rebasable=false\n"}, "false"},
		{"another word", []string{head + "LABEL io.buildpacks.rebasable=yes\n"}, "false"},
	} {
		w := newWorld(t)
		for i, text := range test.dockerfiles {
			w.leaves(fmt.Sprint(i), "run", text, "")
		}
		if made, _ := w.must("run"); made.labels[rebasable] != test.want {
			t.Errorf("%s: %s, want %s", test.why, made.labels[rebasable], test.want)
		}
	}
}

func TestSwitch(t *testing.T) {
	w := newWorld(t)
	w.leaves("none", "run", "FROM registry.example/run:1\n", "from = \"registry.example/run:1\"")
	if made, _ := w.must("run"); made.id != "id of "+image || len(w.engine.built) > 0 {
		t.Errorf("a switch without instructions: %+v", made)
	}
	w = newWorld(t)
	w.leaves("some", "run", "# first\nFROM \\\n  registry.example/run:1\nRUN one\n", "from = \"registry.example/run:1\"")
	w.must("run")
	if text := w.engine.files[0]; text != "# first\nFROM "+w.engine.built[0].base+"\n\nRUN one\n" {
		t.Errorf("it was built from %q", text)
	}
	w = newWorld(t)
	w.leaves("no-arg", "run", "FROM ${base_image}\nRUN one\n", "") // the reference's extender takes it, builders don't
	w.must("run")
	if text := w.engine.files[0]; text != "FROM "+w.engine.built[0].base+"\nRUN one\n" {
		t.Errorf("it was built from %q", text)
	}
	w = newWorld(t)
	w.leaves("before", "run", head+"RUN true\n", "")
	w.leaves("after", "run", "FROM registry.example/run:1\nRUN true\n", "from = \"registry.example/run:1\"")
	w.refuses("run", "not the first")
	w = newWorld(t)
	w.leaves("liar", "run", "FROM registry.example/run:1\nRUN true\n", "")
	w.refuses("run", "some/liar: liar/run.Dockerfile", "the key from")
}

func TestRootIsRefused(t *testing.T) {
	for _, user := range []string{"root", "0", "0:0", "root:cnb", "00"} {
		w := newWorld(t)
		w.leaves("root", "run", head+"USER "+user+"\n", "")
		if _, _, err := w.extend("run"); err == nil || !strings.Contains(err.Error(), "would be root") {
			t.Errorf("%s: %v", user, err)
		}
		w = newWorld(t)
		w.leaves("root", "build", head+"USER "+user+"\n", "")
		w.must("build")
	}
}

func TestAccount(t *testing.T) {
	passwd := "root:x:0:0::\ncnb:x:1000:1001::\nbroken\n"
	for user, want := range map[string]account{
		"": {"0", "0"}, "cnb": {"cnb", "1001"}, "1000": {"1000", "1001"}, "1000:7": {"1000", "7"}, "5": {"5", "0"}, "cnb:": {"cnb", "1001"}, ":5": {"0", "5"},
	} {
		got, err := accountOf(user, func() (string, error) { return passwd, nil })
		if err != nil || got != want {
			t.Errorf("%q: %v %v, want %v", user, got, err, want)
		}
	}
	if _, err := accountOf("cnb", func() (string, error) { return "", io.ErrUnexpectedEOF }); err == nil {
		t.Error("an /etc/passwd that cannot be read is no error")
	}
}

func TestCache(t *testing.T) {
	w := newWorld(t)
	w.leaves("one", "run", head+"COPY . /one\n", "context = \"one/context\"")
	w.write("layers/generated/one/context/file", "1")
	w.leaves("two", "run", head+"ARG name\nRUN echo $name\n", "[[dockerfiles.args]]\nname = \"name\"\nvalue = \"a\"")
	first, log := w.must("run")
	if len(w.engine.built) != 2 || strings.Contains(log, "cache") {
		t.Errorf("the first run built %d\n%s", len(w.engine.built), log)
	}
	runs := func(why string, want int, words ...string) {
		t.Helper()
		w.engine.built = nil
		made, log := w.must("run")
		if len(w.engine.built) != want {
			t.Errorf("%s: %d steps were run, want %d", why, len(w.engine.built), want)
		}
		if want == 0 && !reflect.DeepEqual(made, first) {
			t.Errorf("%s: %+v, want %+v", why, made, first)
		}
		for _, word := range words {
			if !strings.Contains(log, word) {
				t.Errorf("%s: %q is not in\n%s", why, word, log)
			}
		}
	}
	runs("nothing is new", 0, "some/one: one/run.Dockerfile: from the cache\nsome/two: two/run.Dockerfile: from the cache\n")
	w.write("app/code", "another")
	runs("the app is not the context", 0)
	w.toml = strings.Replace(w.toml, `value = "a"`, `value = "b"`, 1)
	runs("an argument", 1, "some/one: one/run.Dockerfile: from the cache", "some/two: two/run.Dockerfile: applied in")
	w.check(os.Chmod(w.dir+"/layers/generated/one/context/file", 0o755))
	runs("a mode in the context", 2)
	w.write("layers/generated/one/context/file", "2")
	runs("the context", 2)
	w.write("layers/generated/one/context/more", "")
	runs("a new file in the context", 2)
	w.toml = strings.Replace(w.toml, image, strings.ReplaceAll(image, "55", "66"), 1)
	runs("the base", 2)
	before := w.toml
	w.toml = strings.Replace(w.toml, platform.Digest([]byte(head+"COPY . /one\n")), platform.Digest([]byte(head+"COPY . /two\n")), 1)
	w.write("layers/generated/one/run.Dockerfile", head+"COPY . /two\n")
	runs("the first Dockerfile", 2)
	w.write("layers/generated/one/run.Dockerfile", head+"COPY . /one\n")
	w.toml = before
	w.engine.built = nil
	if w.must("run"); len(w.engine.built) > 0 {
		t.Errorf("as it was before: %d steps were run", len(w.engine.built))
	}
}

func TestNotCached(t *testing.T) {
	for _, test := range []struct {
		why, text string
		again     int
	}{
		{"build_id", "ARG build_id=0\nRUN echo $build_id\n", 2},
		{"another argument like it", "ARG build_identity=0\nRUN true\n", 0},
		{"a URL", "ADD https://example.com/x /\n", 2},
		{"a mount", "RUN --mount=type=cache,target=/x true\n", 2},
		{"an image", "COPY --from=busybox / /\n", 2},
	} {
		w := newWorld(t)
		w.leaves("before", "run", head+"RUN true\n", "")
		w.leaves("it", "run", head+test.text, "")
		w.leaves("after", "run", head+"RUN true\n", "")
		w.must("run")
		w.engine.built = nil
		if w.must("run"); len(w.engine.built) != test.again {
			t.Errorf("%s: %d steps were run again, want %d", test.why, len(w.engine.built), test.again)
		}
	}
	for text, want := range map[string]bool{"COPY a b\nARG build_id\nRUN b\n": false, "RUN a\nARG build_id\nRUN b\n": true, "ARG build_id\nRUN b\n": false, "USER root\nARG build_id\nRUN b\n": false, "RUN a\n": false} {
		d, err := parse("run", []byte(head+text))
		if err != nil || d.worthLayers() != want {
			t.Errorf("%q: %v %v", text, d.worthLayers(), err)
		}
	}
}

func TestFailuresNameThePlace(t *testing.T) {
	w := newWorld(t)
	w.leaves("one", "run", head+"RUN true\n", "")
	w.leaves("two", "run", head+"RUN false\n", "")
	w.engine.failing = 2
	_, _, err := w.extend("run")
	if want := "some/two: two/run.Dockerfile: line 3: RUN false: exit status 1"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	w.engine.built, w.engine.failing = nil, 0
	if w.must("run"); len(w.engine.built) != 1 {
		t.Errorf("after a failure %d steps were run, want the one that failed", len(w.engine.built))
	}
}

func TestHostileFiles(t *testing.T) {
	secret := newWorld(t).write("secret", head+"RUN secret\n")
	for _, test := range []struct {
		why    string
		change func(w *world)
		words  []string
	}{
		{"another Dockerfile", func(w *world) { w.write("layers/generated/x/run.Dockerfile", head+"RUN evil\n") }, []string{"it was changed after generation"}},
		{"a link", func(w *world) {
			w.check(os.Remove(w.dir + "/layers/generated/x/run.Dockerfile"))
			w.check(os.Symlink(secret, w.dir+"/layers/generated/x/run.Dockerfile"))
		}, []string{"x/run.Dockerfile is a link"}},
		{"a link that stays", func(w *world) {
			w.check(os.Rename(w.dir+"/layers/generated/x", w.dir+"/layers/generated/y"))
			w.check(os.Symlink("y", w.dir+"/layers/generated/x"))
		}, []string{"x is a link"}},
		{"the generated directory is one", func(w *world) {
			w.check(os.Rename(w.dir+"/layers/generated", w.dir+"/layers/away"))
			w.check(os.Symlink("away", w.dir+"/layers/generated"))
		}, []string{"generated is a link"}},
		{"a pipe", func(w *world) {
			w.check(os.Remove(w.dir + "/layers/generated/x/run.Dockerfile"))
			w.check(syscall.Mkfifo(w.dir+"/layers/generated/x/run.Dockerfile", 0o644))
		}, []string{"is a pipe, not a file"}},
		{"too large", func(w *world) {
			w.check(os.Truncate(w.dir+"/layers/generated/x/run.Dockerfile", 5<<20))
		}, []string{"larger than 1 MiB"}},
		{"missing", func(w *world) { w.check(os.Remove(w.dir + "/layers/generated/x/run.Dockerfile")) }, []string{"no such file"}},
		{"no context", func(w *world) { w.check(os.RemoveAll(w.dir + "/layers/generated/x/context")) }, []string{"build context", "no such file"}},
		{"a context that is a file", func(w *world) {
			w.check(os.RemoveAll(w.dir + "/layers/generated/x/context"))
			w.write("layers/generated/x/context", "")
		}, []string{"is a file, not a directory"}},
		{"a context that is a link", func(w *world) {
			w.check(os.RemoveAll(w.dir + "/layers/generated/x/context"))
			w.check(os.Symlink(filepath.Dir(secret), w.dir+"/layers/generated/x/context"))
		}, []string{"x/context is a link"}},
		{"an absolute link in the context", func(w *world) { w.check(os.Symlink("/etc/passwd", w.dir+"/layers/generated/x/context/a")) }, []string{"a in the build context is a link to /etc/passwd"}},
		{"a link out of the context", func(w *world) { w.check(os.Symlink("sub/../../up", w.dir+"/layers/generated/x/context/a")) }, []string{"leads out of it"}},
		{"a pipe in the context", func(w *world) { w.check(syscall.Mkfifo(w.dir+"/layers/generated/x/context/p", 0o644)) }, []string{"p in the build context is a pipe"}},
		{"a huge file in the context", func(w *world) {
			w.write("layers/generated/x/context/huge", "")
			w.check(os.Truncate(w.dir+"/layers/generated/x/context/huge", maxBytes+1))
		}, []string{"larger than"}},
		{"too many files in the context", func(w *world) {
			w.write("layers/generated/x/context/sub/1", "")
			w.write("layers/generated/x/context/sub/2", "")
		}, []string{"more than 4 files"}},
	} {
		t.Run(test.why, func(t *testing.T) {
			defer func(bytes, entries int64) { maxBytes, maxEntries = bytes, entries }(maxBytes, maxEntries)
			maxBytes, maxEntries = 1<<20, 4
			w := newWorld(t)
			w.leaves("x", "run", head+"COPY . /\n", "context = \"x/context\"")
			w.write("layers/generated/x/context/fine", "")
			w.check(os.Symlink("fine", w.dir+"/layers/generated/x/context/link"))
			w.must("run")
			w.engine = &memory{images: map[string]picture{}, user: "1"}
			test.change(w)
			w.refuses("run", append(test.words, "some/x")[:len(test.words)+btoi(!strings.HasPrefix(test.why, "the generated"))]...)
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// TestAppLinks: the app's links are copied as links, and not followed; a build sees what is in the app and nothing else.
func TestAppLinks(t *testing.T) {
	w := newWorld(t)
	w.check(os.Symlink("/etc/passwd", w.dir+"/app/out"))
	w.leaves("x", "run", head+"COPY . /\n", "")
	e := extension{engine: w.engine, generated: w.dir + "/layers/generated", app: w.dir + "/app", dir: t.TempDir(), log: io.Discard}
	p := plan{kind: "run", base: image, steps: []step{{extension: "some/x", path: "x/run.Dockerfile", digest: platform.Digest([]byte(head + "COPY . /\n"))}}}
	if _, err := e.extend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(e.dir + "/app/out"); err != nil || to != "/etc/passwd" {
		t.Errorf("%s %v", to, err)
	}
}

// TestCopyIsWhatIsBuilt: what is changed after the check does no harm.
func TestCopyIsWhatIsBuilt(t *testing.T) {
	w := newWorld(t)
	w.leaves("one", "run", head+"RUN true\n", "")
	w.leaves("two", "run", head+"COPY . /\n", "context = \"two/context\"")
	w.write("layers/generated/two/context/file", "")
	e := extension{engine: changing{w.engine, func() {
		w.write("layers/generated/two/run.Dockerfile", head+"RUN evil\n")
		w.write("layers/generated/two/context/evil", "")
	}}, generated: w.dir + "/layers/generated", dir: t.TempDir(), log: io.Discard}
	g, err := platform.ParseGenerated("generated.toml", []byte(w.toml))
	w.check(err)
	p, err := newPlan("generated.toml", *g, "run")
	w.check(err)
	if _, err := e.extend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if got := w.engine.files[1]; got != head+"COPY . /\n,/file" {
		t.Errorf("it built %q", got)
	}
}

// changing changes something while it builds.
type changing struct {
	*memory
	change func()
}

func (c changing) build(ctx context.Context, b build) (picture, int, error) {
	c.change()
	return c.memory.build(ctx, b)
}

// Images come from registries, whatever the name says, and from layouts that platforms name by their paths.
func TestSourceOf(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0a", 32)
	for image, want := range map[string]string{
		"/layouts/run" + digest:           "oci:/layouts/run",
		"/layouts/run":                    "oci:/layouts/run",
		"registry.example/run:1":          "docker://registry.example/run:1",
		"docker:27":                       "docker://docker:27",
		"registry.example/run:1" + digest: "docker://registry.example/run" + digest,
		"registry.example:5/run" + digest: "docker://registry.example:5/run" + digest,
		"containers-storage:run":          "docker://containers-storage:run",
	} {
		if got, err := sourceOf(image); err != nil || got != want {
			t.Errorf("%s: %s, %v; want %s", image, got, err, want)
		}
	}
	if got, err := sourceOf("run@sha256:00"); err == nil {
		t.Errorf("a digest that is none: %s", got)
	}
}

func TestHostileKeys(t *testing.T) {
	fine := fmt.Sprintf("kind = \"run\"\nextension = \"a/b\"\npath = \"a_b/run.Dockerfile\"\ninstructions = 1\ndigest = %q\n", platform.Digest(nil))
	top := "version = 1\n[run-image]\nimage = \"run\"\n[build-image]\nreference = \"build\"\n"
	for _, test := range []struct{ why, text, want string }{
		{"fine", top + "[[dockerfiles]]\n" + fine, ""},
		{"a layout", strings.Replace(top, `"run"`, `"/layouts/run@sha256:1"`, 1), ""},
		{"no image", "version = 1\n", "run-image.image is missing"},
		{"an option", strings.Replace(top, `"run"`, `"--help"`, 1), `run-image.image: "--help" is no image`},
		{"an image that is none", strings.Replace(top, `"run"`, `"a b"`, 1), `run-image.image: "a b" is not the name of an image`},
		{"an image elsewhere than in a registry", strings.Replace(top, `"run"`, `"dir:/srv"`, 1), `run-image.image: "dir:/srv" is not the name of an image: dir: is a transport`},
		{"a switch to a file", top + "[[dockerfiles]]\n" + fine + "from = \"docker-archive:/srv/image.tar\"\n", `from: "docker-archive:/srv/image.tar" is not the name of an image`},
		{"a switch to a path, which platforms only may name", top + "[[dockerfiles]]\n" + fine + "from = \"/srv/layout\"\n", `from: "/srv/layout" is not the name of an image: it is a path`},
		{"control characters", strings.Replace(top, `"run"`, `"run\u001b[2J"`, 1), "run-image.image: \"run\\x1b[2J\" is no image"},
		{"no digest", top + "[[dockerfiles]]\n" + strings.Replace(fine, "digest = ", "other = ", 1), `a_b/run.Dockerfile: digest: ""`},
		{"a short digest", top + "[[dockerfiles]]\n" + strings.Replace(fine, "sha256:e3", "sha256:", 1), "digest: "},
		{"no extension", top + "[[dockerfiles]]\n" + strings.Replace(fine, `"a/b"`, `""`, 1), "extension: "},
		{"an extension that clears the screen", top + "[[dockerfiles]]\n" + strings.Replace(fine, `"a/b"`, `"\u001b[2J"`, 1), "extension: "},
		{"a path with a line", top + "[[dockerfiles]]\n" + strings.Replace(fine, `a_b/run`, `a_b\nrun`, 1), "path: "},
		{"a path out", top + "[[dockerfiles]]\n" + strings.Replace(fine, `a_b/run`, `../run`, 1), "is not a path below"},
		{"fewer than no instructions", top + "[[dockerfiles]]\n" + strings.Replace(fine, "= 1", "= -1", 1), "instructions: -1"},
		{"a build image that is switched", top + "[[dockerfiles]]\n" + strings.Replace(fine, `"run"`, `"build"`, 1) + "from = \"x\"\n", ""},
		{"base_image", top + "[[dockerfiles]]\n" + fine + "[[dockerfiles.args]]\nname = \"base_image\"\n", "base_image is the extend step's"},
		{"base_image in disguise", top + "[[dockerfiles]]\n" + fine + "[[dockerfiles.args]]\nname = \"base_image=evil\"\n", "no name of a build argument"},
		{"no name", top + "[[dockerfiles]]\n" + fine + "[[dockerfiles.args]]\nvalue = \"a\"\n", "no name of a build argument"},
		{"orders to BuildKit", top + "[[dockerfiles]]\n" + fine + "[[dockerfiles.args]]\nname = \"BUILDKIT_SYNTAX\"\n", "BUILDKIT_SYNTAX would change"},
		{"a byte that ends arguments", top + "[[dockerfiles]]\n" + fine + "[[dockerfiles.args]]\nname = \"a\"\nvalue = \"\\u0000\"\n", "byte 0"},
	} {
		g, err := platform.ParseGenerated("generated.toml", []byte(test.text))
		if err == nil {
			_, err = newPlan("generated.toml", *g, "run")
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), "generated.toml")) {
			t.Errorf("%s: got %v, want %q", test.why, err, test.want)
		}
	}
	g, err := platform.ParseGenerated("generated.toml", []byte(top+"[[dockerfiles]]\n"+strings.Replace(fine, `"run"`, `"build"`, 1)+"from = \"x\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := newPlan("generated.toml", *g, "build"); err == nil || !strings.Contains(err.Error(), "from: a build image") {
		t.Errorf("%v", err)
	}
}

// FuzzPlan: whatever generated.toml says, a plan that comes of it names images and files that cannot be taken for something else.
func FuzzPlan(f *testing.F) {
	f.Add("version = 1\n[run-image]\nimage = \"run\"\n[[dockerfiles]]\nkind = \"run\"\nextension = \"a\"\npath = \"b\"\ninstructions = 1\ndigest = \"" + platform.Digest(nil) + "\"\n[[dockerfiles.args]]\nname = \"a\"\nvalue = \"b\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		g, err := platform.ParseGenerated("generated.toml", []byte(text))
		if err != nil {
			return
		}
		p, err := newPlan("generated.toml", *g, "run")
		if err != nil {
			return
		}
		if strings.HasPrefix(p.base, "-") || strings.ContainsAny(p.base, " \n\x00") && !filepath.IsAbs(p.base) {
			t.Errorf("base %q", p.base)
		}
		for _, s := range p.steps {
			if !filepath.IsLocal(s.path) || s.context != "" && !filepath.IsLocal(s.context) || len(s.digest) != 71 || strings.Contains(s.String(), "\n") {
				t.Errorf("%+v", s)
			}
			for _, arg := range s.args {
				if name, _, _ := strings.Cut(arg.Name+"="+arg.Value, "="); slices.Contains(reserved, name) {
					t.Errorf("%+v", arg)
				}
			}
		}
	})
}

// FuzzDockerfile: what generation accepts can be built on another base, line by line.
func FuzzDockerfile(f *testing.F) {
	for _, text := range []string{head + "RUN a\n", "FROM a\nRUN b", "FROM \\\n a\n\nRUN b \\\n c\n", "# escape=`\nFROM `\na\nRUN a\n", "FROM ${base_image}\r\nADD a b\r\n"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := parse("run", []byte(text))
		if err != nil {
			return
		}
		built := string(d.on("localhost/x:y"))
		if strings.Count(built, "\n") != strings.Count(text, "\n") {
			t.Errorf("%q became %q", text, built)
		}
		again, err := parse("run", []byte(built))
		if err != nil || len(again.commands) != len(d.commands) || !d.onBase && !again.switches {
			t.Errorf("%q became %q: %v", text, built, err)
		}
		for i := range d.commands {
			if d.place(i) == "" {
				t.Errorf("%q: no place for instruction %d", text, i)
			}
		}
	})
}
