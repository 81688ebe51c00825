package platform

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/buildpacks/imgutil"
	"github.com/buildpacks/imgutil/layout"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	ggcr "github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cnb-prelude/prelude/buildpack"
)

// debian are the labels of an image that says what it is based on.
var debian = map[string]string{
	"io.buildpacks.base.distro.name": "debian", "io.buildpacks.base.distro.version": "12", "io.buildpacks.base.id": "example.base",
}

// saveImage has imgutil write an image to a path of the layout directory, and returns how imgutil refers to it.
func saveImage(t *testing.T, path string, target imgutil.Platform, labels map[string]string) string {
	t.Helper()
	image, err := layout.NewImage(path, imgutil.WithDefaultPlatform(target))
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range labels {
		if err := image.SetLabel(key, value); err != nil {
			t.Fatal(err)
		}
	}
	if err := image.SetVariant(target.Variant); err != nil {
		t.Fatal(err)
	}
	if err := image.Save(); err != nil {
		t.Fatal(err)
	}
	id, err := image.Identifier()
	if err != nil {
		t.Fatal(err)
	}
	return id.String()
}

var arm = imgutil.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"}

func TestReadLayoutFindsImagesWhereTheyLie(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	for _, tt := range []struct{ image, place, why string }{
		{"registry.example/prelude/run:12", "registry.example/prelude/run/12", "a tag"},
		{"registry.example/prelude/run@sha256:" + digest, "registry.example/prelude/run/sha256/" + digest, "a digest"},
		{"registry.example/prelude/run:12@sha256:" + digest, "registry.example/prelude/run/sha256/" + digest, "a digest counts for more than a tag"},
		{"registry.example/run", "registry.example/run/latest", "the tag that is meant"},
		{"localhost:5000/run:1", "localhost:5000/run/1", "a registry with a port"},
		{"ubuntu", "index.docker.io/library/ubuntu/latest", "registry, repository and tag that are meant"},
		{"docker.io/ubuntu:24.04", "index.docker.io/library/ubuntu/24.04", "the registry's other name"},
		{"paketo/run:1", "index.docker.io/paketo/run/1", "a repository of two parts"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, tt.place)
			want := LayoutImage{
				Reference: saveImage(t, path, arm, debian), ID: "example.base",
				Target: buildpack.Target{OS: "linux", Arch: "arm64", Variant: "v8", Distros: []buildpack.Distro{{Name: "debian", Version: "12"}}},
			}
			for _, image := range []string{tt.image, want.Reference, path} {
				got, err := ReadLayout(dir, image)
				if err != nil {
					t.Fatalf("%s: %v", image, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", image, diff)
				}
			}
			if theirs, err := layout.ParseRefToPath(tt.image); err != nil || theirs != tt.place {
				t.Errorf("imgutil has %s at %s (%v), want %s", tt.image, theirs, err, tt.place)
			}
		})
	}
}

func TestReadLayoutWithoutLabels(t *testing.T) {
	for _, tt := range []struct {
		why    string
		labels map[string]string
		id     string
		want   []buildpack.Distro
	}{
		{"none", nil, "", nil},
		{"only the name", map[string]string{"io.buildpacks.base.distro.name": "alpine"}, "", []buildpack.Distro{{Name: "alpine"}}},
		{"only the version", map[string]string{"io.buildpacks.base.distro.version": "3"}, "", []buildpack.Distro{{Version: "3"}}},
		{"only the id", map[string]string{"io.buildpacks.base.id": "x"}, "x", nil},
	} {
		t.Run(tt.why, func(t *testing.T) {
			dir := t.TempDir()
			ref := saveImage(t, filepath.Join(dir, "registry.example/run/1"), imgutil.Platform{OS: "linux", Architecture: "s390x"}, tt.labels)
			got, err := ReadLayout(dir, "registry.example/run:1")
			if err != nil {
				t.Fatal(err)
			}
			want := LayoutImage{Reference: ref, ID: tt.id, Target: buildpack.Target{OS: "linux", Arch: "s390x", Distros: tt.want}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// imageFor is an image for a platform, as something to put in an index.
func imageFor(t *testing.T, platform v1.Platform, inDescriptor bool) (mutate.IndexAddendum, string) {
	t.Helper()
	image, err := mutate.ConfigFile(empty.Image, &v1.ConfigFile{OS: platform.OS, Architecture: platform.Architecture, Variant: platform.Variant})
	if err != nil {
		t.Fatal(err)
	}
	image = mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON)
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	add := mutate.IndexAddendum{Add: image}
	if inDescriptor {
		add.Descriptor.Platform = &platform
	}
	return add, digest.String()
}

func TestReadLayoutOfSeveralPlatforms(t *testing.T) {
	ours := v1.Platform{OS: "linux", Architecture: runtime.GOARCH}
	others := []v1.Platform{{OS: "windows", Architecture: runtime.GOARCH}, {OS: "linux", Architecture: "riscv64"}}
	for _, inDescriptor := range []bool{true, false} {
		for _, nested := range []bool{true, false} {
			for _, has := range []bool{true, false} {
				t.Run(fmt.Sprintf("platform in the index %t, nested %t, ours is there %t", inDescriptor, nested, has), func(t *testing.T) {
					var adds []mutate.IndexAddendum
					attestation, _ := imageFor(t, v1.Platform{OS: "unknown", Architecture: "unknown"}, true)
					adds = append(adds, attestation)
					var digests []string
					platforms := others
					if has {
						platforms = append(platforms[:2:2], ours)
					}
					for _, p := range platforms {
						add, digest := imageFor(t, p, inDescriptor)
						adds, digests = append(adds, add), append(digests, digest)
					}
					index := mutate.AppendManifests(mutate.IndexMediaType(empty.Index, types.OCIImageIndex), adds...)
					if nested {
						index = mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: index})
					}
					dir := t.TempDir()
					path := filepath.Join(dir, "registry.example/run/1")
					if err := os.MkdirAll(path, 0o755); err != nil {
						t.Fatal(err)
					}
					if _, err := ggcr.Write(path, index); err != nil {
						t.Fatal(err)
					}
					read := func(image, digest string, want v1.Platform) {
						t.Helper()
						got, err := ReadLayout(dir, image)
						if err != nil {
							t.Fatal(err)
						}
						wanted := LayoutImage{Reference: path + "@" + digest, Target: buildpack.Target{OS: want.OS, Arch: want.Architecture}}
						if diff := cmp.Diff(wanted, got); diff != "" {
							t.Errorf("%s (-want +got):\n%s", image, diff)
						}
					}
					if has {
						read("registry.example/run:1", digests[2], ours)
					} else {
						read("registry.example/run:1", digests[0], others[0])
					}
					read(path+"@"+digests[1], digests[1], others[1]) // the one with the digest, whatever we are
				})
			}
		}
	}
}

func TestReadLayoutWhereNoneIs(t *testing.T) {
	dir := t.TempDir()
	saveImage(t, filepath.Join(dir, "registry.example/run/1"), arm, nil)
	for _, tt := range []struct{ dir, image, words string }{
		{dir, "registry.example/run:2", "image 'registry.example/run:2' not found in the layout directory: there is no " + dir + "/registry.example/run/2/index.json"},
		{dir, "registry.example/run@sha256:" + strings.Repeat("0", 64), "/registry.example/run/sha256/0000"},
		{dir, "registry.example/run/1:latest", "not found"},
		{dir, "No Name!", "it is not the name of an image"},
		{dir, "", "it is not the name of an image"},
		{dir + "/missing", "run:1", "not found"},
	} {
		_, err := ReadLayout(tt.dir, tt.image)
		var none *NoLayoutError
		if !errors.As(err, &none) {
			t.Errorf("%q: %v, want that it is not there", tt.image, err)
		} else if !strings.Contains(err.Error(), tt.words) {
			t.Errorf("%q: %q, want %q", tt.image, err, tt.words)
		}
	}
}

func TestReadLayoutStaysInItsDirectory(t *testing.T) {
	top := t.TempDir()
	dir := filepath.Join(top, "layouts")
	outside := filepath.Join(top, "outside")
	ref := saveImage(t, filepath.Join(outside, "1"), arm, nil)
	inside := filepath.Join(dir, "registry.example/inside/1")
	saveImage(t, inside, arm, nil)
	for from, to := range map[string]string{"registry.example/linked": outside, "registry.example/within": inside + "/.."} {
		target, err := filepath.Rel(filepath.Join(dir, "registry.example"), to)
		if err := errors.Join(err, os.Symlink(target, filepath.Join(dir, from))); err != nil {
			t.Fatal(err)
		}
	}
	for _, image := range []string{
		ref,
		filepath.Join(outside, "1"),
		dir + "/../outside/1",
		"registry.example/../../outside:1",
		"registry.example/a/../inside:1",
		"../outside:1",
		"registry.example/inside:..",
		"registry.example/linked:1",
	} {
		if _, err := ReadLayout(dir, image); err == nil {
			t.Errorf("%s was read", image)
		} else if errors.As(err, new(*NoLayoutError)) {
			t.Errorf("%s: %v, want an error, not a warning", image, err)
		}
	}
	if _, err := ReadLayout(dir, "registry.example/within:1"); err != nil {
		t.Errorf("a link within the layout directory: %v", err)
	}
}

// blobs are the digests of a layout's index.json, its manifest and its configuration, as paths.
func blobs(t *testing.T, path string) (index, manifest, config string) {
	t.Helper()
	l, err := ggcr.FromPath(path)
	if err != nil {
		t.Fatal(err)
	}
	i, err := l.ImageIndex()
	if err != nil {
		t.Fatal(err)
	}
	list, err := i.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	image, err := l.Image(list.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	name, err := image.ConfigName()
	if err != nil {
		t.Fatal(err)
	}
	blob := func(h v1.Hash) string { return filepath.Join(path, "blobs", h.Algorithm, h.Hex) }
	return filepath.Join(path, "index.json"), blob(list.Manifests[0].Digest), blob(name)
}

func TestReadLayoutThatIsCorrupt(t *testing.T) {
	write := func(text string) func(path string) error {
		return func(path string) error { return os.WriteFile(path, []byte(text), 0o644) }
	}
	change := func(path string) error {
		data, err := os.ReadFile(path)
		return errors.Join(err, os.WriteFile(path, append(data[:len(data)-1], ' '), 0o644))
	}
	pipe := func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)) }
	for _, tt := range []struct {
		why     string
		spoil   func(path string) error
		blob    int // of the paths that blobs returns
		message string
	}{
		{"index.json is no JSON", write("{"), 0, "index.json: unexpected EOF"},
		{"index.json is empty", write(""), 0, "index.json: EOF"},
		{"index.json lists nothing", write(`{"schemaVersion": 2, "manifests": []}`), 0, "index.json: it lists no image"},
		{"index.json lists what is no image", write(`{"manifests": [{"mediaType": "text/plain", "digest": "sha256:` + strings.Repeat("0", 64) + `"}]}`), 0, "index.json: it lists no image"},
		{"index.json has a digest that leads away", write(`{"manifests": [{"digest": "sha256:../../../index.json"}]}`), 0, "index.json: "},
		{"index.json has no digest", write(`{"manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json"}]}`), 0, "a descriptor has no digest"},
		{"index.json is a pipe", pipe, 0, "index.json is a pipe, not a regular file"},
		{"index.json is too large", write(strings.Repeat(" ", 4<<20+1)), 0, "index.json is larger than 4 MiB"},
		{"the manifest is another", change, 1, "is corrupt: its digest is sha256:"},
		{"the manifest is gone", os.Remove, 1, "no such file"},
		{"the configuration is another", change, 2, "is corrupt: its digest is sha256:"},
		{"the configuration is gone", os.Remove, 2, "no such file"},
		{"the configuration is a pipe", pipe, 2, "is a pipe, not a regular file"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "registry.example/run/1")
			saveImage(t, path, arm, debian)
			index, manifest, config := blobs(t, path)
			if err := tt.spoil([]string{index, manifest, config}[tt.blob]); err != nil {
				t.Fatal(err)
			}
			_, err := ReadLayout(dir, "registry.example/run:1")
			if err == nil || errors.As(err, new(*NoLayoutError)) {
				t.Fatalf("got %v, want an error that says what is wrong", err)
			}
			for _, words := range []string{"OCI layout of image 'registry.example/run:1' at " + path, tt.message} {
				if !strings.Contains(err.Error(), words) {
					t.Errorf("%q is not in %q", words, err)
				}
			}
		})
	}
}

func TestReadLayoutWithAWrongSize(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "registry.example/run/1")
	saveImage(t, path, arm, nil)
	index, _, _ := blobs(t, path)
	data, err := os.ReadFile(index)
	if err != nil {
		t.Fatal(err)
	}
	data = regexp.MustCompile(`"size": *`).ReplaceAll(data, []byte(`"size": 1`))
	if err := os.WriteFile(index, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLayout(dir, "registry.example/run:1"); err == nil || !strings.Contains(err.Error(), "bytes, and should have 1") {
		t.Errorf("got %v", err)
	}
}

func TestReadLayoutOfIndexesWithinIndexes(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "registry.example/run/1")
	if err := os.MkdirAll(filepath.Join(path, "blobs/sha256"), 0o755); err != nil {
		t.Fatal(err)
	}
	index := `{"manifests": []}`
	for range 10 {
		digest := Digest([]byte(index))
		blob := filepath.Join(path, "blobs", strings.Replace(digest, ":", "/", 1))
		if err := os.WriteFile(blob, []byte(index), 0o644); err != nil {
			t.Fatal(err)
		}
		index = fmt.Sprintf(`{"manifests": [{"mediaType": "application/vnd.oci.image.index.v1+json", "digest": %q, "size": %d}]}`, digest, len(index))
	}
	if err := os.WriteFile(filepath.Join(path, "index.json"), []byte(index), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLayout(dir, "registry.example/run:1"); err == nil || !strings.Contains(err.Error(), "more than 8 indexes within each other") {
		t.Errorf("got %v", err)
	}
}

func TestAnalyzedWithRunLayout(t *testing.T) {
	a := parseAnalyzed(t, everyType).SwitchedTo("registry.example/run:2").WithRunLayout(LayoutImage{
		Reference: "/layouts/registry.example/run/2@sha256:12", ID: "example.base",
		Target: buildpack.Target{OS: "linux", Arch: "arm64", Variant: "v8", Distros: []buildpack.Distro{{Name: "debian", Version: "12"}}},
	})
	text, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	before, _, _ := strings.Cut(everyType, "[run-image]")
	want := before + `[run-image]
  image = "registry.example/run:2"
  kept = 1979-05-27
  reference = "/layouts/registry.example/run/2@sha256:12"
  [run-image.target]
    arch = "arm64"
    arch-variant = "v8"
    id = "example.base"
    os = "linux"
    variant = "v8"
    [run-image.target.distro]
      name = "debian"
      version = "12"
`
	again := parseAnalyzed(t, string(text))
	if diff := cmp.Diff(a.RunImage, again.RunImage); diff != "" {
		t.Errorf("the fields are not what the file says (-fields +file):\n%s", diff)
	}
	if wanted, err := parseAnalyzed(t, want).Encode(); err != nil || string(wanted) != string(text) {
		t.Errorf("%v\n%s", err, cmp.Diff(string(wanted), string(text)))
	}
}
