package ocilayout

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// disk is a layout on disk that a test makes by hand, to have in it what no library writes.
type disk struct {
	t   *testing.T
	dir string
}

func newDisk(t *testing.T) disk {
	t.Helper()
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	return disk{t, dir}
}

func (d disk) path(h v1.Hash) string { return filepath.Join(d.dir, "blobs", h.Algorithm, h.Hex) }

// blob writes content as a blob.
func (d disk) blob(mediaType types.MediaType, content string) v1.Descriptor {
	d.t.Helper()
	h := v1.Hash{Algorithm: "sha256", Hex: fmt.Sprintf("%x", sha256.Sum256([]byte(content)))}
	if err := os.WriteFile(d.path(h), []byte(content), 0o644); err != nil {
		d.t.Fatal(err)
	}
	return v1.Descriptor{MediaType: mediaType, Digest: h, Size: int64(len(content))}
}

func (d disk) index(listed ...v1.Descriptor) string {
	d.t.Helper()
	text, err := json.Marshal(v1.IndexManifest{SchemaVersion: 2, Manifests: listed})
	if err != nil {
		d.t.Fatal(err)
	}
	return string(text)
}

// image writes an image with a layer, and index.json that lists it.
func (d disk) image() (manifest, config, layer v1.Descriptor) {
	d.t.Helper()
	layer = d.blob(types.OCILayer, "a layer")
	config = d.blob(types.OCIConfigJSON, `{"os": "linux", "architecture": "arm64"}`)
	text, err := json.Marshal(v1.Manifest{SchemaVersion: 2, Config: config, Layers: []v1.Descriptor{layer}})
	if err != nil {
		d.t.Fatal(err)
	}
	manifest = d.blob(types.OCIManifestSchema1, string(text))
	d.top(d.index(manifest))
	return manifest, config, layer
}

func (d disk) top(text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.dir, "index.json"), []byte(text), 0o644); err != nil {
		d.t.Fatal(err)
	}
}

func (d disk) open() Layout {
	d.t.Helper()
	root, err := os.OpenRoot(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { root.Close() })
	return Open(root, ".")
}

// all reads everything of an image.
func all(l Layout) error {
	d, err := l.Find("")
	if err != nil {
		return err
	}
	if _, err := l.Config(d); err != nil {
		return err
	}
	_, manifest, err := l.Manifest(d)
	if err != nil {
		return err
	}
	for _, layer := range manifest.Layers {
		blob, err := l.Blob(layer)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, blob)
		if err := errors.Join(err, blob.Close()); err != nil {
			return err
		}
	}
	return nil
}

// Whatever a blob is replaced by, it is an error, at once and without much memory.
func TestReplacedBlobs(t *testing.T) {
	remove := func(with func(path string) error) func(string) error {
		return func(path string) error { return errors.Join(os.Remove(path), with(path)) }
	}
	for _, c := range []struct {
		why, message string
		replace      func(path string) error
	}{
		{"nothing", "", func(string) error { return nil }},
		{"other content of the same size", "is corrupt: its digest is sha256:", func(path string) error {
			data, err := os.ReadFile(path)
			data[len(data)-1]++
			return errors.Join(err, os.WriteFile(path, data, 0o644))
		}},
		{"more", "is corrupt: it has ", func(path string) error {
			data, err := os.ReadFile(path)
			return errors.Join(err, os.WriteFile(path, append(data, ' '), 0o644))
		}},
		{"a large file with nothing on the disk", "is corrupt: it has 1099511627776 bytes", func(path string) error { return os.Truncate(path, 1<<40) }},
		{"nothing at all", "no such file", os.Remove},
		{"a pipe", "is a pipe, not a regular file", remove(func(path string) error { return syscall.Mkfifo(path, 0o644) })},
		{"a device", "escapes", remove(func(path string) error { return os.Symlink("/dev/zero", path) })},
		{"a directory", "is a directory, not a regular file", remove(func(path string) error { return os.Mkdir(path, 0o755) })},
		{"a link out of the layout", "escapes", remove(func(path string) error { return os.Symlink("../../../x", path) })},
	} {
		for i, what := range []string{"manifest", "configuration", "layer"} {
			t.Run(what+" by "+c.why, func(t *testing.T) {
				d := newDisk(t)
				manifest, config, layer := d.image()
				if err := c.replace(d.path([]v1.Descriptor{manifest, config, layer}[i].Digest)); err != nil {
					t.Fatal(err)
				}
				err := all(d.open())
				if (err == nil) != (c.message == "") || err != nil && !strings.Contains(err.Error(), c.message) {
					t.Errorf("%v, want %q", err, c.message)
				}
			})
		}
	}
}

// A descriptor may say anything.
func TestDescriptors(t *testing.T) {
	for _, c := range []struct {
		why, message string
		change       func(*v1.Descriptor)
	}{
		{"no digest", "a descriptor has no digest", func(d *v1.Descriptor) { d.Digest = v1.Hash{} }},
		{"another algorithm", "only sha256 is known", func(d *v1.Descriptor) { d.Digest.Algorithm = "sha512" }},
		{"a negative size", "and should have -1", func(d *v1.Descriptor) { d.Size = -1 }},
		{"an enormous size", "is larger than 4 MiB", func(d *v1.Descriptor) { d.Size = 1 << 62 }},
	} {
		d := newDisk(t)
		manifest, _, _ := d.image()
		c.change(&manifest)
		if _, err := d.open().Bytes(manifest); err == nil || !strings.Contains(err.Error(), c.message) {
			t.Errorf("%s: %v, want %q", c.why, err, c.message)
		}
	}
}

// Indexes end, whatever they list.
func TestIndexes(t *testing.T) {
	t.Run("one that lists itself", func(t *testing.T) {
		d := newDisk(t)
		self := d.blob(types.OCIImageIndex, "")
		text := d.index(v1.Descriptor{MediaType: types.OCIImageIndex, Digest: self.Digest, Size: 200})
		text += strings.Repeat(" ", 200-len(text))
		if err := os.WriteFile(d.path(self.Digest), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		d.top(text)
		if _, err := d.open().Find(""); err == nil || !strings.Contains(err.Error(), "is corrupt") {
			t.Error(err)
		}
	})
	t.Run("ten within each other", func(t *testing.T) {
		d := newDisk(t)
		text := d.index()
		for range 10 {
			text = d.index(d.blob(types.OCIImageIndex, text))
		}
		d.top(text)
		if _, err := d.open().Find(""); err == nil || !strings.Contains(err.Error(), "more than 8 indexes within each other") {
			t.Error(err)
		}
	})
	t.Run("one that is asked for again and again", func(t *testing.T) {
		d := newDisk(t)
		l, index := d.open(), d.blob(types.OCIImageIndex, d.index()+strings.Repeat(" ", 1<<20))
		for range 100 {
			if _, _, err := l.Index(index); err != nil {
				if !strings.Contains(err.Error(), "more than 64 MiB together") {
					t.Error(err)
				}
				return
			}
		}
		t.Error("no end")
	})
}

// FuzzFind: whatever index.json and a blob are, what is found has been checked.
func FuzzFind(f *testing.F) {
	f.Add(`{"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": "sha256:%s", "size": %d}]}`, `{"config": {"digest": "sha256:0"}}`)
	f.Add(`{"manifests": [{"digest": "sha256:%s", "size": %d}, {"digest": "sha256:%s", "size": 2}]}`, `{"manifests": []}`)
	f.Fuzz(func(t *testing.T, index, content string) {
		d := newDisk(t)
		blob := d.blob("", content)
		d.top(strings.NewReplacer("%s", blob.Digest.Hex, "%d", fmt.Sprint(blob.Size)).Replace(index))
		l := d.open()
		found, err := l.Find("")
		if err != nil {
			return
		}
		if data, err := l.Bytes(found); err == nil && (found.Digest != blob.Digest || string(data) != content) {
			t.Errorf("%+v has %q", found, data)
		}
	})
}
