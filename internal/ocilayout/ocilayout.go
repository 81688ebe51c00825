// Package ocilayout reads images of OCI layouts without trusting them: every blob is read to the size that its descriptor names
// and checked against its digest. Nothing waits for a pipe, reads a device, or leaves the directory that the caller opened.
// go-containerregistry's own reader checks neither blobs nor what kinds of files they are.
package ocilayout

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync/atomic"
	"syscall"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cnb-prelude/prelude/internal/files"
)

const (
	largest = 4 << 20  // bytes of an index, a manifest or a configuration: as many as registries take
	most    = 64 << 20 // bytes of them that are read from one layout, however often they list each other
	deepest = 8        // indexes within each other
)

// Layout is an OCI layout.
type Layout struct {
	root *os.Root
	dir  string
	read *atomic.Int64
}

// Open returns the layout in a directory below root, which has to stay open. Images may share blobs by links within root.
func Open(root *os.Root, dir string) Layout { return Layout{root, dir, new(atomic.Int64)} }

// Top is the text of index.json, and what it lists. That there is none is fs.ErrNotExist.
func (l Layout) Top() ([]byte, *v1.IndexManifest, error) {
	const name = "index.json"
	file, info, err := l.open(name)
	if err != nil {
		return nil, nil, err
	}
	defer file.Close()
	if info.Size() > largest {
		return nil, nil, tooLarge(name)
	}
	data, err := io.ReadAll(io.LimitReader(file, largest))
	if err != nil {
		return nil, nil, err
	}
	index, err := v1.ParseIndexManifest(bytes.NewReader(data))
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return data, index, err
}

// Index is the text of an index, and what it lists.
func (l Layout) Index(d v1.Descriptor) ([]byte, *v1.IndexManifest, error) {
	return parsed(l, d, "index", v1.ParseIndexManifest)
}

// Manifest is the text of an image's manifest, and what it says.
func (l Layout) Manifest(d v1.Descriptor) ([]byte, *v1.Manifest, error) {
	return parsed(l, d, "manifest", v1.ParseManifest)
}

// Config is the configuration of an image.
func (l Layout) Config(d v1.Descriptor) (*v1.ConfigFile, error) {
	_, manifest, err := l.Manifest(d)
	if err != nil {
		return nil, err
	}
	_, config, err := parsed(l, manifest.Config, "configuration", v1.ParseConfigFile)
	return config, err
}

func parsed[T any](l Layout, d v1.Descriptor, what string, parse func(io.Reader) (*T, error)) ([]byte, *T, error) {
	data, err := l.Bytes(d)
	if err != nil {
		return nil, nil, err
	}
	value, err := parse(bytes.NewReader(data))
	if err != nil {
		err = fmt.Errorf("%s %s: %w", what, d.Digest, err)
	}
	return data, value, err
}

// Find picks an image: the one with the digest, else the first for linux on this machine's architecture, else the first.
// Attestations and the like do not count.
func (l Layout) Find(digest string) (v1.Descriptor, error) {
	_, index, err := l.Top()
	what := "index.json"
	for range deepest {
		if err != nil {
			return v1.Descriptor{}, err
		}
		chosen, err := l.choose(what, index.Manifests, digest)
		if err != nil {
			return v1.Descriptor{}, err
		}
		if !chosen.MediaType.IsIndex() {
			return chosen, nil
		}
		what = "index " + chosen.Digest.String()
		if _, index, err = l.Index(chosen); err != nil {
			return v1.Descriptor{}, err
		}
	}
	return v1.Descriptor{}, fmt.Errorf("%s: more than %d indexes within each other", what, deepest)
}

func (l Layout) choose(index string, manifests []v1.Descriptor, digest string) (v1.Descriptor, error) {
	if i := slices.IndexFunc(manifests, func(m v1.Descriptor) bool { return m.Digest.String() == digest }); i >= 0 {
		return manifests[i], nil
	}
	images := slices.DeleteFunc(manifests, func(m v1.Descriptor) bool {
		return m.MediaType != "" && !m.MediaType.IsImage() && !m.MediaType.IsIndex() || m.Platform != nil && m.Platform.OS == "unknown"
	})
	if len(images) == 0 {
		return v1.Descriptor{}, fmt.Errorf("%s: it lists no image", index)
	}
	for _, m := range images {
		platform, err := l.platform(m)
		if err != nil {
			return v1.Descriptor{}, err
		}
		if platform.OS == "linux" && platform.Architecture == runtime.GOARCH {
			return m, nil
		}
	}
	return images[0], nil
}

// platform is what the index says about a manifest, or else the image itself.
func (l Layout) platform(m v1.Descriptor) (v1.Platform, error) {
	if m.Platform != nil {
		return *m.Platform, nil
	}
	if m.MediaType.IsIndex() {
		return v1.Platform{}, nil
	}
	config, err := l.Config(m)
	if err != nil {
		return v1.Platform{}, err
	}
	return v1.Platform{OS: config.OS, Architecture: config.Architecture}, nil
}

// Bytes is an index, a manifest or a configuration, checked.
func (l Layout) Bytes(d v1.Descriptor) ([]byte, error) {
	if d.Size > largest {
		return nil, tooLarge("blob " + d.Digest.String())
	}
	if l.read.Add(max(d.Size, 0)) > most {
		return nil, fmt.Errorf("its manifests and configurations list each other so often that they have more than %d MiB together", most>>20)
	}
	blob, err := l.Blob(d)
	if err != nil {
		return nil, err
	}
	defer blob.Close()
	return io.ReadAll(blob)
}

// Blob opens a blob of any size, such as a layer. Another size is an error, and when the last byte has been read another digest.
func (l Layout) Blob(d v1.Descriptor) (io.ReadCloser, error) {
	switch {
	case d.Digest.Hex == "":
		return nil, errors.New("a descriptor has no digest")
	case d.Digest.Algorithm != "sha256":
		return nil, fmt.Errorf("blob %s: only sha256 is known", d.Digest)
	}
	file, info, err := l.open(filepath.Join("blobs", d.Digest.Algorithm, d.Digest.Hex))
	if err != nil {
		return nil, err
	}
	if info.Size() != d.Size {
		file.Close()
		return nil, fmt.Errorf("blob %s is corrupt: it has %d bytes, and should have %d", d.Digest, info.Size(), d.Size)
	}
	return &checked{Closer: file, blob: io.LimitReader(file, d.Size), sum: sha256.New(), want: d.Digest}, nil
}

// checked is a blob that is checked while it is read.
type checked struct {
	io.Closer
	blob io.Reader
	sum  hash.Hash
	want v1.Hash
}

func (c *checked) Read(p []byte) (int, error) {
	n, err := c.blob.Read(p)
	c.sum.Write(p[:n])
	if err != io.EOF {
		return n, err
	}
	if found := hex.EncodeToString(c.sum.Sum(nil)); found != c.want.Hex {
		return n, fmt.Errorf("blob %s is corrupt: its digest is sha256:%s", c.want, found)
	}
	return n, io.EOF
}

// open opens a regular file. It never waits.
func (l Layout) open(path string) (*os.File, os.FileInfo, error) {
	file, err := l.root.OpenFile(filepath.Join(l.dir, path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is a %s, not a regular file", path, files.TypeOf(info.Mode()))
	}
	if err != nil {
		file.Close()
	}
	return file, info, err
}

func tooLarge(what string) error {
	return fmt.Errorf("%s is larger than %d MiB, the limit for such a file", what, largest>>20)
}
