package generate

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/testhelpers"
)

// world is a generation on a disk of its own.
type world struct {
	t          *testing.T
	root       string
	extensions []*buildpack.Module
	log        bytes.Buffer
	output     bytes.Buffer
	level      slog.Level
	layoutDir  string
	environ    []string
}

func newWorld(t *testing.T) *world {
	return &world{t: t, root: t.TempDir(), level: slog.LevelInfo}
}

func (b *world) generated() string { return filepath.Join(b.root, "generated") }

func (b *world) check(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// write writes a file below the world's directory.
func (b *world) write(name, text string) string {
	b.t.Helper()
	path := filepath.Join(b.root, name)
	b.check(os.MkdirAll(filepath.Dir(path), 0o755))
	b.check(os.WriteFile(path, []byte(text), 0o644))
	return path
}

// static adds an extension that brings files: name, text, name, text…
func (b *world) static(id string, files ...string) *buildpack.Module {
	b.t.Helper()
	m := b.module(id)
	for i := 0; i+1 < len(files); i += 2 {
		b.write(filepath.Join("extensions", m.Escaped(), "generate", files[i]), files[i+1])
	}
	return m
}

// script adds an extension with a bin/generate.
func (b *world) script(id, text string) *buildpack.Module {
	b.t.Helper()
	m := b.module(id)
	b.check(os.Chmod(b.write(filepath.Join("extensions", m.Escaped(), "bin/generate"), "#!/bin/sh\n"+text), 0o755))
	return m
}

func (b *world) module(id string) *buildpack.Module {
	m := &buildpack.Module{Ref: buildpack.Ref{Kind: buildpack.KindExtension, ID: id, Version: "1"}, API: api.V(0, 10)}
	m.Dir = filepath.Join(b.root, "extensions", m.Escaped())
	b.check(os.MkdirAll(m.Dir, 0o755))
	b.extensions = append(b.extensions, m)
	return m
}

// generate runs generation; nothing about the request need be given.
func (b *world) generate(at api.Version, r Request) (*Generation, error) {
	b.t.Helper()
	r.Extensions = b.extensions
	result, err := b.generator(b.inputs(at)).Generate(context.Background(), r)
	if err == nil {
		b.check(result.Generation.Keep())
	}
	return result.Generation, err
}

func (b *world) generator(in platform.Inputs) Generator {
	return Generator{
		Inputs: in, Environment: invoke.Environment{App: b.root, Platform: b.root, Environ: b.environ}, Output: &b.output,
		Log: platform.NewLogger(&b.log, b.level, false),
	}
}

func (b *world) inputs(at api.Version) platform.Inputs {
	return platform.Inputs{
		PlatformAPI: at, GeneratedDir: b.generated(), LayersDir: b.root, UseLayout: b.layoutDir != "", LayoutDir: b.layoutDir,
		AppDir: b.root, PlatformDir: b.root,
	}
}

// fails demands an exit code and words of the message, and that nothing is left.
func (b *world) fails(at api.Version, code int, words ...string) {
	b.t.Helper()
	before := b.tree()
	_, err := b.generate(at, Request{})
	var exit *platform.Exit
	if !errors.As(err, &exit) || exit.Code != code {
		b.t.Fatalf("got %v, want exit code %d", err, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			b.t.Errorf("%q is not in %q", word, err)
		}
	}
	if after := b.tree(); after != before {
		b.t.Errorf("the generated tree was\n%s\nand is\n%s", before, after)
	}
}

// tree describes the generated directory; nothing if there is none.
func (b *world) tree() string {
	if _, err := os.Lstat(b.generated()); err != nil {
		return ""
	}
	tree, err := testhelpers.Tree(b.root + "/generated")
	b.check(err)
	return tree + "."
}

// names lists what is in the generated directory.
func (b *world) names() string {
	if _, err := os.Lstat(b.generated()); err != nil {
		return ""
	}
	names, err := testhelpers.Names(b.generated())
	b.check(err)
	return strings.Join(names, " ")
}

var (
	oldLayout = api.V(0, 12)
	newLayout = api.V(0, 13)
)

const extending = "ARG base_image\nFROM ${base_image}\n"

func eachLayout(t *testing.T, test func(t *testing.T, at api.Version)) {
	for _, at := range []api.Version{api.V(0, 10), oldLayout, newLayout, api.V(0, 15)} {
		t.Run("Platform API "+at.String(), func(t *testing.T) { test(t, at) })
	}
}

// B04: the message names the extension and the exit code, or why there is none.
func TestBinGenerateThatFails(t *testing.T) {
	b := newWorld(t)
	b.static("a", "run.Dockerfile", extending)
	b.script("samples/bad", "echo half > $CNB_OUTPUT_DIR/build.Dockerfile; echo sorry >&2; exit 3\n")
	b.fails(newLayout, platform.CodeGenerateBuildpack, "samples/bad@1", "exit code 3")
	if b.output.String() != "sorry\n" {
		t.Errorf("what it said: %q", &b.output)
	}
	b = newWorld(t)
	b.script("samples/killed", "kill -9 $$\n")
	b.fails(oldLayout, platform.CodeGenerateBuildpack, "samples/killed@1", "signal 9")
	b = newWorld(t)
	b.check(os.Chmod(filepath.Join(b.script("samples/plain", "").Dir, "bin/generate"), 0o644))
	b.fails(newLayout, platform.CodeGenerateBuildpack, "samples/plain@1")
	b = newWorld(t) // a link that leads nowhere is no reason to do without
	m := b.static("samples/broken", "run.Dockerfile", extending)
	b.check(os.Mkdir(filepath.Join(m.Dir, "bin"), 0o755))
	b.check(os.Symlink("../../moved/generate", filepath.Join(m.Dir, "bin/generate")))
	b.fails(newLayout, platform.CodeGenerateBuildpack, "samples/broken@1")
}

func TestBinGenerateThatTakesTooLong(t *testing.T) {
	b := newWorld(t)
	b.script("samples/slow", "sleep 100\n")
	b.environ = os.Environ()
	in := b.inputs(newLayout)
	in.GenerateTimeout = 100 * time.Millisecond
	_, err := b.generator(in).Generate(context.Background(), Request{Extensions: b.extensions})
	var exit *platform.Exit
	if !errors.As(err, &exit) || exit.Code != platform.CodeGenerateBuildpack || !strings.Contains(err.Error(), "samples/slow@1: timed out") {
		t.Errorf("got %v", err)
	}
	if b.tree() != "" {
		t.Errorf("it left %s", b.names())
	}
}

// B34: the output directory is empty, even if an earlier run has left something there.
func TestOutputIsEmptyAtFirst(t *testing.T) {
	eachLayout(t, func(t *testing.T, at api.Version) {
		b := newWorld(t)
		b.script("samples/append", extendingScript("build.Dockerfile")+"ls -A \"$1\"\n")
		b.write("generated/samples_append/build.Dockerfile", "left by another program\n")
		b.write("generated/build/samples_append/Dockerfile", "left by another program\n")
		b.write("generated/run/samples_append/Dockerfile", "left by another program\n")
		for range 3 {
			_, err := b.generate(at, Request{})
			b.check(err)
		}
		want := "generated/samples_append/build.Dockerfile"
		if !byExtension(at) {
			want = "generated/build/samples_append/Dockerfile"
			if _, err := os.Lstat(filepath.Join(b.root, "generated/run/samples_append")); err == nil {
				t.Error("what is no longer generated would still be applied")
			}
		}
		data, err := os.ReadFile(filepath.Join(b.root, want))
		b.check(err)
		if string(data) != extending || b.output.String() != strings.Repeat("build.Dockerfile\n", 3) {
			t.Errorf("got %q; in the directory were %q", data, &b.output)
		}
	})
}

// extendingScript appends a Dockerfile that extends.
func extendingScript(file string) string {
	return "printf 'ARG base_image\\nFROM ${base_image}\\n' >> \"$CNB_OUTPUT_DIR/" + file + "\"\n"
}

// B35: nothing runs if two outputs would be in the same place.
func TestCollidingIDs(t *testing.T) {
	b := newWorld(t)
	b.script("a/b_c", "echo ran\n")
	b.script("a_b/c", "echo ran\n")
	b.fails(newLayout, platform.CodeGenerate, "a/b_c@1", "a_b/c@1", "a_b_c")
	if b.output.Len() > 0 {
		t.Error("an extension ran")
	}
}

// B36: what an extension without bin/generate brings is its output, at every Platform API, with modes and links, and its
// own directory is not written to – not even if one could.
func TestStaticExtension(t *testing.T) {
	eachLayout(t, func(t *testing.T, at api.Version) {
		b := newWorld(t)
		m := b.static("samples/static", "build.Dockerfile", extending, "run.Dockerfile", extending+"RUN true\n",
			"context/bin/tool", "#!/bin/sh\n", "context/sealed/file", "in a directory that is read-only", "notes", "")
		in := func(name string) string { return filepath.Join(m.Dir, "generate", name) }
		b.check(os.Symlink("bin/tool", in("context/link")))
		b.check(os.Symlink("nowhere", in("context/dangling")))
		for name, mode := range map[string]fs.FileMode{
			"context/bin/tool": 0o751, "notes": 0o400, "context/sealed": 0o555, "context/bin": 0o2775, "build.Dockerfile": 0o444, "": 0o555,
		} {
			if mode&0o2000 != 0 {
				mode = mode&0o777 | fs.ModeSetgid
			}
			b.check(os.Chmod(in(name), mode))
		}
		t.Cleanup(func() { os.Chmod(in("context/sealed"), 0o755); os.Chmod(in(""), 0o755) })
		before, err := testhelpers.Tree(m.Dir)
		b.check(err)
		brought, err := testhelpers.Tree(in(""))
		b.check(err)
		for range 2 { // the second time removes what the first has left, sealed as it is
			_, err = b.generate(at, Request{})
			b.check(err)
		}
		if after, _ := testhelpers.Tree(m.Dir); after != before {
			t.Errorf("the extension's own directory was\n%s\nand is\n%s", before, after)
		}
		if byExtension(at) {
			left, err := testhelpers.Tree(filepath.Join(b.generated(), "samples_static"))
			b.check(err)
			if left != brought {
				t.Errorf("it brings\n%s\nand left\n%s", brought, left)
			}
			os.Chmod(filepath.Join(b.generated(), "samples_static/context/sealed"), 0o755)
		} else if got := b.names(); got != "build/ build/samples_static/ build/samples_static/Dockerfile run/ run/samples_static/ run/samples_static/Dockerfile" {
			t.Errorf("left: %s", got)
		}
	})
}

func TestStaticExtensionWithOddDirectory(t *testing.T) {
	b := newWorld(t)
	m := b.module("samples/file")
	b.write("extensions/samples_file/generate", "not a directory")
	b.fails(newLayout, platform.CodeGenerate, m.Ref.String(), "is not a directory")

	b = newWorld(t)
	b.static("samples/pipe", "build.Dockerfile", extending)
	b.check(syscall.Mkfifo(filepath.Join(b.root, "extensions/samples_pipe/generate/pipe"), 0o644))
	b.fails(newLayout, platform.CodeGenerate, "samples/pipe@1", "neither a file, a directory nor a link")

	b = newWorld(t)
	b.module("samples/link")
	b.write("elsewhere/run.Dockerfile", extending)
	b.check(os.Symlink(filepath.Join(b.root, "elsewhere"), filepath.Join(b.root, "extensions/samples_link/generate")))
	_, err := b.generate(newLayout, Request{})
	b.check(err)
	if got := b.names(); got != "samples_link/ samples_link/run.Dockerfile" {
		t.Errorf("left: %s", got)
	}
}

// B43: outputs are applied by a step with more privileges, so nothing is taken that is not plainly what it should be.
func TestUnsafeOutputs(t *testing.T) {
	for _, test := range []struct{ why, script, want string }{
		{"a link out of the output", "ln -s /etc/passwd run.Dockerfile", "run.Dockerfile must be a regular file, not a link"},
		{"a link within it: .ignore would break it", "touch x; ln -s x build.Dockerfile", "build.Dockerfile must be a regular file, not a link"},
		{"a link to nothing", "ln -s nothing extend-config.toml", "extend-config.toml must be a regular file, not a link"},
		{"a device, by way of a link", "ln -s /dev/zero build.Dockerfile", "build.Dockerfile must be a regular file, not a link"},
		{"a pipe without a writer", "mkfifo run.Dockerfile", "run.Dockerfile must be a regular file, not a pipe"},
		{"a pipe as configuration", "mkfifo extend-config.toml", "extend-config.toml must be a regular file, not a pipe"},
		{"a directory", "mkdir build.Dockerfile", "build.Dockerfile must be a regular file, not a directory"},
		{"a context that is a link", "ln -s /etc context", "context must be a directory, not a link"},
		{"a context that is a link within the output", "mkdir x; ln -s x context.run", "context.run must be a directory, not a link"},
		{"a context that is a plain file (B41)", "touch context", "context must be a directory, not a file"},
		{"another one (B41)", "touch context.build", "context.build must be a directory, not a file"},
		{"an absolute link in a context", "mkdir context; ln -s /etc/passwd context/p", "context/p is a link to /etc/passwd, out of its context"},
		{"an absolute link into the context itself", "mkdir context; touch context/a; ln -s \"$PWD/context/a\" context/b", "context/b is a link to"},
		{"a link out of a context", "mkdir -p context/a; ln -s ../../secret context/a/l", "context/a/l is a link to ../../secret, out of its context"},
		{"from one context into the other", "mkdir context.run context.build; touch context.build/a; ln -s ../context.build/a context.run/b", "context.run/b is a link to ../context.build/a, out of its context"},
		{"out, by way of a link that stays inside", "mkdir -p context/a/b; ln -s ../.. context/a/b/up; touch x; ln -s a/b/up/../x context/l", "context/l is a link to a/b/up/../x"},
		{"a link to itself", "mkdir context; ln -s l context/l", "context/l is a link to l, which cannot be followed"},
		{"a pipe in a context", "mkdir -p context/a; mkfifo context/a/pipe", "context/a/pipe is a pipe, which must not be in a context"},
		{"contexts for both and for one", "mkdir context context.build", "it left both context and context.build"},
		{"the output itself", "rmdir \"$1\"; ln -s /etc \"$1\"", "its output directory must be a directory, not a link"},
	} {
		t.Run(test.why, func(t *testing.T) {
			for _, at := range []api.Version{oldLayout, newLayout} {
				b := newWorld(t)
				b.script("samples/unsafe", "set -e\nPATH=/usr/bin:/bin\ncd \"$1\"\n"+test.script+"\n")
				b.fails(at, platform.CodeGenerate, "extension samples/unsafe@1: "+test.want)
			}
		})
	}
}

func TestDevicesAndSockets(t *testing.T) {
	b := newWorld(t)
	m := b.module("samples/unsafe")
	refused := func(name, want string) {
		t.Helper()
		_, err := inspect(m, b.root)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		b.check(os.RemoveAll(filepath.Join(b.root, name)))
	}
	// Within a short path: the name of a socket may not be long.
	t.Chdir(b.root)
	socket, err := net.Listen("unix", "run.Dockerfile")
	b.check(err)
	refused("run.Dockerfile", "run.Dockerfile must be a regular file, not a socket")
	socket.Close()
	if err := syscall.Mknod(filepath.Join(b.root, "build.Dockerfile"), syscall.S_IFCHR|0o644, 1<<8|5); err != nil {
		t.Skip("only root can make a device: ", err)
	}
	refused("build.Dockerfile", "build.Dockerfile must be a regular file, not a device")
	b.check(os.Mkdir(filepath.Join(b.root, "context"), 0o755))
	b.check(syscall.Mknod(filepath.Join(b.root, "context/zero"), syscall.S_IFBLK|0o644, 1<<8|5))
	refused("context", "context/zero is a device, which must not be in a context")
}

// Links that stay in their context are kept.
func TestSafeContext(t *testing.T) {
	b := newWorld(t)
	b.script("samples/a", "set -e\nPATH=/usr/bin:/bin\ncd \"$1\"\nmkdir -p context/a/b; touch context/x; ln -s ../../x context/a/b/l; ln -s a context/dir; ln -s nothing context/dangling\nln -s . context/here\n"+extendingScript("run.Dockerfile"))
	generation, err := b.generate(newLayout, Request{})
	b.check(err)
	if got := generation.Metadata.Dockerfiles[0].Context; got != "samples_a/context" {
		t.Errorf("context: %q", got)
	}
	for _, want := range []string{"samples_a/context/a/b/l -> ../../x", "samples_a/context/dir -> a", "samples_a/context/dangling -> nothing"} {
		if !strings.Contains(b.names(), want) {
			t.Errorf("%q is not in %s", want, b.names())
		}
	}
}

// An extension must not change what another one has left, after it was checked.
func TestOutputChangedByALaterExtension(t *testing.T) {
	for _, change := range []string{"echo RUN true >> ../a/run.Dockerfile", "rm ../a/run.Dockerfile; ln -s /etc/passwd ../a/run.Dockerfile", "mkdir ../a/context; ln -s /etc ../a/context/l", "rm -r ../a"} {
		b := newWorld(t)
		b.static("a", "run.Dockerfile", extending)
		b.script("b", "cd \"$1\"\nPATH=/usr/bin:/bin\n"+change+"\n")
		b.fails(newLayout, platform.CodeGenerate, "extension a@1: ")
	}
}

// On error everything is as it was: what stood in the way, what was stale, and no directory is new.
func TestFailureLeavesTheTreeAsItWas(t *testing.T) {
	eachLayout(t, func(t *testing.T, at api.Version) {
		b := newWorld(t)
		b.static("a", "run.Dockerfile", extending, "build.Dockerfile", extending)
		b.script("b", "exit 1\n")
		b.fails(at, platform.CodeGenerateBuildpack)
		if b.tree() != "" {
			t.Error("a directory was left behind")
		}
		sealed := filepath.Dir(b.write("generated/a/sealed/file", "kept"))
		b.write("generated/a/run.Dockerfile", "kept")
		b.write("generated/run/a/Dockerfile", "kept")
		b.check(os.Chmod(sealed, 0o555))
		b.check(os.Chmod(filepath.Dir(sealed), 0o555))
		t.Cleanup(func() { os.Chmod(sealed, 0o755); os.Chmod(filepath.Dir(sealed), 0o755) })
		b.write("generated/run/stale/Dockerfile", "kept")
		before := b.tree()
		earlier := &platform.Generated{Dockerfiles: []platform.GeneratedDockerfile{{Path: "run/stale/Dockerfile"}, {Path: "a/run.Dockerfile"}}}
		if _, err := b.generate(at, Request{Earlier: earlier}); err == nil {
			t.Fatal("no error")
		}
		if after := b.tree(); after != before {
			t.Errorf("before:\n%s\nafter:\n%s", before, after)
		}
	})
}

// Only the results that the metadata lists are removed, and only where results can be.
func TestStaleResults(t *testing.T) {
	listed := func(paths ...string) *platform.Generated {
		var g platform.Generated
		for _, path := range paths {
			g.Dockerfiles = append(g.Dockerfiles, platform.GeneratedDockerfile{Path: path})
		}
		return &g
	}
	b := newWorld(t)
	for _, name := range []string{"a/build.Dockerfile", "a/context/x", "b/run.Dockerfile.ignore", "build/c/Dockerfile", "run/c/Dockerfile", "other/file", "build.Dockerfile"} {
		b.write("generated/"+name, "")
	}
	_, err := b.generate(newLayout, Request{Earlier: listed("a/build.Dockerfile", "b/run.Dockerfile.ignore", "build/c/Dockerfile", "gone/run.Dockerfile")})
	b.check(err)
	if got := b.names(); got != "build.Dockerfile other/ other/file run/ run/c/ run/c/Dockerfile" {
		t.Errorf("left: %s", got)
	}
	for _, path := range []string{"", ".", "build.Dockerfile", "other/file", "../x/build.Dockerfile", "/x/build.Dockerfile", "x/../../y/build.Dockerfile", "x//build.Dockerfile", "other/c/Dockerfile", "build/c/x/Dockerfile", "./build.Dockerfile", "x/../build.Dockerfile"} {
		before := b.tree()
		_, err := b.generate(newLayout, Request{Earlier: listed(path)})
		var exit *platform.Exit
		if !errors.As(err, &exit) || exit.Code != platform.CodeFailed || exit.Hint() == "" {
			t.Errorf("%q: got %v", path, err)
		}
		if b.tree() != before {
			t.Errorf("%q: %s", path, b.names())
		}
	}
	outside := filepath.Dir(b.write("outside/c/Dockerfile", "not below the generated directory"))
	b.check(os.Symlink(filepath.Dir(outside), filepath.Join(b.generated(), "build")))
	if _, err := b.generate(newLayout, Request{Earlier: listed("build/c/Dockerfile")}); err == nil {
		t.Error("a link is followed out of the generated directory")
	}
	if _, err := os.Stat(outside); err != nil {
		t.Error(err)
	}
}

// From one layout to the other and back, with an extension whose id is that of a kind.
func TestChangingLayouts(t *testing.T) {
	b := newWorld(t)
	b.static("build", "build.Dockerfile", extending, "run.Dockerfile", extending)
	b.static("run", "run.Dockerfile", "FROM other\n")
	var earlier *platform.Generated
	for _, step := range []struct {
		at   api.Version
		want string
	}{
		{newLayout, "build/ build/build.Dockerfile build/run.Dockerfile.ignore run/ run/run.Dockerfile"},
		{oldLayout, "build/ build/build/ build/build/Dockerfile run/ run/build/ run/build/Dockerfile.ignore run/run/ run/run/Dockerfile"},
		{newLayout, "build/ build/build.Dockerfile build/run.Dockerfile.ignore run/ run/run.Dockerfile"},
	} {
		generation, err := b.generate(step.at, Request{Earlier: earlier})
		b.check(err)
		earlier = &generation.Metadata
		if got := b.names(); got != step.want {
			t.Errorf("Platform API %s: %s", step.at, got)
		}
	}
}

// The plan is shared out as docs/reference.md says: each entry to the first extension that provides it.
func TestSharingThePlan(t *testing.T) {
	b := newWorld(t)
	a, c := b.static("a"), b.static("c")
	entry := func(name string, providers ...buildpack.Provider) buildpack.PlanEntry {
		return buildpack.PlanEntry{Providers: providers, Requires: []buildpack.Require{{Name: name}}}
	}
	extension := func(id string) buildpack.Provider { return buildpack.Provider{ID: id, Version: "1", Extension: true} }
	plan := []buildpack.PlanEntry{
		entry("both", extension("a"), extension("c"), buildpack.Provider{ID: "p", Version: "1"}),
		entry("a buildpack of the same id", buildpack.Provider{ID: "a", Version: "1"}),
		entry("only c", extension("c")),
		entry("a again", extension("a")),
		entry("none of the group", extension("z")),
	}
	split := splitPlan(plan, []*buildpack.Module{a, c})
	givenA, givenC := split.Given[0], split.Given[1]
	names := func(requires []buildpack.Require) (list []string) {
		for _, r := range requires {
			list = append(list, r.Name)
		}
		return list
	}
	if !slices.Equal(names(givenA), []string{"both", "a again"}) || !slices.Equal(names(givenC), []string{"only c"}) {
		t.Errorf("a got %v, c got %v", givenA, givenC)
	}
	generation, err := b.generate(newLayout, Request{Plan: plan})
	b.check(err)
	text, err := platform.Plan{Entries: generation.Plan}.Encode()
	b.check(err)
	want, _ := platform.Plan{Entries: []buildpack.PlanEntry{plan[1], plan[4]}}.Encode()
	if !bytes.Equal(text, want) {
		t.Errorf("left for buildpacks:\n%s", text)
	}
}

// B42, and where notes of the Dockerfile go: warnings with their hints, minor ones at debug level only.
func TestWhatAuthorsAreTold(t *testing.T) {
	b := newWorld(t)
	b.static("samples/a", "Dockerfile", extending)
	b.static("samples/b")
	b.static("samples/c", "run.Dockerfile", extending+"CMD x\nUSER root\n")
	b.static("samples/d", "build.Dockerfile", extending, "extend-config.toml", "[build]\nargz = []\n")
	b.level = slog.LevelDebug
	_, err := b.generate(newLayout, Request{})
	b.check(err)
	want := `Warning: extension samples/a@1: it left a file called Dockerfile, which nothing reads
hint: name it build.Dockerfile to extend the build image, run.Dockerfile to extend or switch the run image
Warning: extension samples/b@1: it left neither a build.Dockerfile nor a run.Dockerfile
Warning: extension samples/c@1: run.Dockerfile command CMD on line 3 is not recommended
Warning: extension samples/c@1: run.Dockerfile leaves root as the user of the image: line 4: USER root
hint: ` + "end with \"ARG user_id\", \"ARG group_id\" and \"USER ${user_id}:${group_id}\": the extend step sets both to the user that the image had" + `
extension samples/c@1: run.Dockerfile does not set the label io.buildpacks.rebasable: an image extended by it counts as not rebasable
hint: if all that it changes stays the same on another version of the run image, add LABEL io.buildpacks.rebasable=true
Warning: extension samples/d@1: extend-config.toml: line 2: unknown key "build.argz" (did you mean "args"?)
Warning: a run.Dockerfile extends the run image, but no run image is known: nothing about it is written to analyzed.toml
run image: extended by samples/c (Dockerfiles in ` + b.generated() + `)
`
	if got := b.log.String(); got != want {
		t.Errorf("said:\n%s\nwant:\n%s", got, want)
	}
}

// The extensions' folder may belong to root and be read-only for all.
func TestReadOnlyExtensionsOfRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give files to root")
	}
	b := newWorld(t)
	m := b.static("samples/a", "build.Dockerfile", extending, "context/file", "x")
	b.check(filepath.WalkDir(filepath.Join(b.root, "extensions"), func(path string, entry fs.DirEntry, err error) error {
		mode := fs.FileMode(0o444)
		if entry.IsDir() {
			mode = 0o555
		}
		return errors.Join(err, os.Chown(path, 0, 0), os.Chmod(path, mode))
	}))
	b.check(os.MkdirAll(b.generated(), 0o777))
	for dir := b.root; dir != "/" && dir != os.TempDir(); dir = filepath.Dir(dir) {
		b.check(os.Chmod(dir, 0o755))
	}
	b.check(os.Chown(b.generated(), 65534, 65534))
	before, err := testhelpers.Tree(m.Dir)
	b.check(err)
	for range 2 {
		b.check(asNobody(func() error {
			out := newOutputs(b.inputs(newLayout))
			dir, err := out.prepare(m)
			return errors.Join(err, copyStatic(m, dir), out.Keep())
		}))
	}
	if after, _ := testhelpers.Tree(m.Dir); after != before {
		t.Errorf("was\n%s\nis\n%s", before, after)
	}
	if got := b.names(); got != "samples_a/ samples_a/build.Dockerfile samples_a/context/ samples_a/context/file" {
		t.Errorf("left: %s", got)
	}
}

// asNobody does something as a user without privileges, which takes all threads along.
func asNobody(do func() error) error {
	if err := syscall.Seteuid(65534); err != nil {
		return fmt.Errorf("become nobody: %w", err)
	}
	return errors.Join(do(), syscall.Seteuid(0))
}
