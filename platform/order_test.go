package platform

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func place(t *testing.T, name, contents string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(contents), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestReadOrder(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "order.toml")
	if _, err := ReadOrder(missing, slog.New(slog.DiscardHandler)); err == nil || err.Error() != "failed to read order file: open "+missing+": no such file or directory" {
		t.Errorf("missing: %v", err)
	}
	malformed := place(t, "order.toml", "[[order]]\n[[order.group]]\nid = \"a\n")
	if _, err := ReadOrder(malformed, slog.New(slog.DiscardHandler)); err == nil || !strings.HasPrefix(err.Error(), "failed to read order file: "+malformed+": line 3, column ") || !strings.HasSuffix(err.Error(), `: id = "a`) {
		t.Errorf("malformed: %v", err)
	}
	misspelt := place(t, "order.toml", "[[order]]\n[[order.group]]\nid = \"a\"\nverion = \"1\"\n") // B11
	said := written("info", false, func(log *slog.Logger) {
		if order, err := ReadOrder(misspelt, log); err != nil || len(order.Buildpacks) != 1 {
			t.Errorf("%v %v", order, err)
		}
	})
	if said != "Warning: "+misspelt+": line 4: unknown key \"order.group.verion\" (did you mean \"version\"?)\n" {
		t.Errorf("%q", said)
	}
}

func TestReadSystem(t *testing.T) {
	if system, err := ReadSystem(filepath.Join(t.TempDir(), "none.toml"), nil); err != nil || len(system.Pre)+len(system.Post) > 0 {
		t.Errorf("missing: %v %v", system, err)
	}
	malformed := place(t, "system.toml", "[system\n")
	if _, err := ReadSystem(malformed, nil); err == nil || !strings.HasPrefix(err.Error(), "failed to read system file: "+malformed+": line 1, column ") {
		t.Errorf("malformed: %v", err)
	}
}

// B11 for run.toml.
func TestReadRunWarns(t *testing.T) {
	path := place(t, "run.toml", "[[images]]\nimage = \"a\"\nmirror = [\"b\"]\n")
	said := written("info", false, func(log *slog.Logger) {
		if run, err := ReadRun(path, log); err != nil || len(run.Images) != 1 {
			t.Errorf("%v %v", run, err)
		}
	})
	if said != "Warning: "+path+": line 3: unknown key \"images.mirror\" (did you mean \"mirrors\"?)\n" {
		t.Errorf("%q", said)
	}
}
