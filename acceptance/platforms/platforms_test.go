// Package platforms has pack build apps with builders that have Prelude in them, and looks into the images that come out: "make
// platforms PACK=<pack> LIFECYCLE=<archive of a lifecycle>". Both are only run. It needs root and Docker's packages; the daemon
// and the registry are the test's own, and nothing comes from the network.
package platforms

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cnb-prelude/prelude/testhelpers"
	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// app is an app, and what its build shows.
type app struct {
	name string
	// static says that it needs an extension without bin/generate, which the reference does not apply (B36).
	static bool
	// extensions are those that take part.
	extensions []string
	// base is the run image.
	base string
	// build are files that the buildpack has seen in the extended build image, and run those of the run image.
	build, run string
}

var apps = []app{
	{name: "plain", base: "run"},
	{name: "build", extensions: []string{"ext/build"}, base: "run", build: "extended-build"},
	{name: "run", extensions: []string{"ext/run"}, base: "run", run: "/extended-run"},
	{name: "switch", extensions: []string{"ext/switch"}, base: "other"},
	{name: "both", extensions: []string{"ext/switch", "ext/build", "ext/run"}, base: "other", build: "extended-build", run: "/extended-run"},
	{name: "static", static: true, extensions: []string{"ext/static"}, base: "run", build: "static-build", run: "/static-run"},
}

// failing are apps of which no image is made: the exit code of the phase, and what it prints.
var failing = []struct {
	name, code string
	said       []string
}{
	{"none", "20", []string{"======== Why ========", "Nothing was recognised at the top of the app: README", "ERROR: failed to detect: no buildpacks participating"}},
	{"broken", "21", []string{"this app breaks the buildpack", "err:  app/web@1 (7)", "ERROR: failed to detect: buildpack(s) failed with err"}},
	{"spoilt", "91", []string{"nothing is generated for this app", "ext/build@1: exit code 4"}},
}

// world is where apps are built.
type world struct {
	*testing.T
	dir, registry, pack, lifecycle string
	daemon                         *docker.Daemon
	table                          []string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	b := &world{T: t, pack: os.Getenv("PACK"), lifecycle: os.Getenv("LIFECYCLE")}
	if b.pack == "" || b.lifecycle == "" {
		t.Skip("SKIPPED: `make platforms` needs PACK=<pack> and LIFECYCLE=<the archive of a lifecycle, .tgz>, which are not in this repository")
	}
	b.daemon, b.registry = docker.Start(t), docker.Registry(t)
	b.dir = b.daemon.Dir + "/bench"
	b.check(os.Mkdir(b.dir, 0o755))
	b.write()
	b.must("sh", "-c", "cp $(command -v busybox) images/busybox")
	b.must("cp", b.lifecycle, "images/lifecycle.tgz")
	for _, name := range []string{"build", "run", "other"} {
		b.image("base/"+name, "base", "name="+name)
	}
	b.image("lifecycle", "lifecycle", "")
	return b
}

// write writes the files of the world.
func (b *world) write() {
	b.Helper()
	world, err := txtar.ParseFile("testdata/world.txtar")
	b.check(err)
	for _, file := range world.Files {
		path, mode := filepath.Join(b.dir, file.Name), os.FileMode(0o644)
		if filepath.Base(filepath.Dir(path)) == "bin" {
			mode = 0o755
		}
		b.check(os.MkdirAll(filepath.Dir(path), 0o755))
		b.check(os.WriteFile(path, []byte(strings.ReplaceAll(string(file.Data), "REGISTRY", b.registry)), mode))
	}
}

// image builds one and pushes it.
func (b *world) image(name, dockerfile, arg string) {
	b.Helper()
	args := []string{"build", "-q", "--network", "none", "-t", b.registry + "/" + name, "-f", b.dir + "/images/" + dockerfile + ".Dockerfile"}
	if arg != "" {
		args = append(args, "--build-arg", arg)
	}
	b.daemon.Run(b, append(args, b.dir+"/images")...)
	b.daemon.Run(b, "push", "-q", b.registry+"/"+name)
}

// call runs a program in the world's directory, with the daemon, and returns all that it prints.
func (b *world) call(program string, args ...string) (string, error) {
	command := b.daemon.Command()
	command.Path, command.Args, command.Dir = program, append([]string{program}, args...), b.dir
	command.Env = append(command.Env, "PACK_HOME="+b.dir+"/home", "PACK_VOLUME_KEY=key", "DOCKER_BUILDKIT=1")
	if path, err := exec.LookPath(program); err == nil {
		command.Path = path
	}
	out, err := command.CombinedOutput()
	return string(out), err
}

func (b *world) must(program string, args ...string) string {
	b.Helper()
	out, err := b.call(program, args...)
	if err != nil {
		b.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return out
}

func (b *world) check(err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}

// build has pack build an app as somebody with an untrusted builder does. On the loopback, containers need the host's network.
func (b *world) build(builder, app string, options ...string) (string, error) {
	return b.call(b.pack, append([]string{"build", b.registry + "/app/" + builder + "/" + app, "--path", "apps/" + app, "--publish",
		"--builder", b.registry + "/builder/" + builder, "--lifecycle-image", b.registry + "/lifecycle", "--pull-policy", "always", "--network", "host"}, options...)...)
}

// create has pack create a builder from the archive of a lifecycle.
func (b *world) create(name, lifecycle string) {
	b.Helper()
	text, err := os.ReadFile(b.dir + "/builder.toml")
	b.check(err)
	config := b.dir + "/" + name + ".toml"
	b.check(os.WriteFile(config, []byte(strings.ReplaceAll(string(text), "LIFECYCLE", lifecycle)), 0o644))
	begun := time.Now()
	b.must(b.pack, "builder", "create", b.registry+"/builder/"+name, "--config", config, "--publish")
	b.add("(pack builder create)", name, time.Since(begun), "")
}

// change has tools/builder change the builder with the untouched lifecycle, and adds it to those that have Prelude in them.
func (b *world) change(with ...string) []string {
	b.Helper()
	b.check(testhelpers.Executables("../../tools", b.dir+"/tools", "./builder"))
	begun := time.Now()
	b.must(b.dir+"/tools/builder", "-from", b.registry+"/builder/reference", "-to", b.registry+"/builder/changed", "-executables", "prelude")
	b.add("(builder -from -to)", "changed", time.Since(begun), "")
	return append(with, "changed")
}

// add adds a line to the table.
func (b *world) add(app, builder string, took time.Duration, seen string) {
	b.table = append(b.table, fmt.Sprintf("%-24s %-10s %5.1fs  %s", app, builder, took.Seconds(), seen))
}

// TestPack builds every app with three builders: from an archive that overlay has changed, from a builder that tools/builder has
// changed, and from the untouched archive, which is what the others are compared with.
func TestPack(t *testing.T) {
	b := newWorld(t)
	defer func() { t.Log("\n" + strings.Join(b.table, "\n")) }()
	b.must(b.pack, "config", "experimental", "true")
	b.check(testhelpers.Executables("../..", b.dir+"/prelude", "./cmd/detector", "./cmd/generator"))
	b.check(testhelpers.Executables("../../tools", b.dir+"/tools", "./overlay"))
	b.must(b.dir+"/tools/overlay", "-lifecycle", b.lifecycle, "-executables", "prelude", "-o", "prelude.tgz")
	b.create("overlay", b.dir+"/prelude.tgz")
	b.create("reference", b.lifecycle)
	with := b.change("overlay")

	ours := b.must(b.dir+"/prelude/detector", "-version")
	for _, builder := range with {
		image := b.registry + "/builder/" + builder
		b.daemon.Run(t, "pull", "-q", image)
		if version := b.daemon.Run(t, "run", "--rm", "--network", "none", "--entrypoint", "/cnb/lifecycle/detector", image, "-version"); version != strings.TrimSpace(ours) {
			t.Errorf("the detector of %s is %s, want %s", builder, version, ours)
		}
	}
	digests := map[string]string{}
	for _, builder := range append([]string{"reference"}, with...) {
		for _, a := range apps {
			t.Run(builder+"/"+a.name, func(t *testing.T) { b.in(t).buildApp(a, builder, digests) })
		}
	}
	for _, builder := range with {
		t.Run(builder, func(t *testing.T) { b.in(t).fail(builder) })
	}
	t.Run("report", func(t *testing.T) { b.in(t).report() })
	t.Run("trusted", func(t *testing.T) { b.in(t).trusted() })
	t.Run("policy", func(t *testing.T) { b.in(t).policy() })
	t.Run("documented", func(t *testing.T) { b.in(t).documented() })
	t.Run("daemon", func(t *testing.T) { b.in(t).toDaemon() })
}

// in is the world for a test within the test.
func (b *world) in(t *testing.T) *worldOf { return &worldOf{b, t} }

// worldOf is a world whose complaints are a test's.
type worldOf struct {
	*world
	t *testing.T
}

// image is what there is to know of an image.
type image struct {
	ID     string `json:"Id"`
	RootFS struct{ Layers []string }
	Config struct {
		User   string
		Labels map[string]string
	}
}

func (b *worldOf) inspect(name string) (i image) {
	b.t.Helper()
	var all []image
	if err := json.Unmarshal([]byte(b.daemon.Run(b.t, "image", "inspect", name)), &all); err != nil || len(all) != 1 {
		b.t.Fatal(name, err, len(all))
	}
	return all[0]
}

// buildApp builds an app and looks into its image. Where nothing is extended that goes into it, the image must be the same with
// each builder, bit for bit.
func (b *worldOf) buildApp(a app, builder string, same map[string]string) {
	begun := time.Now()
	out, err := b.build(builder, a.name)
	took := time.Since(begun)
	if err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
	if a.static && builder == "reference" {
		a.build, a.run = "", "" // B36
	}
	name := b.registry + "/app/" + builder + "/" + a.name
	b.daemon.Run(b.t, "pull", "-q", name)
	i := b.inspect(name)
	said := strings.Fields(b.daemon.Run(b.t, "run", "--rm", "--network", "none", name))
	want := strings.Fields(strings.Join([]string{"build", a.run, "user 1000", a.base, a.build}, " "))
	if !slices.Equal(said, want) {
		b.t.Errorf("the app says %q, want %q", said, want)
	}
	b.labels(a, i)
	if layers := b.inspect(b.registry + "/base/" + a.base).RootFS.Layers; !slices.Equal(layers, i.RootFS.Layers[:len(layers)]) {
		b.t.Errorf("the image is not on the layers of %s", a.base)
	}
	if uid, _, _ := strings.Cut(i.Config.User, ":"); uid != "1000" {
		b.t.Errorf("the user is %q", i.Config.User)
	}
	if a.run == "" && !a.static {
		if other, there := same[a.name]; there && other != i.ID {
			b.t.Errorf("the image is %s, with another builder it is %s", i.ID, other)
		}
		same[a.name] = i.ID
	}
	b.add(a.name, builder, took, fmt.Sprintf("run image %-5s build image had %-14s image has %-13s user %s, %s, %s", a.base, or(a.build), or(a.run), i.Config.User, strings.Join(append(a.extensions, "app/web"), " "), i.ID[:19]))
}

func or(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// labels checks what the image says of itself: which modules took part, and on which run image it stands.
func (b *worldOf) labels(a app, i image) {
	var build struct {
		Buildpacks, Extensions []struct{ ID string }
	}
	var lifecycle struct {
		RunImage struct{ Image, Reference string }
	}
	for name, into := range map[string]any{"io.buildpacks.build.metadata": &build, "io.buildpacks.lifecycle.metadata": &lifecycle} {
		if err := json.Unmarshal([]byte(i.Config.Labels[name]), into); err != nil {
			b.t.Errorf("label %s: %v", name, err)
		}
	}
	var extensions []string
	for _, e := range build.Extensions {
		extensions = append(extensions, e.ID)
	}
	if len(build.Buildpacks) != 1 || !slices.Equal(extensions, a.extensions) {
		b.t.Errorf("label io.buildpacks.build.metadata: buildpacks %v, extensions %v", build.Buildpacks, build.Extensions)
	}
	if want := b.registry + "/base/" + a.base; lifecycle.RunImage.Image != want || !strings.HasPrefix(lifecycle.RunImage.Reference, want) {
		b.t.Errorf("label io.buildpacks.lifecycle.metadata: run image %+v, want %s", lifecycle.RunImage, want)
	}
	want := "" // an image that nothing extends says nothing
	if a.run != "" {
		want = "false"
	}
	if got := i.Config.Labels["io.buildpacks.rebasable"]; got != want && got != "true" {
		b.t.Errorf("label io.buildpacks.rebasable: %q, want %q", got, want)
	}
}

// fail: pack shows why, and with what the phase exits.
func (b *worldOf) fail(builder string) {
	for _, f := range failing {
		begun := time.Now()
		out, err := b.build(builder, f.name)
		if err == nil {
			b.t.Errorf("%s was built:\n%s", f.name, out)
		}
		b.demand(f.name, out, append(f.said, "failed with status code: "+f.code)...)
		b.add(f.name, builder, time.Since(begun), fmt.Sprintf("%v, the phase %s", err, f.code))
	}
}

func (b *worldOf) demand(what, out string, texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			b.t.Errorf("%s: pack does not say %q:\n%s", what, text, out)
		}
	}
}

// report: a variable of the builder's asks for it, and a volume takes it out. Without the volume it cannot be written.
func (b *worldOf) report() {
	reports := b.dir + "/reports"
	b.check(os.MkdirAll(reports, 0o777))
	b.check(os.Chmod(reports, 0o777))
	b.image("builder/report", "report", "builder="+b.registry+"/builder/overlay")
	for app, code := range map[string]int{"both": 0, "none": 20} {
		out, err := b.build("report", app, "--volume", reports+":/reports:rw")
		if (err == nil) != (code == 0) {
			b.t.Errorf("%s: %v\n%s", app, err, out)
		}
		var report struct{ Outcome struct{ ExitCode int } }
		text, err := os.ReadFile(reports + "/report.json")
		b.check(err)
		if err := json.Unmarshal(text, &report); err != nil || report.Outcome.ExitCode != code {
			b.t.Errorf("%s: %v\n%s", app, err, text)
		}
		b.add(app, "report", 0, fmt.Sprintf("report.json in the volume, %d bytes, exit code %d", len(text), code))
	}
	out, err := b.build("report", "plain")
	if err != nil {
		b.t.Errorf("%v\n%s", err, out)
	}
	b.demand("without the volume", out, "failed to write /reports/report.json")
}

// trusted: for a builder that it trusts pack calls creator, which has a detector of its own and no extensions.
func (b *worldOf) trusted() {
	out, err := b.build("overlay", "plain", "--trust-builder")
	if err != nil || strings.Contains(out, "[detector]") {
		b.t.Errorf("%v\n%s", err, out)
	}
	out, err = b.build("overlay", "build", "--trust-builder")
	if err == nil {
		b.t.Errorf("it was built:\n%s", out)
	}
	const refusal = "detected order contains extensions which is not supported by the creator"
	b.demand("trusted", out, refusal, "failed with status code: 22")
	out, _ = b.build("overlay", "none", "--trust-builder")
	if strings.Contains(out, "======== Why ========") {
		b.t.Errorf("it was our detector:\n%s", out)
	}
	b.add("build", "trusted", 0, refusal)
}

// policy: with extensions, pack only takes images from a registry.
func (b *worldOf) policy() {
	for policy, said := range map[string]string{
		"if-not-present": "pull policy must be 'always' when builder contains image extensions",
		"never":          "pull policy must be 'always' when builder contains image extensions",
	} {
		out, err := b.build("overlay", "plain", "--pull-policy", policy)
		if err == nil {
			b.t.Errorf("%s: it was built:\n%s", policy, out)
		}
		b.demand(policy, out, said)
	}
	// The daemon has this one, but its registry does not answer.
	const lost = "127.0.0.1:1/lost"
	b.daemon.Run(b.t, "tag", b.registry+"/builder/overlay", lost)
	out, err := b.build("overlay", "plain", "--builder", lost)
	if err == nil {
		b.t.Errorf("it was built:\n%s", out)
	}
	b.demand("a builder in the daemon", out, "failed to fetch builder image '"+lost+":latest'")
	b.add("plain", "policy", 0, "pull policy must be 'always'; failed to fetch builder image")
}

// documented runs the commands that docs/operators/pack.md has for operators, with our registry in place of theirs. On the loopback, and
// with a daemon that has no network, they need an option more.
func (b *worldOf) documented() {
	text, err := os.ReadFile("../../docs/operators/pack.md")
	b.check(err)
	blocks := regexp.MustCompile("(?ms)^```sh platforms\n(.*?)^```\n").FindAllStringSubmatch(string(text), -1)
	if len(blocks) == 0 {
		b.t.Fatal("there are none")
	}
	b.must("sh", "-euc", `mkdir shims && cp overlay.toml builder.toml && cp -R apps/both my-app
printf '#!/bin/sh\ncase $1 in build) shift; exec "%s" build --network host "$@" ;; esac\nexec "%s" "$@"\n' "$1" "$1" >shims/pack
printf '#!/bin/sh\ncase $1 in build) shift; exec "%s" build --network none "$@" ;; esac\nexec "%s" "$@"\n' "$2" "$2" >shims/docker
chmod +x shims/*`, "sh", b.pack, b.daemon.Command().Path)
	for _, block := range blocks {
		script := strings.ReplaceAll(block[1], "registry.example", b.registry)
		b.must("sh", "-euc", "PATH=$PWD/shims:$PATH\n"+script)
	}
	b.daemon.Run(b.t, "pull", "-q", b.registry+"/my-app")
	if said := b.daemon.Run(b.t, "run", "--rm", "--network", "none", b.registry+"/my-app"); !strings.Contains(said, "/extended-run") {
		b.t.Errorf("the app says %q", said)
	}
	page, err := os.ReadFile(b.dir + "/reports/report.html")
	if err != nil || !strings.Contains(string(page), "ext/run") {
		b.t.Errorf("%v, the report has %d bytes", err, len(page))
	}
}

// toDaemon: without --publish the image goes to the daemon, whose socket pack has to be told of if it is not the usual one.
func (b *worldOf) toDaemon() {
	out, err := b.call(b.pack, "build", "app", "--path", "apps/both", "--builder", b.registry+"/builder/overlay", "--lifecycle-image", b.registry+"/lifecycle", "--network", "host", "--docker-host", "inherit")
	if err != nil {
		b.t.Fatalf("%v\n%s", err, out)
	}
	said := strings.Fields(b.daemon.Run(b.t, "run", "--rm", "--network", "none", "app"))
	if want := []string{"build", "/extended-run", "user", "1000", "other", "extended-build"}; !slices.Equal(said, want) {
		b.t.Errorf("the app says %q, want %q", said, want)
	}
	b.add("both", "overlay", 0, "in the daemon, without --publish")
}
