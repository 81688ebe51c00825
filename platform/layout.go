package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/ocilayout"
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
	layout := ocilayout.Open(root, place)
	found, err := layout.Find(digest)
	if errors.Is(err, fs.ErrNotExist) && !exists(root, place) {
		return LayoutImage{}, &NoLayoutError{image, path}
	}
	var config *v1.ConfigFile
	if err == nil {
		config, err = layout.Config(found)
	}
	if err != nil {
		return LayoutImage{}, fmt.Errorf("OCI layout of image '%s' at %s: %w", image, path, err)
	}
	return describe(path+"@"+found.Digest.String(), config), nil
}

func exists(root *os.Root, place string) bool {
	_, err := root.Lstat(filepath.Join(place, "index.json"))
	return !errors.Is(err, fs.ErrNotExist)
}

// describe is what an image says about itself.
func describe(reference string, config *v1.ConfigFile) LayoutImage {
	labels := config.Config.Labels
	image := LayoutImage{
		Reference: reference, ID: labels[labelID],
		Target: buildpack.Target{OS: config.OS, Arch: config.Architecture, Variant: config.Variant},
	}
	if distro := (buildpack.Distro{Name: labels[labelDistroName], Version: labels[labelDistroVersion]}); distro != (buildpack.Distro{}) {
		image.Target.Distros = []buildpack.Distro{distro}
	}
	return image
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
