package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// place is where an image is.
type place interface {
	read() (builder, error)
	// write writes an image or an index, complete or not at all, and returns its digest.
	write(builder) (v1.Hash, error)
}

// parsePlace reads what is given for -from and -to.
func parsePlace(text string) (place, error) {
	if dir, ok := strings.CutPrefix(text, "layout:"); ok {
		if dir == "" {
			return nil, fmt.Errorf("layout: needs a directory, as in layout:dist/image")
		}
		return onDisk(dir), nil
	}
	if inDocker, ok := strings.CutPrefix(text, "daemon:"); ok {
		ref, err := name.ParseReference(inDocker, name.WeakValidation)
		return inDaemon{ref}, err
	}
	ref, err := name.ParseReference(text, name.WeakValidation)
	return inRegistry{ref}, err
}

type inRegistry struct{ name.Reference }

var keychain = remote.WithAuthFromKeychain(authn.DefaultKeychain)

func (p inRegistry) read() (builder, error) {
	found, err := remote.Get(p.Reference, keychain)
	if err != nil {
		return builder{}, err
	}
	if found.MediaType.IsIndex() {
		index, err := found.ImageIndex()
		return builder{index: index}, err
	}
	image, err := found.Image()
	return builder{image: image}, err
}

func (p inRegistry) write(b builder) (v1.Hash, error) {
	if _, digest := p.Reference.(name.Digest); digest {
		return v1.Hash{}, fmt.Errorf("the new builder has another digest; name it by a tag")
	}
	digest, err := b.digest()
	if err != nil {
		return digest, err
	}
	if b.index != nil {
		return digest, remote.WriteIndex(p.Reference, b.index, keychain)
	}
	return digest, remote.Write(p.Reference, b.image, keychain)
}

// inDaemon is an image in Docker. The client docker brings it and takes it, for that knows where the daemon is and how to speak to
// it; a client of our own would need more than all the rest of this program.
type inDaemon struct{ name.Reference }

func (p inDaemon) read() (builder, error) {
	file, err := os.CreateTemp("", "builder-*.tar")
	if err != nil {
		return builder{}, err
	}
	file.Close()
	b := builder{clean: func() { os.Remove(file.Name()) }}
	if err := callDocker("image", "save", "-o", file.Name(), p.String()); err != nil {
		return b, err
	}
	b.image, err = tarball.ImageFromPath(file.Name(), nil)
	return b, err
}

func (p inDaemon) write(b builder) (v1.Hash, error) {
	tag, ok := p.Reference.(name.Tag)
	if !ok {
		return v1.Hash{}, fmt.Errorf("an image cannot be given a digest in Docker; name it by a tag")
	}
	image, err := b.forThisMachine()
	if err != nil {
		return v1.Hash{}, err
	}
	dir, err := os.MkdirTemp("", "builder-")
	if err != nil {
		return v1.Hash{}, err
	}
	defer os.RemoveAll(dir)
	file := filepath.Join(dir, "image.tar")
	if err := tarball.WriteToFile(file, tag, image); err != nil {
		return v1.Hash{}, err
	}
	if err := callDocker("image", "load", "-q", "-i", file); err != nil {
		return v1.Hash{}, err
	}
	return image.ConfigName() // which is what Docker calls the image's id
}

// callDocker runs the client.
func callDocker(args ...string) error {
	out, err := exec.Command("docker", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("docker %s: %w\n%s", strings.Join(args[:2], " "), err, bytes.TrimSpace(out))
	}
	return nil
}

type onDisk string

// read returns the one image or index of a layout.
func (p onDisk) read() (builder, error) {
	path, err := layout.FromPath(string(p))
	if err != nil {
		return builder{}, fmt.Errorf("it is no OCI layout: %w", err)
	}
	top, err := path.ImageIndex()
	if err != nil {
		return builder{}, err
	}
	manifest, err := top.IndexManifest()
	if err != nil {
		return builder{}, err
	}
	if len(manifest.Manifests) != 1 {
		return builder{}, fmt.Errorf("index.json lists %d images; a layout with one image, or with one index, is needed", len(manifest.Manifests))
	}
	only := manifest.Manifests[0]
	if only.MediaType.IsIndex() {
		index, err := top.ImageIndex(only.Digest)
		return builder{index: index, annotations: only.Annotations}, err
	}
	image, err := top.Image(only.Digest)
	return builder{image: image, annotations: only.Annotations}, err
}

// write makes the layout beside its place, and then puts it there.
func (p onDisk) write(b builder) (v1.Hash, error) {
	digest, err := b.digest()
	if err != nil {
		return digest, err
	}
	return digest, release.ReplaceLayout(string(p), func(beside string) error {
		path, err := layout.Write(beside, empty.Index)
		if err != nil {
			return err
		}
		annotations := layout.WithAnnotations(b.annotations)
		if b.index != nil {
			return path.AppendIndex(b.index, annotations)
		}
		return path.AppendImage(b.image, annotations)
	})
}

// builder is the image of a builder, or an index of such images.
type builder struct {
	image v1.Image
	index v1.ImageIndex
	// annotations are those that a layout has for it, its name for instance.
	annotations map[string]string
	// clean removes what was written to read it; it may be nil.
	clean func()
}

func (b builder) digest() (v1.Hash, error) {
	if b.index != nil {
		return b.index.Digest()
	}
	return b.image.Digest()
}

// forThisMachine is the image, or that of an index for Linux on this machine's architecture.
func (b builder) forThisMachine() (v1.Image, error) {
	if b.index == nil {
		return b.image, nil
	}
	manifest, err := b.index.IndexManifest()
	if err != nil {
		return nil, err
	}
	for _, m := range manifest.Manifests {
		if m.MediaType.IsImage() && m.Platform != nil && m.Platform.OS == "linux" && m.Platform.Architecture == runtime.GOARCH {
			return b.index.Image(m.Digest)
		}
	}
	return nil, fmt.Errorf("the index has no image for this machine, which Docker would need: none for linux/%s", runtime.GOARCH)
}

// each changes the image, or every image of the index, and returns lines about it.
func (b builder) each(change func(v1.Image) (v1.Image, string, error)) (builder, []string, error) {
	if b.index == nil {
		changed, line, err := change(b.image)
		b.image = changed
		return b, []string{line}, err
	}
	manifest, err := b.index.IndexManifest()
	if err != nil {
		return b, nil, err
	}
	changed := &changedIndex{base: b.index, images: map[v1.Hash]v1.Image{}}
	if changed.raw, err = b.index.RawManifest(); err != nil {
		return b, nil, err
	}
	var lines []string
	for i, m := range manifest.Manifests {
		if !m.MediaType.IsImage() || m.Platform == nil || m.Platform.OS == "unknown" {
			continue // says something about another one, as attestations do
		}
		image, err := b.index.Image(m.Digest)
		if err != nil {
			return b, nil, err
		}
		image, line, err := change(image)
		if err != nil {
			return b, nil, fmt.Errorf("%s: %w", m.Platform, err)
		}
		if err := changed.replace(i, image); err != nil {
			return b, nil, err
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return b, nil, fmt.Errorf("the index lists no image")
	}
	b.index = changed
	return b, lines, nil
}
