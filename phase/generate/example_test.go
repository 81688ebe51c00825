package generate

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/platform"
)

const (
	document = "../../docs/generated-toml.md"
	// example is the same file for the example in package platform.
	example = "../../platform/testdata/generated.toml"
)

// block is a named file in the document: its name in backquotes, and below it what it holds.
var block = regexp.MustCompile("(?m)^`([^`\n]+)`\n```[a-z]*\n((?s:.*?))```$")

// TestWorkedExample makes the files of docs/generated-toml.md, runs generation at Platform API 0.13 and compares what it
// leaves with the document. UPDATE=1 writes it there instead.
func TestWorkedExample(t *testing.T) {
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	var order []string
	for _, match := range block.FindAllStringSubmatch(string(text), -1) {
		if files[match[1]] == "" {
			order = append(order, match[1])
		}
		files[match[1]] = match[2]
	}
	l := &layers{newWorld(t), newLayout}
	var group string
	known := map[string]bool{}
	for _, name := range order {
		escaped, rest, below := strings.Cut(name, "/")
		if !below {
			l.write("layers/"+name, files[name])
			continue
		}
		l.write(filepath.Join("extensions", escaped, "0.0.1/generate", rest), files[name])
		if !known[escaped] {
			known[escaped] = true
			head := fmt.Sprintf("id = %q\nversion = \"0.0.1\"\n", strings.ReplaceAll(escaped, "_", "/"))
			l.write(filepath.Join("extensions", escaped, "0.0.1/extension.toml"), "api = \"0.10\"\n[extension]\n"+head)
			group += "[[group-extensions]]\n" + head
		}
	}
	l.write("layers/group.toml", group)
	l.remove("generated.toml")
	l.twice()
	got := l.read("generated.toml")
	if os.Getenv("UPDATE") != "" {
		update := strings.Replace(string(text), "`generated.toml`\n```toml\n"+files["generated.toml"], "`generated.toml`\n```toml\n"+got, 1)
		if err := os.WriteFile(document, []byte(update), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(example, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(files["generated.toml"], got); diff != "" {
		t.Errorf("%s (-document +generated):\n%s", document, diff)
	}
	if data, err := os.ReadFile(example); err != nil || string(data) != got {
		t.Errorf("%s is not that of the document: %v", example, err)
	}
	if _, err := platform.ParseGenerated(document, []byte(got)); err != nil {
		t.Error(err)
	}
}
