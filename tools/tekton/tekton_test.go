// Package tekton checks the files of deploy/tekton, and runs their Tasks as pods would: every step's own command line in a
// container of its image, with its parameters filled in, as its user, with its capabilities and its volumes. So they cannot drift
// from the executables. Builds of kpack run in the same way.
package tekton

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/testhelpers"
	"github.com/cnb-prelude/prelude/testhelpers/docker"
	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// TestPods starts one Docker daemon for all pods.
func TestPods(t *testing.T) {
	testhelpers.OnlyLong(t)
	docker.Need(t)
	daemon := docker.Start(t)
	builder := builderImage(t, daemon)
	t.Run("side by side", func(t *testing.T) {
		for name, test := range map[string]func(*testing.T, *docker.Daemon, image){
			"prelude": prelude, "no extensions": noExtensions, "wrong parameters": wrongParameters, "named user": namedUser, "extend": extend, "kpack": kpack,
		} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				test(t, daemon, builder)
			})
		}
	})
}

// detection is a run of the Task prelude.
func detection(builder image, spaces map[string]string) run {
	return run{file: "prelude.yaml", image: builder, workspaces: spaces, values: map[string]string{
		"CNB_BUILDER_IMAGE": builder.name, "CNB_RUN_IMAGE": "registry.example/prelude/run:12",
	}}
}

func prelude(t *testing.T, daemon *docker.Daemon, builder image) {
	spaces := workspaces(t, nil)
	r := detection(builder, spaces)
	r.values["SOURCE_SUBPATH"] = "services/thumbnails"
	r.lists = map[string][]string{"CNB_ENV_VARS": {"BP_NODE_VERSION=18.20.4", "BP_TIME_ZONE=Europe/Berlin", "ODD= spaces = and $(dollars) 'kept'"}}
	p := start(t, daemon, r)
	said := p.all()
	if !strings.Contains(said, "samples/node-engine") || strings.Contains(said, "ERROR") || strings.Contains(said, "os-release") {
		t.Errorf("%s", said)
	}
	for _, file := range []string{"group.toml", "plan.toml", "generated.toml"} {
		if _, err := os.Stat(filepath.Join(spaces["layers"], file)); err != nil {
			t.Error(err)
		}
	}
	zone, err := os.ReadFile(filepath.Join(spaces["layers"], "generated/samples_time-zone/run.Dockerfile"))
	if err != nil || !strings.Contains(string(zone), "Europe/Berlin") {
		t.Errorf("CNB_ENV_VARS did not reach an extension: %v\n%s", err, zone)
	}
	if odd, err := os.ReadFile(filepath.Join(p.volume("platform"), "env/ODD")); err != nil || string(odd) != " spaces = and $(dollars) 'kept'" {
		t.Errorf("%q %v", odd, err)
	}
	p.demandResults(map[string]string{"RUN_IMAGE": "registry.example/prelude/run-graphics:12", "EXTEND_BUILD": "true", "EXTEND_RUN": "true"})
	// A step cannot do more than it says: it writes nowhere but in its volumes, has no privileges, and is not root.
	curious := p.task.Spec.Steps[1]
	curious.Name, curious.Script = "curious", `id -u; id -G; grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status; grep Seccomp: /proc/self/status
touch "$HOME/x"; echo "$HOME"; sed -n 's|^[^ ]* / [^ ]* \(r[ow]\),.*|\1|p' /proc/self/mounts
`
	p.place(curious)
	out, err := p.run(curious)
	if want := "1001\n1002 1000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n/tekton/home\nro\n"; err != nil || out != want {
		t.Errorf("%v %q, want %q", err, out, want)
	}
}

func (p *pod) demandResults(want map[string]string) {
	p.Helper()
	for name, value := range want {
		if got := p.result(name); got != value {
			p.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// noExtensions: where no extension takes part, the results say so, and the target is that of the builder.
func noExtensions(t *testing.T, daemon *docker.Daemon, builder image) {
	spaces := workspaces(t, map[string]string{"Procfile": "web: serve"})
	p := start(t, daemon, detection(builder, spaces))
	p.all()
	path := filepath.Join(spaces["layers"], "analyzed.toml")
	text, err := os.ReadFile(path)
	check(t, err)
	analyzed, err := platform.ParseAnalyzed(path, text)
	check(t, err)
	want := buildpack.Target{OS: "linux", Arch: runtime.GOARCH, Distros: []buildpack.Distro{{Name: "debian", Version: "12"}}}
	if got := analyzed.RunImage.Target; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	p.demandResults(map[string]string{"RUN_IMAGE": "registry.example/prelude/run:12", "EXTEND_BUILD": "false", "EXTEND_RUN": "false"})
}

// wrongParameters are refused by the step that reads them: none becomes a path or a key.
func wrongParameters(t *testing.T, daemon *docker.Daemon, builder image) {
	spaces := workspaces(t, map[string]string{"Procfile": "web: serve"})
	r := detection(builder, spaces)
	r.values["CNB_RUN_IMAGE"] = "run:1\"\n[x]\ny = \"z"
	p := start(t, daemon, r)
	all := p.task.Spec.Steps[0]
	all.Name, all.Args, all.Script = "all", nil, `for v in "" novalue =x ../up=1 .hidden=1; do ! /tekton/scripts/prepare ${v:+"$v"} 2>&1; done`
	p.place(all)
	out, err := p.run(all)
	if want := regexp.MustCompile("^run:1\"\n.*\ny = \"z is not the name of an image\n(CNB_ENV_VARS: .* is not NAME=value\n){4}$"); err != nil || !want.MatchString(out) {
		t.Errorf("%v %q", err, out)
	}
	if _, err := os.Stat(filepath.Join(spaces["layers"], "analyzed.toml")); err == nil {
		t.Error("analyzed.toml was written")
	}
}

// namedUser: a builder that names its user by name is refused, and runs as what pod-template.yaml says to write there.
func namedUser(t *testing.T, daemon *docker.Daemon, builder image) {
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM "+builder.name+"\nUSER cnb\n"), 0o644))
	named := image{"registry.example/prelude/builder:named", builder.options}
	daemon.Run(t, "build", "-q", "-t", named.name, dir)
	r := detection(named, workspaces(t, map[string]string{"Procfile": "web: serve"}))
	p := start(t, daemon, r)
	if _, err := p.run(p.task.Spec.Steps[0]); err == nil || !strings.Contains(err.Error(), `image has the user "cnb"`) {
		t.Errorf("%v", err)
	}
	r.more = "runAsUser: 1001\n  runAsGroup: 1002"
	p = start(t, daemon, r)
	who := p.task.Spec.Steps[0]
	who.Name, who.Args, who.Script = "who", nil, "id -u; id -G"
	p.place(who)
	if said, err := p.run(who); err != nil || said != "1001\n1002 1000\n" {
		t.Errorf("%v %q", err, said)
	}
}

// extend runs both Tasks in a row, against a registry, and looks at what is pushed. To extend the build image differs by a parameter.
func extend(t *testing.T, daemon *docker.Daemon, builder image) {
	release.Need(t, "buildah")
	release.Need(t, "busybox")
	host := docker.Registry(t)
	baseImage(t, daemon, host+"/prelude/run:12")
	buildah := buildahImage(t, daemon, host)
	spaces := workspaces(t, map[string]string{"package.json": `{"scripts": {"start": "node server.js"}}`, "runtime.conf": "trust = internal-ca\n"})
	p := start(t, daemon, detection(builder, spaces))
	p.all()
	p.demandResults(map[string]string{"EXTEND_BUILD": "true", "EXTEND_RUN": "true"})
	p = start(t, daemon, run{file: "prelude-extend.yaml", image: buildah, workspaces: spaces, values: map[string]string{
		"APP_IMAGE": host + "/prelude/app", "KIND": "run", "BUILDAH_IMAGE": buildah.name, "TLS_VERIFY": "false",
	}})
	said := p.all()
	extended := p.result("EXTENDED_IMAGE")
	if !strings.HasPrefix(extended, host+"/prelude/app-extended-run@sha256:") {
		t.Fatalf("EXTENDED_IMAGE is %q\n%s", extended, said)
	}
	ref, err := name.ParseReference(extended)
	check(t, err)
	pushed, err := remote.Image(ref)
	check(t, err)
	config, err := pushed.ConfigFile()
	check(t, err)
	if config.Config.User != "1001:1002" || !slices.Contains(config.Config.Env, "NODE_EXTRA_CA_CERTS=/usr/local/share/ca-certificates/internal-ca.crt") {
		t.Errorf("%+v", config)
	}
	// The phases after it find the extended image in analyzed.toml.
	analyzed, err := os.ReadFile(filepath.Join(spaces["layers"], "analyzed.toml"))
	if err != nil || !strings.Contains(string(analyzed), "reference = \""+extended+"\"") {
		t.Errorf("%v\n%s", err, analyzed)
	}
}
