// Command entrypoint is the image extension samples/entrypoint, compiled: it is bin/detect when called detect, and
// bin/generate when called generate. It puts a small init process into the run image.
package main

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
)

const (
	exitPass  = 0
	exitError = 1
	exitFail  = 100
)

var (
	//go:embed entry.sh
	entryScript []byte
	//go:embed run.Dockerfile
	runDockerfile []byte
)

// errFail says that the extension has nothing to do for this application, which is no error.
var errFail = errors.New("no package.json with a start script, and no Procfile")

func main() {
	os.Exit(run(os.Args, os.Getenv, os.Stdout, os.Stderr))
}

// run acts by the name it is called by, as bin/detect or bin/generate in the working directory, and returns the exit code.
func run(args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	// input is the variable's value or, from a lifecycle that doesn't set it, the positional argument.
	input := func(variable string, position int) string {
		if value := getenv(variable); value != "" || position >= len(args) {
			return value
		}
		return args[position]
	}

	var err error
	switch name := filepath.Base(args[0]); name {
	case "detect":
		err = detect(".", input("CNB_BUILD_PLAN_PATH", 2))
	case "generate":
		err = generate(input("CNB_OUTPUT_DIR", 1), input("CNB_BP_PLAN_PATH", 3))
	default:
		err = fmt.Errorf("called %q, want detect or generate", name)
	}

	switch {
	case err == nil:
		return exitPass
	case errors.Is(err, errFail):
		fmt.Fprintln(stdout, err)
		return exitFail
	default:
		fmt.Fprintln(stderr, err)
		return exitError
	}
}

// detect offers init for an application that starts a process of its own.
func detect(app, planPath string) error {
	if planPath == "" {
		return errors.New("usage: detect <platform> <plan>")
	}
	starts, err := startsProcess(app)
	if err != nil {
		return err
	}
	if !starts {
		return errFail
	}
	return os.WriteFile(planPath, []byte("[[provides]]\nname = \"init\"\n"), 0o644)
}

func startsProcess(app string) (bool, error) {
	if _, err := os.Stat(filepath.Join(app, "Procfile")); err == nil {
		return true, nil
	}
	contents, err := os.ReadFile(filepath.Join(app, "package.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var manifest struct {
		Scripts map[string]string `json:"scripts"`
	}
	if err := json.Unmarshal(contents, &manifest); err != nil {
		return false, fmt.Errorf("package.json: %w", err)
	}
	return manifest.Scripts["start"] != "", nil
}

// graceSeconds finds the one value that matters here in a buildpack plan, without a TOML parser: a lifecycle writes one
// key a line.
var graceSeconds = regexp.MustCompile(`(?m)^\s*grace-seconds = ([0-9]+)$`)

// generate leaves a Dockerfile, its context with the init process, and as an argument the time that the plan gives it.
func generate(output, planPath string) error {
	if output == "" || planPath == "" {
		return errors.New("usage: generate <output> <platform> <plan>")
	}
	plan, err := os.ReadFile(planPath)
	if err != nil {
		return err
	}

	context := filepath.Join(output, "context.run")
	if err := os.MkdirAll(context, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(context, "entry"), entryScript, 0o755); err != nil {
		return err
	}
	if found := graceSeconds.FindSubmatch(plan); found != nil {
		config := fmt.Sprintf("[[run.args]]\nname = \"grace_seconds\"\nvalue = \"%s\"\n", found[1])
		if err := os.WriteFile(filepath.Join(output, "extend-config.toml"), []byte(config), 0o644); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(output, "run.Dockerfile"), runDockerfile, 0o644)
}
