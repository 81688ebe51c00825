package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/cnb-prelude/prelude/testhelpers"
	"github.com/cnb-prelude/prelude/testhelpers/docker"
	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// normal is the time that files of builders have.
var normal = time.Date(1980, 1, 1, 0, 0, 1, 0, time.UTC)

// promises is a label with the APIs that a lifecycle promises.
func promises(platform string) string {
	return `{"description":"<tiny> & \"quoted\"","lifecycle":{"version":"0.21.17","apis":{"buildpack":{"deprecated":[],"supported":["0.7","0.12"]},"platform":{"deprecated":[],"supported":["` + platform + `"]}}}}`
}

// layerOf makes a layer. A name with a "=" is a link, one with a "/" at its end a directory.
func layerOf(t *testing.T, kind types.MediaType, names ...string) v1.Layer {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, entry := range names {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: entry, Mode: 0o755, ModTime: normal}
		data := []byte("#!/bin/sh\necho this is " + entry + "\n")
		if link, target, isLink := strings.Cut(entry, "="); isLink {
			header.Typeflag, header.Name, header.Linkname, data = tar.TypeSymlink, link, target, nil
		} else if strings.HasSuffix(entry, "/") {
			header.Typeflag, data = tar.TypeDir, nil
		} else if strings.HasSuffix(entry, "busybox") {
			if path, err := exec.LookPath("busybox"); err == nil { // only containers need it
				data, err = os.ReadFile(path)
				check(t, err)
			}
		}
		if strings.HasPrefix(entry, "/cnb/lifecycle/") {
			header.Uid, header.Gid, header.Mode = 0, 7, 0o755
		}
		header.Size = int64(len(data))
		check(t, w.WriteHeader(header))
		_, err := w.Write(data)
		check(t, err)
	}
	check(t, w.Close())
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(out.Bytes())), nil }, tarball.WithMediaType(kind))
	check(t, err)
	return layer
}

// newBuilder makes the image of a builder, as `pack` does: the lifecycle's phases are links to one executable.
func newBuilder(t *testing.T, arch string, labels map[string]string) v1.Image {
	t.Helper()
	image := empty.Image
	for _, layer := range []v1.Layer{
		layerOf(t, types.DockerLayer, "bin/", "bin/busybox", "bin/sh=busybox", "bin/cat=busybox", "etc/passwd"),
		layerOf(t, types.DockerLayer, "/cnb/", "/cnb/lifecycle/", "/cnb/lifecycle/analyzer=lifecycle", "/cnb/lifecycle/detector=lifecycle", "/cnb/lifecycle/lifecycle"),
		layerOf(t, types.DockerLayer, "/cnb/order.toml"),
	} {
		added, err := mutate.Append(image, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: "pack", Created: v1.Time{Time: normal}}})
		check(t, err)
		image = added
	}
	config, err := image.ConfigFile()
	check(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", arch, v1.Time{Time: normal}
	config.Config.Labels, config.Config.User = labels, "1000:1000"
	config.Config.Env = []string{"PATH=/bin", "CNB_USER_ID=1000"}
	image, err = mutate.ConfigFile(image, config)
	check(t, err)
	return image
}

func good() map[string]string {
	return map[string]string{metadata: promises("0.13"), "io.buildpacks.buildpack.order": "[]"}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// fakes makes a directory with executables that say which architecture they are for, and no more.
func fakes(t *testing.T, arch string) string {
	t.Helper()
	machine := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}[arch]
	var out bytes.Buffer
	check(t, binary.Write(&out, binary.LittleEndian, elf.Header64{
		Ident: [elf.EI_NIDENT]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_EXEC), Machine: uint16(machine), Version: uint32(elf.EV_CURRENT), Ehsize: 64,
	}))
	dir := t.TempDir()
	for _, file := range release.Executables {
		check(t, os.WriteFile(filepath.Join(dir, file), append(out.Bytes(), file...), 0o755))
	}
	return dir
}

// toLayout puts an image into a layout.
func toLayout(t *testing.T, image v1.Image) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "layout")
	_, err := onDisk(dir).write(builder{image: image, listed: v1.Descriptor{
		Annotations: map[string]string{"org.opencontainers.image.ref.name": "noble"},
		Platform:    &v1.Platform{OS: "linux", Architecture: "amd64", Variant: "v2"},
	}})
	check(t, err)
	return dir
}

// image is the one of a layout.
func image(t *testing.T, dir string) v1.Image {
	t.Helper()
	b, err := onDisk(dir).read()
	check(t, err)
	return b.image
}

func digest(t *testing.T, of interface{ Digest() (v1.Hash, error) }) string {
	t.Helper()
	d, err := of.Digest()
	check(t, err)
	return d.String()
}

// TestPutInto: the executables are in a layer of their own that takes the place of the link, not of what it leads to, with the
// owner, the mode and the time of the builder's files; a label says so; everything else is as it was.
func TestPutInto(t *testing.T) {
	before := newBuilder(t, "amd64", good())
	from, to := toLayout(t, before), filepath.Join(t.TempDir(), "made")
	var said bytes.Buffer
	check(t, run("layout:"+from, "layout:"+to, false, []string{fakes(t, "amd64")}, &said))
	after := image(t, to)
	if want := "added detector and generator 0.0.0, for linux/amd64\nlayout:" + to + " is " + digest(t, after) + "\nput it into a registry: skopeo copy --all oci:" + to + " docker://<name>\n"; said.String() != want {
		t.Errorf("%q, want %q", said.String(), want)
	}
	layers, err := after.Layers()
	check(t, err)
	content, err := layers[len(layers)-1].Uncompressed()
	check(t, err)
	var entries []string
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		check(t, err)
		entries = append(entries, fmt.Sprintf("%c %s %o %d:%d %s", header.Typeflag, header.Name, header.Mode, header.Uid, header.Gid, header.ModTime.UTC().Format(time.DateTime)))
	}
	if want := []string{"0 cnb/lifecycle/detector 755 0:7 1980-01-01 00:00:01", "0 cnb/lifecycle/generator 755 0:7 1980-01-01 00:00:01"}; !slices.Equal(entries, want) {
		t.Errorf("%q", entries)
	}
	was, err := before.ConfigFile()
	check(t, err)
	is, err := after.ConfigFile()
	check(t, err)
	if said := is.Config.Labels[label]; !strings.Contains(said, `"version":"0.0.0"`) || !strings.Contains(said, digest(t, before)) {
		t.Errorf("label %s", said)
	}
	is = is.DeepCopy()
	delete(is.Config.Labels, label)
	is.RootFS.DiffIDs, is.History = is.RootFS.DiffIDs[:3], is.History[:3]
	if d := cmp.Diff(was, is); d != "" {
		t.Errorf("more than that has changed:\n%s", d)
	}
	if index := indexOf(t, to); !strings.Contains(index, `"annotations":{"org.opencontainers.image.ref.name":"noble"}`) || !strings.Contains(index, `"variant":"v2"`) {
		t.Errorf("the layout's name or platform for it is lost: %s", index)
	}
}

// TestMediaTypes: the new layer has the form of the others, Docker's or OCI's.
func TestMediaTypes(t *testing.T) {
	plain := newBuilder(t, "amd64", good())
	for manifest, want := range map[types.MediaType]types.MediaType{types.DockerManifestSchema2: types.DockerLayer, types.OCIManifestSchema1: types.OCILayer} {
		to := filepath.Join(t.TempDir(), "made")
		check(t, run("layout:"+toLayout(t, mutate.MediaType(plain, manifest)), "layout:"+to, false, []string{fakes(t, "amd64")}, io.Discard))
		after := image(t, to)
		made, err := after.Manifest()
		check(t, err)
		if made.MediaType != manifest || made.Layers[3].MediaType != want {
			t.Errorf("in %s, with layer %s: want %s, %s", made.MediaType, made.Layers[3].MediaType, manifest, want)
		}
		check(t, validate.Image(after))
	}
}

// TestReproducible: the same inputs give the same digest, and putting in again is the same as once. Undone, the builder is again
// what it was, byte for byte, also with keys and white space that no program of ours would write.
func TestReproducible(t *testing.T) {
	odd := &changedImage{Image: newBuilder(t, "amd64", good())}
	config, err := odd.Image.RawConfigFile()
	check(t, err)
	odd.config = append(bytes.Replace(config, []byte("{"), []byte("{ \"moby.unknown\" : {\"a\":[1.50e3, null]},\n\t"), 1), '\n')
	odd.manifest, err = odd.Image.RawManifest()
	check(t, err)
	odd.manifest = bytes.ReplaceAll(odd.manifest, []byte("],"), []byte("\n   ] ,\n"))
	odd.manifest, err = withConfig(odd.manifest, odd.config)
	check(t, err)
	for what, original := range map[string]v1.Image{"plain": newBuilder(t, "amd64", good()), "odd": odd} {
		from, ours := toLayout(t, original), []string{fakes(t, "amd64")}
		work := t.TempDir()
		var said bytes.Buffer
		check(t, run("layout:"+from, "layout:"+work+"/1", false, ours, &said))
		check(t, run("layout:"+from, "layout:"+work+"/2", false, ours, &said))
		check(t, run("layout:"+work+"/1", "layout:"+work+"/3", false, ours, &said))
		check(t, run("layout:"+work+"/3", "layout:"+work+"/4", true, nil, &said))
		one := digest(t, image(t, work+"/1"))
		if two, three := digest(t, image(t, work+"/2")), digest(t, image(t, work+"/3")); one != two || one != three {
			t.Errorf("%s: %s, then %s, put in again %s", what, one, two, three)
		}
		if back := digest(t, image(t, work+"/4")); back != digest(t, original) || back == one {
			t.Errorf("%s: undone it is %s, and was %s", what, back, digest(t, original))
		}
		if !strings.Contains(said.String(), "replaced detector and generator") || !strings.Contains(said.String(), "removed detector and generator 0.0.0") {
			t.Error(said.String())
		}
	}
}

// TestRefused: what cannot become a builder with Prelude is refused with the reason, and what was at the target's place stays.
func TestRefused(t *testing.T) {
	amd64 := []string{fakes(t, "amd64")}
	onTop, err := mutate.AppendLayers(image(t, made(t, amd64)), layerOf(t, types.DockerLayer, "more"))
	check(t, err)
	noLifecycle, err := mutate.AppendLayers(empty.Image, layerOf(t, types.DockerLayer, "etc/passwd"))
	check(t, err)
	noLifecycle, err = mutate.Config(noLifecycle, v1.Config{Labels: good()})
	check(t, err)
	config, err := noLifecycle.ConfigFile()
	check(t, err)
	config = config.DeepCopy()
	config.OS, config.Architecture = "linux", "amd64"
	noLifecycle, err = mutate.ConfigFile(noLifecycle, config)
	check(t, err)
	windows := newBuilder(t, "amd64", good())
	config, err = windows.ConfigFile()
	check(t, err)
	config = config.DeepCopy()
	config.OS = "windows"
	windows, err = mutate.ConfigFile(windows, config)
	check(t, err)
	mixed := fakes(t, "amd64")
	check(t, os.Rename(filepath.Join(fakes(t, "arm64"), "generator"), filepath.Join(mixed, "generator")))
	for _, c := range []struct {
		name  string
		image v1.Image
		undo  bool
		ours  []string
		want  string
	}{
		{"no builder", newBuilder(t, "amd64", map[string]string{"a": "b"}), false, amd64, "it is no builder and no lifecycle: it has no label " + metadata},
		{"a label that is no JSON", newBuilder(t, "amd64", map[string]string{metadata: "{"}), false, amd64, "label " + metadata + ": unexpected end"},
		{"another architecture", newBuilder(t, "arm64", good()), false, amd64, "it is for linux/arm64, and there are executables for linux/amd64 only; say with -executables"},
		{"another system", windows, false, amd64, "it is for windows/amd64, and Prelude is for Linux"},
		{"newer APIs", newBuilder(t, "amd64", map[string]string{metadata: promises("0.99")}), false, amd64, "it promises Platform API 0.99, but Prelude has 0.7, "},
		{"a lifecycle with newer APIs", newBuilder(t, "amd64", map[string]string{apis: `{"buildpack":{"supported":["0.99"]},"platform":{"supported":["0.7"]}}`}), false, amd64, "it promises Buildpack API 0.99, but"},
		{"a deprecated API", newBuilder(t, "amd64", map[string]string{metadata: strings.Replace(promises("0.13"), `"deprecated":[]`, `"deprecated":["0.2"]`, 1)}), false, amd64, "it promises Buildpack API 0.2, but Prelude has 0.7, "},
		{"one API, as it was told once", newBuilder(t, "amd64", map[string]string{metadata: `{"lifecycle":{"api":{"buildpack":"0.2","platform":"0.3"}}}`}), false, amd64, "it promises Buildpack API 0.2, but Prelude has 0.7, "},
		{"no APIs", newBuilder(t, "amd64", map[string]string{metadata: "{}"}), false, amd64, "it does not list the Buildpack APIs"},
		{"no lifecycle", noLifecycle, false, amd64, "it has no /cnb/lifecycle/detector in any layer"},
		{"nothing to undo", newBuilder(t, "amd64", good()), true, nil, "so this program has not put Prelude into it"},
		{"something on top", onTop, true, nil, "its last layer is not the one with Prelude's executables"},
		{"the same twice", newBuilder(t, "amd64", good()), false, []string{amd64[0], amd64[0]}, "there are several directories for amd64"},
		{"of two kinds", newBuilder(t, "amd64", good()), false, []string{mixed}, "generator is for arm64, and others are for amd64"},
		{"no executables", newBuilder(t, "amd64", good()), false, []string{t.TempDir()}, "give the directory of Prelude's executables with -executables"},
	} {
		t.Run(c.name, func(t *testing.T) {
			to := toLayout(t, newBuilder(t, "amd64", map[string]string{"was": "there"}))
			before := digest(t, image(t, to))
			err := run("layout:"+toLayout(t, c.image), "layout:"+to, c.undo, c.ours, io.Discard)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
			if digest(t, image(t, to)) != before {
				t.Error("the target has changed")
			}
		})
	}
	for from, want := range map[string]string{
		"layout:": "-from: layout: needs a directory", "layout:" + t.TempDir(): "it is no OCI layout", "Not/A/Name": `-from: "Not/A/Name" is not an image name`, "daemon:Upper": `-from: "Upper" is not an image name`,
	} {
		if err := run(from, "layout:"+filepath.Join(t.TempDir(), "x"), false, amd64, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", from, err, want)
		}
	}
	for _, text := range []string{"daemon:x", "x:1"} { // Docker has such names
		if _, err := parsePlace(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	t.Setenv("PATH", "")
	if err := run("daemon:builder", "daemon:builder", false, amd64, io.Discard); err == nil || !strings.Contains(err.Error(), "the client docker is needed") {
		t.Errorf("without docker: %v", err)
	}
}

// TestTampered: no blob of a layout is taken that is not what its digest says, and nothing is written then. A pipe is no blob.
func TestTampered(t *testing.T) {
	amd64 := []string{fakes(t, "amd64")}
	spoil := map[string]func(path string) error{
		"another byte": func(path string) error {
			data, err := os.ReadFile(path)
			data[len(data)/2]++
			return errors.Join(err, os.WriteFile(path, data, 0o644))
		},
		"a pipe":                func(path string) error { return errors.Join(os.Remove(path), syscall.Mkfifo(path, 0o644)) },
		"a file without blocks": func(path string) error { return os.Truncate(path, 1<<40) },
	}
	whole := toLayout(t, newBuilder(t, "amd64", good()))
	blobs, err := os.ReadDir(filepath.Join(whole, "blobs/sha256"))
	check(t, err)
	if len(blobs) < 4 {
		t.Fatalf("%d blobs; want a manifest, a configuration and layers", len(blobs))
	}
	for _, blob := range blobs {
		for why, spoil := range spoil {
			from, to := filepath.Join(t.TempDir(), "from"), filepath.Join(t.TempDir(), "to")
			check(t, os.CopyFS(from, os.DirFS(whole)))
			check(t, spoil(filepath.Join(from, "blobs/sha256", blob.Name())))
			err := run("layout:"+from, "layout:"+to, false, amd64, io.Discard)
			if err == nil || !regexp.MustCompile("is corrupt|corrupt input|invalid tar header|is a pipe, not a regular file").MatchString(err.Error()) {
				t.Errorf("%s instead of %s: %v", why, blob.Name(), err)
			}
			if _, err := os.Stat(to); !os.IsNotExist(err) {
				t.Errorf("%s instead of %s: there is something at the target: %v", why, blob.Name(), err)
			}
		}
	}
}

// TestPreciousTargets: what is at the target's place, and is not one builder that could be replaced, stays.
func TestPreciousTargets(t *testing.T) {
	from, ours := "layout:"+toLayout(t, newBuilder(t, "amd64", good())), []string{fakes(t, "amd64")}
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "precious"), nil, 0o644))
	several := toLayout(t, newBuilder(t, "amd64", good()))
	path, err := layout.FromPath(several)
	check(t, err)
	check(t, path.AppendImage(newBuilder(t, "arm64", good())))
	twice := filepath.Join(t.TempDir(), "twice")
	path, err = layout.Write(twice, empty.Index)
	check(t, err)
	for _, user := range []string{"one", "two"} {
		labels := good()
		labels["user"] = user
		check(t, path.AppendImage(newBuilder(t, "amd64", labels), layout.WithPlatform(v1.Platform{OS: "linux", Architecture: "amd64"})))
	}
	for to, want := range map[string]string{
		"layout:" + dir:     "is there and no OCI layout",
		"layout:" + twice:   "index.json lists 2 images that are not one for each platform",
		"layout:" + several: "index.json lists 2 images that are not one for each platform",
		"example.com/ab@sha256:" + strings.Repeat("0", 64): "name it by a tag",
	} {
		if err := run(from, to, false, ours, io.Discard); err == nil || !strings.HasPrefix(err.Error(), to+": ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := run("layout:"+several, from, false, ours, io.Discard); err == nil || !strings.Contains(err.Error(), "index.json lists 2 images") {
		t.Error(err)
	}
	if list, err := layout.ImageIndexFromPath(several); err != nil {
		t.Error(err)
	} else if m, _ := list.IndexManifest(); len(m.Manifests) != 2 {
		t.Error("an image is lost")
	}
}

// TestLayoutsOfSeveralPlatforms: an index in a layout, and a layout whose own index.json lists the platforms, are both changed and
// given back as they were.
func TestLayoutsOfSeveralPlatforms(t *testing.T) {
	ours := []string{fakes(t, "amd64"), fakes(t, "arm64")}
	for _, spread := range []bool{false, true} {
		work, top := t.TempDir(), newIndex(t)
		if !spread {
			top = mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: top})
		}
		_, err := layout.Write(work+"/from", top)
		check(t, err)
		before := indexOf(t, work+"/from")
		check(t, run("layout:"+work+"/from", "layout:"+work+"/to", false, ours, io.Discard))
		b, err := onDisk(work + "/to").read()
		check(t, err)
		changed(t, b.index)
		check(t, run("layout:"+work+"/to", "layout:"+work+"/to", true, nil, io.Discard))
		if after := indexOf(t, work+"/to"); after != before {
			t.Errorf("index.json was\n%s\nand is\n%s", before, after)
		}
	}
}

// indexOf is the index.json of a layout, without white space.
func indexOf(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "index.json"))
	check(t, err)
	var compact bytes.Buffer
	check(t, json.Compact(&compact, text))
	return compact.String()
}

// TestWhereTheLifecycleIs: its layer is found without reading the others, the topmost counts, and it may be in a layer with more.
func TestWhereTheLifecycleIs(t *testing.T) {
	plain := newBuilder(t, "amd64", good())
	layers, err := plain.Layers()
	check(t, err)
	of := func(layers ...v1.Layer) v1.Image {
		image, err := mutate.AppendLayers(empty.Image, layers...)
		check(t, err)
		return image
	}
	broken := brokenLayer{layerOf(t, types.DockerLayer, "cnb/buildpacks/", "cnb/buildpacks/big")}
	for _, c := range []struct {
		name  string
		image v1.Image
		want  string
	}{
		{"others are not read", of(broken, layers[1], broken), "/cnb/lifecycle/lifecycle"},
		{"the topmost", of(layers[1], layerOf(t, types.DockerLayer, "./cnb/", "./cnb/lifecycle/", "./cnb/lifecycle/detector"), layers[2]), "./cnb/lifecycle/detector"},
		{"with more", of(layers[0], layerOf(t, types.DockerLayer, "a", "cnb/lifecycle/detector")), "cnb/lifecycle/detector"},
		{"with other directories of its own", of(layerOf(t, types.DockerLayer, "cnb/lifecycle/a/b", "cnb/lifecycle/detector")), "cnb/lifecycle/detector"},
	} {
		header, err := find(c.image)
		if err != nil || header.Name != c.want {
			t.Errorf("%s: %v %v, want %s", c.name, header, err, c.want)
		}
	}
	if _, err := find(of(layerOf(t, types.DockerLayer, "cnb/lifecycle=/opt"))); err == nil || !strings.Contains(err.Error(), "/cnb/lifecycle is no directory") {
		t.Error(err)
	}
}

// brokenLayer ends with an error, where its first entry has been read.
type brokenLayer struct{ v1.Layer }

func (l brokenLayer) Uncompressed() (io.ReadCloser, error) {
	content, err := l.Layer.Uncompressed()
	return io.NopCloser(io.MultiReader(io.LimitReader(content, 2*512), iotest.ErrReader(errors.New("it was read further")))), err
}

// newIndex is a builder for two architectures, with an attestation and a signature.
func newIndex(t *testing.T) v1.ImageIndex {
	t.Helper()
	index := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: newBuilder(t, arch, good()), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	attestation, err := mutate.AppendLayers(empty.Image, layerOf(t, types.DockerLayer, "provenance"))
	check(t, err)
	signature := mutate.ConfigMediaType(attestation, "application/vnd.example.signature")
	return mutate.AppendManifests(index,
		mutate.IndexAddendum{Add: attestation, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}},
		mutate.IndexAddendum{Add: signature, Descriptor: v1.Descriptor{Platform: &v1.Platform{}}})
}

// changed demands that Prelude is in every image of what newIndex makes, and that the rest is as it was.
func changed(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	check(t, err)
	was, err := newIndex(t).IndexManifest()
	check(t, err)
	for i, m := range manifest.Manifests {
		isBuilder := m.Platform.OS == "linux"
		if same := m.Digest == was.Manifests[i].Digest; same == isBuilder {
			t.Errorf("%s: the same as before: %t", m.Platform, same)
		}
		if !isBuilder {
			continue
		}
		image, err := index.Image(m.Digest)
		check(t, err)
		config, err := image.ConfigFile()
		check(t, err)
		if config.Architecture != m.Platform.Architecture || config.Config.Labels[label] == "" || len(config.RootFS.DiffIDs) != 4 {
			t.Errorf("%s: %+v", m.Platform, config)
		}
	}
}

// TestLifecycle: the image of a lifecycle will do as well, as kpack takes it.
func TestLifecycle(t *testing.T) {
	from := toLayout(t, newBuilder(t, "amd64", map[string]string{apis: `{"buildpack":{"deprecated":[],"supported":["0.7"]},"platform":{"deprecated":[],"supported":["0.7"]}}`}))
	var said bytes.Buffer
	check(t, run("layout:"+from, "layout:"+filepath.Join(t.TempDir(), "x"), false, []string{fakes(t, "amd64")}, &said))
	if strings.Contains(said.String(), "put it into a registry") {
		t.Errorf("a lifecycle is no builder:\n%s", &said)
	}
}

// made is a layout with a builder that has Prelude in it.
func made(t *testing.T, ours []string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "made")
	check(t, run("layout:"+toLayout(t, newBuilder(t, "amd64", good())), "layout:"+to, false, ours, io.Discard))
	return to
}

// TestRegistry: in a registry, an image and an index of several. Layers that are there are not sent again, and what describes
// another image of the index, as attestations do, stays as it is.
func TestRegistry(t *testing.T) {
	docker.Need(t)
	host := docker.Registry(t)
	ours := []string{fakes(t, "amd64"), fakes(t, "arm64")}
	parse := func(text string) name.Reference {
		ref, err := name.ParseReference(host + "/" + text)
		check(t, err)
		return ref
	}
	index := newIndex(t)
	check(t, remote.WriteIndex(parse("builder:noble"), index))
	var said bytes.Buffer
	check(t, run(host+"/builder:noble", host+"/other/builder:prelude", false, ours, &said))
	for _, want := range []string{"for linux/amd64\n", "for linux/arm64\n", "pack build my-app --builder " + host + "/other/builder:prelude\n"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("%q is missing:\n%s", want, &said)
		}
	}
	made, err := remote.Index(parse("other/builder:prelude"))
	check(t, err)
	changed(t, made)
	onDisk := filepath.Join(t.TempDir(), "layout")
	check(t, run(host+"/builder:noble", "layout:"+onDisk, false, ours, &said))
	if want := "layout:" + onDisk + " is " + digest(t, made); !strings.Contains(said.String(), want) {
		t.Errorf("another digest on disk: want %s\n%s", want, &said)
	}
	check(t, run(host+"/other/builder:prelude", host+"/builder:undone", true, nil, &said))
	undone, err := remote.Index(parse("builder:undone"))
	check(t, err)
	if digest(t, undone) != digest(t, index) {
		t.Errorf("undone it is %s, and was %s", digest(t, undone), digest(t, index))
	}
	// Only one of two: then nothing is written.
	err = run(host+"/builder:noble", host+"/builder:half", false, ours[:1], io.Discard)
	if err == nil || !strings.Contains(err.Error(), "of its index: it is for linux/arm64, and there are executables for linux/amd64 only") {
		t.Error(err)
	}
	if _, err := remote.Head(parse("builder:half")); err == nil {
		t.Error("something was written")
	}
}

// TestSentOnce: of a builder that is in the same registry only the new layer is sent, besides manifest and configuration, also for
// another repository.
func TestSentOnce(t *testing.T) {
	docker.Need(t)
	uploads := 0
	host := before(t, docker.Registry(t), func(_ http.ResponseWriter, request *http.Request) bool {
		if request.Method == http.MethodPut && strings.Contains(request.URL.Path, "/blobs/uploads/") {
			uploads++
		}
		return true
	})
	ref, err := name.ParseReference(host + "/builder:noble")
	check(t, err)
	check(t, remote.Write(ref, newBuilder(t, "amd64", good())))
	for _, to := range []string{"/builder:prelude", "/another/one:prelude"} {
		uploads = 0
		check(t, run(host+"/builder:noble", host+to, false, []string{fakes(t, "amd64")}, io.Discard))
		if uploads != 2 { // the layer and the configuration
			t.Errorf("%s: %d blobs were sent", to, uploads)
		}
	}
}

// TestCredentials: they are those of the usual file. Without them the registry's word is passed on.
func TestCredentials(t *testing.T) {
	host := before(t, serve(t, registry.New(registry.Logger(log.New(io.Discard, "", 0)))), func(w http.ResponseWriter, request *http.Request) bool {
		if user, password, _ := request.BasicAuth(); user == "me" && password == "secret" {
			return true
		}
		w.Header().Set("WWW-Authenticate", "Basic")
		w.WriteHeader(http.StatusUnauthorized)
		return false
	})
	from, ours := "layout:"+toLayout(t, newBuilder(t, "amd64", good())), []string{fakes(t, "amd64")}
	t.Setenv("DOCKER_CONFIG", t.TempDir())
	if err := run(from, host+"/builder:prelude", false, ours, io.Discard); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("without credentials: %v", err)
	}
	check(t, os.WriteFile(os.Getenv("DOCKER_CONFIG")+"/config.json", []byte(`{"auths":{"`+host+`":{"username":"me","password":"secret"}}}`), 0o600))
	check(t, run(from, host+"/builder:prelude", false, ours, io.Discard))
	check(t, run(host+"/builder:prelude", host+"/builder:undone", true, nil, io.Discard))
}

// serve serves until the test ends, and returns the address.
func serve(t *testing.T, handler http.Handler) string {
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// before passes on to a registry what may pass.
func before(t *testing.T, host string, may func(http.ResponseWriter, *http.Request) bool) string {
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host = "http", host // and Host stays: locations lead back here
	}, ErrorLog: log.New(io.Discard, "", 0)}
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if may(w, request) {
			proxy.ServeHTTP(w, request)
		}
	}))
}

// TestDaemon: in Docker, what comes out runs; undone, Docker has the image that it had, with the same id.
func TestDaemon(t *testing.T) {
	testhelpers.OnlyLong(t)
	docker.Need(t)
	d := docker.Start(t)
	t.Setenv("DOCKER_HOST", d.Host)
	t.Setenv("DOCKER_CONFIG", d.Dir)
	ours := filepath.Join(d.Dir, "ours")
	check(t, os.Mkdir(ours, 0o755))
	check(t, testhelpers.Executables("../..", ours, "./cmd/detector", "./cmd/generator"))
	tag, err := name.NewTag("builder:noble")
	check(t, err)
	archive := filepath.Join(d.Dir, "builder.tar")
	check(t, tarball.WriteToFile(archive, tag, newBuilder(t, runtime.GOARCH, good())))
	d.Run(t, "load", "-q", "-i", archive)
	id := d.Run(t, "image", "inspect", "-f", "{{.Id}}", "builder:noble")
	var said bytes.Buffer
	check(t, run("daemon:builder:noble", "daemon:builder:prelude", false, []string{ours}, &said))
	if is := d.Run(t, "image", "inspect", "-f", "{{.Id}}", "builder:prelude"); !strings.Contains(said.String(), " is "+is+"\n") {
		t.Errorf("its id is %s\n%s", is, &said)
	}
	for command, want := range map[string]string{"detector": "0.0.0", "generator": "0.0.0", "analyzer": "this is /cnb/lifecycle/lifecycle"} {
		if got := d.Run(t, "run", "--rm", "--network", "none", "builder:prelude", "/cnb/lifecycle/"+command, "-version"); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
	// Without a tag it is the latest of several; what comes out is the same.
	d.Run(t, "tag", "builder:noble", "builder:latest")
	check(t, run("daemon:builder", "daemon:builder:again", false, []string{ours}, io.Discard))
	check(t, run("daemon:builder:prelude", "daemon:builder:undone", true, nil, io.Discard))
	for from, to := range map[string]string{"builder:noble": "builder:undone", "builder:prelude": "builder:again"} {
		if want, is := d.Run(t, "image", "inspect", "-f", "{{.Id}}", from), d.Run(t, "image", "inspect", "-f", "{{.Id}}", to); is != want {
			t.Errorf("%s is %s, and %s is %s", from, want, to, is)
		}
	}
	// Into a registry, and back from there: layers are compressed, and the image has the id that it had.
	host := docker.Registry(t)
	check(t, run("daemon:builder:noble", host+"/builder:prelude", false, []string{ours}, io.Discard))
	ref, err := name.ParseReference(host + "/builder:prelude")
	check(t, err)
	pushed, err := remote.Image(ref)
	check(t, err)
	check(t, validate.Image(pushed))
	manifest, err := pushed.Manifest()
	check(t, err)
	for _, layer := range manifest.Layers {
		if layer.MediaType != types.DockerLayer {
			t.Errorf("a layer is %s", layer.MediaType)
		}
	}
	check(t, run(host+"/builder:prelude", "daemon:builder:back", true, nil, io.Discard))
	if back := d.Run(t, "image", "inspect", "-f", "{{.Id}}", "builder:back"); back != id {
		t.Errorf("undone it is %s, and was %s", back, id)
	}
	if err := run("daemon:builder:none", "daemon:builder:prelude", false, []string{ours}, io.Discard); err == nil || !strings.Contains(err.Error(), "daemon:builder:none: docker image inspect: ") {
		t.Error(err)
	}
}
