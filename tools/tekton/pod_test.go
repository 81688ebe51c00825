package tekton

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// task is a Task, as far as what runs it has to know it; the schema says what may be in a file.
type task struct {
	Spec struct {
		Workspaces   []named
		Params       []param
		Results      []named
		StepTemplate step `yaml:"stepTemplate"`
		Steps        []step
		Volumes      []named
	}
}

type named struct{ Name string }

type param struct {
	Name, Type string
	Default    any
}

type step struct {
	Name, Image, Script string
	Command, Args       []string
	Env                 []struct{ Name, Value string }
	SecurityContext     *security `yaml:"securityContext"`
	VolumeMounts        []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

type security struct {
	RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
	RunAsUser                *int  `yaml:"runAsUser"`
	AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
	Capabilities             struct{ Drop, Add []string }
	SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
}

type pipeline struct {
	Spec struct {
		Workspaces []named
		Params     []param
		Tasks      []struct {
			Name       string
			TaskRef    named `yaml:"taskRef"`
			Workspaces []struct {
				Name, Workspace string
				SubPath         string `yaml:"subPath"`
			}
			Params []named
		}
	}
}

// fsGroup is that of deploy/tekton/pod-template.yaml.
const fsGroup = 1000

// pod is where the steps of a TaskRun run: containers that share volumes, one after the other.
type pod struct {
	*testing.T
	daemon  *docker.Daemon
	task    task
	work    string
	values  map[string]string
	lists   map[string][]string
	volumes map[string]string // of the machine, by mount path
	options []string          // of docker run, beside what the Task says
}

// start fills in a Task's parameters, and makes its volumes. Workspaces are directories of the machine.
func start(t *testing.T, daemon *docker.Daemon, of image, file string, workspaces, values map[string]string, lists map[string][]string) *pod {
	t.Helper()
	p := &pod{T: t, daemon: daemon, options: of.options, work: t.TempDir(), values: map[string]string{}, lists: map[string][]string{}, volumes: map[string]string{}}
	read(t, file, &p.task)
	for _, given := range p.task.Spec.Params {
		value, hasValue := values[given.Name]
		list, hasList := lists[given.Name]
		switch {
		case given.Type == "array":
			p.lists["params."+given.Name] = list // all defaults are empty
		case hasValue:
			p.values["params."+given.Name] = value
		case given.Default != nil:
			p.values["params."+given.Name] = given.Default.(string)
		default:
			t.Fatalf("%s has no value for %s", file, given.Name)
		}
		delete(values, given.Name)
		if hasList {
			delete(lists, given.Name)
		}
	}
	if len(values)+len(lists) > 0 {
		t.Fatalf("%s has no parameters %v %v", file, values, lists)
	}
	for _, workspace := range p.task.Spec.Workspaces {
		path := "/workspace/" + workspace.Name
		p.values["workspaces."+workspace.Name+".path"], p.volumes[path] = path, workspaces[workspace.Name]
	}
	for _, result := range p.task.Spec.Results {
		p.values["results."+result.Name+".path"] = "/tekton/results/" + result.Name
	}
	p.volumes["/tekton/results"], p.volumes["/tekton/scripts"] = p.volume("results"), p.volume("scripts")
	for _, volume := range p.task.Spec.Volumes {
		p.volume(volume.Name)
	}
	return p
}

// volume makes an emptyDir as Kubernetes does: everybody may write, and what is in it belongs to the pod's group.
func (p *pod) volume(name string) string {
	p.Helper()
	dir := filepath.Join(p.work, name)
	share(p.T, dir, 0o777)
	return dir
}

// share makes a directory that belongs to the group of a pod.
func share(t *testing.T, dir string, mode os.FileMode) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	check(t, os.Chown(dir, 0, fsGroup))
	check(t, os.Chmod(dir, mode|os.ModeSetgid))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pod) fill(text string) string {
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		value, ok := p.values[found[2:len(found)-1]]
		if !ok {
			p.Fatalf("%s has no value", found)
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

// run runs a step in a container, and returns its output.
func (p *pod) run(s step) (string, error) {
	p.Helper()
	template := p.task.Spec.StepTemplate
	args := append([]string{"run", "--rm", "--group-add", fmt.Sprint(fsGroup)}, p.options...)
	args = append(args, restrict(template.SecurityContext)...)
	for path, dir := range p.volumes {
		args = append(args, "-v", dir+":"+path)
	}
	for _, mount := range append(append(template.VolumeMounts[:0:0], template.VolumeMounts...), s.VolumeMounts...) {
		args = append(args, "-v", filepath.Join(p.work, mount.Name)+":"+mount.MountPath)
	}
	for _, v := range append(append(template.Env[:0:0], template.Env...), s.Env...) {
		args = append(args, "-e", v.Name+"="+p.fill(v.Value))
	}
	command := p.fillAll(s.Command)
	if s.Script != "" {
		file := filepath.Join(p.work, "scripts", s.Name)
		check(p.T, os.WriteFile(file, []byte(p.fill(s.Script)), 0o755))
		command = []string{"/tekton/scripts/" + s.Name}
	}
	args = append(args, "--entrypoint", command[0], p.fill(template.Image+s.Image))
	out, err := p.daemon.Command(append(append(args, command[1:]...), p.fillAll(s.Args)...)...).CombinedOutput()
	return string(out), err
}

// restrict is what a security context means to docker run. Its default seccomp profile is the runtime's default.
func restrict(s *security) []string {
	var args []string
	if s.RunAsUser != nil {
		args = append(args, "--user", fmt.Sprint(*s.RunAsUser))
	}
	if s.ReadOnlyRootFilesystem {
		args = append(args, "--read-only")
	}
	if s.AllowPrivilegeEscalation != nil && !*s.AllowPrivilegeEscalation {
		args = append(args, "--security-opt", "no-new-privileges")
	}
	if s.SeccompProfile.Type == "Unconfined" {
		args = append(args, "--security-opt", "seccomp=unconfined")
	}
	for _, capability := range s.Capabilities.Drop {
		args = append(args, "--cap-drop", capability)
	}
	for _, capability := range s.Capabilities.Add {
		args = append(args, "--cap-add", capability)
	}
	return args
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

// result is what a step has written as a result of the Task.
func (p *pod) result(name string) string {
	p.Helper()
	text, err := os.ReadFile(filepath.Join(p.work, "results", name))
	check(p.T, err)
	return string(text)
}

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
		t.Skip("SKIPPED: this machine's programs are not all in /usr")
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

// baseImage makes an image to extend: it has the programs of busybox, and a user.
func baseImage(t *testing.T, daemon *docker.Daemon, name, user string) {
	t.Helper()
	dir := t.TempDir()
	must(t, "sh", "-euc", `
		cd "$1"
		mkdir -p bin etc tmp usr/bin
		chmod 1777 tmp
		cp -L "$(command -v busybox)" bin/busybox
		for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "bin/$applet"; done
		printf 'root:x:0:0:root:/root:/bin/sh\ncnb:x:1001:1002:cnb:/home/cnb:/bin/sh\n' > etc/passwd`, "sh", dir)
	buildImage(t, daemon, name, dir, "USER "+user)
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

// workspaces makes the directories of a pipeline's volume: the source, cloned by another user of the group, and layers.
func workspaces(t *testing.T) map[string]string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	for _, name := range []string{"source", "layers"} {
		share(t, filepath.Join(dir, name), 0o775)
	}
	must(t, "sh", "-euc", `mkdir "$1/services" && cp -r ../../examples/app "$1/services/thumbnails" && chown -R 4711:1000 "$1/services" && chmod -R u=rwX,g=rwX,o= "$1/services"`, "sh", dir+"/source")
	return map[string]string{"source": dir + "/source", "layers": dir + "/layers"}
}
