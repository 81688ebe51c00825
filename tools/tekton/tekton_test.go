// Package tekton checks the files of deploy/tekton, and runs their Tasks as pods would: every step's own command line in a
// container of its image, with its parameters filled in, as its user, with its capabilities and its volumes. So they cannot drift
// from the executables. Builds of kpack run in the same way.
package tekton

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cnb-prelude/prelude/testhelpers/docker"
	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// TestPods starts one Docker daemon for all pods.
func TestPods(t *testing.T) {
	docker.Need(t)
	daemon := docker.Start(t)
	builder := builderImage(t, daemon)
	t.Run("prelude", func(t *testing.T) { prelude(t, daemon, builder) })
	t.Run("wrong parameters", func(t *testing.T) { wrongParameters(t, daemon, builder) })
	t.Run("extend", func(t *testing.T) { extend(t, daemon, builder) })
	t.Run("kpack", func(t *testing.T) { kpack(t, daemon, builder) })
}

// detected runs the Task prelude.
func detected(t *testing.T, daemon *docker.Daemon, builder image, spaces map[string]string) (*pod, string) {
	t.Helper()
	p := start(t, daemon, builder, "prelude.yaml", spaces, map[string]string{
		"CNB_BUILDER_IMAGE": builder.name, "CNB_RUN_IMAGE": "registry.example/prelude/run:12", "SOURCE_SUBPATH": "services/thumbnails",
	}, map[string][]string{"CNB_ENV_VARS": {"BP_NODE_VERSION=18.20.4", "BP_TIME_ZONE=Europe/Berlin", "ODD= spaces = and $(dollars) 'kept'"}})
	return p, p.all()
}

func prelude(t *testing.T, daemon *docker.Daemon, builder image) {
	spaces := workspaces(t)
	p, said := detected(t, daemon, builder, spaces)
	if !strings.Contains(said, "samples/node-engine") || strings.Contains(said, "ERROR") || strings.Contains(said, "os-release") {
		t.Errorf("%s", said)
	}
	for _, file := range []string{"group.toml", "plan.toml", "generated.toml", "analyzed.toml", "generated/samples_time-zone/run.Dockerfile"} {
		if _, err := os.Stat(filepath.Join(spaces["layers"], file)); err != nil {
			t.Error(err)
		}
	}
	zone, err := os.ReadFile(filepath.Join(spaces["layers"], "generated/samples_time-zone/run.Dockerfile"))
	if err != nil || !strings.Contains(string(zone), "Europe/Berlin") {
		t.Errorf("CNB_ENV_VARS did not reach an extension: %v\n%s", err, zone)
	}
	if odd, err := os.ReadFile(filepath.Join(p.work, "platform/env/ODD")); err != nil || string(odd) != " spaces = and $(dollars) 'kept'" {
		t.Errorf("%q %v", odd, err)
	}
	for result, want := range map[string]string{"RUN_IMAGE": "registry.example/prelude/run-graphics:12", "EXTEND_BUILD": "true", "EXTEND_RUN": "true"} {
		if got := p.result(result); got != want {
			t.Errorf("%s is %q, want %q", result, got, want)
		}
	}
	// A step cannot do more than it says: as these, its commands write nowhere but in its volumes, and are not root.
	out, err := p.run(step{Name: "curious", Script: "#!/bin/sh\nid -u; id -G; grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status; touch /etc/x /usr/x /x 2>&1 | grep -c .\n"})
	if want := regexp.MustCompile(`^1001\n1002 1000\nCapBnd:\t0+\nNoNewPrivs:\t1\n3\n$`); err != nil || !want.MatchString(out) {
		t.Errorf("%v %q", err, out)
	}
}

// wrongParameters are refused by the step that reads them: none becomes a path or a key.
func wrongParameters(t *testing.T, daemon *docker.Daemon, builder image) {
	spaces := workspaces(t)
	p := start(t, daemon, builder, "prelude.yaml", spaces, map[string]string{"CNB_BUILDER_IMAGE": builder.name}, nil)
	for _, wrong := range []string{"novalue", "=x", "../up=1", ".hidden=1"} {
		p.lists["params.CNB_ENV_VARS"] = []string{wrong}
		if out, err := p.run(p.task.Spec.Steps[0]); err == nil || !strings.Contains(out, "is not NAME=value") {
			t.Errorf("CNB_ENV_VARS %q: %v %q", wrong, err, out)
		}
	}
	p.lists["params.CNB_ENV_VARS"] = nil
	p.values["params.CNB_RUN_IMAGE"] = "run:1\"\n[x]\ny = \"z"
	if out, err := p.run(p.task.Spec.Steps[0]); err == nil || !strings.Contains(out, "is not the name of an image") {
		t.Errorf("%v %q", err, out)
	}
	if _, err := os.Stat(filepath.Join(spaces["layers"], "analyzed.toml")); err == nil {
		t.Error("analyzed.toml was written")
	}
}

// extend runs both Tasks in a row, against a registry, and looks at what is pushed.
func extend(t *testing.T, daemon *docker.Daemon, builder image) {
	release.Need(t, "buildah")
	release.Need(t, "busybox")
	host := docker.Registry(t)
	for base, user := range map[string]string{"builder:1": "cnb", "run:12": "1001:1002", "run-graphics:12": "1001:1002"} {
		baseImage(t, daemon, host+"/prelude/"+base, user)
	}
	buildah := buildahImage(t, daemon, host)
	spaces := workspaces(t)
	detected(t, daemon, builder, spaces)
	for kind, user := range map[string]string{"build": "cnb:1002", "run": "1001:1002"} {
		p := start(t, daemon, buildah, "prelude-extend.yaml", spaces, map[string]string{
			"APP_IMAGE": host + "/prelude/app", "KIND": kind, "SOURCE_SUBPATH": "services/thumbnails", "BUILDAH_IMAGE": buildah.name, "TLS_VERIFY": "false",
		}, nil)
		said := p.all()
		extended := p.result("EXTENDED_IMAGE")
		if !strings.HasPrefix(extended, host+"/prelude/app-extended-"+kind+"@sha256:") {
			t.Fatalf("EXTENDED_IMAGE is %q\n%s", extended, said)
		}
		ref, err := name.ParseReference(extended)
		check(t, err)
		pushed, err := remote.Image(ref)
		check(t, err)
		config, err := pushed.ConfigFile()
		check(t, err)
		if config.Config.User != user || len(config.RootFS.DiffIDs) < 2 {
			t.Errorf("%s: %+v", kind, config)
		}
		if kind == "run" { // exporter finds it there
			analyzed, err := os.ReadFile(filepath.Join(spaces["layers"], "analyzed.toml"))
			if err != nil || !strings.Contains(string(analyzed), "reference = \""+extended+"\"") || strings.Contains(string(analyzed), "registry.example/prelude/run-graphics") {
				t.Errorf("%v\n%s", err, analyzed)
			}
		}
	}
}

// kpack runs the detect container of a build's pod: the builder's user and group, which is the pod's group too, all volumes writable
// for it, HOME a volume, the order and everything else at its default place, and the variables of the build as files.
func kpack(t *testing.T, daemon *docker.Daemon, builder image) {
	dir := t.TempDir()
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	must(t, "sh", "-euc", `
		mkdir -p "$1/platform/env" "$1/layers" "$1/home"
		mkdir "$1/workspace"
		echo 'web: serve' > "$1/workspace/Procfile"
		printf 18.20.4 > "$1/platform/env/BP_NODE_VERSION"
		printf '[run-image]\nreference = "registry.example/prelude/run:12"\n' > "$1/layers/analyzed.toml"
		chown -R 0:1002 "$1"/* && chmod -R g+rwX "$1"/* && find "$1"/* -type d -exec chmod g+s {} +`, "sh", dir)
	for _, api := range []string{"0.7", "0.9"} {
		args := append([]string{"run", "--rm", "--user", "1001:1002", "--group-add", "1002", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
			"-e", "CNB_PLATFORM_API=" + api, "-e", "HOME=/builder/home", "-w", "/workspace", "-v", dir + "/workspace:/workspace",
			"-v", dir + "/layers:/layers", "-v", dir + "/platform:/platform:ro", "-v", dir + "/home:/builder/home"}, builder.options...)
		args = append(args, "--entrypoint", "/cnb/lifecycle/detector", builder.name, "-app=/workspace", "-group=/layers/group.toml", "-plan=/layers/plan.toml")
		out, err := daemon.Command(args...).CombinedOutput()
		if err != nil || !strings.Contains(string(out), "samples/procfile 1.0.0\n") || !strings.Contains(string(out), "Warning: ") {
			t.Errorf("Platform API %s: %v\n%s", api, err, out)
		}
		group, err := os.ReadFile(dir + "/layers/group.toml")
		if err != nil || !strings.Contains(string(group), "samples/procfile") || strings.Contains(string(group), "group-extensions") {
			t.Errorf("Platform API %s: %v\n%s", api, err, group)
		}
		for _, file := range []string{"group.toml", "plan.toml"} { // the containers after this one read and replace them
			if out, err := exec.Command("stat", "-c", "%u:%g", filepath.Join(dir, "layers", file)).Output(); string(out) != "1001:1002\n" {
				t.Errorf("%s belongs to %s %v", file, out, err)
			}
			check(t, os.Remove(filepath.Join(dir, "layers", file)))
		}
	}
}
