package tekton

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

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

func (n named) name() string { return n.Name }

type param struct {
	Name, Type string
	Default    any
}

type step struct {
	Name, Image, Script string
	Command, Args       []string
	Env                 []struct{ Name, Value string }
	SecurityContext     yaml.Node `yaml:"securityContext"`
	VolumeMounts        []struct {
		Name      string
		MountPath string `yaml:"mountPath"`
	} `yaml:"volumeMounts"`
}

// security is a security context, of a container or of a pod.
type security struct {
	FSGroup                  int   `yaml:"fsGroup"`
	RunAsNonRoot             bool  `yaml:"runAsNonRoot"`
	RunAsUser                *int  `yaml:"runAsUser"`
	RunAsGroup               *int  `yaml:"runAsGroup"`
	AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
	ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
	Capabilities             struct{ Drop, Add []string }
	SeccompProfile           struct{ Type string } `yaml:"seccompProfile"`
}

// merged is what holds for a container: what it says itself, its Task's template, and its pod, the latter first.
func merged(contexts ...yaml.Node) (security, error) {
	var s security
	for _, context := range contexts {
		if context.IsZero() {
			continue
		}
		if err := context.Decode(&s); err != nil {
			return s, err
		}
	}
	return s, nil
}

type podTemplate struct {
	SecurityContext yaml.Node `yaml:"securityContext"`
}

// podTemplateOf is deploy/tekton/pod-template.yaml, with a line more.
func podTemplateOf(t *testing.T, more string) (template podTemplate) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/tekton/pod-template.yaml")
	check(t, err)
	check(t, yaml.Unmarshal(append(text, "  "+more+"\n"...), &template))
	return template
}

func groupOf(t *testing.T, template podTemplate) int {
	t.Helper()
	context, err := merged(template.SecurityContext)
	check(t, err)
	return context.FSGroup
}

type pipeline struct {
	Spec struct {
		Workspaces []named
		Params     []param
		Tasks      []use
		Results    []struct{ Name, Value string }
	}
}

// use is a Task in a Pipeline.
type use struct {
	Name       string
	TaskRef    named `yaml:"taskRef"`
	Workspaces []binding
	When       []struct {
		Input  string
		Values []string
	}
	Params []struct {
		Name  string
		Value yaml.Node
	}
}

type binding struct {
	Name, Workspace string
	SubPath         string `yaml:"subPath"`
}

func (b binding) name() string { return b.Name }

// pod is where the steps of a TaskRun run: containers that share volumes, one after the other.
type pod struct {
	*testing.T
	daemon   *docker.Daemon
	task     task
	template podTemplate
	group    int // of its volumes
	work     string
	values   map[string]string
	lists    map[string][]string
	volumes  map[string]string // of the machine, by mount path
	options  []string          // of docker run, beside what the Task says
}

// run of a Task: what a TaskRun says.
type run struct {
	file       string // of deploy/tekton
	image      image
	workspaces map[string]string
	values     map[string]string
	lists      map[string][]string
	more       string // in the security context of deploy/tekton/pod-template.yaml
}

// start fills in a Task's parameters, makes its volumes and places its scripts.
func start(t *testing.T, daemon *docker.Daemon, r run) *pod {
	t.Helper()
	p := &pod{T: t, daemon: daemon, options: r.image.options, work: t.TempDir(), values: map[string]string{}, lists: map[string][]string{}, volumes: map[string]string{}}
	read(t, r.file, &p.task)
	p.template = podTemplateOf(t, r.more)
	p.group = groupOf(t, p.template)
	p.fillParams(r)
	for _, workspace := range p.task.Spec.Workspaces {
		path := "/workspace/" + workspace.Name
		p.values["workspaces."+workspace.Name+".path"], p.volumes[path] = path, r.workspaces[workspace.Name]
	}
	for _, result := range p.task.Spec.Results {
		p.values["results."+result.Name+".path"] = "/tekton/results/" + result.Name
	}
	for _, volume := range p.task.Spec.Volumes {
		share(t, p.volume(volume.Name), p.group, 0o777)
	}
	p.volumes["/tekton/results"], p.volumes["/tekton/scripts"] = p.volume("results"), p.volume("scripts")
	share(t, p.volume("results"), p.group, 0o777)
	share(t, p.volume("scripts"), p.group, 0o777)
	for _, s := range p.task.Spec.Steps {
		p.place(s)
	}
	return p
}

func (p *pod) fillParams(r run) {
	p.Helper()
	known := map[string]bool{}
	for _, given := range p.task.Spec.Params {
		known[given.Name] = true
		value, ok := r.values[given.Name]
		switch {
		case given.Type == "array":
			p.lists["params."+given.Name] = r.lists[given.Name] // all defaults are empty
		case ok:
			p.values["params."+given.Name] = value
		case given.Default != nil:
			p.values["params."+given.Name] = given.Default.(string)
		default:
			p.Fatalf("%s has no value for %s", r.file, given.Name)
		}
	}
	for name := range r.values {
		if !known[name] {
			p.Fatalf("%s has no parameter %s", r.file, name)
		}
	}
}

// volume is where a volume is: an emptyDir, which everybody may write.
func (p *pod) volume(name string) string { return filepath.Join(p.work, name) }

// share makes a directory that belongs to the group of a pod.
func share(t *testing.T, dir string, group int, mode os.FileMode) {
	t.Helper()
	check(t, os.MkdirAll(dir, 0o755))
	check(t, os.Chown(dir, 0, group))
	check(t, os.Chmod(dir, mode|os.ModeSetgid))
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// place writes a script where a step finds it. One that names no interpreter gets the one that Tekton's documentation names.
func (p *pod) place(s step) {
	p.Helper()
	if s.Script == "" {
		return
	}
	script := p.fill(s.Script)
	if !strings.HasPrefix(script, "#!") {
		script = "#!/bin/sh\nset -e\n" + script
	}
	check(p.T, os.WriteFile(filepath.Join(p.volume("scripts"), s.Name), []byte(script), 0o755))
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
	image := p.fill(cmp.Or(s.Image, template.Image))
	security, err := merged(p.template.SecurityContext, template.SecurityContext, s.SecurityContext)
	if err == nil {
		err = admit(p.daemon, security, image)
	}
	if err != nil {
		return "", err
	}
	args := append([]string{"run", "--rm", "--group-add", strconv.Itoa(p.group)}, p.options...)
	args = append(args, restrict(security)...)
	for path, dir := range p.volumes {
		args = append(args, "-v", dir+":"+path)
	}
	for _, mount := range slices.Concat(template.VolumeMounts, s.VolumeMounts) {
		args = append(args, "-v", p.volume(mount.Name)+":"+p.fill(mount.MountPath))
	}
	for _, v := range slices.Concat(template.Env, s.Env) {
		args = append(args, "-e", v.Name+"="+p.fill(v.Value))
	}
	command := p.fillAll(s.Command)
	if s.Script != "" {
		command = []string{"/tekton/scripts/" + s.Name}
	}
	args = append(args, "--entrypoint", command[0], image)
	out, err := p.daemon.Command(append(append(args, command[1:]...), p.fillAll(s.Args)...)...).CombinedOutput()
	return string(out), err
}

// admit refuses what a kubelet refuses: a container that must not run as root, and whose user it cannot tell from root.
func admit(daemon *docker.Daemon, s security, image string) error {
	if !s.RunAsNonRoot || s.RunAsUser != nil {
		return nil
	}
	out, err := daemon.Command("image", "inspect", "-f", "{{.Config.User}}", image).Output()
	if err != nil {
		return err
	}
	user, _, _ := strings.Cut(strings.TrimSpace(string(out)), ":")
	if id, err := strconv.Atoi(user); err != nil || id == 0 {
		return errors.New("container has runAsNonRoot, and image has the user " + strconv.Quote(user))
	}
	return nil
}

// restrict is what a security context means to docker run. Its default seccomp profile is the runtime's default.
func restrict(s security) []string {
	var args []string
	if s.RunAsUser != nil {
		user := strconv.Itoa(*s.RunAsUser)
		if s.RunAsGroup != nil {
			user += fmt.Sprintf(":%d", *s.RunAsGroup)
		}
		args = append(args, "--user", user)
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
	text, err := os.ReadFile(filepath.Join(p.volume("results"), name))
	check(p.T, err)
	return string(text)
}
