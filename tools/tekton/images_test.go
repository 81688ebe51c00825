package tekton

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// must runs a script of sh on this machine, with arguments.
func must(t *testing.T, script string, args ...string) {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-euc", script, "sh"}, args...)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, bytes.TrimSpace(out))
	}
}

// image is an image, and what docker run needs to run it.
type image struct {
	name    string
	options []string
}

// buildImage builds an image from a directory, without any base, and pushes it if it is for the registry.
func (w *world) buildImage(t *testing.T, name, dir string, instructions ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Dockerfile")
	check(t, os.WriteFile(file, []byte("FROM scratch\nCOPY . /\n"+strings.Join(instructions, "\n")+"\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"), 0o644))
	build := w.daemon.Command("build", "-q", "-t", name, "-f", file, dir)
	build.Env = append(build.Env, "DOCKER_BUILDKIT=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	if strings.HasPrefix(name, w.registry+"/") {
		w.daemon.Run(t, "push", "-q", name)
	}
}

// machine makes a directory that is the root of an image in which this machine's programs run when its /usr is mounted, and returns
// the options of docker run that do so. So images need not be downloaded.
func machine(t *testing.T) (dir string, options []string) {
	t.Helper()
	dir = t.TempDir()
	must(t, `cd "$1"
		mkdir -p usr etc var/tmp tmp run proc sys dev
		for dir in bin sbin lib lib32 lib64 libx32; do [ ! -L "/$dir" ] || cp -P "/$dir" "$dir"; done
		chmod 1777 tmp var/tmp`, dir)
	if _, err := os.Lstat(filepath.Join(dir, "bin")); err != nil {
		testhelpers.Lacking(t, "this machine's programs are not all in /usr")
	}
	options = []string{"-v", "/usr:/usr:ro"}
	if _, err := os.Stat("/etc/alternatives"); err == nil {
		options = append(options, "-v", "/etc/alternatives:/etc/alternatives:ro")
	}
	return dir, options
}

// busybox puts the programs of busybox into a directory of an image.
func busybox(t *testing.T, dir string) {
	t.Helper()
	must(t, `mkdir -p "$1"
		cp -L "$(command -v busybox)" "$1/busybox"
		for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "$1/$applet"; done`, dir)
}

func (w *world) makeImages(t *testing.T) {
	t.Helper()
	w.builder, w.buildah = image{name: w.registry + "/prelude/builder:1"}, image{name: "registry.example/buildah:1"}
	w.makeBuilder(t)
	w.makeBuildah(t)
	base := t.TempDir()
	busybox(t, filepath.Join(base, "bin"))
	must(t, `cd "$1"
		mkdir -p etc tmp usr/bin
		chmod 1777 tmp
		printf 'root:x:0:0:root:/root:/bin/sh\ncnb:x:1001:1002:cnb:/home/cnb:/bin/sh\n' > etc/passwd`, base)
	w.buildImage(t, w.registry+"/prelude/run:12", base, "USER 1001:1002")
	w.buildImage(t, toolImages.ShellImage, base, "USER 65532:65532")
	entrypoint := t.TempDir()
	must(t, `CGO_ENABLED=0 go build -o "$1/ko-app/entrypoint" github.com/tektoncd/pipeline/cmd/entrypoint`, entrypoint)
	w.buildImage(t, toolImages.EntrypointImage, entrypoint, "USER 65532:65532")
}

// makeBuilder makes the builder of the examples, with a user of its own: 1001, in the group 1002. Other phases are scripts.
func (w *world) makeBuilder(t *testing.T) {
	t.Helper()
	dir, options := machine(t)
	w.builder.options = options
	busybox(t, filepath.Join(dir, "usr/bin")) // for extensions; a node mounts this machine's programs there
	must(t, `cd ../..
		CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$1/cnb/lifecycle/" ./cmd/detector ./cmd/generator ./examples/src/entrypoint
		cp -r examples/buildpacks examples/extensions examples/build-config examples/order.toml examples/run.toml "$1/cnb"
		bin=$1/cnb/extensions/samples_entrypoint/1.1.0/bin
		mkdir -p "$bin"
		cp "$1/cnb/lifecycle/entrypoint" "$bin/detect"
		mv "$1/cnb/lifecycle/entrypoint" "$bin/generate"
		echo 'root:x:0:0:root:/root:/bin/sh' > "$1/etc/passwd"
		printf 'ID=debian\nVERSION_ID="12"\n' > "$1/etc/os-release"`, dir)
	for name, script := range otherPhases {
		check(t, os.WriteFile(filepath.Join(dir, "cnb/lifecycle", name), []byte("#!/bin/sh\nset -eu\n"+script), 0o755))
	}
	must(t, `chmod -R u=rwX,go=rX "$1/cnb" "$1/etc"`, dir)
	w.buildImage(t, w.builder.name, dir, "USER 1001:1002", "ENV CNB_USER_ID=1001 CNB_GROUP_ID=1002")
}

// makeBuildah makes an image of buildah, set up as those of buildah are, with extend in it. It has this machine's network, where the
// registry is.
func (w *world) makeBuildah(t *testing.T) {
	t.Helper()
	dir, options := machine(t)
	w.buildah.options = append(options, "--network", "host", "-e", "PATH=/opt/prelude:/usr/sbin:/usr/bin:/sbin:/bin")
	must(t, `(cd .. && CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$1/opt/prelude/" ./extend)
		cd "$1"
		mkdir -p etc/containers var/lib/containers
		echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
		echo 'root:x:0:' > etc/group
		echo '{"default": [{"type": "insecureAcceptAnything"}]}' > etc/containers/policy.json`, dir)
	w.buildImage(t, w.buildah.name, dir)
}

// makeSource makes a directory as a Task that clones leaves it, with another user: the files of an app or, if there are none, the
// app of the examples in a subdirectory.
func makeSource(t *testing.T, dir string, app map[string]string) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	if app == nil {
		must(t, `mkdir "$1/services" && cp -r ../../examples/app "$1/services/thumbnails"`, dir)
	}
	for name, text := range app {
		check(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	must(t, `chown -R 4711:4711 "$1" && chmod -R u=rwX,go=rX "$1"`, dir)
}
