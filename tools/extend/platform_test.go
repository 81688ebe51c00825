package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// TestPlatformExtended goes all the way: Prelude's detector, extend, and then the builder and the exporter of another lifecycle,
// which is only run. The app that comes out runs on the extended image. `make platforms` calls it.
func TestPlatformExtended(t *testing.T) {
	lifecycle := os.Getenv("LIFECYCLE")
	if lifecycle == "" {
		t.Skip("SKIPPED: no app is exported without LIFECYCLE=<the archive of a lifecycle, .tgz>")
	}
	d, registry := docker.Start(t), docker.Registry(t)
	dir := d.Dir + "/platform"
	sh := func(script string, args ...string) string {
		t.Helper()
		cmd := exec.Command("sh", append([]string{"-euc", script, "sh"}, args...)...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "DOCKER_HOST="+d.Host, "DOCKER_BUILDKIT=1", "REGISTRY="+registry)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", script, err, out)
		}
		return string(out)
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	here, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	docker := d.Command().Path

	// The images: one to run apps on, and a builder on top of it.
	sh(`mkdir -p run/bin run/etc run/tmp cnb/lifecycle cnb/buildpacks/some_app/1/bin cnb/extensions/some_ext/1/generate app layers tmp
		chmod 1777 run/tmp tmp
		cp "$(command -v busybox)" run/bin/busybox
		for applet in sh cat cp mkdir; do ln -s busybox "run/bin/$applet"; done
		echo root:x:0:0::/:/bin/sh > run/etc/passwd; echo root:x:0: > run/etc/group
		printf 'FROM scratch\nCOPY . /\nENV PATH=/bin\nLABEL io.buildpacks.rebasable=true\nUSER 1000:1000\n' > run.Dockerfile
		"$1" build -q -t "$REGISTRY/run:1" -f run.Dockerfile run && "$1" push -q "$REGISTRY/run:1"

		tar xzf "$2" -C cnb lifecycle
		(cd "$3/../.." && go build -trimpath -buildvcs=false -o "$4/detector" ./cmd/detector)
		rm cnb/lifecycle/detector; mv detector cnb/lifecycle/
		printf 'api = "0.10"\n[buildpack]\nid = "some/app"\nversion = "1"\n' > cnb/buildpacks/some_app/1/buildpack.toml
		printf '#!/bin/sh\n' > cnb/buildpacks/some_app/1/bin/detect
		printf '#!/bin/sh\nprintf "[[processes]]\\ntype = \\"web\\"\\ncommand = [\\"/bin/cat\\", \\"/etc/extended\\"]\\ndefault = true\\n" > "$CNB_LAYERS_DIR/launch.toml"\n' > cnb/buildpacks/some_app/1/bin/build
		chmod +x cnb/buildpacks/some_app/1/bin/*
		printf 'api = "0.10"\n[extension]\nid = "some/ext"\nversion = "1"\n' > cnb/extensions/some_ext/1/extension.toml
		printf 'ARG base_image\nFROM ${base_image}\nUSER root\nCOPY note /etc/extended\nARG user_id\nARG group_id\nUSER ${user_id}:${group_id}\nLABEL io.buildpacks.rebasable=true\n' > cnb/extensions/some_ext/1/generate/run.Dockerfile
		printf '[[order]]\ngroup = [{id = "some/app", version = "1"}]\n[[order-extensions]]\ngroup = [{id = "some/ext", version = "1"}]\n' > cnb/order.toml
		printf '[[images]]\nimage = "%s/run:1"\n' "$REGISTRY" > cnb/run.toml
		echo "an extended image" > app/note
		printf 'FROM %s/run:1\nCOPY . /cnb\nENV CNB_USER_ID=1000 CNB_GROUP_ID=1000 CNB_PLATFORM_API=0.13 CNB_INSECURE_REGISTRIES=%s\n' "$REGISTRY" "$REGISTRY" > build.Dockerfile
		"$1" build -q -t builder -f build.Dockerfile cnb
		chown -R 1000:1000 app layers`, docker, lifecycle, here, dir)
	phase := func(user, name string, args ...string) string {
		t.Helper()
		return d.Run(t, append([]string{"run", "--rm", "--network", "host", "--user", user, "-v", dir + "/app:/workspace", "-v", dir + "/layers:/layers",
			"-v", dir + "/tmp:/tmp", "--entrypoint", "/cnb/lifecycle/" + name, "builder"}, args...)...)
	}
	phase("0", "analyzer", "-run-image", registry+"/run:1", registry+"/app:1")
	phase("1000:1000", "detector")
	before, err := os.ReadFile(dir + "/layers/analyzed.toml")
	if err != nil || !strings.Contains(string(before), "extend = true") {
		t.Fatalf("nothing is to be extended: %v\n%s", err, before)
	}

	// What the Task of Tekton does, here with BuildKit.
	t.Setenv("DOCKER_HOST", d.Host)
	t.Setenv("DOCKER_CONFIG", d.Dir+"/config")
	t.Setenv("PATH", filepath.Dir(docker)+":"+os.Getenv("PATH"))
	o, err := parseOptions([]string{"-kind", "run", "-layers", dir + "/layers", "-app", dir + "/app", "-to", registry + "/app-run:1", "-push", "-engine", "buildkit"}, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	if err := run(t.Context(), o, &said); err != nil {
		t.Fatalf("%v\n%s", err, &said)
	}
	after, err := os.ReadFile(dir + "/layers/analyzed.toml")
	if err != nil || strings.Contains(string(after), "extend = true") || !strings.Contains(string(after), registry+"/app-run@sha256:") {
		t.Fatalf("analyzed.toml does not name the extended image: %v\n%s", err, after)
	}

	phase("1000:1000", "builder")
	phase("0", "exporter", registry+"/app:1")
	d.Run(t, "pull", "-q", registry+"/app:1")
	if got := d.Run(t, "run", "--rm", "--network", "none", registry+"/app:1"); got != "an extended image" {
		t.Errorf("the app says %q", got)
	}
	labels := map[string]string{}
	if err := json.Unmarshal([]byte(d.Run(t, "image", "inspect", "-f", "{{json .Config.Labels}}", registry+"/app:1")), &labels); err != nil {
		t.Fatal(err)
	}
	if labels[rebasable] != "true" || !strings.Contains(labels["io.buildpacks.lifecycle.metadata"], registry+"/app-run@sha256:") {
		t.Errorf("labels %v", labels)
	}

	// A rebase onto the image that was not extended would take the file away.
	phase("0", "rebaser", registry+"/app:1")
	d.Run(t, "pull", "-q", registry+"/app:1")
	if got := d.Run(t, "run", "--rm", "--network", "none", registry+"/app:1"); got != "an extended image" {
		t.Errorf("rebased, the app says %q", got)
	}
}
