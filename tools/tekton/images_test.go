package tekton

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// must runs a command of this machine.
func must(t *testing.T, name string, args ...string) string {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.Command(name, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s%s", cmd, err, out, &stderr)
	}
	return string(out)
}

// buildImage builds an image from a directory, without any base, and returns its name.
func buildImage(t *testing.T, daemon *docker.Daemon, name, dir string, instructions ...string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "Dockerfile")
	check(t, os.WriteFile(file, []byte("FROM scratch\nCOPY . /\n"+strings.Join(instructions, "\n")+"\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"), 0o644))
	build := daemon.Command("build", "-q", "-t", name, "-f", file, dir)
	build.Env = append(build.Env, "DOCKER_BUILDKIT=1")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return name
}

// machine makes a directory that is the root of an image in which this machine's programs run when its /usr is mounted, and returns
// the options of docker run that do so. So images need not be downloaded.
func machine(t *testing.T) (dir string, options []string) {
	t.Helper()
	dir = t.TempDir()
	must(t, "sh", "-euc", `
		cd "$1"
		mkdir -p usr etc var/tmp tmp run proc sys dev
		for dir in bin sbin lib lib32 lib64 libx32; do [ ! -L "/$dir" ] || cp -P "/$dir" "$dir"; done
		chmod 1777 tmp var/tmp`, "sh", dir)
	if _, err := os.Lstat(filepath.Join(dir, "bin")); err != nil {
		docker.Lacking(t, "this machine's programs are not all in /usr")
	}
	options = []string{"-v", "/usr:/usr:ro"}
	if _, err := os.Stat("/etc/alternatives"); err == nil {
		options = append(options, "-v", "/etc/alternatives:/etc/alternatives:ro")
	}
	return dir, options
}

// image is an image, and what docker run needs to run it.
type image struct {
	name    string
	options []string
}

// builderImage makes the builder of the examples, with a user of its own: 1001, in the group 1002.
func builderImage(t *testing.T, daemon *docker.Daemon) image {
	t.Helper()
	dir, options := machine(t)
	must(t, "sh", "-euc", `
		cd ../..
		CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$1/cnb/lifecycle/" ./cmd/detector ./cmd/generator ./examples/src/entrypoint
		cp -r examples/buildpacks examples/extensions examples/build-config examples/order.toml examples/run.toml "$1/cnb"
		bin=$1/cnb/extensions/samples_entrypoint/1.1.0/bin
		mkdir -p "$bin"
		cp "$1/cnb/lifecycle/entrypoint" "$bin/detect"
		mv "$1/cnb/lifecycle/entrypoint" "$bin/generate"
		printf 'ID=debian\nVERSION_ID="12"\n' > "$1/etc/os-release"
		chmod -R u=rwX,go=rX "$1/cnb" "$1/etc"`, "sh", dir)
	return image{buildImage(t, daemon, "registry.example/prelude/builder:1", dir, "USER 1001:1002", "ENV CNB_USER_ID=1001 CNB_GROUP_ID=1002"), options}
}

// baseImage makes an image to extend: it has the programs of busybox.
func baseImage(t *testing.T, daemon *docker.Daemon, name string) {
	t.Helper()
	dir := t.TempDir()
	must(t, "sh", "-euc", `
		cd "$1"
		mkdir -p bin etc tmp usr/bin
		chmod 1777 tmp
		cp -L "$(command -v busybox)" bin/busybox
		for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "bin/$applet"; done
		printf 'root:x:0:0:root:/root:/bin/sh\ncnb:x:1001:1002:cnb:/home/cnb:/bin/sh\n' > etc/passwd`, "sh", dir)
	buildImage(t, daemon, name, dir, "USER 1001:1002")
	daemon.Run(t, "push", "-q", name)
}

// buildahImage makes an image of buildah, set up as those of buildah are, with extend in it. registry.example stands for the
// registry, and is not said to be insecure. It has this machine's network, for that is where the registry is.
func buildahImage(t *testing.T, daemon *docker.Daemon, host string) image {
	t.Helper()
	dir, options := machine(t)
	must(t, "sh", "-euc", `
		CGO_ENABLED=0 go build -trimpath -buildvcs=false -o "$1/opt/prelude/" ../extend
		cd "$1"
		mkdir -p etc/containers var/lib/containers
		echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd
		echo 'root:x:0:' > etc/group
		echo '{"default": [{"type": "insecureAcceptAnything"}]}' > etc/containers/policy.json
		printf '[[registry]]\nprefix = "registry.example"\nlocation = "%s"\n' "$2" > etc/containers/registries.conf`, "sh", dir, host)
	return image{buildImage(t, daemon, "registry.example/buildah:1", dir), append(options, "--network", "host", "-e", "PATH=/opt/prelude:/usr/sbin:/usr/bin:/sbin:/bin")}
}

// workspaces makes the directories of a pipeline's volume, as fsGroup does: the source, cloned by another user of the group, and layers.
func workspaces(t *testing.T, app map[string]string) map[string]string {
	t.Helper()
	group, dir := groupOf(t, podTemplateOf(t, "")), t.TempDir()
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	source := filepath.Join(dir, "source")
	share(t, source, group, 0o775)
	share(t, filepath.Join(dir, "layers"), group, 0o775)
	if app == nil {
		must(t, "sh", "-euc", `mkdir "$1/services" && cp -r ../../examples/app "$1/services/thumbnails"`, "sh", source)
	}
	for name, text := range app {
		check(t, os.WriteFile(filepath.Join(source, name), []byte(text), 0o644))
	}
	must(t, "sh", "-euc", `chown -R "4711:$2" "$1" && chmod -R u=rwX,g=rwX,o= "$1"`, "sh", source, strconv.Itoa(group))
	return map[string]string{"source": source, "layers": filepath.Join(dir, "layers")}
}
