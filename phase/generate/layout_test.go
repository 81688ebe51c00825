package generate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/testhelpers/layouts"
)

// TestSwitchWithLayout: a switch leads to a reference and a target, if the image is there.
func TestSwitchWithLayout(t *testing.T) {
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	ref := layouts.SaveImage(t, filepath.Join(dir, "registry.example/new/latest"))
	known := map[string]any{"id": "example.base", "os": "linux", "arch": "arm64", "variant": "v8", "arch-variant": "v8", "distro": map[string]any{"name": "debian", "version": "12"}}
	analyzed := func(image string) platform.Analyzed {
		a, err := platform.ParseAnalyzed("", []byte("[metadata]\nkept = 1\n[run-image]\nkept = 2\nimage = \""+image+"\"\nreference = \"old@sha256:1\"\n[run-image.target]\nos = \"plan9\"\n"))
		check(err)
		return a
	}
	for _, tt := range []struct {
		why, from, old, dir string
		want                map[string]any
		warning             string
	}{
		{"switched", "registry.example/new", "old", dir, map[string]any{"kept": int64(2), "image": "registry.example/new", "reference": ref, "target": known}, ""},
		{"not there", "registry.example/none", "old", dir, map[string]any{"kept": int64(2), "image": "registry.example/none", "reference": "registry.example/none"}, "image 'registry.example/none' not found in the layout directory"},
		{"mode off", "registry.example/new", "old", "", map[string]any{"kept": int64(2), "image": "registry.example/new", "reference": "registry.example/new"}, ""},
		{"to the same image", "registry.example/new", "registry.example/new", dir, map[string]any{"kept": int64(2), "image": "registry.example/new", "reference": "old@sha256:1", "target": map[string]any{"os": "plan9"}}, ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			b := newWorld(t)
			b.layoutDir = tt.dir
			b.static("samples/switch", "run.Dockerfile", "FROM "+tt.from+"\n")
			generation, err := b.generate(newLayout, Request{Analyzed: analyzed(tt.old)})
			check(err)
			if diff := cmp.Diff(tt.want, generation.Analyzed.Images()["run-image"]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if want := tt.want["reference"]; generation.Metadata.RunImage.Image != want {
				t.Errorf("generated.toml has %s, want %s", generation.Metadata.RunImage.Image, want)
			}
			if (tt.warning == "") == strings.Contains(b.log.String(), "layout") || !strings.Contains(b.log.String(), tt.warning) {
				t.Errorf("said %q, want %q", &b.log, tt.warning)
			}
		})
	}

	check(os.WriteFile(filepath.Join(dir, "registry.example/new/latest/index.json"), []byte("{"), 0o644))
	b := newWorld(t)
	b.layoutDir = dir
	b.static("samples/switch", "run.Dockerfile", "FROM registry.example/new\n")
	b.fails(newLayout, platform.CodeFailed, "failed to generate: ", "index.json: unexpected EOF")

	// A path is never an extension's word, in this mode neither.
	for _, from := range []string{"registry.example/../../new", filepath.Join(dir, "registry.example/new/latest"), "oci:" + dir} {
		b := newWorld(t)
		b.layoutDir = dir
		b.static("samples/switch", "run.Dockerfile", "FROM "+from+"\n")
		b.fails(newLayout, platform.CodeGenerate, "which is not the name of an image")
	}
}
