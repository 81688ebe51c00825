package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/testhelpers"
	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// world of a builder: what pack would put together. Its own detector is Prelude's, or one that makes another group of it.
const (
	dockerfile = `FROM scratch
ADD busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
COPY cnb /cnb
COPY etc /etc
RUN mkdir -p /home/cnb /tmp && chmod 1777 /tmp && chown 1000:1001 /home/cnb && mkdir -p /secret && chmod 700 /secret
LABEL io.buildpacks.base.distro.name=busybox io.buildpacks.base.distro.version=1
ENV CNB_USER_ID=1000 CNB_GROUP_ID=1001 OF_IMAGE=yes
LABEL io.buildpacks.builder.metadata='{"buildpacks":[{"id":"app/web","version":"1"},{"id":"app/old","version":"1"},{"id":"app/old","version":"2"}],"extensions":[{"id":"ext/build","version":"1"}],"images":[{"image":"RUNIMAGE"}],"lifecycle":{"apis":{"platform":{"supported":["0.12","0.13"]}}}}'
LABEL io.buildpacks.buildpack.order='[{"group":[{"id":"app/web","version":"1"}]}]'
LABEL io.buildpacks.buildpack.order-extensions='[{"group":[{"id":"ext/build","version":"1"}]}]'
`
	webDetect = `#!/bin/sh
[ -e wants ] || { echo "no file wants"; exit 100; }
echo "version $VERSION, user $(id -u):$(id -g), app writable: $(touch wants2 && echo yes)"
echo "excluded there: $(ls -d excluded 2>/dev/null)"
ip link 2>/dev/null | grep -c '^[0-9]'
printf '[[requires]]\nname = "%s"\n' "$(cat wants)" >"$CNB_BUILD_PLAN_PATH"
`
)

// fixture is a daemon, a registry, a builder in all three places, and an app.
type fixture struct {
	*testing.T
	dir, registry string
	daemon        *docker.Daemon
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	testhelpers.OnlyLong(t)
	b := &fixture{T: t, daemon: docker.Start(t), registry: docker.Registry(t)}
	b.dir = b.daemon.Dir + "/bench"
	module := func(kind, id string, detect string) {
		dir := "image/cnb/" + kind + "s/" + strings.ReplaceAll(id, "/", "_") + "/1/"
		b.write(dir+kind+".toml", fmt.Sprintf("api = \"0.10\"\n[%s]\nid = %q\nversion = \"1\"\n", kind, id))
		b.write(dir+"bin/detect", detect)
	}
	module("buildpack", "app/web", webDetect)
	b.write("image/cnb/buildpacks/app_web/1/bin/build", "#!/bin/sh\n")
	b.write("image/cnb/buildpacks/app_web/1/stale", "")
	module("extension", "ext/build", "#!/bin/sh\nprintf '[[provides]]\\nname = \"build\"\\n' >\"$CNB_BUILD_PLAN_PATH\"\n")
	b.write("image/cnb/extensions/ext_build/1/bin/generate", "#!/bin/sh\nprintf 'ARG base_image\\nFROM ${base_image}\\nRUN true\\n' >\"$CNB_OUTPUT_DIR/build.Dockerfile\"\n")
	b.write("image/cnb/order.toml", "[[order]]\n[[order.group]]\nid = \"app/web\"\nversion = \"1\"\n[[order-extensions]]\n[[order-extensions.group]]\nid = \"ext/build\"\nversion = \"1\"\n")
	b.write("image/etc/passwd", "root:x:0:0::/:/bin/sh\n")
	b.write("app/wants", "build")
	b.write("app/excluded", "")
	b.write("app/project.toml", "[_]\nschema-version = \"0.2\"\n[io.buildpacks]\nexclude = [\"excluded\"]\n[[io.buildpacks.build.env]]\nname = \"VERSION\"\nvalue = \"of the project\"\n")
	check(t, copyFile(filepath.Join(built, "lifecycle/detector"), b.path("image/cnb/lifecycle/detector")))
	b.builder("builder")
	return b
}

func (b *fixture) path(name string) string {
	path := filepath.Join(b.dir, name)
	os.MkdirAll(filepath.Dir(path), 0o755)
	return path
}

func (b *fixture) write(name, text string) {
	b.Helper()
	mode := os.FileMode(0o644)
	if strings.Contains(name, "/bin/") {
		mode = 0o755
	}
	check(b, os.WriteFile(b.path(name), []byte(text), mode))
}

// builder makes the image of a builder, and pushes it; it is the run image, too.
func (b *fixture) builder(name string) {
	b.Helper()
	busybox, err := exec.LookPath("busybox")
	check(b, err)
	check(b, copyFile(busybox, b.path("image/busybox")))
	tag := b.registry + "/" + name
	b.write("image/Dockerfile", strings.ReplaceAll(dockerfile, "RUNIMAGE", b.registry+"/builder"))
	cmd := b.daemon.Command("build", "-q", "--network", "none", "-t", tag, b.dir+"/image")
	cmd.Env = append(cmd.Env, "DOCKER_BUILDKIT=1")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	b.daemon.Run(b, "push", "-q", tag)
}

// try calls try, as root or as somebody else, and returns what it says and its exit code.
func (b *fixture) try(root bool, args ...string) (string, int) {
	b.Helper()
	cmd := b.command(root, args...)
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil {
		b.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (b *fixture) command(root bool, args ...string) *exec.Cmd {
	b.Helper()
	home := b.path("home-user/x")
	if root {
		home = b.path("home-root/x")
	}
	tmp := b.path(filepath.Join(filepath.Base(filepath.Dir(home)), "tmp/x"))
	cmd := exec.Command(filepath.Join(built, "try"), args...)
	cmd.Env = append(b.daemon.Command().Env, "HOME="+filepath.Dir(home), "XDG_CACHE_HOME=", "TMPDIR="+filepath.Dir(tmp))
	if !root {
		testhelpers.Unprivileged(cmd)
		check(b, os.Chmod(b.daemon.Dir, 0o755))
		for _, dir := range []string{filepath.Dir(home), filepath.Dir(tmp)} {
			check(b, os.Chown(dir, 65534, 65534))
		}
		check(b, os.Chmod(b.daemon.Dir+"/docker.sock", 0o666))
	}
	return cmd
}

// left is what is left of try in its directories for temporary files, and of containers.
func (b *fixture) left() string {
	var names []string
	for _, home := range []string{"home-user", "home-root"} {
		found, _ := filepath.Glob(filepath.Join(b.dir, home, "tmp", "*"))
		names = append(names, found...)
	}
	return strings.Join(names, " ") + b.daemon.Run(b, "ps", "-a", "-q")
}

func (b *fixture) demand(out string, texts ...string) {
	b.Helper()
	for _, text := range texts {
		if !strings.Contains(out, text) {
			b.Errorf("it does not say %q:\n%s", text, out)
		}
	}
}

// TestBuilders: each engine runs a builder from each place, as root and not, with the same results.
func TestBuilders(t *testing.T) {
	b := newFixture(t)
	name := b.registry + "/builder"
	saved := b.path("saved.tar")
	b.daemon.Run(t, "save", "-o", saved, name)
	layout := b.path("layout")
	if out, err := exec.Command("skopeo", "copy", "-q", "docker-archive:"+saved, "oci:"+layout).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, engine := range []string{"rootfs", "docker"} {
		for _, builder := range []string{name, "daemon:" + name, "layout:" + layout} {
			for _, root := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s/%s/%t", engine, strings.SplitN(builder, ":", 2)[0], root), func(t *testing.T) {
					b := &fixture{t, b.dir, b.registry, b.daemon}
					out, code := b.try(root, "-engine", engine, "-builder", builder, "-app", b.dir+"/app", "-debug", "-compare")
					if code != 0 {
						t.Errorf("exit code %d", code)
					}
					b.demand(out, "version of the project, user 1000:1001, app writable: yes\nexcluded there: \n", "for linux/", "busybox 1\n", "Platform API: 0.13\n",
						"======== build.Dockerfile of ext/build@1 ========", "extended by ext/build\n", "compare: the builder's own detector agrees")
					if names, err := testhelpers.Names(b.dir + "/app"); err != nil || len(names) != 3 {
						t.Errorf("the app has become %q: %v", names, err)
					}
					if left := b.left(); left != "" {
						t.Errorf("left: %s", left)
					}
				})
			}
		}
	}
	b.ownModules(name)
	b.another(name)
	b.interrupted(name)
	b.mistakes(name)
}

// ownModules: a module of one's own hides the builder's of the same name and version.
func (b *fixture) ownModules(name string) {
	b.write("own/buildpack.toml", "api = \"0.10\"\n[buildpack]\nid = \"app/web\"\nversion = \"1\"\n")
	b.write("own/bin/build", "#!/bin/sh\n")
	b.write("own/bin/detect", "#!/bin/sh\necho mine: $(ls ${0%/bin/detect})\nprintf '[[requires]]\\nname = \"build\"\\n' >\"$CNB_BUILD_PLAN_PATH\"\n")
	for _, engine := range []string{"rootfs", "docker"} {
		out, code := b.try(true, "-engine", engine, "-builder", name, "-debug", "-buildpack", b.dir+"/own", "-extension", "ext/build")
		if code != 0 {
			b.Errorf("%s: exit code %d", engine, code)
		}
		b.demand(out, "mine: bin buildpack.toml\n", "extended by ext/build\n")
		out, code = b.try(true, "-engine", engine, "-image", name, "-debug", b.dir+"/own")
		if code != 20 {
			b.Errorf("%s: exit code %d", engine, code)
		}
		b.demand(out, "mine: bin buildpack.toml\n")
	}
}

// another: a builder whose own detector does something else.
func (b *fixture) another(name string) {
	b.write("image/cnb/lifecycle/detector", "#!/bin/sh\nprintf '[[group]]\\nid = \"app/web\"\\nversion = \"1\"\\napi = \"0.10\"\\n' >/layers/group.toml\n")
	check(b, os.Chmod(b.path("image/cnb/lifecycle/detector"), 0o755))
	b.builder("another")
	out, code := b.try(true, "-engine", "rootfs", "-builder", b.registry+"/another", "-app", b.dir+"/app", "-compare")
	if code != 1 {
		b.Errorf("exit code %d", code)
	}
	b.demand(out, "compare: the builder's own detector differs\n", "+++ our group.toml\n", "+[[group-extensions]]\n", "+++ our generated/ext_build/build.Dockerfile\n")
}

// interrupted: nothing is left of a run that is ended, not even by SIGKILL of processes in namespaces.
func (b *fixture) interrupted(name string) {
	b.write("slow/buildpack.toml", "api = \"0.10\"\n[buildpack]\nid = \"app/slow\"\nversion = \"1\"\n")
	b.write("slow/bin/build", "#!/bin/sh\n")
	b.write("slow/bin/detect", "#!/bin/sh\nexec sleep 98765\n")
	for _, engine := range []string{"rootfs", "docker"} {
		for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGKILL} {
			if engine == "docker" && signal == syscall.SIGKILL {
				continue // the daemon's container does not end with the client
			}
			cmd := b.command(true, "-engine", engine, "-builder", name, "-buildpack", b.dir+"/slow")
			var out bytes.Buffer
			cmd.Stdout, cmd.Stderr, cmd.WaitDelay = io.Discard, &out, time.Second
			check(b, cmd.Start())
			b.until(func() bool { return sleeping() })
			check(b, cmd.Process.Signal(signal))
			cmd.Wait() // it is an error that it was ended
			b.until(func() bool { return !sleeping() })
			if signal == syscall.SIGKILL { // its directory for temporary files stays
				check(b, os.RemoveAll(b.dir+"/home-root/tmp"))
			} else if left := b.left(); left != "" {
				b.Errorf("%s: left: %s", engine, left)
			}
		}
	}
}

// sleeping reports whether the slow module runs.
func sleeping() bool {
	commands, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, path := range commands {
		if text, _ := os.ReadFile(path); bytes.Contains(text, []byte("sleep\x0098765\x00")) {
			return true
		}
	}
	return false
}

func (b *fixture) until(is func() bool) {
	b.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			b.Fatal("it takes too long")
		}
	}
}

func (b *fixture) mistakes(name string) {
	for _, mistake := range []struct{ args, want string }{
		{"-builder " + b.registry + "/nothing", "there is no such image"},
		{"-builder daemon:nothing", "there is no such image"},
		{"-builder layout:" + b.dir + "/nothing", "is no directory"},
		{"-builder " + name + " -buildpack app/other", "app/other is no directory, and the builder has no buildpack of that name"},
		{"-builder " + name + " -buildpack app/old", "several versions of app/old: 1, 2"},
		{"-builder " + name + " -run-image " + b.registry + "/nothing", "there is no such image"},
		{"-builder " + name + " -extension " + b.dir + "/own", "is the buildpack app/web@1, and no extension"},
	} {
		out, code := b.try(true, strings.Fields(mistake.args)...)
		if code != 1 || !strings.Contains(out, mistake.want) {
			b.Errorf("%s: exit code %d:\n%s", mistake.args, code, out)
		}
	}
}
