package acceptance

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestCompatibilityNamesTests: what docs/compatibility.md says shows a line of the contract exists, and every number is
// there.
func TestCompatibilityNamesTests(t *testing.T) {
	text, err := os.ReadFile("../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	functions := testFunctions(t)
	for _, name := range regexp.MustCompile("`((?:Test|Fuzz)\\w+|\\w+\\.txtar)`").FindAllStringSubmatch(string(text), -1) {
		if strings.HasSuffix(name[1], ".txtar") {
			if _, err := os.Stat(filepath.Join("testdata", name[1])); err != nil {
				t.Error(err)
			}
		} else if !functions[name[1]] {
			t.Errorf("there is no %s", name[1])
		}
	}
	for number := 1; number <= 50; number++ {
		if number == 6 { // withdrawn: all that is logged goes to stdout, as in the reference
			continue
		}
		if b := fmt.Sprintf("B%02d", number); !strings.Contains(string(text), b) {
			t.Errorf("%s is missing", b)
		}
	}
}

func testFunctions(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, f := range declaration.FindAllStringSubmatch(string(text), -1) {
			found[f[1]] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
