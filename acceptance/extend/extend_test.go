// Package extend applies generated Dockerfiles to real images, with tools/extend. It needs root,
// buildah, a static busybox and unshare, but no network: the images to extend are made on the spot. Where it cannot run it
// is skipped and says why; with CI=true in the environment it fails instead.
package extend

import (
	"bytes"
	"debug/elf"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// nobody is the user as whom detector runs; it refuses root.
const nobody = 65534

// TestMain says aloud what is skipped: "go test" without arguments, in this directory, shows it.
func TestMain(m *testing.M) {
	if why := missing(); why != "" {
		fmt.Fprintf(os.Stderr, "SKIPPED: generated Dockerfiles are not applied to images: %s\n", why)
	}
	os.Exit(m.Run())
}

// world is a directory with executables, examples and a container storage of its own.
type world struct {
	t   *testing.T
	dir string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	testhelpers.OnlyLong(t)
	if why := missing(); why != "" {
		testhelpers.Lacking(t, why)
	}
	dir, err := os.MkdirTemp("", "prelude-extend-")
	w := &world{t, dir}
	w.check(err)
	t.Cleanup(w.remove)
	w.check(os.Chmod(dir, 0o755))
	w.write("storage.conf", fmt.Sprintf("[storage]\ndriver = \"overlay\"\ngraphroot = %q\nrunroot = %q\n", dir+"/storage", dir+"/run"))
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/bin/", "./cmd/detector", "./cmd/generator", "./examples/src/entrypoint")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	w.must(build)
	build = exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/bin/", "./extend")
	build.Dir = "../../tools"
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	w.must(build)
	return w
}

// remove removes the directory, and what is mounted there: containers, and the storage itself.
func (w *world) remove() {
	mounts, err := os.ReadFile("/proc/mounts")
	w.check(err)
	for _, line := range slices.Backward(strings.Split(string(mounts), "\n")) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], w.dir+"/") {
			if err := syscall.Unmount(fields[1], 0); err != nil {
				w.t.Errorf("%s: %v", fields[1], err)
			}
		}
	}
	if err := os.RemoveAll(w.dir); err != nil {
		w.t.Error(err)
	}
}

// missing says what there is not; empty if all is there.
func missing() string {
	if os.Geteuid() != 0 {
		return "that needs root"
	}
	for _, need := range [][2]string{{"buildah", "buildah"}, {"busybox", "busybox-static"}, {"unshare", "util-linux"}} {
		if _, err := exec.LookPath(need[0]); err != nil {
			return fmt.Sprintf("%s is not installed (on Debian or Ubuntu: apt-get install %s)", need[0], need[1])
		}
	}
	if !static("busybox") {
		return "the busybox that is installed needs libraries, which the images do not have (on Debian or Ubuntu: apt-get install busybox-static)"
	}
	if out, err := exec.Command("unshare", "-n", "-m", "true").CombinedOutput(); err != nil {
		return fmt.Sprintf("this root may not make namespaces (unshare -n -m true: %v: %s)", err, bytes.TrimSpace(out))
	}
	return ""
}

// static says that an executable needs no interpreter, and so no libraries.
func static(name string) bool {
	path, err := exec.LookPath(name)
	if err != nil {
		return false
	}
	file, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	return !slices.ContainsFunc(file.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP })
}

func (w *world) check(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) write(name, text string) string {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	w.check(os.MkdirAll(filepath.Dir(path), 0o755))
	w.check(os.WriteFile(path, []byte(text), 0o644))
	return path
}

func (w *world) must(command *exec.Cmd) string {
	w.t.Helper()
	out, err := command.CombinedOutput()
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", strings.Join(command.Args, " "), err, out)
	}
	return strings.TrimSpace(string(out))
}

// command is one that sees our storage, and no network.
func (w *world) command(name string, args ...string) *exec.Cmd {
	command := exec.Command("unshare", append([]string{"-n", name}, args...)...)
	command.Dir = w.dir
	command.Env = append(os.Environ(), "CONTAINERS_STORAGE_CONF="+w.dir+"/storage.conf", "BUILDAH_ISOLATION=chroot", "TMPDIR="+w.dir)
	return command
}

func (w *world) buildah(args ...string) string {
	w.t.Helper()
	command := w.command("buildah", args...)
	var errors bytes.Buffer
	command.Stderr = &errors
	out, err := command.Output()
	if err != nil {
		w.t.Fatalf("buildah %s: %v\n%s", strings.Join(args, " "), err, &errors)
	}
	return strings.TrimSpace(string(out))
}

// image makes an image with busybox in it, a note which one it is, and a user.
func (w *world) image(name, user string, options ...string) {
	w.t.Helper()
	dockerfile := "FROM scratch\nCOPY . /\nRUN [\"/bin/busybox\", \"--install\", \"-s\", \"/bin\"]\nENV PATH=/bin:/usr/local/bin\n" +
		"LABEL io.buildpacks.base.distro.name=debian io.buildpacks.base.distro.version=12\nUSER " + user + "\n"
	w.write("base/etc/passwd", "root:x:0:0:root:/root:/bin/sh\ncnb:x:1000:1001:cnb:/home/cnb:/bin/sh\n")
	w.write("base/etc/group", "root:x:0:\ncnb:x:1001:\n") // BuildKit looks for root there
	w.write("base/etc/base", name+"\n")
	w.check(os.MkdirAll(w.dir+"/base/tmp", 0o755))
	w.check(os.Chmod(w.dir+"/base/tmp", 0o1777))
	busybox, err := exec.LookPath("busybox")
	w.check(err)
	w.check(os.MkdirAll(w.dir+"/base/bin", 0o755))
	w.must(exec.Command("cp", "-L", busybox, w.dir+"/base/bin/busybox"))
	w.must(exec.Command("chown", "-R", "0:0", w.dir+"/base"))
	w.buildah(append(append([]string{"bud", "-q", "-t", name, "-f", w.write("base.Dockerfile", dockerfile)}, options...), w.dir+"/base")...)
}

// prelude runs one of the executables as a user without privileges.
func (w *world) prelude(name string, env []string, args ...string) string {
	w.t.Helper()
	w.check(filepath.WalkDir(w.dir, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.IsDir() && filepath.Dir(path) == w.dir && slices.Contains([]string{"storage", "run"}, entry.Name()) {
			return filepath.SkipDir
		}
		return os.Lchown(path, nobody, nobody)
	}))
	command := exec.Command(filepath.Join(w.dir, "bin", name), args...)
	command.Dir = w.dir
	command.Env = append([]string{"PATH=" + os.Getenv("PATH")}, env...)
	testhelpers.Unprivileged(command)
	return w.must(command)
}

// extend is a call of the tool.
func (w *world) extend(kind, layers, name string, options ...string) *exec.Cmd {
	return w.command(w.dir+"/bin/extend", append([]string{"-kind", kind, "-layers", layers, "-app", "examples/app", "-to", name}, options...)...)
}

// result is an image that came out.
type result struct {
	*world
	container, root string // root is where its files are
	user            string
	// labels and env are those of its configuration.
	labels map[string]string
	env    []string
}

func (w *world) result(name string) result {
	w.t.Helper()
	var config struct {
		OCIv1 struct {
			Config struct {
				User   string
				Env    []string
				Labels map[string]string
			} `json:"config"`
		}
	}
	w.check(json.Unmarshal([]byte(w.buildah("inspect", "--type", "image", name)), &config))
	c := config.OCIv1.Config
	container := w.buildah("from", "--pull-never", name)
	return result{w, container, w.buildah("mount", container), c.User, c.Labels, c.Env}
}

func (r result) text(path string) string {
	r.t.Helper()
	text, err := os.ReadFile(filepath.Join(r.root, path))
	r.check(err)
	return string(text)
}

func (r result) has(path string) bool {
	_, err := os.Lstat(filepath.Join(r.root, path))
	return err == nil
}

func (r result) wantText(path, want string) {
	r.t.Helper()
	if got := r.text(path); got != want {
		r.t.Errorf("%s is %q, want %q", path, got, want)
	}
}

func (r result) wantLink(path, want string) {
	r.t.Helper()
	if got, err := os.Readlink(filepath.Join(r.root, path)); err != nil || got != want {
		r.t.Errorf("%s leads to %q (%v), want %q", path, got, err, want)
	}
}

func (r result) wantLabel(name, want string) {
	r.t.Helper()
	if got := r.labels[name]; got != want {
		r.t.Errorf("label %s is %q, want %q", name, got, want)
	}
}

// wantEnv demands variables, in this order: they are set in the order in which Dockerfiles are applied.
func (r result) wantEnv(want ...string) {
	r.t.Helper()
	var got []string
	for _, variable := range r.env {
		if slices.Contains(want, variable) {
			got = append(got, variable)
		}
	}
	if !slices.Equal(got, want) {
		r.t.Errorf("environment %q, want %q in this order", r.env, want)
	}
}

// buildID is the build_id that samples/system-packages was given.
func (r result) buildID() string {
	r.t.Helper()
	first, _, _ := strings.Cut(r.text("etc/system-packages"), "\n")
	id := strings.TrimPrefix(first, "# build ")
	if !regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`).MatchString(id) {
		r.t.Errorf("build_id %q is no UUID", id)
	}
	return id
}

func TestExamples(t *testing.T) {
	w := newWorld(t)
	w.image("registry.example/prelude/build:12", "cnb") // no group: it is that of /etc/passwd
	w.image("registry.example/prelude/run:12", "1000:1001", "--label", "io.buildpacks.rebasable=true")
	w.image("registry.example/prelude/run-graphics:12", "1000:1001", "--label", "io.buildpacks.rebasable=true")
	w.check(testhelpers.CopyTree("../../examples", w.dir+"/examples"))
	bin := w.dir + "/examples/extensions/samples_entrypoint/1.1.0/bin/"
	w.check(os.MkdirAll(bin, 0o755))
	for _, name := range []string{"detect", "generate"} {
		w.check(os.RemoveAll(bin + name))
		w.check(os.Symlink(w.dir+"/bin/entrypoint", bin+name))
	}

	// What an analyzer would have found out: references by digest.
	digest := func(name string) string {
		return "registry.example/prelude/" + name + "@" + w.buildah("inspect", "--type", "image", "--format", "{{.FromImageDigest}}", "registry.example/prelude/"+name+":12")
	}
	analyzed, err := os.ReadFile("../../examples/analyzed.toml")
	w.check(err)
	for _, name := range []string{"build", "run"} {
		tail := regexp.MustCompile(`(?s)(\n\[run-image\].*)`).FindString(string(analyzed))
		changed := regexp.MustCompile(`registry.example/prelude/`+name+`@sha256:[0-9a-f]*`).ReplaceAllString(tail, digest(name))
		analyzed = []byte(strings.Replace(string(analyzed), tail, changed, 1))
	}
	w.write("layers/analyzed.toml", string(analyzed))
	t.Log(w.prelude("detector", []string{"CNB_PLATFORM_API=0.13"}, "-app", "examples/app", "-order", "examples/order.toml",
		"-buildpacks", "examples/buildpacks", "-extensions", "examples/extensions", "-platform", "examples/platform",
		"-build-config", "examples/build-config", "-run", "examples/run.toml", "-layers", "layers"))

	// Each image on its own, and so both at the same time.
	outputs := map[string]*bytes.Buffer{}
	commands := map[string]*exec.Cmd{}
	for _, kind := range []string{"build", "run"} {
		command := w.extend(kind, "layers", "extended/"+kind)
		outputs[kind] = &bytes.Buffer{}
		command.Stdout, command.Stderr = outputs[kind], outputs[kind]
		w.check(command.Start())
		commands[kind] = command
	}
	for kind, command := range commands {
		if err := command.Wait(); err != nil {
			t.Errorf("%s: %v\n%s", kind, err, outputs[kind])
		}
	}
	if t.Failed() {
		return
	}
	t.Logf("%s\n%s", outputs["build"], outputs["run"])
	built, run := w.result("extended/build"), w.result("extended/run")

	t.Run("build image", func(t *testing.T) {
		r := built
		r.world = &world{t, w.dir}
		r.wantText("etc/base", "registry.example/prelude/build:12\n")
		r.wantLink("usr/local/bin/cc", "/usr/bin/gcc-12")
		r.wantText("etc/build-tools/modules", "sharp\n")
		r.wantText("etc/system-packages", "# build "+r.buildID()+"\ncurl bundled\nlibvips-dev listed\ntzdata listed\n")
		r.wantText("etc/curlrc", readExample(w, "extensions/samples_system-packages/1.5.0/bundle/curl/etc/curlrc"))
		wantCertificate(r)
		r.wantEnv("npm_config_jobs=max", "NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/internal-ca.crt")
		if r.user != "cnb:1001" {
			t.Errorf("user %q", r.user)
		}
		for _, path := range []string{"etc/fonts/local.conf", "etc/timezone", "usr/local/bin/entry"} {
			if r.has(path) {
				t.Errorf("%s is there: a Dockerfile for the run image was applied", path)
			}
		}
		lastLine(t, outputs["build"], `extended/build: sha256:[0-9a-f]{64}, user cnb:1001`)
	})
	t.Run("run image", func(t *testing.T) {
		r := run
		r.world = &world{t, w.dir}
		r.wantText("etc/base", "registry.example/prelude/run-graphics:12\n") // the one that an extension switched to
		r.wantText("etc/system-packages", "# build "+r.buildID()+"\ncurl bundled\nfontconfig bundled\nlibvips42 listed\ntzdata listed\n")
		r.wantText("etc/fonts/local.conf", readExample(w, "extensions/samples_system-packages/1.5.0/bundle/fontconfig/etc/fonts/local.conf"))
		r.wantText("etc/timezone", "Europe/Lisbon\n")
		r.wantLink("etc/localtime", "/usr/share/zoneinfo/Europe/Lisbon")
		wantCertificate(r)
		r.wantEnv("NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/internal-ca.crt", "TZ=Europe/Lisbon", "ENTRY_GRACE_SECONDS=10")
		r.wantLabel("example.prelude.system-packages", "curl fontconfig libvips42 tzdata")
		r.wantLabel("io.buildpacks.base.distro.name", "debian") // as in the base
		r.wantLabel("org.opencontainers.image.vendor", "")      // of a Dockerfile that is ignored
		r.wantLabel("io.buildpacks.rebasable", "false")         // two of four say no, though not the last one
		if r.user != "1000:1001" {
			t.Errorf("user %q", r.user)
		}
		if r.has("etc/build-tools") {
			t.Error("a Dockerfile for the build image was applied")
		}
		// It runs, as the user.
		r.buildah("run", r.container, "--", "entry", "sh", "-c", "{ id -u; id -g; echo $TZ; } > /tmp/who")
		r.wantText("tmp/who", "1000\n1001\nEurope/Lisbon\n")
		lastLine(t, outputs["run"], `extended/run: sha256:[0-9a-f]{64}, user 1000:1001, rebasable: false`)
	})
	if built.buildID() == run.buildID() {
		t.Errorf("both builds have the build_id %s", built.buildID())
	}
	engines := w.engines("registry.example/prelude/build:12", "registry.example/prelude/run-graphics:12")
	w.nameByTag("layers/generated.toml")
	for _, kind := range []string{"build", "run"} {
		w.compare(engines, kind, "layers")
	}
}

// nameByTag names images by their tags: an archive, by which they go to Docker, does not keep their digests.
func (w *world) nameByTag(name string) {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	w.check(err)
	w.write(name, regexp.MustCompile(`prelude/(\w+)@sha256:[0-9a-f]{64}"`).ReplaceAllString(string(text), `prelude/$1:12"`))
}

func readExample(w *world, name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, "examples", name))
	w.check(err)
	return string(text)
}

func wantCertificate(r result) {
	r.t.Helper()
	pem := readExample(r.world, "extensions/samples_ca-certificates/1.0.3/generate/context/internal-ca.pem")
	r.wantText("usr/local/share/ca-certificates/internal-ca.crt", pem)
	r.wantText("etc/ssl/certs/ca-certificates.crt", "# internal-ca\n"+pem)
	if r.has("opt/ca-certificates") {
		r.t.Error("opt/ca-certificates is still there")
	}
}

func lastLine(t *testing.T, output *bytes.Buffer, pattern string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(output.String()), "\n")
	if last := lines[len(lines)-1]; !regexp.MustCompile("^" + pattern + "$").MatchString(last) {
		t.Errorf("the last line is %q, want %s", last, pattern)
	}
}

// TestOnDisk goes from OCI layouts on disk to an extended image on disk, with a switch that has instructions, and with
// arguments that quote.
func TestOnDisk(t *testing.T) {
	w := newWorld(t)
	const awkward = "it's \"quoted\" $HOME `id` \\n \\ end\twith two\nlines # and é"
	w.write("examples/app/note", "of the app\n")
	w.write("buildpacks/some_app/1/buildpack.toml", "api = \"0.10\"\n[buildpack]\nid = \"some/app\"\nversion = \"1\"\n[[targets]]\nos = \"linux\"\narch = \"arm64\"\n")
	for i, dockerfile := range []string{
		"FROM registry.example/new:1\nUSER root\nRUN mkdir -p /etc/order && echo switch > /etc/order/0\nLABEL io.buildpacks.rebasable=true\nARG user_id\nARG group_id\nUSER ${user_id}:${group_id}\n",
		"ARG base_image\nFROM ${base_image}\nUSER root\nARG awkward\nARG build_id\nRUN printf %s \"$awkward\" > /etc/order/1; echo $build_id > /etc/order/id\nCOPY note /etc/order/\nLABEL io.buildpacks.rebasable=true\nARG user_id\nARG group_id\nUSER ${user_id}:${group_id}\n",
	} {
		dir := fmt.Sprintf("extensions/some_%d/1/", i)
		w.write(dir+"extension.toml", fmt.Sprintf("api = \"0.10\"\n[extension]\nid = \"some/%d\"\nversion = \"1\"\n", i))
		w.write(dir+"generate/run.Dockerfile", dockerfile)
		w.write(dir+"detect/plan.toml", fmt.Sprintf("[[provides]]\nname = \"%d\"\n", i))
	}
	quoted, err := json.Marshal(awkward)
	w.check(err)
	w.write("extensions/some_1/1/generate/extend-config.toml", fmt.Sprintf("[[run.args]]\nname = \"awkward\"\nvalue = %s\n", quoted))
	w.write("buildpacks/some_app/1/plan", "[[requires]]\nname = \"0\"\n[[requires]]\nname = \"1\"\n")
	w.script("buildpacks/some_app/1/bin/detect", "test \"$CNB_TARGET_ARCH/$CNB_TARGET_DISTRO_NAME\" = arm64/debian && cat \"$CNB_BUILDPACK_DIR/plan\" > \"$2\"\n")
	w.write("order.toml", "[[order]]\ngroup = [{id = \"some/app\", version = \"1\"}]\n[[order-extensions]]\ngroup = [{id = \"some/0\", version = \"1\"}, {id = \"some/1\", version = \"1\"}]\n")

	for name, arch := range map[string]string{"old": "arm64", "new": "amd64"} {
		name = "registry.example/" + name
		w.image(name+":1", "1000:1001")
		w.check(os.MkdirAll(w.dir+"/layouts/"+name, 0o755))
		container := w.buildah("from", "--pull-never", name+":1")
		w.buildah("config", "--arch", arch, container)
		w.buildah("commit", "-q", "--rm", container, "oci:"+w.dir+"/layouts/"+name+"/1")
		w.buildah("rmi", name+":1") // only the layout is left
	}

	// Without a target in analyzed.toml, the buildpack runs only if the layout of the old image is read.
	w.write("layers/analyzed.toml", "[run-image]\nimage = \"registry.example/old:1\"\n")
	layouts := []string{"CNB_PLATFORM_API=0.13", "CNB_USE_LAYOUT=true", "CNB_LAYOUT_DIR=" + w.dir + "/layouts", "CNB_EXPERIMENTAL_MODE=silent"}
	paths := []string{"-app", "examples/app", "-order", "order.toml", "-buildpacks", "buildpacks", "-extensions", "extensions", "-layers", "layers"}
	t.Log(w.prelude("detector", layouts, paths...))
	generated, err := os.ReadFile(w.dir + "/layers/generated.toml")
	w.check(err)
	if want := "image = \"" + w.dir + "/layouts/registry.example/new/1@sha256:"; !strings.Contains(string(generated), want) {
		t.Fatalf("%s is not in\n%s", want, generated)
	}
	rewritten, err := os.ReadFile(w.dir + "/layers/analyzed.toml")
	w.check(err)
	for _, want := range []string{`image = "registry.example/new:1"`, `arch = "amd64"`, `name = "debian"`, `version = "12"`} {
		if !strings.Contains(string(rewritten), want) {
			t.Errorf("%s is not in analyzed.toml:\n%s", want, rewritten)
		}
	}

	t.Log(w.must(w.extend("run", "layers", "extended")))
	r := w.result("extended")
	r.wantText("etc/base", "registry.example/new:1\n")
	r.wantText("etc/order/0", "switch\n")
	r.wantText("etc/order/1", awkward)
	r.wantText("etc/order/note", "of the app\n") // the app directory is the context
	r.wantLabel("io.buildpacks.rebasable", "true")
	if r.user != "1000:1001" {
		t.Errorf("user %q", r.user)
	}

	w.must(w.extend("run", "layers", "again"))
	if first, second := r.text("etc/order/id"), w.result("again").text("etc/order/id"); first == second {
		t.Errorf("two builds had the build_id %s", first)
	}

	// What comes out can lie on disk in its turn: here as the image that is switched to.
	w.check(os.MkdirAll(w.dir+"/layouts/registry.example/extended", 0o755))
	w.buildah("push", "-q", "extended", "oci:"+w.dir+"/layouts/registry.example/extended/1")
	w.write("extensions/some_0/1/generate/run.Dockerfile", "FROM registry.example/extended:1\n")
	w.write("layers/analyzed.toml", "[run-image]\nimage = \"registry.example/old:1\"\n")
	t.Log(w.prelude("detector", layouts, paths...))

	t.Run("a Dockerfile that somebody changed", func(t *testing.T) {
		w := &world{t, w.dir}
		w.write("layers/generated/some_1/run.Dockerfile", "ARG base_image\nFROM ${base_image}\nRUN evil\n")
		w.fails("run", "it was changed after generation")
	})
	t.Run("no image known", func(t *testing.T) {
		w := &world{t, w.dir}
		w.write("layers/generated.toml", "version = 1\n\n[run-image]\n  extend = false\n\n[build-image]\n  extend = false\n")
		w.fails("build", "build-image.reference is missing")
	})
	t.Run("a label that is only inherited", func(t *testing.T) {
		w := &world{t, w.dir}
		w.image("registry.example/rebasable:1", "1000:1001", "--label", "io.buildpacks.rebasable=true")
		path := w.write("layers/generated/silent/run.Dockerfile", "ARG base_image\nFROM ${base_image}\nENV silent=yes\n")
		sum, _, _ := strings.Cut(w.must(exec.Command("sha256sum", path)), " ")
		w.write("layers/generated.toml", "version = 1\n\n[run-image]\n  image = \"registry.example/rebasable:1\"\n  extend = true\n\n"+
			"[[dockerfiles]]\n  kind = \"run\"\n  extension = \"some/silent\"\n  path = \"silent/run.Dockerfile\"\n  digest = \"sha256:"+sum+"\"\n  instructions = 1\n")
		w.must(w.extend("run", "layers", "silent"))
		r := w.result("silent")
		r.wantEnv("silent=yes")
		r.wantLabel("io.buildpacks.rebasable", "false")
	})
	t.Run("root in the end", func(t *testing.T) {
		w := &world{t, w.dir}
		w.image("registry.example/root:1", "root")
		w.write("layers/generated.toml", "version = 1\n\n[run-image]\n  image = \"registry.example/root:1\"\n  extend = false\n")
		w.fails("run", "the run image's user would be root")
	})
}

func (w *world) script(name, text string) {
	w.t.Helper()
	w.check(os.Chmod(w.write(name, "#!/bin/sh\n"+text), 0o755))
}

// fails demands that the script says why it cannot do it, and names no image.
func (w *world) fails(kind, words string) {
	w.t.Helper()
	out, err := w.extend(kind, "layers", "refused").CombinedOutput()
	if err == nil || !strings.Contains(string(out), words) {
		w.t.Errorf("%v, want %q in\n%s", err, words, out)
	}
	if images := w.buildah("images", "--format", "{{.Name}}"); strings.Contains(images, "refused") {
		w.t.Errorf("images are\n%s", images)
	}
}
