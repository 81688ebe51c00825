package platform

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/internal/api"
)

// environment is a getenv over a map; Platform API 0.15 unless it says otherwise.
func environment(variables map[string]string) func(string) string {
	return func(name string) string {
		if value, ok := variables[name]; ok || name != "CNB_PLATFORM_API" {
			return value
		}
		return "0.15"
	}
}

func parse(t *testing.T, phase Phase, variables map[string]string, args ...string) Inputs {
	t.Helper()
	in, err := Parse(phase, args, environment(variables), io.Discard)
	if err != nil {
		t.Fatalf("%v with %v: %v", args, variables, err)
	}
	return in
}

func at(minor int) map[string]string {
	return map[string]string{"CNB_PLATFORM_API": fmt.Sprintf("0.%d", minor)}
}

// row is a line of the table of inputs in docs/reference.md, copied by hand: it must not be derived from the code's.
type row struct {
	flag, env, def string
	since          int
	only           Phase
}

func documented() []row {
	return []row{
		{"analyzed", "CNB_ANALYZED_PATH", "<layers>/analyzed.toml", 10, ""},
		{"app", "CNB_APP_DIR", "/workspace", 7, ""},
		{"build-config", "CNB_BUILD_CONFIG_DIR", "/cnb/build-config", 11, ""},
		{"buildpacks", "CNB_BUILDPACKS_DIR", "/cnb/buildpacks", 7, Detector},
		{"extensions", "CNB_EXTENSIONS_DIR", "/cnb/extensions", 10, ""},
		{"generated", "CNB_GENERATED_DIR", "<layers>/generated", 10, ""},
		{"group", "CNB_GROUP_PATH", "<layers>/group.toml", 7, ""},
		{"layers", "CNB_LAYERS_DIR", "/layers", 7, ""},
		{"log-level", "CNB_LOG_LEVEL", "info", 7, ""},
		{"no-color", "CNB_NO_COLOR", "false", 7, ""},
		{"order", "CNB_ORDER_PATH", "/cnb/order.toml", 7, Detector},
		{"plan", "CNB_PLAN_PATH", "<layers>/plan.toml", 7, ""},
		{"platform", "CNB_PLATFORM_DIR", "/platform", 7, ""},
		{"run", "CNB_RUN_PATH", "/cnb/run.toml", 12, ""},
		{"system", "CNB_SYSTEM_PATH", "/cnb/system.toml", 15, Detector},
		{"", "CNB_EXEC_ENV", "production", 7, ""},
		{"", "CNB_EXPERIMENTAL_MODE", "error", 7, ""},
		{"", "CNB_DEPRECATION_MODE", "warn", 7, ""},
		{"skip-generate", "PRELUDE_SKIP_GENERATE", "false", 10, Detector},
		{"generated-metadata", "PRELUDE_GENERATED_METADATA", "<layers>/generated.toml", 10, ""},
		{"layout", "CNB_USE_LAYOUT", "false", 12, ""},
		{"layout-dir", "CNB_LAYOUT_DIR", "", 12, ""},
		{"report", "PRELUDE_REPORT", "", 7, ""},
		{"parallel", "PRELUDE_PARALLEL", "0", 7, Detector},
		{"baseline", "PRELUDE_BASELINE", "true", 7, Detector},
		{"alternatives", "PRELUDE_ALTERNATIVES", "false", 7, Detector},
		{"run-image-switch", "PRELUDE_RUN_IMAGE_SWITCH", "allow", 10, ""},
		{"telemetry", "PRELUDE_TELEMETRY", "false", 7, ""},
		{"", "CNB_OTEL_TRACEPARENT", "", 7, ""},
		{"detect-timeout", "PRELUDE_DETECT_TIMEOUT", "0s", 7, Detector},
		{"generate-timeout", "PRELUDE_GENERATE_TIMEOUT", "0s", 10, ""},
	}
}

// valueOf is what an input has become, as text.
func valueOf(in Inputs, name string) string {
	for _, i := range Table() {
		if i.Flag == name || i.Flag == "" && i.Env == name {
			switch field := i.field(&in).(type) {
			case *string:
				return *field
			case *bool:
				return fmt.Sprint(*field)
			case *int:
				return fmt.Sprint(*field)
			case *time.Duration:
				return field.String()
			}
		}
	}
	return "no such input"
}

// For each input, phase and Platform API: there or not there, its default, its variable, its flag, and that the flag wins.
func TestInputs(t *testing.T) {
	for _, phase := range []Phase{Detector, Generator} {
		for minor := 7; minor <= 15; minor++ {
			for _, r := range documented() {
				name := r.flag
				if name == "" {
					name = r.env
				}
				testInput(t, phase, minor, name, r)
			}
		}
	}
}

func testInput(t *testing.T, phase Phase, minor int, name string, r row) {
	t.Helper()
	where := fmt.Sprintf("%s at 0.%d: %s", phase, minor, name)
	flagged, fromEnv, set := "/flagged", "/from-env", at(minor)
	switch name {
	case "log-level":
		flagged, fromEnv = "debug", "error"
	case "no-color", "layout", "skip-generate", "baseline", "alternatives", "telemetry":
		flagged, fromEnv = "true", "true"
	case "parallel":
		flagged, fromEnv = "3", "5"
	case "run-image-switch":
		flagged, fromEnv = "listed", "never"
	case "report":
		flagged, fromEnv = "/flagged.json", "/from-env.html"
	case "detect-timeout", "generate-timeout":
		flagged, fromEnv = "1m30s", "2s"
	}
	if r.env != "" {
		set[r.env] = fromEnv
	}
	if minor < r.since || r.only != "" && r.only != phase {
		// A flag that is not there yet is unknown, and its variable is not looked at.
		if r.flag != "" {
			_, err := Parse(phase, []string{"-" + r.flag + "=" + flagged}, environment(at(minor)), io.Discard)
			demandExit(t, where, err, CodeUsage)
		}
		// Some are read before there is a flag: analyzed.toml and the operator's variables at every Platform API, run.toml as
		// soon as there are extensions.
		early := name == "analyzed" || name == "build-config" || name == "run" && minor >= 10
		if got := valueOf(parse(t, phase, set), name); (got == fromEnv) != early {
			t.Errorf("%s: %q from the environment, before there is a flag", where, got)
		}
		return
	}
	if got, want := valueOf(parse(t, phase, at(minor)), name), strings.Replace(r.def, "<layers>", "/layers", 1); got != want {
		t.Errorf("%s: %q by default, want %q", where, got, want)
	}
	if r.env != "" {
		if got := valueOf(parse(t, phase, set), name); got != fromEnv {
			t.Errorf("%s: %q from the environment, want %q", where, got, fromEnv)
		}
	}
	if r.flag != "" {
		for _, args := range [][]string{{"-" + r.flag + "=" + flagged}, {"--" + r.flag + "=" + flagged}} {
			if got := valueOf(parse(t, phase, set, args...), name); got != flagged {
				t.Errorf("%s: %q with %q, want %q", where, got, args, flagged)
			}
		}
	}
	if r.env != "" { // an empty variable counts as unset
		set[r.env] = ""
		if got, want := valueOf(parse(t, phase, set), name), valueOf(parse(t, phase, at(minor)), name); got != want {
			t.Errorf("%s: %q with an empty variable, want %q", where, got, want)
		}
	}
}

func demandExit(t *testing.T, where string, err error, code int) {
	t.Helper()
	var exit *Exit
	if !errors.As(err, &exit) || exit.Code != code {
		t.Errorf("%s: %v, want exit code %d", where, err, code)
	}
}

// The table of the code and that of docs/reference.md name the same inputs.
func TestTableIsTheDocumentedOne(t *testing.T) {
	var want, got []string
	for _, r := range documented() {
		want = append(want, fmt.Sprintf("-%s $%s since 0.%d %s", r.flag, r.env, r.since, r.only))
	}
	for _, i := range Table() {
		got = append(got, fmt.Sprintf("-%s $%s since %s %s", i.Flag, i.Env, i.Since, i.Only))
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-reference +code:\n%s", diff)
	}
}

// With one bin/detect at a time, each runs once unless the second run is asked for.
func TestBaseline(t *testing.T) {
	for _, test := range []struct {
		env  map[string]string
		args []string
		want bool
	}{
		{nil, nil, true},
		{nil, []string{"-baseline=false"}, false},
		{map[string]string{"PRELUDE_BASELINE": "false"}, nil, false},
		{map[string]string{"PRELUDE_BASELINE": "false"}, []string{"-baseline"}, true},
		{nil, []string{"-parallel=1"}, false},
		{map[string]string{"PRELUDE_PARALLEL": "1"}, nil, false},
		{nil, []string{"-parallel=1", "-baseline"}, true},
		{map[string]string{"PRELUDE_BASELINE": "true", "PRELUDE_PARALLEL": "1"}, nil, true},
		{nil, []string{"-parallel=2"}, true},
	} {
		if in := parse(t, Detector, test.env, test.args...); in.Baseline != test.want {
			t.Errorf("%v %v: %t", test.env, test.args, in.Baseline)
		}
	}
}

func TestPaths(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	// Directories are made absolute, and so are defaults below them; files stay as they are given.
	in := parse(t, Detector, nil, "-layers", "l", "-app=app/", "-group", "g.toml", "-buildpacks=../bp")
	for _, test := range []struct{ what, got, want string }{
		{"layers", in.LayersDir, filepath.Join(here, "l")},
		{"app, with a slash at the end as Tekton has it", in.AppDir, filepath.Join(here, "app")},
		{"group", in.GroupPath, "g.toml"},
		{"buildpacks", in.BuildpacksDir, filepath.Join(filepath.Dir(here), "bp")},
		{"plan, below the final layers", in.PlanPath, filepath.Join(here, "l", "plan.toml")},
		{"generated, below the final layers", in.GeneratedDir, filepath.Join(here, "l", "generated")},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", test.what, test.got, test.want)
		}
	}
	// The default follows the final layers directory, whoever sets it.
	if in := parse(t, Detector, map[string]string{"CNB_LAYERS_DIR": "/from-env"}); in.PlanPath != "/from-env/plan.toml" {
		t.Errorf("plan: %s", in.PlanPath)
	}
	if in := parse(t, Detector, map[string]string{"CNB_LAYERS_DIR": "/from-env"}, "-layers=/flagged"); in.PlanPath != "/flagged/plan.toml" {
		t.Errorf("plan: %s", in.PlanPath)
	}
	// order.toml is looked for among the layers first.
	if in := parse(t, Detector, nil, "-layers=l"); in.OrderPath != "/cnb/order.toml" {
		t.Errorf("order: %s", in.OrderPath)
	}
	if err := os.Mkdir("l", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("l/order.toml", nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if in := parse(t, Detector, nil, "-layers=l"); in.OrderPath != filepath.Join(here, "l/order.toml") {
		t.Errorf("order: %s", in.OrderPath)
	}
	if in := parse(t, Detector, map[string]string{"CNB_ORDER_PATH": "/mine.toml"}, "-layers=l"); in.OrderPath != "/mine.toml" {
		t.Errorf("order: %s", in.OrderPath)
	}
}

func TestExitsOfParsing(t *testing.T) {
	for _, test := range []struct {
		why     string
		env     map[string]string
		args    []string
		code    int
		message string
	}{
		{"an unknown flag", nil, []string{"-colour"}, CodeUsage, ""},
		{"a value that is none", nil, []string{"-parallel=many"}, CodeUsage, ""},
		{"a positional argument", nil, []string{"detect"}, CodeArguments, "failed to parse arguments: received unexpected arguments"},
		{"one after flags", nil, []string{"-app", "x", "y"}, CodeArguments, "failed to parse arguments: received unexpected arguments"},
		{"a bad log level", nil, []string{"-log-level=loud"}, CodeFailed, `failed to parse arguments: unknown log level "loud": want debug, info, warn or error`},
		{"a bad log level from the environment", map[string]string{"CNB_LOG_LEVEL": "loud"}, nil, CodeFailed, `unknown log level "loud"`},
		{"a negative number of modules at a time", nil, []string{"-parallel=-1"}, CodeFailed, "cannot be negative"},
		{"a variable of ours that is no number", map[string]string{"PRELUDE_PARALLEL": "many"}, nil, CodeFailed, `failed to parse arguments: PRELUDE_PARALLEL: "many": want a number`},
		{"one that is no time", map[string]string{"PRELUDE_DETECT_TIMEOUT": "5"}, nil, CodeFailed, `PRELUDE_DETECT_TIMEOUT: "5": want a time such as 90s or 5m`},
		{"one that is neither true nor false", map[string]string{"PRELUDE_SKIP_GENERATE": "perhaps"}, nil, CodeFailed, `PRELUDE_SKIP_GENERATE: "perhaps": want true or false`},
		{"a negative time from a variable", map[string]string{"PRELUDE_GENERATE_TIMEOUT": "-1s"}, nil, CodeFailed, "cannot be negative"},
		{"a report of no known kind from a variable", map[string]string{"PRELUDE_REPORT": "r.txt"}, nil, CodeFailed, `"r.txt" must end in .json or .html`},
		{"no Platform API", map[string]string{"CNB_PLATFORM_API": ""}, nil, CodeIncompatiblePlatform, "please set 'CNB_PLATFORM_API'"},
		{"one too old", map[string]string{"CNB_PLATFORM_API": "0.6"}, nil, CodeIncompatiblePlatform, "platform API version '0.6' is incompatible with the lifecycle"},
		{"one too new", map[string]string{"CNB_PLATFORM_API": "0.16"}, nil, CodeIncompatiblePlatform, "platform API version '0.16' is incompatible with the lifecycle"},
		{"a major version without a minor", map[string]string{"CNB_PLATFORM_API": "1"}, nil, CodeIncompatiblePlatform, "platform API version '1' is incompatible"},
		{"one malformed", map[string]string{"CNB_PLATFORM_API": "new"}, nil, CodeIncompatiblePlatform, "parse platform API version"},
		{"the Platform API is judged before anything else", map[string]string{"CNB_PLATFORM_API": ""}, []string{"-unknown", "x"}, CodeIncompatiblePlatform, ""},
	} {
		_, err := Parse(Detector, test.args, environment(test.env), io.Discard)
		demandExit(t, test.why, err, test.code)
		if err != nil && !strings.Contains(err.Error(), test.message) {
			t.Errorf("%s: %q, want %q", test.why, err, test.message)
		}
	}
}

// Whoever asks what this is gets an answer, with and without a Platform API.
func TestVersionAndHelp(t *testing.T) {
	for _, platformAPI := range []string{"", "0.15", "nonsense"} {
		env := map[string]string{"CNB_PLATFORM_API": platformAPI}
		for _, args := range [][]string{{"-version"}, {"--version"}} {
			if in := parse(t, Detector, env, args...); !in.Version || in.Help {
				t.Errorf("%q with %q: %+v", args, platformAPI, in)
			}
		}
		for _, args := range [][]string{{"-h"}, {"-help"}, {"--help"}} {
			if in := parse(t, Generator, env, args...); !in.Help || in.Version {
				t.Errorf("%q with %q: %+v", args, platformAPI, in)
			}
		}
	}
	if in := parse(t, Detector, nil, "-app", "x", "-version", "y"); !in.Version {
		t.Error("-version among other arguments")
	}
}

func TestNoColorBeforeThePlatformAPIIsKnown(t *testing.T) {
	in, err := Parse(Detector, nil, environment(map[string]string{"CNB_PLATFORM_API": "", "CNB_NO_COLOR": "true"}), io.Discard)
	if err == nil || !in.NoColor {
		t.Errorf("%+v %v", in, err)
	}
	if in := parse(t, Detector, map[string]string{"CNB_NO_COLOR": "perhaps"}); in.NoColor {
		t.Error("a value that is neither true nor false counts as unset")
	}
}

// -help lists the flags of the phase at the Platform API in use, and no others.
func TestUsage(t *testing.T) {
	for _, phase := range []Phase{Detector, Generator} {
		for minor := 7; minor <= 15; minor++ {
			var usage bytes.Buffer
			Inputs{Phase: phase, PlatformAPI: api.V(0, minor)}.WriteUsage(&usage)
			for _, r := range documented() {
				if r.flag == "" {
					continue
				}
				has := minor >= r.since && (r.only == "" || r.only == phase)
				if listed := strings.Contains(usage.String(), "  -"+r.flag+"\n"); listed != has {
					t.Errorf("%s at 0.%d: -%s listed: %t, want %t", phase, minor, r.flag, listed, has)
				}
			}
		}
	}
	var said bytes.Buffer
	_, err := Parse(Detector, []string{"-colour"}, environment(nil), &said)
	demandExit(t, "unknown flag", err, CodeUsage)
	if !strings.HasPrefix(said.String(), "flag provided but not defined: -colour\nUsage of detector (Platform API 0.15):\n") {
		t.Error(said.String())
	}
	if errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
}

// The table in docs/reference.md is the code's; UPDATE=1 go test ./platform rewrites it.
func TestReferenceListsTheInputs(t *testing.T) {
	const path, begin, end = "../docs/reference.md", "<!-- inputs: made by UPDATE=1 go test ./platform -->\n", "<!-- end of inputs -->\n"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), begin)
	now, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s: want %q and %q", path, begin, end)
	}
	want := inputsTable()
	if now == want {
		return
	}
	if os.Getenv("UPDATE") == "" {
		t.Fatalf("%s is out of date (-file +code); UPDATE=1 go test ./platform rewrites it:\n%s", path, cmp.Diff(now, want))
	}
	if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}

func inputsTable() string {
	var text strings.Builder
	text.WriteString("\n| flag | variable | default | from Platform API | of | what |\n|---|---|---|---|---|---|\n")
	code := func(text, none string) string {
		if text == "" {
			return none
		}
		return "`" + text + "`"
	}
	for _, i := range Table() {
		name, of := i.Flag, "both"
		if name != "" {
			name = "-" + name
		}
		if i.Only != "" {
			of = string(i.Only)
		}
		since := i.Since.String()
		if i.EnvSince != (api.Version{}) {
			since += "; without the flag " + i.EnvSince.String()
		}
		fmt.Fprintf(&text, "| %s | %s | %s | %s | %s | %s |\n", code(name, "–"), code(i.Env, "–"), code(i.Default, "none"), since, of, i.Usage)
	}
	return text.String() + "\n"
}

// Settings are the final values: a path below -layers is resolved, and an input that the Platform API does not have is missing.
func TestSettings(t *testing.T) {
	env := map[string]string{"CNB_PLATFORM_API": "0.9", "CNB_EXEC_ENV": "test"}
	in, err := Parse(Detector, []string{"-layers", "/l", "-detect-timeout", "90s"}, func(name string) string { return env[name] }, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range in.Settings() {
		got[s.Name] = s.Value
	}
	for name, want := range map[string]string{
		"layers": "/l", "group": "/l/group.toml", "detect-timeout": "1m30s", "CNB_EXEC_ENV": "test", "no-color": "false",
		"extensions": "", // since 0.10
		"report":     "", // has no value
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
}
