package tekton

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
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
		"name: detect":         "name: " + strings.Repeat("x", 59),
		"mountPath: /tmp":      "mountPath: tmp",
		"mountPath: /platform": "mountPath: $(params.USER_HOME)",
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

// TestLeastPrivilege: detection and generation need nothing, and the Task that extends has what its comment says.
func TestLeastPrivilege(t *testing.T) {
	for file, added := range map[string][]string{"prelude.yaml": nil, "prelude-extend.yaml": {"SETUID", "SETGID", "SETFCAP"}} {
		var of task
		read(t, file, &of)
		for _, s := range of.Spec.Steps {
			security, err := merged(of.Spec.StepTemplate.SecurityContext, s.SecurityContext)
			check(t, err)
			if security.AllowPrivilegeEscalation == nil || *security.AllowPrivilegeEscalation || !slices.Equal(security.Capabilities.Drop, []string{"ALL"}) ||
				!slices.Equal(security.Capabilities.Add, added) {
				t.Errorf("%s, step %s: %+v", file, s.Name, security)
			}
			if file == "prelude.yaml" && (!security.RunAsNonRoot || security.RunAsUser != nil || !security.ReadOnlyRootFilesystem || security.SeccompProfile.Type != "RuntimeDefault") {
				t.Errorf("%s, step %s: %+v", file, s.Name, security)
			}
		}
	}
}

// read reads a file of deploy/tekton.
func read(t *testing.T, file string, into any) {
	t.Helper()
	text, err := os.ReadFile("../../deploy/tekton/" + file)
	if err == nil {
		err = yaml.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}
