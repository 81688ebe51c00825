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

// TestCompatibilityNamesTests: the tests that docs/compatibility.md names exist, and every number is explained there, once: what
// the reference does, what Prelude does, why, and what shows it.
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
	for number := 1; number <= 54; number++ {
		if number == 6 { // withdrawn: all that is logged goes to stdout, as in the reference
			continue
		}
		row := fmt.Sprintf(`(?m)^\| B%02d( \| [^|\n]+){4} \|$`, number)
		if found := regexp.MustCompile(row).FindAllString(string(text), -1); len(found) != 1 {
			t.Errorf("B%02d is explained %d times", number, len(found))
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
