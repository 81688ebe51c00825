package main

import (
	"bytes"
	"fmt"
	"io"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cnb-prelude/prelude/internal/ocilayout"
	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// onDisk is an OCI layout.
type onDisk string

// read returns the one image or index of a layout, or the layout's own index if that lists images for several platforms.
func (p onDisk) read() (builder, error) {
	root, err := os.OpenRoot(string(p))
	if err != nil {
		return builder{}, fmt.Errorf("it is no OCI layout: %w", err)
	}
	l := ocilayout.Open(root, ".")
	text, manifest, err := l.Top()
	if err != nil {
		return builder{}, fmt.Errorf("it is no OCI layout: %w", err)
	}
	if len(manifest.Manifests) != 1 {
		return builder{index: diskIndex{l, text}, spread: true}, onePerPlatform(manifest)
	}
	only := manifest.Manifests[0]
	if only.MediaType.IsIndex() {
		index, err := openIndex(l, only)
		return builder{index: index, listed: only}, err
	}
	image, err := openImage(l, only)
	return builder{image: image, listed: only}, err
}

// onePerPlatform is an error if an index.json lists what is not one builder: nothing, or images that have nothing to do with
// each other.
func onePerPlatform(manifest *v1.IndexManifest) error {
	seen := map[string]bool{}
	for _, m := range manifest.Manifests {
		if m.Platform == nil || m.Platform.OS != "unknown" && seen[m.Platform.String()] {
			return fmt.Errorf("index.json lists %d images that are not one for each platform; a layout with one builder is needed", len(manifest.Manifests))
		}
		seen[m.Platform.String()] = true
	}
	if len(seen) == 0 {
		return fmt.Errorf("index.json lists no image")
	}
	return nil
}

// write makes the layout beside its place, and then puts it there. A layout that holds more than one builder stays as it is.
func (p onDisk) write(b builder) (v1.Hash, error) {
	digest, err := b.digest()
	if err != nil {
		return digest, err
	}
	if err := release.CheckLayout(string(p)); err != nil {
		return digest, err
	}
	if _, err := os.Stat(string(p)); err == nil {
		if _, err := p.read(); err != nil {
			return digest, fmt.Errorf("%w, to be replaced as a whole; please name another directory", err)
		}
	}
	return digest, release.ReplaceLayout(string(p), func(beside string) error {
		if b.spread {
			_, err := layout.Write(beside, b.index)
			return err
		}
		path, err := layout.Write(beside, empty.Index)
		if err != nil {
			return err
		}
		said := []layout.Option{layout.WithAnnotations(b.listed.Annotations)}
		if b.listed.Platform != nil {
			said = append(said, layout.WithPlatform(*b.listed.Platform))
		}
		if b.index != nil {
			return path.AppendIndex(b.index, said...)
		}
		return path.AppendImage(b.image, said...)
	})
}

func (p onDisk) use() string {
	return "put it into a registry: skopeo copy --all oci:" + string(p) + " docker://<name>"
}

// diskImage is an image of a layout whose blobs are checked when they are read.
type diskImage struct {
	layout   ocilayout.Layout
	manifest []byte
	parsed   *v1.Manifest
	listed   v1.Descriptor
}

func openImage(l ocilayout.Layout, d v1.Descriptor) (v1.Image, error) {
	text, manifest, err := l.Manifest(d)
	if err != nil {
		return nil, err
	}
	return partial.CompressedToImage(diskImage{l, text, manifest, d})
}

func (i diskImage) RawManifest() ([]byte, error)        { return i.manifest, nil }
func (i diskImage) RawConfigFile() ([]byte, error)      { return i.layout.Bytes(i.parsed.Config) }
func (i diskImage) MediaType() (types.MediaType, error) { return i.listed.MediaType, nil }
func (i diskImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	for _, d := range i.parsed.Layers {
		if d.Digest == h {
			return diskLayer{i.layout, d}, nil
		}
	}
	return nil, fmt.Errorf("it has no layer %s", h)
}

type diskLayer struct {
	layout ocilayout.Layout
	v1.Descriptor
}

func (l diskLayer) Digest() (v1.Hash, error)            { return l.Descriptor.Digest, nil }
func (l diskLayer) Size() (int64, error)                { return l.Descriptor.Size, nil }
func (l diskLayer) MediaType() (types.MediaType, error) { return l.Descriptor.MediaType, nil }
func (l diskLayer) Compressed() (io.ReadCloser, error)  { return l.layout.Blob(l.Descriptor) }

// diskIndex is an index of a layout.
type diskIndex struct {
	layout ocilayout.Layout
	text   []byte
}

func openIndex(l ocilayout.Layout, d v1.Descriptor) (v1.ImageIndex, error) {
	text, _, err := l.Index(d)
	return diskIndex{l, text}, err
}

func (x diskIndex) RawManifest() ([]byte, error) { return x.text, nil }
func (x diskIndex) Digest() (v1.Hash, error)     { return partial.Digest(x) }
func (x diskIndex) Size() (int64, error)         { return partial.Size(x) }
func (x diskIndex) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(x.text))
}

func (x diskIndex) MediaType() (types.MediaType, error) {
	manifest, err := x.IndexManifest()
	if err != nil || manifest.MediaType == "" {
		return types.OCIImageIndex, err
	}
	return manifest.MediaType, nil
}

func (x diskIndex) Image(h v1.Hash) (v1.Image, error) {
	d, err := x.listed(h)
	if err != nil {
		return nil, err
	}
	return openImage(x.layout, d)
}

func (x diskIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) {
	d, err := x.listed(h)
	if err != nil {
		return nil, err
	}
	return openIndex(x.layout, d)
}

func (x diskIndex) listed(h v1.Hash) (v1.Descriptor, error) {
	manifest, err := x.IndexManifest()
	if err != nil {
		return v1.Descriptor{}, err
	}
	for _, d := range manifest.Manifests {
		if d.Digest == h {
			return d, nil
		}
	}
	return v1.Descriptor{}, fmt.Errorf("the index does not list %s", h)
}
