package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
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
			path, err := exec.LookPath("busybox")
			if err != nil {
				t.Fatal(err)
			}
			if data, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
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
	_, err := onDisk(dir).write(builder{image: image, annotations: map[string]string{"org.opencontainers.image.ref.name": "noble"}})
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
	if want := "added detector and generator 0.0.0, for linux/amd64\nlayout:" + to + " is " + digest(t, after) + "\n"; said.String() != want {
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
	if list, err := layout.ImageIndexFromPath(to); err != nil {
		t.Error(err)
	} else if m, _ := list.IndexManifest(); m.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "noble" {
		t.Error("the layout's name for it is lost")
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
		if !strings.Contains(said.String(), "replaced detector and generator") || !strings.Contains(said.String(), "took out detector and generator 0.0.0") {
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
		{"newer APIs", newBuilder(t, "amd64", map[string]string{metadata: promises("0.99")}), false, amd64, "it promises Platform API 0.99, but Prelude has 0.7, "},
		{"a lifecycle with newer APIs", newBuilder(t, "amd64", map[string]string{apis: `{"buildpack":{"supported":["0.99"]},"platform":{"supported":["0.7"]}}`}), false, amd64, "it promises Buildpack API 0.99, but"},
		{"no APIs", newBuilder(t, "amd64", map[string]string{metadata: "{}"}), false, amd64, "it does not list the Buildpack APIs"},
		{"no lifecycle", noLifecycle, false, amd64, "it has no /cnb/lifecycle/detector in any layer"},
		{"nothing to undo", newBuilder(t, "amd64", good()), true, nil, "so this program has not put Prelude into it"},
		{"something on top", onTop, true, nil, "its last layer is not the one with Prelude's executables"},
		{"the same twice", newBuilder(t, "amd64", good()), false, []string{amd64[0], amd64[0]}, "there are several directories for amd64"},
		{"no executables", newBuilder(t, "amd64", good()), false, []string{t.TempDir()}, "say with -executables where Prelude's are"},
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
		"layout:": "-from: layout: needs a directory", "layout:" + t.TempDir(): "it is no OCI layout", "Not/A/Name": "-from: could not parse reference",
	} {
		if err := run(from, "layout:"+filepath.Join(t.TempDir(), "x"), false, amd64, io.Discard); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", from, err, want)
		}
	}
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "precious"), nil, 0o644))
	if err := run("layout:"+toLayout(t, newBuilder(t, "amd64", good())), "layout:"+dir, false, amd64, io.Discard); err == nil || !strings.Contains(err.Error(), "is there and no OCI layout") {
		t.Errorf("a directory that is no layout: %v", err)
	}
}

// TestLifecycle: the image of a lifecycle will do as well, as kpack takes it.
func TestLifecycle(t *testing.T) {
	from := toLayout(t, newBuilder(t, "amd64", map[string]string{apis: `{"buildpack":{"deprecated":[],"supported":["0.7"]},"platform":{"deprecated":[],"supported":["0.7"]}}`}))
	check(t, run("layout:"+from, "layout:"+filepath.Join(t.TempDir(), "x"), false, []string{fakes(t, "amd64")}, io.Discard))
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
	index := v1.ImageIndex(empty.Index)
	for _, arch := range []string{"amd64", "arm64"} {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: newBuilder(t, arch, good()), Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "linux", Architecture: arch}},
		})
	}
	attestation, err := mutate.AppendLayers(empty.Image, layerOf(t, types.DockerLayer, "provenance"))
	check(t, err)
	index = mutate.AppendManifests(index, mutate.IndexAddendum{Add: attestation, Descriptor: v1.Descriptor{Platform: &v1.Platform{OS: "unknown", Architecture: "unknown"}}})
	parse := func(text string) name.Reference {
		ref, err := name.ParseReference(host + "/" + text)
		check(t, err)
		return ref
	}
	check(t, remote.WriteIndex(parse("builder:noble"), index))
	var said bytes.Buffer
	check(t, run(host+"/builder:noble", host+"/other/builder:prelude", false, ours, &said))
	if !strings.Contains(said.String(), "for linux/amd64\n") || !strings.Contains(said.String(), "for linux/arm64\n") {
		t.Error(said.String())
	}
	changed, err := remote.Index(parse("other/builder:prelude"))
	check(t, err)
	manifest, err := changed.IndexManifest()
	check(t, err)
	was, err := index.IndexManifest()
	check(t, err)
	for i, m := range manifest.Manifests {
		if same := m.Digest == was.Manifests[i].Digest; same != (m.Platform.OS == "unknown") {
			t.Errorf("%s: the same as before: %t", m.Platform, same)
		}
		if m.Platform.OS == "unknown" {
			continue
		}
		image, err := changed.Image(m.Digest)
		check(t, err)
		config, err := image.ConfigFile()
		check(t, err)
		if config.Architecture != m.Platform.Architecture || config.Config.Labels[label] == "" || len(config.RootFS.DiffIDs) != 4 {
			t.Errorf("%s: %+v", m.Platform, config)
		}
	}
	check(t, run(host+"/other/builder:prelude", host+"/builder:undone", true, nil, &said))
	undone, err := remote.Index(parse("builder:undone"))
	check(t, err)
	if digest(t, undone) != digest(t, index) {
		t.Errorf("undone it is %s, and was %s", digest(t, undone), digest(t, index))
	}
	// Only one of two: then nothing is written.
	err = run(host+"/builder:noble", host+"/builder:half", false, ours[:1], io.Discard)
	if err == nil || !strings.Contains(err.Error(), "linux/arm64: it is for linux/arm64, and there are executables for linux/amd64 only") {
		t.Error(err)
	}
	if _, err := remote.Head(parse("builder:half")); err == nil {
		t.Error("something was written")
	}
}

// TestSentOnce: of a builder that is in the same registry only the new layer is sent, besides manifest and configuration.
func TestSentOnce(t *testing.T) {
	var uploads []string
	handler := registry.New(registry.Logger(discard()))
	server := httptest.NewServer(recorder{handler, &uploads})
	defer server.Close()
	host := strings.TrimPrefix(server.URL, "http://")
	ref, err := name.ParseReference(host + "/builder:noble")
	check(t, err)
	check(t, remote.Write(ref, newBuilder(t, "amd64", good())))
	uploads = nil
	check(t, run(host+"/builder:noble", host+"/builder:prelude", false, []string{fakes(t, "amd64")}, io.Discard))
	if len(uploads) != 2 { // the layer and the configuration
		t.Errorf("%d blobs were sent: %q", len(uploads), uploads)
	}
}

// TestDaemon: in Docker, what comes out runs; undone, Docker has the image that it had, with the same id.
func TestDaemon(t *testing.T) {
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
	if is := d.Run(t, "image", "inspect", "-f", "{{.Id}}", "builder:prelude"); !strings.HasSuffix(said.String(), " is "+is+"\n") {
		t.Errorf("its id is %s\n%s", is, &said)
	}
	for command, want := range map[string]string{"detector": "0.0.0", "generator": "0.0.0", "analyzer": "this is /cnb/lifecycle/lifecycle"} {
		if got := d.Run(t, "run", "--rm", "--network", "none", "builder:prelude", "/cnb/lifecycle/"+command, "-version"); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
	check(t, run("daemon:builder:prelude", "daemon:builder:undone", true, nil, io.Discard))
	if back := d.Run(t, "image", "inspect", "-f", "{{.Id}}", "builder:undone"); back != id {
		t.Errorf("undone it is %s, and was %s", back, id)
	}
	if err := run("daemon:builder:none", "daemon:builder:prelude", false, []string{ours}, io.Discard); err == nil || !strings.Contains(err.Error(), "daemon:builder:none: docker image save: ") {
		t.Error(err)
	}
}
