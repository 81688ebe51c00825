package tekton

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"go.yaml.in/yaml/v3"
)

const schemaFile = "testdata/tekton.dev-v1.schema.json"

func schema(t *testing.T, fragment string) *jsonschema.Schema {
	t.Helper()
	compiled, err := jsonschema.NewCompiler().Compile(schemaFile + fragment)
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// document is a file of YAML as the values that JSON would have.
func document(t *testing.T, text []byte) any {
	t.Helper()
	var value any
	if err := yaml.NewDecoder(bytes.NewReader(text)).Decode(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// TestSchema: what is in deploy/tekton is as the API describes it, with no field that is not known.
func TestSchema(t *testing.T) {
	files, err := filepath.Glob("../../deploy/tekton/*.yaml")
	if err != nil || len(files) != 4 {
		t.Fatalf("%q %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		fragment := ""
		if filepath.Base(file) == "pod-template.yaml" {
			fragment = "#/$defs/PodTemplate"
		}
		if err := schema(t, fragment).Validate(document(t, text)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestSchemaRefuses: a schema that takes anything would show nothing.
func TestSchemaRefuses(t *testing.T) {
	good, err := os.ReadFile("../../deploy/tekton/prelude.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for change, with := range map[string]string{
		"tekton.dev/v1\n":      "tekton.dev/v1beta1\n",
		"kind: Task":           "kind: Tasks",
		"runAsNonRoot: true":   "runAsNonRoot: 1",
		"name: prepare":        "name: Prepare",
		"mountPath: /tmp":      "mountPath: tmp",
		"emptyDir: {}":         "hostPath: {path: /}",
		"type: array":          "type: list",
		"default: []":          `default: ""`,
		"  steps:":             "  stpes:",
		"script: |":            "command: [a]\n      script: |",
		"name: CNB_ENV_VARS":   "name: CNB ENV",
		"drop: [\"ALL\"]":      "drop: ALL",
		"type: RuntimeDefault": "type: Default",
	} {
		bad := bytes.Replace(good, []byte(change), []byte(with), 1)
		if bytes.Equal(bad, good) {
			t.Fatalf("there is no %q", change)
		}
		if schema(t, "").Validate(document(t, bad)) == nil {
			t.Errorf("%q is taken in the place of %q", with, change)
		}
	}
}

// reference is what Tekton fills in; other $(…) are the shell's.
var reference = regexp.MustCompile(`\$\(((?:params|workspaces|results|context|tasks|steps)[^)]*)\)`)

// TestReferences: whatever is filled in is declared, in Tasks and in the Pipeline; and the Pipeline gives each Task what that wants,
// and nothing that it does not have.
func TestReferences(t *testing.T) {
	for _, file := range []string{"prelude.yaml", "prelude-extend.yaml"} {
		var of task
		text := read(t, file, &of)
		known := map[string]bool{}
		for _, p := range of.Spec.Params {
			known["params."+p.Name], known["params."+p.Name+"[*]"] = p.Type != "array", p.Type == "array"
		}
		for _, w := range of.Spec.Workspaces {
			known["workspaces."+w.Name+".path"] = true
		}
		for _, r := range of.Spec.Results {
			known["results."+r.Name+".path"] = true
		}
		demandKnown(t, file, text, known)
	}
	var line pipeline
	text := read(t, "pipeline.yaml", &line)
	known := map[string]bool{}
	for _, p := range line.Spec.Params {
		known["params."+p.Name], known["params."+p.Name+"[*]"] = p.Type != "array", p.Type == "array"
	}
	for _, use := range line.Spec.Tasks {
		var of task
		read(t, use.TaskRef.Name+".yaml", &of)
		for _, r := range of.Spec.Results {
			known["tasks."+use.Name+".results."+r.Name] = true
		}
		given := map[string]bool{}
		for _, g := range use.Params {
			given[g.Name] = true
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
		var wants, has []string
		for _, w := range of.Spec.Workspaces {
			wants = append(wants, w.Name)
		}
		for _, w := range use.Workspaces {
			has = append(has, w.Name)
			if w.Workspace != line.Spec.Workspaces[0].Name || w.SubPath == "" {
				t.Errorf("%s: a second claim, or no directory of its own: %+v", use.Name, w)
			}
		}
		if !slices.Equal(wants, has) {
			t.Errorf("%s has the workspaces %q, and wants %q", use.Name, has, wants)
		}
	}
	demandKnown(t, "pipeline.yaml", text, known)
	if len(line.Spec.Workspaces) != 1 {
		t.Errorf("%d workspaces: the affinity assistant allows one claim in a TaskRun", len(line.Spec.Workspaces))
	}
}

func demandKnown(t *testing.T, file string, text []byte, known map[string]bool) {
	t.Helper()
	for _, found := range reference.FindAllStringSubmatch(string(text), -1) {
		if !known[found[1]] {
			t.Errorf("%s: %s is nothing that is declared", file, found[0])
		}
	}
}

// TestLeastPrivilege: detection and generation need nothing, and the Task that extends has what its comment says.
func TestLeastPrivilege(t *testing.T) {
	var p, extend task
	read(t, "prelude.yaml", &p)
	s := p.Spec.StepTemplate.SecurityContext
	if !s.RunAsNonRoot || s.RunAsUser != nil || s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation || !s.ReadOnlyRootFilesystem ||
		!slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || len(s.Capabilities.Add) > 0 || s.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("%+v", s)
	}
	read(t, "prelude-extend.yaml", &extend)
	if s := extend.Spec.StepTemplate.SecurityContext; s.AllowPrivilegeEscalation == nil || *s.AllowPrivilegeEscalation ||
		!slices.Equal(s.Capabilities.Drop, []string{"ALL"}) || !slices.Equal(s.Capabilities.Add, []string{"SETUID", "SETGID", "SETFCAP"}) {
		t.Errorf("%+v", s)
	}
	for _, s := range slices.Concat(p.Spec.Steps, extend.Spec.Steps) {
		if s.SecurityContext != nil {
			t.Errorf("step %s has more than the others", s.Name)
		}
	}
}

// read reads a file of deploy/tekton, and returns its text without comments.
func read(t *testing.T, file string, into any) []byte {
	t.Helper()
	text, err := os.ReadFile("../../deploy/tekton/" + file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return regexp.MustCompile(`(?m)^ *#.*$`).ReplaceAll(text, nil)
}
