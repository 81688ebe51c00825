// Package layouts makes OCI layouts for tests, apart from package testhelpers, so that not all who use that need imgutil.
package layouts

import (
	"testing"

	"github.com/buildpacks/imgutil"
	"github.com/buildpacks/imgutil/layout"

	"github.com/cnb-prelude/prelude/buildpack"
)

// ArmDebian is the target of the images that SaveImage makes.
var ArmDebian = buildpack.Target{OS: "linux", Arch: "arm64", Variant: "v8", Distros: []buildpack.Distro{{Name: "debian", Version: "12"}}}

// SaveImage has imgutil write an image as an OCI layout, and returns how imgutil refers to it.
func SaveImage(t *testing.T, path string) string {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	image, err := layout.NewImage(path, imgutil.WithDefaultPlatform(imgutil.Platform{OS: "linux", Architecture: "arm64"}))
	check(err)
	check(image.SetVariant("v8"))
	check(image.SetLabel("io.buildpacks.base.distro.name", "debian"))
	check(image.SetLabel("io.buildpacks.base.distro.version", "12"))
	check(image.SetLabel("io.buildpacks.base.id", "example.base"))
	check(image.Save())
	id, err := image.Identifier()
	check(err)
	return id.String()
}

// SaveBuilder has imgutil write the image of a builder for an architecture as an OCI layout, with layers from these archives.
func SaveBuilder(t *testing.T, path, arch, metadata string, layers ...string) {
	t.Helper()
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	image, err := layout.NewImage(path, imgutil.WithDefaultPlatform(imgutil.Platform{OS: "linux", Architecture: arch}))
	check(err)
	check(image.SetLabel("io.buildpacks.builder.metadata", metadata))
	for _, layer := range layers {
		check(image.AddLayer(layer))
	}
	check(image.Save())
}
