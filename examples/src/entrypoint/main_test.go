package main

import (
	"io"
	"os"
	"path/filepath"
	"testing"
)

// call runs the program in a directory of its own that holds the files, and returns the exit code.
func call(t *testing.T, files map[string]string, args []string, env map[string]string) int {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, contents := range files {
		if err := os.WriteFile(name, []byte(contents), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return run(args, func(name string) string { return env[name] }, io.Discard, io.Discard)
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	contents, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(contents)
}

func TestDetect(t *testing.T) {
	const startScript = `{"scripts": {"start": "node ."}}`
	tests := []struct {
		name  string
		files map[string]string
		want  int
	}{
		{"a start script is a process to look after", map[string]string{"package.json": startScript}, exitPass},
		{"so is a Procfile", map[string]string{"Procfile": "web: ./serve\n"}, exitPass},
		{"a library starts nothing", map[string]string{"package.json": `{"name": "library"}`}, exitFail},
		{"an empty directory starts nothing", nil, exitFail},
		{"a broken manifest is an error, not a no", map[string]string{"package.json": `{`}, exitError},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := call(t, tt.files, []string{"/x/bin/detect", "platform", "plan.toml"}, nil); got != tt.want {
				t.Fatalf("exit code %d, want %d", got, tt.want)
			}
			if tt.want == exitPass {
				if got, want := read(t, "plan.toml"), "[[provides]]\nname = \"init\"\n"; got != want {
					t.Errorf("plan %q, want %q", got, want)
				}
			}
		})
	}
}

func TestGenerate(t *testing.T) {
	output := t.TempDir()
	plan := "[[entries]]\n  name = \"init\"\n  [entries.metadata]\n    grace-seconds = 25\n    launch = true\n"
	args := []string{"/x/bin/generate", "ignored", "platform", "ignored"}
	env := map[string]string{"CNB_OUTPUT_DIR": output, "CNB_BP_PLAN_PATH": "plan.toml"}

	if got := call(t, map[string]string{"plan.toml": plan}, args, env); got != exitPass {
		t.Fatalf("exit code %d, want %d; the variables count for more than the arguments", got, exitPass)
	}
	want := "[[run.args]]\nname = \"grace_seconds\"\nvalue = \"25\"\n"
	if got := read(t, output, "extend-config.toml"); got != want {
		t.Errorf("extend-config.toml %q, want %q", got, want)
	}
	if got := read(t, output, "run.Dockerfile"); got != string(runDockerfile) {
		t.Errorf("run.Dockerfile %q", got)
	}
	info, err := os.Stat(filepath.Join(output, "context.run", "entry"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm()&0o111 == 0 {
		t.Errorf("mode %v of the init process: it must be executable, COPY keeps the mode", info.Mode())
	}
}

func TestUnknownName(t *testing.T) {
	if got := call(t, nil, []string{"/x/bin/build", "a", "b", "c"}, nil); got != exitError {
		t.Errorf("exit code %d, want %d", got, exitError)
	}
}
