package acceptance

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// orderFile writes order.toml in the notation of these scripts: each argument is a group, a "?" makes a module optional,
// and groups of extensions follow "with":
//
//	order 'some/a@1 some/b@1?' 'some/c@1' with 'some/e@1'
func orderFile(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: order <group>... [with <group of extensions>...]")
	}
	writeFile(ts, "order.toml", orderText(args))
}

func orderText(groups []string) string {
	var text strings.Builder
	table := "order"
	for _, group := range groups {
		if group == "with" {
			table = "order-extensions"
			continue
		}
		fmt.Fprintf(&text, "[[%s]]\n", table)
		for _, name := range strings.Fields(group) {
			name, optional := strings.CutSuffix(name, "?")
			id, version, _ := strings.Cut(name, "@")
			fmt.Fprintf(&text, "[[%s.group]]\nid = %q\nversion = %q\n", table, id, version)
			if optional {
				text.WriteString("optional = true\n")
			}
		}
	}
	return text.String()
}

// simpleBuildpack makes a buildpack whose bin/detect is a line of shell, below buildpacks:
//
//	buildpack some/a@1 'echo not for me; exit 100' [<line of buildpack.toml>...]
//
// Lines of buildpack.toml follow its api, 0.10 unless one of them says otherwise.
func simpleBuildpack(ts *testscript.TestScript, neg bool, args []string) {
	simpleModule(ts, neg, args, "buildpack")
}

// simpleExtension makes an extension in the same way, below extensions. It generates nothing unless its directory gets a
// bin/generate or a generate directory.
func simpleExtension(ts *testscript.TestScript, neg bool, args []string) {
	simpleModule(ts, neg, args, "extension")
}

// compositeBuildpack makes a composite: composite some/all@1 'some/a@1 some/b@1?' 'some/c@1'.
func compositeBuildpack(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: composite <id>@<version> <group>...")
	}
	id, version, _ := strings.Cut(args[0], "@")
	writeFile(ts, filepath.Join("buildpacks", strings.ReplaceAll(id, "/", "_"), version, "buildpack.toml"),
		fmt.Sprintf("api = \"0.10\"\n[buildpack]\nid = %q\nversion = %q\n%s", id, version, orderText(args[1:])))
}

func simpleModule(ts *testscript.TestScript, neg bool, args []string, kind string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: %s <id>@<version> <script of bin/detect> [<line of %s.toml>...]", kind, kind)
	}
	id, version, _ := strings.Cut(args[0], "@")
	dir := filepath.Join(kind+"s", strings.ReplaceAll(id, "/", "_"), version)
	api := "api = \"0.10\""
	lines := args[2:]
	if len(lines) > 0 && strings.HasPrefix(lines[0], "api") {
		api, lines = lines[0], lines[1:]
	}
	descriptor := fmt.Sprintf("%s\n[%s]\nid = %q\nversion = %q\n%s\n", api, kind, id, version, strings.Join(lines, "\n"))
	writeFile(ts, filepath.Join(dir, kind+".toml"), descriptor)
	writeFile(ts, filepath.Join(dir, "bin/detect"), "#!/bin/sh\n"+args[1]+"\n")
	if kind == "buildpack" {
		writeFile(ts, filepath.Join(dir, "bin/build"), "#!/bin/sh\n")
	}
}

func writeFile(ts *testscript.TestScript, name, text string) {
	path := ts.MkAbs(name)
	mode := os.FileMode(0o644)
	if filepath.Base(filepath.Dir(path)) == "bin" {
		mode = 0o755
	}
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o777))
	ts.Check(os.WriteFile(path, []byte(text), mode))
}
