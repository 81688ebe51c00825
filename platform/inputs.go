package platform

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/internal/api"
)

// Phase is one of the two executables.
type Phase string

const (
	Detector  Phase = "detector"
	Generator Phase = "generator"
)

// Inputs are what arguments and environment ask of a phase, final and read-only; [Table] says what each is. Directories are
// absolute; an empty path means that the Platform API in use has no such input.
type Inputs struct {
	Phase       Phase
	PlatformAPI api.Version

	AnalyzedPath          string
	AppDir                string
	BuildConfigDir        string
	BuildpacksDir         string
	ExtensionsDir         string
	GeneratedDir          string
	GeneratedMetadataPath string
	GroupPath             string
	LayersDir             string
	OrderPath             string
	PlanPath              string
	PlatformDir           string
	ReportPath            string
	RunPath               string
	SystemPath            string

	LogLevel         string
	NoColor          bool
	ExecEnv          string
	ExperimentalMode string
	DeprecationMode  string
	RunImageSwitch   string

	SkipGenerate    bool
	Parallel        int
	Baseline        bool // false with one bin/detect at a time, unless it was asked for
	Alternatives    bool
	Telemetry       bool
	TraceParent     string
	DetectTimeout   time.Duration
	GenerateTimeout time.Duration

	UseLayout bool
	LayoutDir string

	// Version asks for the version, Help for the list of flags; nothing else is done then.
	Version, Help bool
}

// Input is a row of the table of inputs, from which parsing, -help and docs/reference.md derive.
type Input struct {
	// Flag is the name without "-"; empty if there is only the variable Env. Variables of Prelude's own, which modules never
	// see, begin with PRELUDE_.
	Flag, Env string
	// Default as documented; "<layers>" stands for the final value of -layers. Empty means none.
	Default string
	// Since is the first Platform API that has the flag; EnvSince is an older one that has the variable alone, if there is one.
	Since, EnvSince api.Version
	Only            Phase  // the one phase that has the input; empty if both have it
	Directory       bool   // whether the value is made absolute
	Usage           string // in -help

	field func(*Inputs) any
}

// Table lists the inputs of both phases.
func Table() []Input {
	first := api.PlatformAPIs().Oldest
	return []Input{
		{Flag: "analyzed", Env: "CNB_ANALYZED_PATH", Default: "<layers>/analyzed.toml", Since: api.V(0, 10), EnvSince: first, Usage: "analyzed.toml", field: func(i *Inputs) any { return &i.AnalyzedPath }},
		{Flag: "app", Env: "CNB_APP_DIR", Default: "/workspace", Since: first, Directory: true, Usage: "the app's directory", field: func(i *Inputs) any { return &i.AppDir }},
		{Flag: "build-config", Env: "CNB_BUILD_CONFIG_DIR", Default: "/cnb/build-config", Since: api.V(0, 11), EnvSince: first, Directory: true, Usage: "the build config directory", field: func(i *Inputs) any { return &i.BuildConfigDir }},
		{Flag: "buildpacks", Env: "CNB_BUILDPACKS_DIR", Default: "/cnb/buildpacks", Since: first, Only: Detector, Directory: true, Usage: "the buildpacks directory", field: func(i *Inputs) any { return &i.BuildpacksDir }},
		{Flag: "extensions", Env: "CNB_EXTENSIONS_DIR", Default: "/cnb/extensions", Since: api.V(0, 10), Directory: true, Usage: "the extensions directory", field: func(i *Inputs) any { return &i.ExtensionsDir }},
		{Flag: "generated", Env: "CNB_GENERATED_DIR", Default: "<layers>/generated", Since: api.V(0, 10), Directory: true, Usage: "the directory for generated Dockerfiles", field: func(i *Inputs) any { return &i.GeneratedDir }},
		{Flag: "generated-metadata", Env: "PRELUDE_GENERATED_METADATA", Default: "<layers>/generated.toml", Since: api.V(0, 10), Usage: "generated.toml, which tells extend steps what to apply", field: func(i *Inputs) any { return &i.GeneratedMetadataPath }},
		{Flag: "group", Env: "CNB_GROUP_PATH", Default: "<layers>/group.toml", Since: first, Usage: "group.toml", field: func(i *Inputs) any { return &i.GroupPath }},
		{Flag: "layers", Env: "CNB_LAYERS_DIR", Default: "/layers", Since: first, Directory: true, Usage: "the layers directory", field: func(i *Inputs) any { return &i.LayersDir }},
		{Flag: "log-level", Env: "CNB_LOG_LEVEL", Default: "info", Since: first, Usage: "debug, info, warn or error", field: func(i *Inputs) any { return &i.LogLevel }},
		{Flag: "no-color", Env: "CNB_NO_COLOR", Default: "false", Since: first, Usage: "no colours, not even in the output of modules", field: func(i *Inputs) any { return &i.NoColor }},
		{Flag: "order", Env: "CNB_ORDER_PATH", Default: "<layers>/order.toml if it exists, else /cnb/order.toml", Since: first, Only: Detector, Usage: "order.toml", field: func(i *Inputs) any { return &i.OrderPath }},
		{Flag: "plan", Env: "CNB_PLAN_PATH", Default: "<layers>/plan.toml", Since: first, Usage: "plan.toml", field: func(i *Inputs) any { return &i.PlanPath }},
		{Flag: "platform", Env: "CNB_PLATFORM_DIR", Default: "/platform", Since: first, Directory: true, Usage: "the platform directory", field: func(i *Inputs) any { return &i.PlatformDir }},
		{Flag: "report", Env: "PRELUDE_REPORT", Since: first, Usage: "a report: *.json for programs, *.html for people", field: func(i *Inputs) any { return &i.ReportPath }},
		{Flag: "run", Env: "CNB_RUN_PATH", Default: "/cnb/run.toml", Since: api.V(0, 12), EnvSince: api.V(0, 10), Usage: "run.toml", field: func(i *Inputs) any { return &i.RunPath }},
		{Flag: "system", Env: "CNB_SYSTEM_PATH", Default: "/cnb/system.toml", Since: api.V(0, 15), Only: Detector, Usage: "system.toml", field: func(i *Inputs) any { return &i.SystemPath }},
		{Env: "CNB_EXEC_ENV", Default: "production", Since: first, Usage: "execution environment", field: func(i *Inputs) any { return &i.ExecEnv }},
		{Env: "CNB_EXPERIMENTAL_MODE", Default: "error", Since: first, Usage: "experimental features: error, warn or silent (or quiet)", field: func(i *Inputs) any { return &i.ExperimentalMode }},
		{Env: "CNB_DEPRECATION_MODE", Default: "warn", Since: first, Usage: "no effect yet: no supported API is deprecated", field: func(i *Inputs) any { return &i.DeprecationMode }},
		{Flag: "layout", Env: "CNB_USE_LAYOUT", Default: "false", Since: api.V(0, 12), Usage: "experimental: images are OCI layouts on disk", field: func(i *Inputs) any { return &i.UseLayout }},
		{Flag: "layout-dir", Env: "CNB_LAYOUT_DIR", Since: api.V(0, 12), Directory: true, Usage: "experimental: the directory with OCI layouts", field: func(i *Inputs) any { return &i.LayoutDir }},
		{Flag: "skip-generate", Env: "PRELUDE_SKIP_GENERATE", Default: "false", Since: api.V(0, 10), Only: Detector, Usage: "end after detection, without generation", field: func(i *Inputs) any { return &i.SkipGenerate }},
		{Flag: "parallel", Env: "PRELUDE_PARALLEL", Default: "0", Since: first, Only: Detector, Usage: "how many bin/detect run at the same time; 0: by the CPUs; 1: one after the other, none before it is needed", field: func(i *Inputs) any { return &i.Parallel }},
		{Flag: "baseline", Env: "PRELUDE_BASELINE", Default: "true", Since: first, Only: Detector, Usage: "after a failure, run each bin/detect once more in an empty directory, to explain it; with -parallel 1 only if this is given", field: func(i *Inputs) any { return &i.Baseline }},
		{Flag: "alternatives", Env: "PRELUDE_ALTERNATIVES", Default: "false", Since: first, Only: Detector, Usage: "after a group passed, also try the later ones, and name those that fit", field: func(i *Inputs) any { return &i.Alternatives }},
		{Flag: "run-image-switch", Env: "PRELUDE_RUN_IMAGE_SWITCH", Default: "allow", Since: api.V(0, 10), Usage: "which run images extensions may switch to: allow (any), listed (those of run.toml) or never (none)", field: func(i *Inputs) any { return &i.RunImageSwitch }},
		{Flag: "telemetry", Env: "PRELUDE_TELEMETRY", Default: "false", Since: first, Usage: "append a trace below <layers>/tracing, in OpenTelemetry's file format", field: func(i *Inputs) any { return &i.Telemetry }},
		{Env: "CNB_OTEL_TRACEPARENT", Since: first, Usage: "W3C trace context of the trace; modules get it, too", field: func(i *Inputs) any { return &i.TraceParent }},
		{Flag: "detect-timeout", Env: "PRELUDE_DETECT_TIMEOUT", Default: "0", Since: first, Only: Detector, Usage: "time limit of each bin/detect, for instance 90s; 0: none", field: func(i *Inputs) any { return &i.DetectTimeout }},
		{Flag: "generate-timeout", Env: "PRELUDE_GENERATE_TIMEOUT", Default: "0", Since: api.V(0, 10), Usage: "time limit of each bin/generate, for instance 5m; 0: none", field: func(i *Inputs) any { return &i.GenerateTimeout }},
	}
}

// Has reports whether a phase has the input at a version of the Platform API, if perhaps without its flag.
func (in Input) Has(phase Phase, at api.Version) bool {
	return at.AtLeast(cmp.Or(in.EnvSince, in.Since)) && (in.Only == "" || in.Only == phase)
}

// HasFlag reports whether a phase has the input's flag at a version of the Platform API.
func (in Input) HasFlag(phase Phase, at api.Version) bool {
	return in.Flag != "" && at.AtLeast(in.Since) && in.Has(phase, at)
}

// Setting is an input with its value as text.
type Setting struct{ Name, Value string }

// Settings are the inputs of the phase as they are in force, without those that have no value. A setting has the name of its
// flag, or of its variable where it has no flag.
func (in Inputs) Settings() []Setting {
	var all []Setting
	for _, row := range Table() {
		value := fmt.Sprint(reflect.ValueOf(row.field(&in)).Elem())
		if row.Has(in.Phase, in.PlatformAPI) && value != "" {
			all = append(all, Setting{cmp.Or(row.Flag, row.Env), value})
		}
	}
	return all
}

// Parse turns arguments and environment into inputs. Its errors are *Exit values with the right exit code. Usage goes to
// usage if an argument is wrong.
func Parse(phase Phase, args []string, getenv func(string) string, usage io.Writer) (Inputs, error) {
	in := Inputs{Phase: phase}
	var apiErr error
	if in.PlatformAPI, apiErr = platformAPI(getenv("CNB_PLATFORM_API")); apiErr != nil {
		in.PlatformAPI = api.PlatformAPIs().Newest // for -version and -help, which get an answer all the same
	}
	set, badEnv := flags(&in, getenv)
	switch err := set.Parse(args); {
	case err == flag.ErrHelp:
		in.Help = true
		return in, nil
	case err == nil && in.Version:
		return in, nil
	case apiErr != nil:
		return in, &Exit{Code: CodeIncompatiblePlatform, Err: apiErr}
	case err != nil:
		fmt.Fprintln(usage, err)
		in.WriteUsage(usage)
		return in, &Exit{Code: CodeUsage}
	case badEnv != nil:
		return in, &Exit{Code: CodeFailed, Action: "parse arguments", Err: badEnv}
	case set.NArg() > 0:
		err := fmt.Errorf("received unexpected arguments: %q; only flags are allowed", set.Args())
		return in, &Exit{Code: CodeArguments, Action: "parse arguments", Err: err}
	}
	given := getenv("PRELUDE_BASELINE") != ""
	set.Visit(func(f *flag.Flag) { given = given || f.Name == "baseline" })
	in.Baseline = in.Baseline && (given || in.Parallel != 1) // strictly once each is what 1 is chosen for
	return in, in.finish()
}

func platformAPI(text string) (api.Version, error) {
	v, err := api.Parse(text)
	switch {
	case text == "":
		err = fmt.Errorf("please set 'CNB_PLATFORM_API' to specify the desired platform API version; supported are %s", api.PlatformAPIs())
	case err != nil:
		err = fmt.Errorf("parse platform API version: %w", err)
	case !api.PlatformAPIs().Has(v):
		err = fmt.Errorf("platform API version '%s' is incompatible with the lifecycle; supported are %s", text, api.PlatformAPIs())
	}
	return v, err
}

// flags fills the inputs with their defaults and what the environment says, and returns the flags that override them. The
// error is about a variable of Prelude's own; those of the specification with a value that is neither true nor false are unset.
func flags(in *Inputs, getenv func(string) string) (*flag.FlagSet, error) {
	set := flag.NewFlagSet(string(in.Phase), flag.ContinueOnError)
	set.Usage = func() {}
	set.SetOutput(io.Discard)
	set.BoolVar(&in.Version, "version", false, "print the version and exit")
	var bad error
	for _, row := range Table() {
		if !row.Has(in.Phase, in.PlatformAPI) {
			continue
		}
		value := cmp.Or(getenv(row.Env), row.Default)
		err := row.set(in, value)
		if err != nil && strings.HasPrefix(row.Env, "PRELUDE_") {
			bad = errors.Join(bad, fmt.Errorf("%s: %q: %w", row.Env, value, err))
		}
		if !row.HasFlag(in.Phase, in.PlatformAPI) {
			continue
		}
		override := func(value string) error { return row.set(in, value) }
		if _, isBool := row.field(in).(*bool); isBool {
			set.BoolFunc(row.Flag, row.Usage, override)
		} else {
			set.Func(row.Flag, row.Usage, override)
		}
	}
	return set, bad
}

// set gives the input a value that is written as text.
func (in Input) set(inputs *Inputs, value string) error {
	var err error
	switch field := in.field(inputs).(type) {
	case *string:
		*field = value
	case *bool:
		if *field, err = strconv.ParseBool(value); err != nil {
			return errors.New("want true or false")
		}
	case *int:
		if *field, err = strconv.Atoi(value); err != nil {
			return errors.New("want a number")
		}
	case *time.Duration:
		if *field, err = time.ParseDuration(value); err != nil {
			return errors.New("want a time such as 90s or 5m")
		}
	}
	return nil
}

// finish settles what depends on other inputs.
func (in *Inputs) finish() error {
	layers, err := filepath.Abs(in.LayersDir)
	if order := filepath.Join(layers, "order.toml"); strings.HasPrefix(in.OrderPath, "<layers>/order.toml if") {
		in.OrderPath = "/cnb/order.toml"
		if _, missing := os.Stat(order); missing == nil {
			in.OrderPath = order
		}
	}
	for _, row := range Table() {
		path, ok := row.field(in).(*string)
		if !ok || *path == "" {
			continue
		}
		if below, isDefault := strings.CutPrefix(*path, "<layers>/"); isDefault {
			*path = filepath.Join(layers, below)
		}
		if row.Directory && err == nil {
			*path, err = filepath.Abs(*path)
		}
	}
	if err = cmp.Or(err, in.check()); err != nil {
		return &Exit{Code: CodeFailed, Action: "parse arguments", Err: err}
	}
	return nil
}

// check refuses values that cannot be.
func (in Inputs) check() error {
	_, err := ParseLevel(in.LogLevel)
	switch ext := strings.ToLower(filepath.Ext(in.ReportPath)); {
	case err != nil:
		return err
	case in.ReportPath != "" && ext != ".json" && ext != ".html":
		return fmt.Errorf("-report: %q must end in .json or .html", in.ReportPath)
	case !slices.Contains([]string{"", "allow", "listed", "never"}, in.RunImageSwitch):
		return fmt.Errorf("-run-image-switch: unknown policy %q; want allow, listed or never", in.RunImageSwitch)
	case in.Parallel < 0 || in.DetectTimeout < 0 || in.GenerateTimeout < 0:
		return errors.New("-parallel and time limits cannot be negative")
	}
	return nil
}

// help is what each executable says about itself, before its flags and after them.
var help = map[Phase]struct{ summary, example string }{
	Detector: {
		"detector finds the group of an order that fits an application, and has its image extensions generate Dockerfiles.",
		"detector -app app -order order.toml -buildpacks buildpacks -extensions extensions -layers layers",
	},
	Generator: {
		"generator has the image extensions of a group generate Dockerfiles, from the files that detector has left.",
		"generator -app app -extensions extensions -layers layers",
	},
}

// WriteHelp says what the phase does, which flags it has, and how it is called.
func (in Inputs) WriteHelp(w io.Writer) {
	about := help[in.Phase]
	fmt.Fprintf(w, "%s\n\n", about.summary)
	in.WriteUsage(w)
	fmt.Fprintf(w, "\nExample:\n  CNB_PLATFORM_API=%s %s\n\nDocumentation: https://github.com/cnb-prelude/prelude/tree/main/docs\n", in.PlatformAPI, about.example)
}

// WriteUsage lists the flags that the phase has at the Platform API in use.
func (in Inputs) WriteUsage(w io.Writer) {
	fmt.Fprintf(w, "Usage of %s (Platform API %s):\n", in.Phase, in.PlatformAPI)
	for _, row := range Table() {
		if row.HasFlag(in.Phase, in.PlatformAPI) {
			fmt.Fprintf(w, "  -%s\n    \t%s (default %s; $%s)\n", row.Flag, row.Usage, cmp.Or(row.Default, "none"), row.Env)
		}
	}
	fmt.Fprint(w, "  -version\n    \tprint the version and exit\nEnvironment only:\n  CNB_PLATFORM_API\n    \tPlatform API to speak, one of ", api.PlatformAPIs(), " (required)\n")
	for _, row := range Table() {
		if !row.HasFlag(in.Phase, in.PlatformAPI) && row.Has(in.Phase, in.PlatformAPI) {
			fmt.Fprintf(w, "  %s\n    \t%s (default %s)\n", row.Env, row.Usage, cmp.Or(row.Default, "none"))
		}
	}
}
