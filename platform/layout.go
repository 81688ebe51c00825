package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
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
	ID     string
	Target buildpack.Target
}

// NoLayoutError says that the layout directory does not have an image.
type NoLayoutError struct{ message string }

func (e *NoLayoutError) Error() string { return e.message }

// ReadLayout reads an image of the layout directory, which is an absolute path. The image is named as in a registry, or as
// [LayoutImage] names it in Reference. Nothing outside the layout directory is read, be it through "..", or through a link.
// A missing image is a *NoLayoutError.
func ReadLayout(dir, image string) (LayoutImage, error) {
	below, digest, err := layoutPath(dir, image)
	if err != nil {
		return LayoutImage{}, err
	}
	path := filepath.Join(dir, below)
	index := filepath.Join(below, "index.json")
	none := fmt.Sprintf("image '%s' not found in the layout directory: there is no %s", image, filepath.Join(dir, index))
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return LayoutImage{}, &NoLayoutError{none}
	}
	if err != nil {
		return LayoutImage{}, fmt.Errorf("layout directory: %w", files.Explain(err))
	}
	defer root.Close()
	if _, err := root.Lstat(index); errors.Is(err, fs.ErrNotExist) {
		return LayoutImage{}, &NoLayoutError{none}
	}
	layout := ocilayout.Open(root, below)
	found, err := layout.Find(digest)
	var config *v1.ConfigFile
	if err == nil {
		config, err = layout.Config(found)
	}
	if err != nil {
		return LayoutImage{}, fmt.Errorf("OCI layout of image '%s' at %s: %w", image, path, err)
	}
	return describe(path+"@"+found.Digest.String(), config), nil
}

// describe is what an image says about itself.
func describe(reference string, config *v1.ConfigFile) LayoutImage {
	label := func(name string) string { return config.Config.Labels["io.buildpacks.base."+name] }
	target := buildpack.Target{OS: config.OS, Arch: config.Architecture, Variant: config.Variant}
	if distro := (buildpack.Distro{Name: label("distro.name"), Version: label("distro.version")}); distro != (buildpack.Distro{}) {
		target.Distros = []buildpack.Distro{distro}
	}
	return LayoutImage{Reference: reference, ID: label("id"), Target: target}
}

// layoutPath is where in the layout directory an image is, and the digest that its reference has, if any:
// <registry>/<repository>/<tag> or <registry>/<repository>/<algorithm>/<digest>, with the defaults of registries.
func layoutPath(dir, image string) (path, digest string, err error) {
	if filepath.IsAbs(image) {
		image, digest, _ = strings.Cut(image, "@")
		path, err = filepath.Rel(dir, image)
	} else {
		var ref name.Reference
		if ref, err = name.ParseReference(image, name.WeakValidation); err != nil {
			none := fmt.Sprintf("image '%s' has no place in the layout directory: it is not the name of an image", image)
			return "", "", &NoLayoutError{none}
		}
		if d, ok := ref.(name.Digest); ok {
			digest = d.DigestStr()
		}
		repository := ref.Context()
		path = repository.RegistryStr() + "/" + repository.RepositoryStr() + "/" + strings.Replace(ref.Identifier(), ":", "/", 1)
	}
	if err != nil || !filepath.IsLocal(path) || filepath.Clean(path) != path {
		return "", "", fmt.Errorf("image '%s' would be out of the layout directory %s", image, dir)
	}
	return path, digest, nil
}
