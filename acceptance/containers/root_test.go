package containers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// makeRoot makes the files of an image: busybox, an order, and modules that are shell scripts.
func makeRoot(t *testing.T, root string) {
	t.Helper()
	for _, name := range []string{"bin", "cnb/lifecycle", "layers", "platform", "proc", "tmp", "workspace"} {
		check(t, os.MkdirAll(filepath.Join(root, name), 0o755))
	}
	check(t, os.Chmod(root+"/tmp", 0o777|os.ModeSticky))
	world, err := txtar.ParseFile("testdata/root.txtar")
	check(t, err, txtar.Write(world, root))
	check(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if err == nil && (filepath.Base(filepath.Dir(path)) == "bin" || filepath.Dir(path) == root) {
			err = os.Chmod(path, 0o755)
		}
		return err
	}), os.Chmod(root+"/tmp", 0o777|os.ModeSticky))
	busybox(t, root)
	failing := func(id, script string) string { return buildpack(t, root, id, script+"\nexit 100\n") }
	var order, many strings.Builder
	for i := range 8 {
		order.WriteString(failing(fmt.Sprint("looks", i), "echo nothing for me in $PWD | cat"))
	}
	for i := range 24 {
		many.WriteString(failing(fmt.Sprint("large", i), `exec awk 'BEGIN { s = sprintf("%4000000s", "x"); system("sleep 0.1"); print length(s); exit 100 }'`))
	}
	last, err := os.ReadFile(root + "/cnb/order.toml")
	check(t, err)
	check(t, os.WriteFile(root+"/cnb/order.toml", []byte(order.String()+string(last)), 0o644))
	check(t, os.WriteFile(root+"/cnb/many.toml", []byte(many.String()+string(last)), 0o644))
}

// buildpack makes one, and a group of an order with nothing else.
func buildpack(t *testing.T, root, id, script string) (group string) {
	t.Helper()
	dir := filepath.Join(root, "cnb/buildpacks", id, "1")
	check(t, os.MkdirAll(dir+"/bin", 0o755),
		os.WriteFile(dir+"/buildpack.toml", fmt.Appendf(nil, "api = \"0.10\"\n[buildpack]\nid = %q\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n", id), 0o644),
		os.WriteFile(dir+"/bin/detect", []byte("#!/bin/sh\n"+script), 0o755))
	return fmt.Sprintf("[[order]]\n[[order.group]]\nid = %q\nversion = \"1\"\n", id)
}

// busybox puts a static one there, under all its names.
func busybox(t *testing.T, root string) {
	t.Helper()
	testhelpers.Peers(t, "busybox")
	path, err := exec.LookPath("busybox")
	check(t, err)
	program, err := os.ReadFile(path)
	check(t, err, os.WriteFile(root+"/bin/busybox", program, 0o755))
	names, err := exec.Command(path, "--list").Output()
	check(t, err)
	for name := range strings.FieldsSeq(string(names)) {
		if name != "busybox" {
			check(t, os.Symlink("busybox", root+"/bin/"+name))
		}
	}
}
