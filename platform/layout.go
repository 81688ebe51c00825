package platform

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
)

// LayoutImage is an image that lies in the layout directory: what its OCI layout says of it.
type LayoutImage struct {
	// Reference is how later phases find it: "<path>@<digest of its manifest>".
	Reference string
	// ID is the label io.buildpacks.base.id, empty if the image has none.
	ID string
	// Target has a distribution if the image has one of the labels for it.
	Target buildpack.Target
}

// The labels that say what an image is based on.
const (
	labelID            = "io.buildpacks.base.id"
	labelDistroName    = "io.buildpacks.base.distro.name"
	labelDistroVersion = "io.buildpacks.base.distro.version"
)

// NoLayoutError says that the layout directory does not have an image.
type NoLayoutError struct {
	Image string
	// Path is where it was looked for; empty if the name is not one of an image.
	Path string
}

func (e *NoLayoutError) Error() string {
	if e.Path == "" {
		return fmt.Sprintf("image '%s' has no place in the layout directory: it is not the name of an image", e.Image)
	}
	return fmt.Sprintf("image '%s' not found in the layout directory: there is no %s", e.Image, filepath.Join(e.Path, "index.json"))
}

// ReadLayout reads an image of the layout directory, which is an absolute path. The image is named as in a registry, or
// as LayoutImage.Reference names it. Nothing but manifests and the image's configuration is read, and nothing out of the
// layout directory, be it through "..", or through a link. An image that is not there is a *NoLayoutError.
func ReadLayout(dir, image string) (LayoutImage, error) {
	place, digest, err := layoutPlace(dir, image)
	if err != nil {
		return LayoutImage{}, err
	}
	path := filepath.Join(dir, place)
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return LayoutImage{}, &NoLayoutError{image, path}
	}
	if err != nil {
		return LayoutImage{}, fmt.Errorf("layout directory: %w", files.Explain(err))
	}
	defer root.Close()
	found, err := ociLayout{root, place}.image(digest)
	var missing *NoLayoutError
	switch {
	case errors.As(err, &missing):
		return LayoutImage{}, &NoLayoutError{image, path}
	case err != nil:
		return LayoutImage{}, fmt.Errorf("OCI layout of image '%s' at %s: %w", image, path, err)
	}
	found.Reference = path + "@" + found.Reference
	return found, nil
}

// layoutPlace is where in the layout directory an image is, and the digest that its reference has, if any:
// <registry>/<repository>/<tag> or <registry>/<repository>/<algorithm>/<digest>, with the defaults of registries.
func layoutPlace(dir, image string) (place, digest string, err error) {
	leaves := fmt.Errorf("image '%s' would be out of the layout directory %s", image, dir)
	if filepath.IsAbs(image) {
		path, digest, _ := strings.Cut(image, "@")
		place, err := filepath.Rel(dir, path)
		if err != nil || !filepath.IsLocal(place) {
			return "", "", leaves
		}
		return place, digest, nil
	}
	ref, err := name.ParseReference(image, name.WeakValidation)
	if err != nil {
		return "", "", &NoLayoutError{Image: image}
	}
	if d, ok := ref.(name.Digest); ok {
		digest = d.DigestStr()
	}
	place = strings.Join([]string{ref.Context().RegistryStr(), ref.Context().RepositoryStr(), strings.Replace(ref.Identifier(), ":", "/", 1)}, "/")
	if slices.Contains(strings.Split(place, "/"), "..") {
		return "", "", leaves
	}
	return place, digest, nil
}

// largestManifest is what registries take, too.
const largestManifest = 4 << 20

// ociLayout is one image of the layout directory.
type ociLayout struct {
	// root is the layout directory: images may share blobs by links, but none leads out of it.
	root  *os.Root
	place string
}

// image reads the image that has the digest or, if none has, the one for this platform. Its Reference is the digest alone.
func (l ociLayout) image(digest string) (LayoutImage, error) {
	data, err := l.read("index.json")
	if errors.Is(err, fs.ErrNotExist) {
		return LayoutImage{}, &NoLayoutError{}
	}
	if err != nil {
		return LayoutImage{}, err
	}
	const deepest = 8
	what := "index.json"
	for range deepest {
		index, err := v1.ParseIndexManifest(bytes.NewReader(data))
		if err != nil {
			return LayoutImage{}, fmt.Errorf("%s: %w", what, err)
		}
		chosen, err := l.choose(index.Manifests, digest)
		if err != nil {
			return LayoutImage{}, fmt.Errorf("%s: %w", what, err)
		}
		if !chosen.MediaType.IsIndex() {
			return l.described(chosen)
		}
		if data, err = l.blob(chosen); err != nil {
			return LayoutImage{}, err
		}
		what = "index " + chosen.Digest.String()
	}
	return LayoutImage{}, fmt.Errorf("%s: more than %d indexes within each other", what, deepest)
}

// choose picks a manifest of an index: the one with the digest, else the first for this platform – linux, on the
// machine's architecture –, else the first. What is no image, as attestations are, doesn't count.
func (l ociLayout) choose(manifests []v1.Descriptor, digest string) (v1.Descriptor, error) {
	for _, m := range manifests {
		if digest != "" && m.Digest.String() == digest {
			return m, nil
		}
	}
	images := slices.DeleteFunc(manifests, func(m v1.Descriptor) bool {
		return m.MediaType != "" && !m.MediaType.IsImage() && !m.MediaType.IsIndex() || m.Platform != nil && m.Platform.OS == "unknown"
	})
	if len(images) == 0 {
		return v1.Descriptor{}, errors.New("it lists no image")
	}
	if len(images) == 1 {
		return images[0], nil
	}
	for _, m := range images {
		system, arch, err := l.platform(m)
		if err != nil {
			return v1.Descriptor{}, err
		}
		if system == "linux" && arch == runtime.GOARCH {
			return m, nil
		}
	}
	return images[0], nil
}

// platform is what the index says about a manifest, or else the image itself.
func (l ociLayout) platform(m v1.Descriptor) (system, arch string, err error) {
	if m.Platform != nil {
		return m.Platform.OS, m.Platform.Architecture, nil
	}
	if m.MediaType.IsIndex() {
		return "", "", nil
	}
	image, err := l.described(m)
	return image.Target.OS, image.Target.Arch, err
}

// described reads what an image says about itself.
func (l ociLayout) described(m v1.Descriptor) (LayoutImage, error) {
	data, err := l.blob(m)
	if err != nil {
		return LayoutImage{}, err
	}
	manifest, err := v1.ParseManifest(bytes.NewReader(data))
	if err != nil {
		return LayoutImage{}, fmt.Errorf("manifest %s: %w", m.Digest, err)
	}
	if data, err = l.blob(manifest.Config); err != nil {
		return LayoutImage{}, err
	}
	config, err := v1.ParseConfigFile(bytes.NewReader(data))
	if err != nil {
		return LayoutImage{}, fmt.Errorf("configuration %s: %w", manifest.Config.Digest, err)
	}
	labels := config.Config.Labels
	image := LayoutImage{
		Reference: m.Digest.String(), ID: labels[labelID],
		Target: buildpack.Target{OS: config.OS, Arch: config.Architecture, Variant: config.Variant},
	}
	if distro := (buildpack.Distro{Name: labels[labelDistroName], Version: labels[labelDistroVersion]}); distro != (buildpack.Distro{}) {
		image.Target.Distros = []buildpack.Distro{distro}
	}
	return image, nil
}

// blob reads a blob and checks that it is the one that is meant.
func (l ociLayout) blob(d v1.Descriptor) ([]byte, error) {
	if d.Digest.Hex == "" {
		return nil, errors.New("a descriptor has no digest")
	}
	data, err := l.read(filepath.Join("blobs", d.Digest.Algorithm, d.Digest.Hex))
	if err != nil {
		return nil, err
	}
	if found := Digest(data); found != d.Digest.String() {
		return nil, fmt.Errorf("blob %s is corrupt: its digest is %s", d.Digest, found)
	}
	if int64(len(data)) != d.Size {
		return nil, fmt.Errorf("blob %s is corrupt: it has %d bytes, and should have %d", d.Digest, len(data), d.Size)
	}
	return data, nil
}

// read reads a regular file of the image, no larger than manifests and configurations are. It never waits.
func (l ociLayout) read(path string) ([]byte, error) {
	file, err := l.root.OpenFile(filepath.Join(l.place, path), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is a %s, not a regular file", path, files.TypeOf(info.Mode()))
	}
	data, err := io.ReadAll(io.LimitReader(file, largestManifest+1))
	if err == nil && len(data) > largestManifest {
		err = fmt.Errorf("%s is larger than %d MiB, the most that is read of such a file", path, largestManifest>>20)
	}
	return data, err
}
