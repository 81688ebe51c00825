package main

import (
	"archive/tar"
	"encoding/json"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/cnb-prelude/prelude/testhelpers"
	"github.com/cnb-prelude/prelude/testhelpers/docker"
	"github.com/cnb-prelude/prelude/tools/internal/release"
)

var sample = release.Release{Version: "1.2.3", Commit: "abc1234", Time: time.Unix(1_700_000_000, 0).UTC(), Arches: release.Architectures}

// made makes a layout of archives with executables that are none: what goes into them, dist's test shows.
func made(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, arch := range sample.Arches {
		content, err := release.Tar([]release.File{
			{Name: "lifecycle/detector", Data: []byte("detector for " + arch), Executable: true},
			{Name: "lifecycle/generator", Data: []byte("generator for " + arch), Executable: true},
			{Name: "lifecycle/detector.sbom.cdx.json", Data: []byte("{}")},
			{Name: "LICENSE", Data: []byte("Apache")},
			{Name: "licenses/some/module/LICENSE", Data: []byte("MIT")},
			{Name: "README.md"},
			{Name: "overlay", Data: []byte("overlay"), Executable: true},
		}, sample.Time)
		if err == nil {
			content, err = release.Gzip(content)
		}
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, sample.Archive(arch)), content, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "image")
	for range 2 { // a second time in the place of the first
		if err := write(sample, dir, out); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestImage(t *testing.T) {
	index, err := layout.ImageIndexFromPath(made(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	outer, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(outer.Manifests) != 1 || outer.Manifests[0].Annotations[named] != sample.Version {
		t.Fatalf("the layout is to have one index, called %s: %v", sample.Version, outer.Manifests)
	}
	inner, err := index.ImageIndex(outer.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := inner.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var arches []string
	for _, descriptor := range manifest.Manifests {
		arch := descriptor.Platform.Architecture
		arches = append(arches, arch)
		image, err := inner.Image(descriptor.Digest)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate.Image(image); err != nil {
			t.Errorf("%s: %v", arch, err)
		}
		layers, err := image.Layers()
		if err != nil || len(layers) != 1 {
			t.Errorf("%s: %d layers, %v", arch, len(layers), err)
		}
		config, err := image.ConfigFile()
		if err != nil {
			t.Fatal(err)
		}
		if config.Architecture != arch || config.OS != "linux" || !config.Created.Equal(sample.Time) {
			t.Errorf("%s: config for %s/%s, made %s", arch, config.OS, config.Architecture, config.Created)
		}
		if config.Config.Labels["io.buildpacks.lifecycle.version"] != sample.Version {
			t.Errorf("%s: labels %v", arch, config.Config.Labels)
		}
		if config.Config.Labels["org.opencontainers.image.source"] == "" {
			t.Errorf("%s: no label says where the source is", arch)
		}
		var apis release.Lists
		if err := json.Unmarshal([]byte(config.Config.Labels["io.buildpacks.lifecycle.apis"]), &apis); err != nil || !slices.Equal(apis.Platform.Supported, release.Supported().Platform.Supported) || apis.Platform.Deprecated == nil {
			t.Errorf("%s: label of APIs: %+v, %v", arch, apis, err)
		}
		files := map[string]string{}
		content := mutate.Extract(image)
		for r := tar.NewReader(content); ; {
			header, err := r.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			data, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			executable := header.Typeflag == tar.TypeDir || path.Dir(header.Name) == "cnb/lifecycle"
			if (header.Mode == 0o755) != executable || !header.ModTime.Equal(sample.Time) || header.Uid != 0 {
				t.Errorf("%s: %s: mode %o, time %s, owner %d", arch, header.Name, header.Mode, header.ModTime, header.Uid)
			}
			files[strings.Trim(header.Name, "/")] = string(data)
		}
		content.Close()
		// Licences and bills of materials are there, but not among what a builder copies.
		for _, document := range []string{"LICENSE", "licenses/some/module/LICENSE", "detector.sbom.cdx.json"} {
			if files["usr/share/doc/prelude/"+document] == "" {
				t.Errorf("%s: no %s", arch, document)
			}
			delete(files, "usr/share/doc/prelude/"+document)
		}
		maps.DeleteFunc(files, func(_, data string) bool { return data == "" }) // directories
		if len(files) != 2 || files["cnb/lifecycle/detector"] != "detector for "+arch || files["cnb/lifecycle/generator"] != "generator for "+arch {
			t.Errorf("%s: %q", arch, files)
		}
	}
	if !slices.Equal(arches, release.Architectures) {
		t.Errorf("architectures %q", arches)
	}
}

// Another reader of layouts than the one that wrote it.
func TestSkopeo(t *testing.T) {
	testhelpers.Peers(t, "skopeo")
	out := made(t)
	name := "oci:" + out + ":" + sample.Version
	for _, arch := range sample.Arches {
		text, err := exec.Command("skopeo", "--override-arch", arch, "inspect", name).Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", arch, err, said(err))
		}
		var inspected struct {
			Architecture, Os string
			Created          time.Time
			Labels           map[string]string
			Layers           []string
		}
		if err := json.Unmarshal(text, &inspected); err != nil {
			t.Fatal(err)
		}
		if inspected.Architecture != arch || inspected.Os != "linux" || len(inspected.Layers) != 1 || !inspected.Created.Equal(sample.Time) || inspected.Labels["io.buildpacks.lifecycle.version"] != sample.Version {
			t.Errorf("%s: %s", arch, text)
		}
	}
	// What `docker load` and `podman load` take; the daemon itself is not here to try.
	archive := filepath.Join(t.TempDir(), "prelude.tar")
	policy := filepath.Join(t.TempDir(), "policy.json")
	if err := os.WriteFile(policy, []byte(`{"default": [{"type": "insecureAcceptAnything"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	copied, err := exec.Command("skopeo", "--policy", policy, "copy", "--quiet", name, "docker-archive:"+archive+":prelude:"+sample.Version).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, copied)
	}
	if info, err := os.Stat(archive); err != nil || info.Size() == 0 {
		t.Errorf("%v %v", info, err)
	}
}

func said(err error) string {
	if exit, ok := err.(*exec.ExitError); ok {
		return string(exit.Stderr)
	}
	return ""
}

// What stands in the way and is no layout stays.
func TestOther(t *testing.T) {
	out := filepath.Join(t.TempDir(), "image")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := write(sample, "", out); err == nil || !strings.Contains(err.Error(), "no OCI layout") {
		t.Errorf("%v", err)
	}
}

// TestDocker: Docker takes the image from an archive, and a Dockerfile takes the executables from it. A link in the builder is
// replaced, and not what it leads to.
func TestDocker(t *testing.T) {
	testhelpers.OnlyLong(t)
	docker.Need(t)
	testhelpers.Peers(t, "skopeo")
	d := docker.Start(t)
	archive := filepath.Join(d.Dir, "prelude.tar")
	if out, err := exec.Command("skopeo", "--insecure-policy", "--override-arch", runtime.GOARCH, "copy", "--quiet", "oci:"+made(t)+":"+sample.Version, "docker-archive:"+archive+":prelude:1.2.3").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	d.Run(t, "load", "-q", "-i", archive)
	// And a registry takes the image of every architecture.
	to := docker.Registry(t) + "/prelude:1.2.3"
	if out, err := exec.Command("skopeo", "--insecure-policy", "copy", "--quiet", "--all", "--dest-tls-verify=false", "oci:"+made(t)+":"+sample.Version, "docker://"+to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ref, err := name.ParseReference(to)
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := remote.Index(ref)
	if err != nil {
		t.Fatal(err)
	}
	if manifest, err := pushed.IndexManifest(); err != nil || len(manifest.Manifests) != len(sample.Arches) {
		t.Errorf("%+v %v", manifest, err)
	}
	context := t.TempDir()
	for name, text := range map[string]string{
		"lifecycle":          "all phases",
		"builder.Dockerfile": "FROM scratch\nCOPY lifecycle /cnb/lifecycle/\nCOPY detector /cnb/lifecycle/\n",
		"Dockerfile":         "FROM builder\nCOPY --from=prelude:1.2.3 /cnb/lifecycle/ /cnb/lifecycle/\n",
	} {
		if err := os.WriteFile(filepath.Join(context, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("lifecycle", filepath.Join(context, "detector")); err != nil {
		t.Fatal(err)
	}
	for _, build := range [][]string{{"builder", "builder.Dockerfile"}, {"with-prelude", "Dockerfile"}} {
		cmd := d.Command("build", "-q", "-t", build[0], "-f", filepath.Join(context, build[1]), context)
		cmd.Env = append(cmd.Env, "DOCKER_BUILDKIT=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	container := d.Run(t, "create", "with-prelude", "none")
	d.Run(t, "cp", container+":/cnb/lifecycle", filepath.Join(d.Dir, "copied"))
	for name, want := range map[string]string{"detector": "detector for " + runtime.GOARCH, "generator": "generator for " + runtime.GOARCH, "lifecycle": "all phases"} {
		if got, err := os.ReadFile(filepath.Join(d.Dir, "copied", name)); err != nil || string(got) != want {
			t.Errorf("%s is %q, want %q (%v)", name, got, want, err)
		}
	}
}
