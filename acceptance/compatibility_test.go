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

// TestEveryDifferenceIsShown: docs/compatibility.md has each number once, with what the reference does and what Prelude does, and a
// test or a scenario names it. A number that is named there has a row.
func TestEveryDifferenceIsShown(t *testing.T) {
	text, err := os.ReadFile("../docs/compatibility.md")
	if err != nil {
		t.Fatal(err)
	}
	shown := numbersInTests(t)
	rows := map[string]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| (B\d\d)(?: \| [^|\n]+){2} \|$`).FindAllStringSubmatch(string(text), -1) {
		if rows[row[1]] {
			t.Errorf("%s has two rows", row[1])
		}
		rows[row[1]] = true
		if !shown[row[1]] {
			t.Errorf("no test names %s", row[1])
		}
	}
	for number := range shown {
		if !rows[number] {
			t.Errorf("tests name %s, which has no row", number)
		}
	}
	for number := 1; number <= len(rows)+1; number++ {
		if name := fmt.Sprintf("B%02d", number); !rows[name] && name != "B06" { // B06 was withdrawn
			t.Errorf("%s has no row", name)
		}
	}
}

// numbersInTests are the numbers that tests and scenarios name.
func numbersInTests(t *testing.T) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	number := regexp.MustCompile(`\bB\d\d\b`)
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") && !strings.HasSuffix(path, ".txtar") || entry.Name() == "compatibility_test.go" {
			return err
		}
		text, err := os.ReadFile(path)
		for _, name := range number.FindAllString(string(text), -1) {
			found[name] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
