package main

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// place is where an image is.
type place interface {
	read() (builder, error)
	// use returns how to use the builder at this place.
	use() string
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
	imageName, docker := strings.CutPrefix(text, "daemon:")
	ref, err := name.ParseReference(imageName, name.WeakValidation)
	if err != nil && !strings.Contains(imageName, "/") { // names of one letter are valid for Docker
		ref, err = name.ParseReference("docker.io/library/"+imageName, name.WeakValidation)
	}
	if err != nil {
		return nil, fmt.Errorf("%q is not an image name such as registry.example/builder:noble (in lower case)", imageName)
	}
	if docker {
		return inDaemon{Reference: ref}, nil
	}
	return inRegistry{ref}, nil
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

func (p inRegistry) use() string {
	return "build with it: pack config experimental true (once, for image extensions); pack build my-app --builder " + p.String()
}

// builder is the image of a builder, or an index of such images.
type builder struct {
	image v1.Image
	index v1.ImageIndex
	// listed is what a layout says of it, its name for instance.
	listed v1.Descriptor
	// spread says that the index is that of a layout itself, its index.json.
	spread bool
	// docker says that the image is from Docker, which knows images by the digests of their configurations.
	docker bool
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
	return nil, fmt.Errorf("the index has no image for linux/%s, which is the one that Docker would take", runtime.GOARCH)
}

// isBuilder reports whether a platform can build with it: it may be the image of a lifecycle, too.
func (b builder) isBuilder() bool {
	image := b.image
	if b.index != nil {
		for _, i := range b.index.(*changedIndex).images {
			image = i
		}
	}
	config, err := image.ConfigFile()
	return err == nil && config.Config.Labels[metadata] != ""
}

// each changes the image, or every image of the index, and returns lines about it. A change is told by which digest the image is
// known.
func (b builder) each(change func(v1.Image, v1.Hash) (v1.Image, string, error)) (builder, []string, error) {
	if b.index == nil {
		known, err := b.digest()
		if b.docker {
			known, err = b.image.ConfigName()
		}
		if err != nil {
			return b, nil, err
		}
		changed, line, err := change(b.image, known)
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
		image, err := imageOf(b.index, m)
		if image == nil && err == nil {
			continue
		}
		var line string
		if err == nil {
			image, line, err = change(image, m.Digest)
		}
		if err == nil {
			err = changed.replace(i, image)
		}
		if err != nil {
			return b, nil, fmt.Errorf("%s of its index: %w", m.Digest, err)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return b, nil, fmt.Errorf("the index lists no image")
	}
	b.index = changed
	return b, lines, nil
}

// imageOf is the image that an index lists, or nil if that is none that could be run: attestations and signatures are in indexes
// too, and stay what they are.
func imageOf(index v1.ImageIndex, m v1.Descriptor) (v1.Image, error) {
	if !m.MediaType.IsImage() || m.Platform != nil && m.Platform.OS == "unknown" {
		return nil, nil
	}
	image, err := index.Image(m.Digest)
	if err != nil {
		return nil, err
	}
	manifest, err := image.Manifest()
	if err != nil || !manifest.Config.MediaType.IsConfig() {
		return nil, err
	}
	return image, nil
}
