package platform

import (
	"cmp"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/internal/api"
)

// Phase is one of the two executables.
type Phase string

// The phases.
const (
	Detector  Phase = "detector"
	Generator Phase = "generator"
)

// Inputs are all that a phase is told by its arguments and its environment, final and read-only. Directories are
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

	LogLevel string
	NoColor  bool
	ExecEnv  string
	// ExperimentalMode and DeprecationMode say what to do about a feature of that kind: error, warn or quiet.
	ExperimentalMode string
	DeprecationMode  string

	// SkipGenerate ends detector after detection.
	SkipGenerate bool
	// Parallel is how many bin/detect run at the same time at the most; 0: as many as there are CPUs for us, and more.
	Parallel int
	// DetectTimeout and GenerateTimeout are for each executable; 0 means none.
	DetectTimeout   time.Duration
	GenerateTimeout time.Duration

	// UseLayout and LayoutDir ask for run images in OCI layouts on disk: experimental.
	UseLayout bool
	LayoutDir string

	// Version asks for the version, Help for the list of flags; nothing else is done then.
	Version, Help bool
}

// Input is a row of the table of inputs (contract, section 1), from which parsing, -help and docs/reference.md derive.
type Input struct {
	// Flag is the name without "-"; empty if there is only a variable.
	Flag string
	// Env is the environment variable; empty if there is only a flag.
	Env string
	// Default as it is documented; "<layers>" stands for the final value of -layers. Empty means none.
	Default string
	// Since is the first Platform API that has the input.
	Since api.Version
	// Only names the phase if but one of them has the input.
	Only Phase
	// Directory values are made absolute.
	Directory bool
	// Usage says what it is.
	Usage string

	field func(*Inputs) any
}

// Table lists the inputs of both phases.
func Table() []Input {
	first := api.PlatformAPIs().Oldest
	return []Input{
		{Flag: "analyzed", Env: "CNB_ANALYZED_PATH", Default: "<layers>/analyzed.toml", Since: api.V(0, 10), Usage: "path to analyzed.toml", field: func(i *Inputs) any { return &i.AnalyzedPath }},
		{Flag: "app", Env: "CNB_APP_DIR", Default: "/workspace", Since: first, Directory: true, Usage: "path to the application's directory", field: func(i *Inputs) any { return &i.AppDir }},
		{Flag: "build-config", Env: "CNB_BUILD_CONFIG_DIR", Default: "/cnb/build-config", Since: api.V(0, 11), Directory: true, Usage: "path to the build config directory", field: func(i *Inputs) any { return &i.BuildConfigDir }},
		{Flag: "buildpacks", Env: "CNB_BUILDPACKS_DIR", Default: "/cnb/buildpacks", Since: first, Only: Detector, Directory: true, Usage: "path to the buildpacks directory", field: func(i *Inputs) any { return &i.BuildpacksDir }},
		{Flag: "extensions", Env: "CNB_EXTENSIONS_DIR", Default: "/cnb/extensions", Since: api.V(0, 10), Directory: true, Usage: "path to the extensions directory", field: func(i *Inputs) any { return &i.ExtensionsDir }},
		{Flag: "generated", Env: "CNB_GENERATED_DIR", Default: "<layers>/generated", Since: api.V(0, 10), Directory: true, Usage: "path to the directory for generated Dockerfiles", field: func(i *Inputs) any { return &i.GeneratedDir }},
		{Flag: "generated-metadata", Default: "<layers>/generated.toml", Since: api.V(0, 10), Usage: "path to generated.toml, which tells later extend steps what to apply", field: func(i *Inputs) any { return &i.GeneratedMetadataPath }},
		{Flag: "group", Env: "CNB_GROUP_PATH", Default: "<layers>/group.toml", Since: first, Usage: "path to group.toml", field: func(i *Inputs) any { return &i.GroupPath }},
		{Flag: "layers", Env: "CNB_LAYERS_DIR", Default: "/layers", Since: first, Directory: true, Usage: "path to the layers directory", field: func(i *Inputs) any { return &i.LayersDir }},
		{Flag: "log-level", Env: "CNB_LOG_LEVEL", Default: "info", Since: first, Usage: "debug, info, warn or error", field: func(i *Inputs) any { return &i.LogLevel }},
		{Flag: "no-color", Env: "CNB_NO_COLOR", Default: "false", Since: first, Usage: "no colours, even on a terminal", field: func(i *Inputs) any { return &i.NoColor }},
		{Flag: "order", Env: "CNB_ORDER_PATH", Default: "<layers>/order.toml if it exists, else /cnb/order.toml", Since: first, Only: Detector, Usage: "path to order.toml", field: func(i *Inputs) any { return &i.OrderPath }},
		{Flag: "plan", Env: "CNB_PLAN_PATH", Default: "<layers>/plan.toml", Since: first, Usage: "path to plan.toml", field: func(i *Inputs) any { return &i.PlanPath }},
		{Flag: "platform", Env: "CNB_PLATFORM_DIR", Default: "/platform", Since: first, Directory: true, Usage: "path to the platform directory", field: func(i *Inputs) any { return &i.PlatformDir }},
		{Flag: "report", Since: first, Usage: "path to a report of what happened: *.json for machines, *.html for people", field: func(i *Inputs) any { return &i.ReportPath }},
		{Flag: "run", Env: "CNB_RUN_PATH", Default: "/cnb/run.toml", Since: api.V(0, 12), Usage: "path to run.toml", field: func(i *Inputs) any { return &i.RunPath }},
		{Flag: "system", Env: "CNB_SYSTEM_PATH", Default: "/cnb/system.toml", Since: api.V(0, 15), Only: Detector, Usage: "path to system.toml", field: func(i *Inputs) any { return &i.SystemPath }},
		{Env: "CNB_EXEC_ENV", Default: "production", Since: first, Usage: "execution environment", field: func(i *Inputs) any { return &i.ExecEnv }},
		{Env: "CNB_EXPERIMENTAL_MODE", Default: "error", Since: first, Usage: "what to do about experimental features: error, warn or silent (quiet means the same)", field: func(i *Inputs) any { return &i.ExperimentalMode }},
		{Env: "CNB_DEPRECATION_MODE", Default: "warn", Since: first, Usage: "what to do about deprecated APIs: error, warn or silent (quiet means the same)", field: func(i *Inputs) any { return &i.DeprecationMode }},
		{Flag: "layout", Env: "CNB_USE_LAYOUT", Default: "false", Since: api.V(0, 12), Usage: "experimental: images are OCI layouts on disk", field: func(i *Inputs) any { return &i.UseLayout }},
		{Flag: "layout-dir", Env: "CNB_LAYOUT_DIR", Since: api.V(0, 12), Directory: true, Usage: "experimental: path to the directory with OCI layouts", field: func(i *Inputs) any { return &i.LayoutDir }},
		{Flag: "skip-generate", Default: "false", Since: api.V(0, 10), Only: Detector, Usage: "end after detection, without generation", field: func(i *Inputs) any { return &i.SkipGenerate }},
		{Flag: "parallel", Default: "0", Since: first, Only: Detector, Usage: "how many bin/detect run at the same time; 0: from the CPUs available; 1: strictly one after the other", field: func(i *Inputs) any { return &i.Parallel }},
		{Flag: "detect-timeout", Default: "0", Since: first, Only: Detector, Usage: "how long each bin/detect may take, for instance 90s; 0: as long as it wants", field: func(i *Inputs) any { return &i.DetectTimeout }},
		{Flag: "generate-timeout", Default: "0", Since: api.V(0, 10), Usage: "how long each bin/generate may take, for instance 5m; 0: as long as it wants", field: func(i *Inputs) any { return &i.GenerateTimeout }},
	}
}

// Has says whether a phase has the input at a version of the Platform API.
func (in Input) Has(phase Phase, at api.Version) bool {
	return at.AtLeast(in.Since) && (in.Only == "" || in.Only == phase)
}

// Parse turns arguments and environment into inputs (contract, section 1). Its errors are *Exit values with the right
// exit code. Usage goes to usage if an argument is wrong.
func Parse(phase Phase, args []string, getenv func(string) string, usage io.Writer) (Inputs, error) {
	in := Inputs{Phase: phase}
	in.NoColor, _ = strconv.ParseBool(getenv("CNB_NO_COLOR")) // for what is said before the flags are read
	version, apiErr := platformAPI(getenv("CNB_PLATFORM_API"))
	if apiErr != nil {
		// Asking what this is must always get an answer; anything else waits for the Platform API.
		if in.Version, in.Help = asks(args, "version"), asks(args, "h") || asks(args, "help"); !in.Version && !in.Help {
			return in, &Exit{Code: CodeIncompatiblePlatform, Err: apiErr}
		}
		in.PlatformAPI = api.PlatformAPIs().Newest
		return in, nil
	}
	in.PlatformAPI = version
	set := flags(&in, getenv)
	set.SetOutput(io.Discard)
	switch err := set.Parse(args); {
	case err == flag.ErrHelp:
		in.Help = true
		return in, nil
	case err != nil:
		fmt.Fprintln(usage, err)
		in.WriteUsage(usage)
		return in, &Exit{Code: CodeUsage}
	case in.Version:
		return in, nil
	case set.NArg() > 0:
		return in, &Exit{Code: CodeArguments, Action: "parse arguments", Err: fmt.Errorf("received unexpected arguments")}
	}
	return in, in.finish()
}

func platformAPI(text string) (api.Version, error) {
	if text == "" {
		return api.Version{}, fmt.Errorf("please set 'CNB_PLATFORM_API' to specify the desired platform API version; supported are %s", api.PlatformAPIs())
	}
	v, err := api.Parse(text)
	if err != nil {
		return v, fmt.Errorf("parse platform API version: %w", err)
	}
	if !api.PlatformAPIs().Has(v) {
		return v, fmt.Errorf("platform API version '%s' is incompatible with the lifecycle; supported are %s", text, api.PlatformAPIs())
	}
	return v, nil
}

func asks(args []string, name string) bool {
	return len(args) > 0 && strings.TrimLeft(args[0], "-") == name && strings.HasPrefix(args[0], "-")
}

// flags fills the inputs with their defaults and what the environment says, and returns the flags that override them.
func flags(in *Inputs, getenv func(string) string) *flag.FlagSet {
	set := flag.NewFlagSet(string(in.Phase), flag.ContinueOnError)
	set.Usage = func() {}
	set.BoolVar(&in.Version, "version", false, "print the version and exit")
	for _, row := range Table() {
		if !row.Has(in.Phase, in.PlatformAPI) {
			continue
		}
		value := row.Default
		if row.Env != "" && getenv(row.Env) != "" {
			value = getenv(row.Env)
		}
		switch field := row.field(in).(type) {
		case *string:
			*field = value
			if row.Flag != "" {
				set.StringVar(field, row.Flag, value, row.Usage)
			}
		case *bool:
			*field, _ = strconv.ParseBool(value) // a platform that says CNB_NO_COLOR=maybe gets the default
			set.BoolVar(field, row.Flag, *field, row.Usage)
		case *int:
			set.IntVar(field, row.Flag, 0, row.Usage)
		case *time.Duration:
			set.DurationVar(field, row.Flag, 0, row.Usage)
		}
	}
	return set
}

// finish settles what depends on other inputs, and refuses values that cannot be.
func (in *Inputs) finish() error {
	layers, err := filepath.Abs(in.LayersDir)
	if err != nil {
		return &Exit{Code: CodeFailed, Action: "parse arguments", Err: err}
	}
	if order := filepath.Join(layers, "order.toml"); strings.HasPrefix(in.OrderPath, "<layers>/order.toml if") {
		in.OrderPath = "/cnb/order.toml"
		if _, err := os.Stat(order); err == nil {
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
		if row.Directory {
			if *path, err = filepath.Abs(*path); err != nil {
				return &Exit{Code: CodeFailed, Action: "parse arguments", Err: err}
			}
		}
	}
	if _, err := ParseLevel(in.LogLevel); err != nil {
		return &Exit{Code: CodeFailed, Action: "parse arguments", Err: err}
	}
	if err := in.checkReport(); err != nil {
		return &Exit{Code: CodeFailed, Action: "parse arguments", Err: err}
	}
	if in.Parallel < 0 || in.DetectTimeout < 0 || in.GenerateTimeout < 0 {
		return &Exit{Code: CodeFailed, Action: "parse arguments", Err: fmt.Errorf("-parallel and time limits cannot be negative")}
	}
	return nil
}

// WriteUsage lists the flags that the phase has at the Platform API in use.
func (in Inputs) WriteUsage(w io.Writer) {
	fmt.Fprintf(w, "Usage of %s (Platform API %s):\n", in.Phase, in.PlatformAPI)
	for _, row := range Table() {
		if row.Flag == "" || !row.Has(in.Phase, in.PlatformAPI) {
			continue
		}
		fmt.Fprintf(w, "  -%s\n    \t%s (default %s", row.Flag, row.Usage, cmp.Or(row.Default, "none"))
		if row.Env != "" {
			fmt.Fprintf(w, "; $%s", row.Env)
		}
		fmt.Fprintln(w, ")")
	}
	fmt.Fprint(w, "  -version\n    \tprint the version and exit\nEnvironment only:\n  CNB_PLATFORM_API\n    \tPlatform API to speak, one of ", api.PlatformAPIs(), " (required)\n")
	for _, row := range Table() {
		if row.Flag == "" && row.Has(in.Phase, in.PlatformAPI) {
			fmt.Fprintf(w, "  %s\n    \t%s (default %s)\n", row.Env, row.Usage, row.Default)
		}
	}
}
