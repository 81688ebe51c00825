package docker

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// TestServices: an image made of one file goes from the daemon to the registry and back, and nothing stays.
func TestServices(t *testing.T) {
	testhelpers.OnlyLong(t)
	Need(t)
	dir := ""
	t.Run("while they run", func(t *testing.T) {
		daemon, registry := Start(t), Registry(t)
		dir = daemon.Dir
		archive := filepath.Join(daemon.Dir, "root.tar")
		if err := os.WriteFile(archive, make([]byte, 1024), 0o600); err != nil { // an archive without entries
			t.Fatal(err)
		}
		name := registry + "/some/image:1"
		id := daemon.Run(t, "import", archive, name)
		daemon.Run(t, "push", "-q", name)
		daemon.Run(t, "rmi", name)
		daemon.Run(t, "pull", "-q", name)
		if back := daemon.Run(t, "image", "inspect", "-f", "{{.Id}}", name); back != id {
			t.Errorf("%s came back as %s", id, back)
		}
	})
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", dir, err)
	}
}
