package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write := func(name, text string) {
		if err := os.WriteFile(at(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("full", "12345678")
	write("over", "123456789")
	write("empty", "")
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	check(os.Mkdir(at("dir"), 0o755))
	check(syscall.Mkfifo(at("pipe"), 0o644))
	check(os.Symlink("full", at("link")))
	check(os.Symlink("nowhere", at("dangling")))
	check(os.Symlink("loop2", at("loop1")))
	check(os.Symlink("loop1", at("loop2")))
	check(os.Symlink("pipe", at("link-to-pipe")))

	for _, c := range []struct {
		path, want, err string // err is a part of the message
		why             string
	}{
		{path: at("full"), want: "12345678", why: "exactly the limit is not too much"},
		{path: at("over"), err: "larger than", why: "one byte more is"},
		{path: at("empty"), why: "an empty file is fine"},
		{path: at("link"), want: "12345678", why: "links are followed"},
		{path: "/dev/null", why: "platforms say that there is nothing by this name"},
		{path: at("dir"), err: "it is a directory", why: "a directory has no bytes"},
		{path: at("pipe"), err: "it is a pipe", why: "nobody may ever write to it"},
		{path: at("link-to-pipe"), err: "it is a pipe", why: "also through a link"},
		{path: "/dev/zero", err: "it is a device", why: "a device has no end"},
		{path: at("missing"), err: "open " + at("missing") + ": no such file or directory", why: "platforms look for these words"},
		{path: at("dangling"), err: "(it is a link to nowhere)", why: "what is missing is not the file that is named"},
		{path: at("loop1"), err: "(it is a link to loop2)", why: "the loop needs a place to start looking"},
		{path: at("nul\x00"), err: "invalid argument", why: "no such path can be"},
		{path: "/proc/self/status", err: "larger than", why: "its size is said to be 0, and is not"},
	} {
		done := make(chan struct{})
		go func() {
			defer close(done)
			data, err := Read(c.path, 8)
			if string(data) != c.want || err == nil != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %q, %v; want %q, %q: %s", c.path, data, err, c.want, c.err, c.why)
			}
		}()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: still reading", c.path)
		}
	}
	if _, err := Read(at("missing"), 8); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("missing: %v", err)
	}
}

func TestReadWithoutPermission(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, nil, 0o200); err != nil {
		t.Fatal(err)
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		secret:                                 "file " + secret + " belongs to uid %d, gid %d with mode --w-------; running as uid",
		filepath.Join(closed, "below", "file"): "directory " + closed + " belongs to uid %d, gid %d with mode drw-------; running as uid",
	} {
		want = fmt.Sprintf(want, os.Geteuid(), os.Getegid())
		err := Explain(&fs.PathError{Op: "open", Path: path, Err: syscall.EACCES})
		if os.Geteuid() == 0 && strings.Contains(want, "directory") {
			continue // root may look into any directory
		}
		if !strings.Contains(err.Error(), want) || !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s\nwant %s", err, want)
		}
	}
}

func TestRemove(t *testing.T) {
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.Mkdir(outside, 0o500); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "dir")
	deep := filepath.Join(dir, "a", "b")
	if err := os.MkdirAll(deep, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(deep, "file"), nil, 0o400); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(outside, filepath.Join(deep, "link")); err != nil {
		t.Fatal(err)
	}
	for _, closed := range []string{deep, filepath.Dir(deep)} {
		if err := os.Chmod(closed, 0); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the second time it is not there
		if err := Remove(dir); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(outside); err != nil || info.Mode().Perm() != 0o500 {
		t.Errorf("what a link leads to was touched: %v, %v", info, err)
	}
}
