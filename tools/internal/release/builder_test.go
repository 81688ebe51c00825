package release

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestReplaceLayout: a layout is replaced as a whole, also through a link, which stays; if writing fails it is what it was. Nothing
// is left beside it.
func TestReplaceLayout(t *testing.T) {
	top := t.TempDir()
	layout, link := filepath.Join(top, "layout"), filepath.Join(top, "link")
	write := func(name string, fails error) func(string) error {
		return func(beside string) error {
			return errors.Join(os.WriteFile(filepath.Join(beside, "oci-layout"), nil, 0o644), os.WriteFile(filepath.Join(beside, name), nil, 0o644), fails)
		}
	}
	broken := errors.New("broken")
	for _, step := range []struct {
		dir, name string
		fails     error
		want      string
	}{
		{layout + "/", "first", nil, "first oci-layout"},
		{layout, "second", broken, "first oci-layout"},
		{layout, "third", nil, "oci-layout third"},
		{link, "fourth", nil, "fourth oci-layout"},
	} {
		if step.dir == link {
			if err := os.Symlink("layout", link); err != nil {
				t.Fatal(err)
			}
		}
		if err := ReplaceLayout(step.dir, write(step.name, step.fails)); !errors.Is(err, step.fails) {
			t.Errorf("%s: %v", step.name, err)
		}
		if is := names(t, layout); is != step.want {
			t.Errorf("after %s there is %s, want %s", step.name, is, step.want)
		}
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 || names(t, top) != "layout link" {
		t.Errorf("there is %s: %v", names(t, top), err)
	}
}

func names(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return strings.Join(list, " ")
}
