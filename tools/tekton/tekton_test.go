// Package tekton runs the Tasks of deploy/tekton on this machine: every step's own command line, with its parameters filled
// in, as its user, with its capabilities and its volumes, so that the Tasks cannot drift from the executables.
package tekton

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"go.yaml.in/yaml/v3"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// task is as much of a Task as we use; what else there is in a file is an error.
type task struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Metadata   struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		Description  string
		Workspaces   []described
		Params       []param
		Results      []described
		StepTemplate step `yaml:"stepTemplate"`
		Steps        []step
		Volumes      []struct {
			Name     string
			EmptyDir *struct{} `yaml:"emptyDir"`
		}
	}
}

type described struct{ Name, Description string }

type param struct {
	Name, Description, Type string
	Default                 any
}

type variable struct{ Name, Value string }

type step struct {
	Name, Image, Script string
	Command, Args       []string
	Env                 []variable
	SecurityContext     *security `yaml:"securityContext"`
	VolumeMounts        []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type security struct {
	RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
	RunAsUser                int   `yaml:"runAsUser"`
	RunAsGroup               int   `yaml:"runAsGroup"`
	AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
	Capabilities             struct{ Drop, Add []string }
	SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
}

func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/tekton/" + file)
	if err != nil {
		t.Fatal(err)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// pod is where the steps of a TaskRun run: what its Task says, with what a user fills in.
type pod struct {
	*testing.T
	task    task
	work    string
	values  map[string]string
	lists   map[string][]string
	volumes map[string]string // of the machine, by mount path
	env     []string
}

// start fills in a Task's parameters, and makes its volumes.
func start(t *testing.T, file string, workspaces map[string]string, values map[string]string, lists map[string][]string) *pod {
	t.Helper()
	p := &pod{T: t, work: t.TempDir(), values: map[string]string{}, lists: map[string][]string{}, volumes: map[string]string{}}
	read(t, file, &p.task)
	for _, given := range p.task.Spec.Params {
		if list, ok := given.Default.([]any); ok {
			p.lists["params."+given.Name] = []string{}
			if len(list) > 0 {
				t.Fatalf("%s: a default with elements", given.Name)
			}
		} else if given.Default != nil {
			p.values["params."+given.Name] = given.Default.(string)
		}
	}
	known := func(name string) bool {
		return slices.ContainsFunc(p.task.Spec.Params, func(given param) bool { return given.Name == name })
	}
	for name, value := range values {
		if !known(name) {
			t.Fatalf("%s has no parameter %s", file, name)
		}
		p.values["params."+name] = value
	}
	for name, list := range lists {
		if !known(name) {
			t.Fatalf("%s has no parameter %s", file, name)
		}
		p.lists["params."+name] = list
	}
	for _, workspace := range p.task.Spec.Workspaces {
		p.values["workspaces."+workspace.Name+".path"] = "/workspace/" + workspace.Name
		p.volumes["/workspace/"+workspace.Name] = workspaces[workspace.Name]
	}
	for _, result := range p.task.Spec.Results {
		p.values["results."+result.Name+".path"] = "/tekton/results/" + result.Name
		p.volumes["/tekton/results"] = p.volume("results", 0o777)
	}
	for _, volume := range p.task.Spec.Volumes {
		if volume.EmptyDir == nil {
			t.Fatalf("volume %s is no emptyDir", volume.Name)
		}
		p.volume(volume.Name, 0o777) // as Kubernetes makes them
	}
	return p
}

func (p *pod) volume(name string, mode os.FileMode) string {
	p.Helper()
	dir := filepath.Join(p.work, name)
	p.check(os.MkdirAll(dir, 0o755))
	p.check(os.Chmod(dir, mode))
	return dir
}

func (p *pod) check(err error) {
	p.Helper()
	if err != nil {
		p.Fatal(err)
	}
}

// reference is what Tekton fills in; other $(…) are the shell's.
var reference = regexp.MustCompile(`\$\(((?:params|workspaces|results|context|tasks|steps)[^)]*)\)`)

func (p *pod) fill(text string) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		value, ok := p.values[found[2:len(found)-1]]
		if !ok {
			p.Fatalf("%s is nothing that is known", found)
		}
		return value
	})
}

func (p *pod) fillAll(texts []string) []string {
	var filled []string
	for _, text := range texts {
		if list, ok := strings.CutSuffix(strings.TrimPrefix(text, "$("), "[*])"); ok {
			filled = append(filled, p.lists[list]...)
			continue
		}
		filled = append(filled, p.fill(text))
	}
	return filled
}

// run runs a step, and returns its output.
func (p *pod) run(s step) (string, error) {
	p.Helper()
	template := p.task.Spec.StepTemplate
	context := template.SecurityContext
	if s.SecurityContext != nil {
		p.Fatal("a step with a security context of its own: this test takes the template's")
	}
	if image := p.fill(template.Image + s.Image); !strings.HasPrefix(image, "registry.example/") {
		p.Fatalf("image %q", image)
	}
	argv := p.fillAll(s.Command)
	volumes := []string{}
	for path, dir := range p.volumes {
		volumes = append(volumes, dir+":"+path)
	}
	for _, mount := range append(slices.Clone(template.VolumeMounts), s.VolumeMounts...) {
		dir := filepath.Join(p.work, p.fill(mount.Name))
		if _, err := os.Stat(dir); err != nil {
			p.Fatalf("%s is no volume", mount.Name)
		}
		volumes = append(volumes, dir+":"+mount.MountPath)
	}
	if s.Script != "" {
		dir := p.volume("scripts", 0o755)
		p.check(os.WriteFile(filepath.Join(dir, s.Name), []byte(p.fill(s.Script)), 0o755))
		volumes = append(volumes, dir+":/tekton/scripts")
		argv = []string{"/tekton/scripts/" + s.Name}
	}
	slices.SortFunc(volumes, func(a, b string) int { // those on top of others come after them
		return strings.Compare(a[strings.Index(a, ":"):], b[strings.Index(b, ":"):])
	})
	options := []string{fmt.Sprintf("--reuid=%d", context.RunAsUser), fmt.Sprintf("--regid=%d", context.RunAsGroup), "--clear-groups", "--inh-caps=-all"}
	if !slices.Equal(context.Capabilities.Drop, []string{"ALL"}) {
		p.Fatalf("drop %q", context.Capabilities.Drop)
	}
	bounding := "-all"
	for _, capability := range context.Capabilities.Add {
		bounding += ",+" + strings.ToLower(capability)
	}
	options = append(options, "--bounding-set="+bounding)
	arguments := []string{"-m", "--propagation", "private", "tekton/pod.sh", p.work, fmt.Sprint(context.ReadOnlyRootFilesystem)}
	arguments = slices.Concat(arguments, options, []string{"--"}, volumes, []string{"--"}, argv, p.fillAll(s.Args))
	command := exec.Command("unshare", arguments...)
	command.Dir = ".."
	command.Env = append([]string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"}, p.env...)
	for _, v := range append(slices.Clone(template.Env), s.Env...) {
		command.Env = append(command.Env, v.Name+"="+p.fill(v.Value))
	}
	out, err := command.CombinedOutput()
	return string(out), err
}

// all runs all steps, one after the other, and returns what they said.
func (p *pod) all() string {
	p.Helper()
	said := ""
	for _, s := range p.task.Spec.Steps {
		out, err := p.run(s)
		said += out
		if err != nil {
			p.Fatalf("step %s: %v\n%s", s.Name, err, out)
		}
	}
	return said
}

// needsNamespaces skips where steps cannot have a root file system of their own.
func needsNamespaces(t *testing.T) {
	t.Helper()
	why := ""
	if os.Geteuid() != 0 {
		why = "that takes root"
	} else if out, err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", t.TempDir()).CombinedOutput(); err != nil {
		why = fmt.Sprintf("%v: %s", err, out)
	}
	if why != "" && os.Getenv("CI") == "true" {
		t.Fatalf("a step cannot have a root file system of its own: %s", why)
	}
	if why != "" {
		t.Skipf("a step cannot have a root file system of its own: %s", why)
	}
}

// builder makes what the builder image of the examples has under /cnb.
func builder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", dir+"/lifecycle/", "./cmd/detector", "./cmd/generator", "./examples/src/entrypoint")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	must(t, build)
	must(t, exec.Command("sh", "-euc", `
		cp -r ../../examples/buildpacks ../../examples/extensions ../../examples/build-config ../../examples/order.toml ../../examples/run.toml "$1"
		mkdir -p "$1/extensions/samples_entrypoint/1.1.0/bin"
		cp "$1/lifecycle/entrypoint" "$1/extensions/samples_entrypoint/1.1.0/bin/detect"
		mv "$1/lifecycle/entrypoint" "$1/extensions/samples_entrypoint/1.1.0/bin/generate"
		chmod -R u=rwX,go=rX "$1"`, "sh", dir))
	return dir
}

func must(t *testing.T, command *exec.Cmd) string {
	t.Helper()
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
	return string(out)
}

// workspaces makes those of a pipeline: the source in a subdirectory, and layers; group 1000 may write, as with fsGroup.
func workspaces(t *testing.T) map[string]string {
	t.Helper()
	source, layers := t.TempDir(), t.TempDir()
	must(t, exec.Command("sh", "-euc", `mkdir "$1/services" && cp -r ../../examples/app "$1/services/thumbnails" && chgrp -R 1000 "$1" "$2" && chmod -R g+rwX "$1" && chmod 2775 "$2"`, "sh", source, layers))
	return map[string]string{"source": source, "layers": layers}
}

func detected(t *testing.T, spaces map[string]string, cnb string) (*pod, string) {
	t.Helper()
	p := start(t, "prelude.yaml", spaces, map[string]string{
		"BUILDER_IMAGE": "registry.example/prelude/builder:1", "RUN_IMAGE": "registry.example/prelude/run:12", "SOURCE_SUBPATH": "services/thumbnails",
	}, map[string][]string{"ENV_VARS": {"BP_NODE_VERSION=18.20.4", "BP_TIME_ZONE=Europe/Berlin", "ODD= spaces = and $(dollars) 'kept'"}})
	p.volumes["/cnb"] = cnb
	etc := p.volume("etc", 0o755)
	p.check(os.WriteFile(filepath.Join(etc, "os-release"), []byte("ID=debian\nVERSION_ID=12\n"), 0o644))
	p.volumes["/etc"] = etc
	return p, p.all()
}

func TestPrelude(t *testing.T) {
	needsNamespaces(t)
	spaces := workspaces(t)
	p, said := detected(t, spaces, builder(t))
	if !strings.Contains(said, "samples/node-engine") || strings.Contains(said, "ERROR") {
		t.Errorf("%s", said)
	}
	for _, name := range []string{"group.toml", "plan.toml", "generated.toml", "analyzed.toml", "generated/samples_time-zone/run.Dockerfile"} {
		if _, err := os.Stat(filepath.Join(spaces["layers"], name)); err != nil {
			t.Errorf("%v", err)
		}
	}
	zone, err := os.ReadFile(filepath.Join(spaces["layers"], "generated/samples_time-zone/run.Dockerfile"))
	if err != nil || !strings.Contains(string(zone), "Europe/Berlin") {
		t.Errorf("ENV_VARS did not reach an extension: %v\n%s", err, zone)
	}
	if odd, err := os.ReadFile(filepath.Join(p.work, "empty-dir/env/ODD")); err != nil || string(odd) != " spaces = and $(dollars) 'kept'" {
		t.Errorf("%q %v", odd, err)
	}
	// A step cannot do more than it says: as these, its commands write nowhere but in its volumes, and are not root.
	out, err := p.run(step{Name: "curious", Script: "#!/bin/sh\nid -u; grep CapBnd /proc/self/status; grep NoNewPrivs /proc/self/status; touch /etc/x /usr/x /x 2>&1 | grep -c .\n"})
	if want := regexp.MustCompile(`^1000\nCapBnd:\t0+\nNoNewPrivs:\t1\n3\n$`); err != nil || !want.MatchString(out) {
		t.Errorf("%v %q", err, out)
	}
	for _, wrong := range []string{"novalue", "=x", "../up=1", ".hidden=1"} {
		p.lists["params.ENV_VARS"] = []string{wrong}
		if out, err := p.run(p.task.Spec.Steps[0]); err == nil || !strings.Contains(out, "is not NAME=value") {
			t.Errorf("ENV_VARS %q: %v %q", wrong, err, out)
		}
	}
}

func TestLeastPrivilege(t *testing.T) {
	var p task
	read(t, "prelude.yaml", &p)
	s := p.Spec.StepTemplate.SecurityContext
	if !s.RunAsNonRoot || s.RunAsUser == 0 || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem ||
		!slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || len(s.Capabilities.Add) > 0 || s.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("%+v", s)
	}
	var extend task
	read(t, "prelude-extend.yaml", &extend)
	if s := extend.Spec.StepTemplate.SecurityContext; s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
		!slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || !slices.Equal(s.Capabilities.Add, []string{"SETUID", "SETGID", "SETFCAP"}) {
		t.Errorf("%+v", s)
	}
	names := []string{}
	for _, s := range p.Spec.Steps {
		names = append(names, s.Name)
		if s.SecurityContext != nil {
			t.Errorf("step %s has more than the others", s.Name)
		}
	}
	if !slices.Equal(names, []string{"prepare", "detect", "generate"}) {
		t.Errorf("steps %q", names)
	}
}

// The extend step has the script of the examples in it, and not a copy that has gone its own way.
func TestScriptIsTheExamples(t *testing.T) {
	var p task
	read(t, "prelude-extend.yaml", &p)
	script, err := os.ReadFile("../../examples/extend-with-buildah.sh")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE") != "" {
		path := "../../deploy/tekton/prelude-extend.yaml"
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		head, rest, _ := strings.Cut(string(text), "      script: | # examples/extend-with-buildah.sh\n")
		_, tail, _ := strings.Cut(rest, "    - name: push\n")
		indented := regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(string(script), "        $1")
		if err := os.WriteFile(path, []byte(head+"      script: | # examples/extend-with-buildah.sh\n"+indented+"    - name: push\n"+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if p.Spec.Steps[0].Script != string(script) {
		t.Error("deploy/tekton/prelude-extend.yaml has another script than examples/extend-with-buildah.sh; UPDATE=1 go test ./tekton puts it there")
	}
	if reference.Match(script) {
		t.Errorf("Tekton would fill in %s", reference.Find(script))
	}
}

// TestExtend runs both Tasks in a row, against a registry on this machine, and looks at what is pushed.
func TestExtend(t *testing.T) {
	needsNamespaces(t)
	release.Need(t, "buildah")
	release.Need(t, "busybox")
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	for _, base := range []string{"builder:1", "run:12", "run-graphics:12"} {
		push(t, host+"/prelude/"+base)
	}
	spaces := workspaces(t)
	detected(t, spaces, builder(t))
	for _, kind := range []string{"build", "run"} {
		p := start(t, "prelude-extend.yaml", spaces, map[string]string{
			"APP_IMAGE": host + "/prelude/app", "KIND": kind, "SOURCE_SUBPATH": "services/thumbnails", "BUILDAH_IMAGE": "registry.example/buildah:1", "TLS_VERIFY": "false",
		}, nil)
		// Where registry.example is, and what an image of buildah's brings along.
		etc := p.volume("etc", 0o755)
		for name, text := range map[string]string{
			"containers/registries.conf": fmt.Sprintf("[[registry]]\nprefix = \"registry.example\"\nlocation = %q\ninsecure = true\n", host),
			"containers/policy.json":     `{"default": [{"type": "insecureAcceptAnything"}]}`,
			"passwd":                     "root:x:0:0:root:/root:/bin/sh\n",
			"group":                      "root:x:0:\n",
			"hosts":                      "127.0.0.1 localhost\n",
		} {
			p.check(os.MkdirAll(filepath.Dir(filepath.Join(etc, name)), 0o755))
			p.check(os.WriteFile(filepath.Join(etc, name), []byte(text), 0o644))
		}
		p.volumes["/etc"] = etc
		if alternatives := "/etc/alternatives"; exists(alternatives) { // this machine's awk is a link there
			p.volumes[alternatives] = alternatives
		}
		said := p.all()
		result, err := os.ReadFile(filepath.Join(p.work, "results/EXTENDED_IMAGE"))
		p.check(err)
		image := string(result)
		if !strings.HasPrefix(image, host+"/prelude/app-extended-"+kind+"@sha256:") {
			t.Fatalf("EXTENDED_IMAGE is %q\n%s", result, said)
		}
		ref, err := name.ParseReference(image)
		p.check(err)
		pushed, err := remote.Image(ref)
		p.check(err)
		config, err := pushed.ConfigFile()
		p.check(err)
		if config.Config.User != "1000:1001" || len(config.RootFS.DiffIDs) < 2 {
			t.Errorf("%s: %+v", kind, config)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// push puts an image with busybox into the registry.
func push(t *testing.T, to string) {
	t.Helper()
	path, err := exec.LookPath("busybox")
	if err != nil {
		t.Fatal(err)
	}
	busybox, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	add := func(header *tar.Header, data []byte) {
		header.Size = int64(len(data))
		if err := w.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	for _, dir := range []string{"bin/", "etc/", "usr/", "usr/bin/"} {
		add(&tar.Header{Typeflag: tar.TypeDir, Name: dir, Mode: 0o755}, nil)
	}
	add(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777}, nil)
	add(&tar.Header{Typeflag: tar.TypeReg, Name: "bin/busybox", Mode: 0o755}, busybox)
	for _, applet := range strings.Fields(must(t, exec.Command("busybox", "--list"))) {
		if applet != "busybox" {
			add(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox"}, nil)
		}
	}
	add(&tar.Header{Typeflag: tar.TypeReg, Name: "etc/passwd", Mode: 0o644}, []byte("root:x:0:0:root:/root:/bin/sh\ncnb:x:1000:1001:cnb:/home/cnb:/bin/sh\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err == nil {
		image, err = mutate.Config(image, v1.Config{User: "1000:1001", Env: []string{"PATH=/bin:/usr/local/bin"}})
	}
	if err != nil {
		t.Fatal(err)
	}
	ref, err := name.ParseReference(to)
	if err == nil {
		err = remote.Write(ref, image)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// The pipeline fits the Tasks: it gives them what they want, and nothing that they do not have.
func TestPipeline(t *testing.T) {
	var pipeline struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Spec       struct {
			Workspaces []described
			Params     []param
			Tasks      []struct {
				Name       string
				TaskRef    struct{ Name string }              `yaml:"taskRef"`
				RunAfter   []string                           `yaml:"runAfter"`
				Workspaces []struct{ Name, Workspace string } `yaml:"workspaces"`
				Params     []struct {
					Name  string
					Value any
				} `yaml:"params"`
			}
		}
	}
	read(t, "pipeline.yaml", &pipeline)
	for _, use := range pipeline.Spec.Tasks {
		var of task
		read(t, use.TaskRef.Name+".yaml", &of)
		given := map[string]bool{}
		for _, g := range use.Params {
			given[g.Name] = true
			for _, found := range reference.FindAllStringSubmatch(fmt.Sprint(g.Value), -1) {
				from := strings.TrimSuffix(strings.TrimPrefix(found[1], "params."), "[*]")
				if !slices.ContainsFunc(pipeline.Spec.Params, func(p param) bool { return p.Name == from }) {
					t.Errorf("%s: %s is no parameter of the pipeline", use.Name, found[0])
				}
			}
		}
		for _, p := range of.Spec.Params {
			if p.Default == nil && !given[p.Name] {
				t.Errorf("%s is not given %s", use.Name, p.Name)
			}
			delete(given, p.Name)
		}
		if len(given) > 0 {
			t.Errorf("%s is given what it does not have: %v", use.Name, given)
		}
		if len(use.Workspaces) != len(of.Spec.Workspaces) {
			t.Errorf("%s: workspaces", use.Name)
		}
	}
}
