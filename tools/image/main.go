// Command image makes an OCI layout of a release: for each architecture an image with the executables under /cnb/lifecycle/
// and their licences, as one layer, and an index of them. It needs no daemon, and takes the executables from the archives that dist has made.
// `make image` calls it.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// documents is where licences and bills of materials are: beside the executables, builders would get them too.
const documents = "usr/share/doc/prelude/"

// named says what an image of a layout is called.
const named = "org.opencontainers.image.ref.name"

func main() {
	dist := flag.String("dist", "../dist", "directory with the archives of the release")
	out := flag.String("o", "../dist/image", "directory for the OCI layout")
	flags := release.Flags(flag.CommandLine)
	release.ParseFlags("image", "Usage: image [option]...\n", "")
	r, err := flags()
	if err == nil {
		err = write(r, *dist, *out)
	}
	if err != nil {
		release.Exit("image", err)
	}
}

// write makes the layout, in the place of an earlier one.
func write(r release.Release, dist, out string) error {
	if err := release.CheckLayout(out); err != nil {
		return err
	}
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	labels, err := r.Labels()
	if err != nil {
		return err
	}
	for _, arch := range r.Arches {
		image, err := image(r, dist, arch, labels)
		if err != nil {
			return err
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	digest, err := index.Digest()
	if err != nil {
		return err
	}
	err = release.ReplaceLayout(out, func(beside string) error {
		path, err := layout.Write(beside, empty.Index)
		if err != nil {
			return err
		}
		return path.AppendIndex(index, layout.WithAnnotations(map[string]string{named: r.Version}))
	})
	if err != nil {
		return err
	}
	fmt.Printf("%s  %s:%s\n", digest, filepath.Base(out), r.Version)
	return nil
}

// image makes the image of an architecture.
func image(r release.Release, dist, arch string, labels map[string]string) (v1.Image, error) {
	packed, err := os.ReadFile(filepath.Join(dist, r.Archive(arch)))
	if err != nil {
		return nil, err
	}
	plain, err := release.Gunzip(packed)
	if err != nil {
		return nil, err
	}
	archive, err := release.Untar(plain)
	if err != nil {
		return nil, err
	}
	var files []release.File
	for _, name := range release.Executables {
		f, ok := archive["lifecycle/"+name]
		if !ok {
			return nil, fmt.Errorf("%s has no %s", r.Archive(arch), name)
		}
		f.Name = "cnb/lifecycle/" + name
		files = append(files, f)
	}
	for name, f := range archive {
		if name == "LICENSE" || strings.HasPrefix(name, "licenses/") || strings.HasPrefix(name, "lifecycle/") && strings.HasSuffix(name, ".sbom.cdx.json") {
			f.Name = documents + path.Base(name)
			if dir, ok := strings.CutPrefix(name, "licenses/"); ok {
				f.Name = documents + "licenses/" + dir
			}
			files = append(files, f)
		}
	}
	content, err := release.Tar(files, r.Time)
	if err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content)), nil
	}, tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, err
	}
	made := v1.Time{Time: r.Time}
	image := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err = mutate.Append(image, mutate.Addendum{Layer: layer, MediaType: types.OCILayer, History: v1.History{Created: made, CreatedBy: "prelude " + r.Version}})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, made
	config.Config.Labels = labels
	config.Config.User = "65532:65532" // it refuses root
	config.Config.Env = []string{"PATH=/cnb/lifecycle"}
	return mutate.ConfigFile(image, config)
}
