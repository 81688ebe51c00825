package tekton

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// reference is what Tekton fills in; other $(…) are the shell's.
var reference = regexp.MustCompile(`\$\(((?:params|workspaces|results|context|tasks|steps)[^)]*)\)`)

// problems collects what Tekton's documentation forbids and a schema cannot say.
type problems []string

func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// once demands that no name is there twice.
func (p *problems) once(what string, names []string) {
	seen := map[string]bool{}
	for _, name := range names {
		if seen[name] {
			p.add("two %s %s", what, name)
		}
		seen[name] = true
	}
}

// known demands that whatever is filled into a text is declared.
func (p *problems) known(where, text string, declared map[string]bool) {
	for _, found := range reference.FindAllStringSubmatch(text, -1) {
		if !declared[found[1]] {
			p.add("%s: %s is nothing that may stand there", where, found[0])
		}
	}
}

// elements demands the same of a list, where an array may be an element of its own.
func (p *problems) elements(where string, texts []string, strings, arrays map[string]bool) {
	for _, text := range texts {
		if whole := reference.FindStringSubmatch(text); whole == nil || whole[0] != text || !arrays[whole[1]] {
			p.known(where, text, strings)
		}
	}
}

func names[T any](of []T, name func(T) string) []string {
	var all []string
	for _, one := range of {
		all = append(all, name(one))
	}
	return all
}

// declaredParams are what parameters of type string, and of type array, are filled in by. Tekton does not tell names apart by case.
func (p *problems) declaredParams(params []param) (strings_, arrays map[string]bool) {
	strings_, arrays = map[string]bool{}, map[string]bool{}
	p.once("parameters", names(params, func(p param) string { return strings.ToLower(p.Name) }))
	for _, given := range params {
		if given.Type == "array" {
			arrays["params."+given.Name+"[*]"] = true
		} else {
			strings_["params."+given.Name] = true
		}
	}
	return strings_, arrays
}

// problemsOf a Task: names that are there twice, volumes that are not declared or may not stand where they are mounted, and
// references to nothing.
func problemsOf(of task) problems {
	var p problems
	spec := of.Spec
	single, arrays := p.declaredParams(spec.Params)
	p.once("steps", names(spec.Steps, func(s step) string { return s.Name }))
	for what, list := range map[string][]named{"workspaces": spec.Workspaces, "results": spec.Results, "volumes": spec.Volumes} {
		p.once(what, names(list, func(n named) string { return n.Name }))
	}
	for _, w := range spec.Workspaces {
		single["workspaces."+w.Name+".path"] = true
	}
	for _, r := range spec.Results {
		single["results."+r.Name+".path"] = true
	}
	for _, s := range append([]step{spec.StepTemplate}, spec.Steps...) {
		where := "step " + s.Name
		p.known(where, s.Image+s.Script, single)
		p.elements(where, s.Command, single, arrays)
		p.elements(where, s.Args, single, arrays)
		for _, v := range s.Env {
			p.known(where, v.Value, single)
		}
		for _, mount := range s.VolumeMounts {
			p.known(where, mount.MountPath, single)
			if !slices.Contains(spec.Volumes, named{mount.Name}) {
				p.add("%s: there is no volume %s", where, mount.Name)
			}
			if strings.HasPrefix(mount.MountPath+"/", "/tekton/") && mount.MountPath != "/tekton/home" {
				p.add("%s: %s is Tekton's own", where, mount.MountPath)
			}
		}
		if s.Name != "" && s.Image == "" && spec.StepTemplate.Image == "" {
			p.add("%s has no image", where)
		}
	}
	return p
}

// problemsOfPipeline: the Pipeline gives each Task what that wants and nothing that it does not have, and all from one claim.
func problemsOfPipeline(line pipeline, tasks map[string]task) problems {
	var p problems
	single, arrays := p.declaredParams(line.Spec.Params)
	p.once("tasks", names(line.Spec.Tasks, func(u use) string { return u.Name }))
	for _, u := range line.Spec.Tasks {
		for _, r := range tasks[u.TaskRef.Name].Spec.Results {
			single["tasks."+u.Name+".results."+r.Name] = true
		}
	}
	for _, u := range line.Spec.Tasks {
		of, ok := tasks[u.TaskRef.Name]
		if !ok {
			p.add("%s: there is no Task %s", u.Name, u.TaskRef.Name)
		}
		p.given(u, of.Spec.Params, single, arrays)
		for _, w := range u.When {
			p.known(u.Name, w.Input, single)
			p.elements(u.Name, w.Values, single, arrays)
		}
		if wants, has := names(of.Spec.Workspaces, named.name), names(u.Workspaces, binding.name); !slices.Equal(wants, has) {
			p.add("%s has the workspaces %q, and wants %q", u.Name, has, wants)
		}
		for _, w := range u.Workspaces {
			if len(line.Spec.Workspaces) != 1 || w.Workspace != line.Spec.Workspaces[0].Name || w.SubPath == "" {
				p.add("%s: a second claim, which the affinity assistant forbids, or no directory of its own: %+v", u.Name, w)
			}
		}
	}
	for _, r := range line.Spec.Results {
		p.known("result "+r.Name, r.Value, single)
	}
	return p
}

// given compares the parameters that a Task is given with those that it has.
func (p *problems) given(u use, params []param, single, arrays map[string]bool) {
	values := map[string]yaml.Node{}
	for _, g := range u.Params {
		values[g.Name] = g.Value
	}
	for _, wanted := range params {
		value, ok := values[wanted.Name]
		delete(values, wanted.Name)
		switch {
		case !ok && wanted.Default == nil:
			p.add("%s is not given %s", u.Name, wanted.Name)
		case !ok:
		case (value.Kind == yaml.SequenceNode) != (wanted.Type == "array"):
			p.add("%s: %s is of another type", u.Name, wanted.Name)
		case value.Kind == yaml.SequenceNode:
			p.elements(u.Name, names(value.Content, func(n *yaml.Node) string { return n.Value }), single, arrays)
		default:
			p.known(u.Name, value.Value, single)
		}
	}
	for name := range values {
		p.add("%s is given %s, which it does not have", u.Name, name)
	}
}

// TestRules: the files of deploy/tekton have no such problem.
func TestRules(t *testing.T) {
	tasks := map[string]task{}
	for _, name := range []string{"prelude", "prelude-extend"} {
		var of task
		read(t, name+".yaml", &of)
		tasks[name] = of
		for _, problem := range problemsOf(of) {
			t.Errorf("%s: %s", name, problem)
		}
	}
	var line pipeline
	read(t, "pipeline.yaml", &line)
	for _, problem := range problemsOfPipeline(line, tasks) {
		t.Errorf("pipeline: %s", problem)
	}
}

// TestRulesRefuse: each rule is one that is kept because somebody would look.
func TestRulesRefuse(t *testing.T) {
	for _, test := range []struct{ file, change, with, want string }{
		{"prelude.yaml", "name: results", "name: detect", "two steps detect"},
		{"prelude.yaml", "- name: CNB_LOG_LEVEL", "- name: cnb_run_image", "two parameters cnb_run_image"},
		{"prelude.yaml", "    - name: layers\n", "    - name: source\n", "two workspaces source"},
		{"prelude.yaml", "    - name: tmp\n      emptyDir", "    - name: home\n      emptyDir", "two volumes home"},
		{"prelude.yaml", "name: EXTEND_RUN\n", "name: EXTEND_BUILD\n", "two results EXTEND_BUILD"},
		{"prelude.yaml", "$(params.CNB_LOG_LEVEL)", "$(params.LOG_LEVEL)", "step : $(params.LOG_LEVEL) is nothing"},
		{"prelude.yaml", "$(workspaces.layers.path)/generated", "$(workspaces.layer.path)/generated", "$(workspaces.layer.path) is nothing"},
		{"prelude.yaml", "$(results.RUN_IMAGE.path)", "$(results.RUN.path)", "$(results.RUN.path) is nothing"},
		{"prelude.yaml", `["$(params.CNB_ENV_VARS[*])"]`, `["-e=$(params.CNB_ENV_VARS[*])"]`, "$(params.CNB_ENV_VARS[*]) is nothing"},
		{"prelude.yaml", `["$(params.CNB_ENV_VARS[*])"]`, `["$(params.CNB_ENV_VARS)"]`, "$(params.CNB_ENV_VARS) is nothing"},
		{"prelude.yaml", "mkdir -p /platform/env", "mkdir $(params.CNB_ENV_VARS[*])", "$(params.CNB_ENV_VARS[*]) is nothing"},
		{"prelude.yaml", "- name: tmp\n        mountPath", "- name: temp\n        mountPath", "there is no volume temp"},
		{"prelude.yaml", "mountPath: /tmp", "mountPath: /tekton/tmp", "/tekton/tmp is Tekton's own"},
		{"prelude.yaml", "    image: $(params.CNB_BUILDER_IMAGE)\n", "", "step prepare has no image"},
		{"pipeline.yaml", "name: prelude-extend", "name: extend", "extend-build-image: there is no Task extend"},
		{"pipeline.yaml", "- {name: KIND, value: build}\n", "- {name: SORT, value: build}\n", "extend-build-image is given SORT, which it does not have"},
		{"pipeline.yaml", "        - {name: CNB_BUILDER_IMAGE, value: $(params.CNB_BUILDER_IMAGE)}\n", "", "detect-and-generate is not given CNB_BUILDER_IMAGE"},
		{"pipeline.yaml", `value: ["$(params.CNB_ENV_VARS[*])"]`, "value: $(params.SOURCE_SUBPATH)", "CNB_ENV_VARS is of another type"},
		{"pipeline.yaml", "input: $(tasks.detect-and-generate.results.EXTEND_RUN)", "input: $(tasks.detect.results.EXTEND_RUN)", "$(tasks.detect.results.EXTEND_RUN) is nothing"},
		{"pipeline.yaml", "$(tasks.extend-run-image.results.EXTENDED_IMAGE)", "$(tasks.extend-run-image.results.IMAGE)", "result EXTENDED_RUN_IMAGE: "},
		{"pipeline.yaml", "{name: layers, workspace: build, subPath: layers}", "{name: layers, workspace: layers, subPath: layers}", "a second claim"},
		{"pipeline.yaml", "        - {name: layers, workspace: build, subPath: layers}\n", "", `has the workspaces ["source"], and wants ["source" "layers"]`},
		{"pipeline.yaml", "name: extend-run-image", "name: extend-build-image", "two tasks extend-build-image"},
	} {
		tasks := map[string]task{}
		for _, name := range []string{"prelude", "prelude-extend"} {
			var of task
			read(t, name+".yaml", &of)
			tasks[name] = of
		}
		text, err := os.ReadFile("../../deploy/tekton/" + test.file)
		check(t, err)
		bad := strings.Replace(string(text), test.change, test.with, 1)
		if bad == string(text) {
			t.Errorf("there is no %q", test.change)
		}
		var found problems
		if test.file == "pipeline.yaml" {
			var line pipeline
			check(t, yaml.Unmarshal([]byte(bad), &line))
			found = problemsOfPipeline(line, tasks)
		} else {
			var of task
			check(t, yaml.Unmarshal([]byte(bad), &of))
			found = problemsOf(of)
		}
		if !slices.ContainsFunc(found, func(p string) bool { return strings.Contains(p, test.want) }) {
			t.Errorf("%q in the place of %q: %q, want %q", test.with, test.change, found, test.want)
		}
	}
}
