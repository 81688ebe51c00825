package acceptance

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// reportsTo is the variable that makes every run of an executable leave a report in a directory (package unprivileged).
const reportsTo = "PRELUDE_REPORTS"

// reportless are the scenarios that are run without a report, and why.
var reportless = map[string]string{
	"exit_11":          "the Platform API is judged before the arguments are read",
	"exit_2_and_3":     "the arguments cannot be read",
	"exit_1_log_level": "the arguments cannot be read",
	"exit_1_root":      "root writes nothing",
	"process_ended":    "with a report, detection waits for modules that would be ended otherwise",
}

// TestReports runs scenarios once more, with a report of each run. So it shows that -report changes nothing else, and that all
// reports are as docs/report.schema.json says. `make long` runs every scenario, otherwise it is a few of each kind.
func TestReports(t *testing.T) {
	t.Parallel()
	if os.Getenv("UPDATE") != "" {
		t.Skip("SKIPPED: UPDATE rewrites the scenarios that this runs")
	}
	dir := t.TempDir()
	for path := dir; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	schema := reportSchema(t)
	patterns := []string{"detect_messages_*", "exit_21", "exit_91_and_92", "generate_error_kept", "generate_switch"}
	if testhelpers.Long() {
		patterns = []string{"*"}
	}
	scripts := scenarios(t, patterns...)
	t.Run("scenarios", func(t *testing.T) { runScripts(t, scripts, dir) })
	reports, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	reported := map[string]bool{}
	for _, entry := range reports {
		scenario, _, _ := strings.Cut(strings.TrimPrefix(entry.Name(), "script-"), "-")
		reported[scenario] = true
		if err := validate(schema, filepath.Join(dir, entry.Name())); err != nil {
			t.Errorf("%s: %v", scenario, err)
		}
	}
	t.Logf("%d reports of %d scenarios", len(reports), len(reported))
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(script), ".txtar")
		_, excused := reportless[name]
		if runs.Match(text) && !reported[name] && !excused {
			t.Errorf("%s: no report", name)
		}
	}
}

// runs finds the lines of a script that run an executable in a way that withReport knows of, without -report.
var runs = regexp.MustCompile(`(?m)^(\[[^\]]*\] )?(! )?(exec|exits \d+) (detector|generator)( -[^r]| [^-]|$)`)

func reportSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	schema, err := jsonschema.NewCompiler().Compile("../docs/report.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func validate(schema *jsonschema.Schema, path string) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	report, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		return err
	}
	return schema.Validate(report)
}

// TestSchemaRefuses: a schema that takes anything would show nothing.
func TestSchemaRefuses(t *testing.T) {
	schema := reportSchema(t)
	for _, text := range []string{`{}`, `[]`, `{"version": 1}`} {
		report, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(report) == nil {
			t.Errorf("%s is taken for a report", text)
		}
	}
}

// masked prints a report with all times replaced by 0: "masked report.json".
func masked(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: masked <report.json>")
	}
	text := testhelpers.MaskReport([]byte(ts.ReadFile(args[0])), ts.Getenv("WORK"))
	if !json.Valid(text) {
		ts.Fatalf("%s is not JSON", args[0])
	}
	_, err := ts.Stdout().Write(text)
	ts.Check(err)
}
