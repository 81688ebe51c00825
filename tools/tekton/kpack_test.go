package tekton

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// kpack runs a build as pods of kpack do: containers one after the other, all of them as the builder's user, in its group and
// without any privilege, with volumes of that group. The first writes the application and the variables of the build, the second
// is the analyzer, the third is Prelude's detector, and those that follow read what it left, and replace it.
func kpack(t *testing.T, daemon *docker.Daemon, builder image) {
	dir := t.TempDir()
	pod := kpackPod{t, daemon, builder, dir}
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	for _, volume := range []string{"layers", "platform", "workspace", "bindings"} {
		share(t, filepath.Join(dir, volume), 1002, 0o777)
	}
	check(t, os.WriteFile(filepath.Join(dir, "bindings/type"), []byte("ca-certificates"), 0o644)) // a secret is only read
	prepareAndAnalyze := `mkdir -p /platform/env; printf 18.20.4 > /platform/env/BP_NODE_VERSION
printf 'trust = internal-ca\n' > /workspace/runtime.conf; echo '{"scripts": {"start": "node server.js"}}' > /workspace/package.json
printf '[image]\n  reference = ""\n\n[metadata]\n  [metadata.config]\n    sha = ""\n\n[run-image]\n  reference = "registry.example/prelude/run@sha256:%064d"\n' 0 > /layers/analyzed.toml`
	pod.run("0.9", "/bin/sh", "-euc", prepareAndAnalyze)
	for _, api := range []string{"0.7", "0.8", "0.9"} { // those that kpack speaks; each run replaces what the last one left
		out := pod.run(api, "/cnb/lifecycle/detector", "-app=/workspace", "-group=/layers/group.toml", "-plan=/layers/plan.toml")
		if !strings.Contains(out, "samples/node-engine") || strings.Contains(out, "samples/ca-certificates") || strings.Contains(out, "ERROR") {
			t.Errorf("Platform API %s:\n%s", api, out)
		}
	}
	after := pod.run("0.9", "/bin/sh", "-euc", `cat /layers/group.toml /layers/plan.toml; ls /layers
sed -i s/x/x/ /layers/group.toml /layers/plan.toml; stat -c '%u:%g %n' /layers/group.toml /layers/plan.toml`)
	for _, want := range []string{`version = "18.20.4"`, "\nanalyzed.toml\ngroup.toml\nplan.toml\n1001:1002 /layers/group.toml\n1001:1002 /layers/plan.toml\n"} {
		if !strings.Contains(after, want) || strings.Contains(after, "group-extensions") {
			t.Errorf("no %q in\n%s", want, after)
		}
	}
}

type kpackPod struct {
	*testing.T
	daemon  *docker.Daemon
	builder image
	dir     string
}

// run runs a container of the pod.
func (p kpackPod) run(api string, command ...string) string {
	p.Helper()
	no := false
	user, group := 1001, 1002 // CNB_USER_ID and CNB_GROUP_ID of the builder
	s := security{RunAsNonRoot: true, RunAsUser: &user, RunAsGroup: &group, AllowPrivilegeEscalation: &no}
	s.Capabilities.Drop = []string{"ALL"}
	args := append([]string{"run", "--rm", "--group-add", "1002", "-e", "CNB_PLATFORM_API=" + api, "-w", "/workspace",
		"-v", p.dir + "/layers:/layers", "-v", p.dir + "/platform:/platform", "-v", p.dir + "/workspace:/workspace",
		"-v", p.dir + "/bindings:/platform/bindings/trust:ro"}, p.builder.options...)
	args = append(append(args, restrict(s)...), "--entrypoint", command[0], p.builder.name)
	out, err := p.daemon.Command(append(args, command[1:]...)...).CombinedOutput()
	if err != nil {
		p.Fatalf("Platform API %s, %s: %v\n%s", api, command, err, out)
	}
	return string(out)
}
