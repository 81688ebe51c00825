// Package prelude_test asserts how the packages of the project may use each other.
package prelude_test

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cnb-prelude/prelude"

// rooms lists, for each package, what it may import of the others. Imports run one way, from the executables down.
var rooms = map[string][]string{
	"cmd/detector":         {"cmd", "platform"},
	"cmd/generator":        {"cmd", "platform"},
	"cmd":                  {"internal/tidy", "report", "internal/staged", "internal/statusline", "phase/detect", "phase/generate", "phase", "phase/resolve", "platform", "buildpack", "internal/api"},
	"report":               {"phase", "internal/staged", "phase/detect", "phase/generate", "phase/explain", "phase/resolve", "platform", "buildpack", "buildpack/dockerfile", "internal/tidy"},
	"phase/detect":         {"internal/otlp", "internal/process", "internal/statusline", "phase", "phase/baseline", "phase/explain", "phase/resolve", "platform", "buildpack", "buildpack/store", "buildpack/invoke", "internal/api", "internal/files"},
	"phase/generate":       {"internal/otlp", "internal/staged", "internal/process", "phase", "platform", "buildpack", "buildpack/dockerfile", "buildpack/store", "buildpack/invoke", "internal/api", "internal/files", "internal/similar", "internal/tidy", "internal/tomlconfig"},
	"phase":                {"internal/otlp", "internal/process", "platform", "buildpack", "buildpack/store", "buildpack/invoke", "internal/api", "internal/files"},
	"phase/explain":        {"phase/baseline", "phase/resolve", "buildpack", "internal/similar", "internal/tidy"},
	"phase/baseline":       {"buildpack", "buildpack/invoke", "internal/tidy"},
	"phase/resolve":        {"buildpack"},
	"platform":             {"buildpack", "internal/api", "internal/tomlconfig", "internal/files", "internal/ocilayout"},
	"buildpack/store":      {"buildpack", "internal/api", "internal/files", "internal/tidy", "internal/tomlconfig", "internal/similar"},
	"buildpack/invoke":     {"buildpack", "internal/process", "internal/api", "internal/files", "internal/tidy"},
	"buildpack/dockerfile": {"buildpack", "internal/tomlconfig", "internal/similar", "internal/tidy"},
	"buildpack":            {"internal/api", "internal/tidy", "internal/tomlconfig"},
	"internal/ocilayout":   {"internal/files"},
	"internal/otlp":        {},
	"internal/tomlconfig":  {"internal/similar", "internal/tidy"},
	"internal/similar":     {},
	"internal/tidy":        {},
	"internal/files":       {"internal/similar"},
	"internal/process":     {},
	"internal/staged":      {"internal/files"},
	"internal/statusline":  {},
	"internal/api":         {},
}

func TestImportsRunOneWay(t *testing.T) {
	for _, line := range golist(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		paths := strings.Fields(line)
		importer := strings.TrimPrefix(paths[0], module+"/")
		allowed, isRoom := rooms[importer]
		if !isRoom {
			if !strings.HasPrefix(importer, "examples/") && !slices.Contains([]string{module, "acceptance", "testhelpers"}, importer) && !strings.HasPrefix(importer, "testhelpers/") && !strings.HasPrefix(importer, "acceptance/") && !strings.HasPrefix(importer, "tools/") {
				t.Errorf("package %s is not in the table of rooms", importer)
			}
			continue
		}
		for _, path := range paths[1:] {
			imported, ours := strings.CutPrefix(path, module+"/")
			if ours && !slices.Contains(allowed, imported) {
				t.Errorf("%s must not import %s", importer, imported)
			}
		}
	}
}

// TestProcessesStayInOneRoom: internal/process starts processes, by the system call, and no other package does.
func TestProcessesStayInOneRoom(t *testing.T) {
	if deps := golist(t, "-deps", "./cmd/detector", "./cmd/generator"); slices.Contains(deps, "os/exec") {
		t.Error("the executables reach os/exec")
	}
	for _, line := range golist(t, "-f", `{{$dir := .Dir}}{{.ImportPath}}{{range .GoFiles}} {{$dir}}/{{.}}{{end}}`, "./...") {
		files := strings.Fields(line)
		importer := strings.TrimPrefix(files[0], module+"/")
		if _, isRoom := rooms[importer]; !isRoom || importer == "internal/process" {
			continue
		}
		for _, file := range files[1:] {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, start := range []string{".ForkExec(", ".StartProcess("} {
				if bytes.Contains(text, []byte(start)) {
					t.Errorf("%s has %s…); only internal/process may", file, start)
				}
			}
		}
	}
}

// TestNothingReachesTheNetwork: the executables need no network, so they have nothing that speaks HTTP or TLS in them.
func TestNothingReachesTheNetwork(t *testing.T) {
	deps := golist(t, "-deps", "./cmd/detector", "./cmd/generator")
	for _, path := range []string{"net/http", "crypto/tls"} {
		if slices.Contains(deps, path) {
			t.Errorf("the executables reach %s", path)
		}
	}
}

// TestOneRoomReadsDockerfiles: buildpack/dockerfile alone uses BuildKit's parser.
func TestOneRoomReadsDockerfiles(t *testing.T) {
	for _, line := range golist(t, "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...") {
		paths := strings.Fields(line)
		importer := strings.TrimPrefix(paths[0], module+"/")
		if _, isRoom := rooms[importer]; !isRoom || importer == "buildpack/dockerfile" {
			continue
		}
		for _, path := range paths[1:] {
			if strings.HasPrefix(path, "github.com/moby/buildkit") {
				t.Errorf("%s imports %s; only buildpack/dockerfile may", importer, path)
			}
		}
	}
}

func golist(t *testing.T, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list %v: %v", args, err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
