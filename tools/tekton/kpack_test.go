package tekton

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/Masterminds/semver/v3"
	kpackbuild "github.com/pivotal/kpack/pkg/apis/build/v1alpha2"
	kpackcore "github.com/pivotal/kpack/pkg/apis/core/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/pod-security-admission/api"
)

// otherPhases are scripts in the place of the phases that Prelude does not have. They do what the detector depends on, and what
// depends on the detector: the analyzer writes analyzed.toml, the others read what it left, and replace it.
var otherPhases = map[string]string{
	"analyzer": `printf '[image]\n  reference = ""\n\n[metadata]\n  [metadata.config]\n    sha = ""\n\n[run-image]\n  reference = "registry.example/prelude/run@sha256:%064d"\n' 0 > /layers/analyzed.toml`,
	"restorer": `ls /layers; stat -c '%u:%g %n' /layers/group.toml /layers/plan.toml`,
	"builder":  `cat /layers/group.toml /layers/plan.toml; sed -i s/x/x/ /layers/group.toml /layers/plan.toml`,
	"exporter": `cat /layers/analyzed.toml >/dev/null`,
}

// otherPrograms are scripts in the place of kpack's own: the first fetches the app, and makes files of the variables.
var otherPrograms = map[string]string{
	"build-init": `mkdir /platform/env
env | sed -n 's/^PLATFORM_ENV_\([^=]*\)=.*/\1/p' | while read -r name; do eval "printf %s \"\$PLATFORM_ENV_$name\"" > "/platform/env/$name"; done
printf 'trust = internal-ca\n' > runtime.conf
echo '{"scripts": {"start": "node server.js"}}' > package.json`,
	"completion": `echo done > /tmp/termination-log`,
}

const kpackBuild = `
apiVersion: kpack.io/v1alpha2
kind: Build
metadata: {name: %s, namespace: builds}
spec:
  tags: [registry.example/prelude/app]
  serviceAccountName: default
  builder: {image: %s}
  runImage: {image: registry.example/prelude/run}
  source: {blob: {url: https://source.example/app.tgz}}
  services: [{kind: Secret, name: trust}]
  env: [{name: BP_NODE_VERSION, value: 18.20.4}]
`

// kpack runs the pods of builds at each Platform API that kpack speaks, with the builder and with one whose order has no extensions.
func (w *world) kpack(t *testing.T) {
	dir := t.TempDir()
	must(t, `mkdir -p "$1/cnb" && sed -n '/^\[\[order\]\]/,$p' ../../examples/order.toml > "$1/cnb/order.toml"
		printf 'FROM %s\nCOPY cnb /cnb\n' "$2" > "$1/Dockerfile"`, dir, w.builder.name)
	plain := "registry.example/prelude/builder:plain"
	w.daemon.Run(t, "build", "-q", "-t", plain, dir)
	tools := t.TempDir()
	busybox(t, filepath.Join(tools, "bin"))
	must(t, `mkdir -p "$1/cnb/process" "$1/tmp" && chmod 1777 "$1/tmp"`, tools)
	for name, script := range otherPrograms {
		check(t, os.WriteFile(filepath.Join(tools, "cnb/process", name), []byte("#!/bin/sh\nset -eu\n"+script), 0o755))
	}
	images := kpackbuild.BuildPodImages{BuildInitImage: "registry.example/kpack/tools:1", CompletionImage: "registry.example/kpack/tools:1"}
	w.buildImage(t, images.BuildInitImage, tools)
	for maximum, spoken := range map[string]string{"0.7": "0.7", "0.8": "0.8", "0.14": "0.9"} {
		for name, builder := range map[string]string{"extensions": w.builder.name, "plain": plain} {
			t.Run(spoken+" "+name, func(t *testing.T) {
				pod := kpackPod(t, builder, images, maximum)
				n := &node{daemon: w.daemon, secrets: map[string]map[string]string{"trust": {"type": "ca-certificates"}}, options: map[string][]string{builder: w.builder.options}}
				run := n.start(t, pod)
				if status := run.wait(); status.Phase != corev1.PodSucceeded {
					t.Fatalf("%+v %v", status, run.said)
				}
				if got := pod.Spec.InitContainers[2].Env; !slices.Equal(got, []corev1.EnvVar{{Name: "CNB_PLATFORM_API", Value: spoken}}) {
					t.Errorf("the detector has %v", got)
				}
				demandKpack(t, run.said)
				demandLevel(t, pod, api.LevelRestricted)
			})
		}
	}
}

// kpackPod is the pod of a build whose builder speaks all that Prelude does, and kpack no Platform API that is newer than the maximum.
func kpackPod(t *testing.T, builder string, images kpackbuild.BuildPodImages, maximum string) *corev1.Pod {
	t.Helper()
	of := &kpackbuild.Build{}
	check(t, admit(t.Context(), fmt.Appendf(nil, kpackBuild, strings.ReplaceAll(t.Name(), "/", "-"), builder), of))
	pod, err := of.BuildPod(images, kpackbuild.BuildContext{
		BuildPodBuilderConfig: kpackbuild.BuildPodBuilderConfig{
			ResolvedImage: builder, Uid: 1001, Gid: 1002, PlatformAPIs: []string{"0.7", "0.8", "0.9", "0.10", "0.11", "0.12", "0.13", "0.14"},
		},
		Bindings:                  []kpackbuild.ServiceBinding{&kpackcore.ServiceBinding{Name: "trust", SecretRef: &corev1.LocalObjectReference{Name: "trust"}}},
		MaximumPlatformApiVersion: semver.MustParse(maximum),
	})
	check(t, err)
	return pod
}

// demandKpack: buildpacks are detected with the variables of the build, extensions play no part, and later phases get what they need.
func demandKpack(t *testing.T, said map[string]string) {
	t.Helper()
	if detect := said["detect"]; !strings.Contains(detect, "samples/node-engine") || strings.Contains(detect, "samples/ca-certificates") || strings.Contains(detect, "ERROR") {
		t.Errorf("%s", detect)
	}
	if got, want := said["restore"], "analyzed.toml\ngroup.toml\nplan.toml\n1001:1002 /layers/group.toml\n1001:1002 /layers/plan.toml\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := said["build"]; !strings.Contains(got, `version = "18.20.4"`) || strings.Contains(got, "group-extensions") {
		t.Errorf("%s", got)
	}
}
