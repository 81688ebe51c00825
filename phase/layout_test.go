package phase

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/testhelpers/layouts"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestCheckLayout(t *testing.T) {
	for _, tt := range []struct {
		in         platform.Inputs
		log, error string
	}{
		{platform.Inputs{}, "", ""},
		{platform.Inputs{LayoutDir: "/layouts"}, "", ""},
		{platform.Inputs{UseLayout: true, LayoutDir: "/layouts", ExperimentalMode: "error"}, "ERROR: Platform requested experimental feature 'export to OCI layout format'\n", "disabled by CNB_EXPERIMENTAL_MODE=error"},
		{platform.Inputs{UseLayout: true, LayoutDir: "/layouts", ExperimentalMode: "warn"}, "Warning: Platform requested experimental feature 'export to OCI layout format'\n", ""},
		{platform.Inputs{UseLayout: true, LayoutDir: "/layouts", ExperimentalMode: "silent"}, "", ""},
		{platform.Inputs{UseLayout: true, ExperimentalMode: "quiet"}, "", "OCI layouts need a layout directory"},
	} {
		var log bytes.Buffer
		err := CheckLayout(tt.in, platform.NewLogger(&log, slog.LevelInfo, false))
		if (err == nil) != (tt.error == "") || err != nil && !strings.Contains(err.Error(), tt.error) {
			t.Errorf("%+v: error %v, want %q", tt.in, err, tt.error)
		}
		if log.String() != tt.log {
			t.Errorf("%+v: said %q, want %q", tt.in, &log, tt.log)
		}
	}
}

// TestTargetFromLayout: where analyzed.toml has no run image target, it is the image's.
func TestTargetFromLayout(t *testing.T) {
	dir := t.TempDir()
	byPath := layouts.SaveImage(t, filepath.Join(dir, "registry.example/run/1"))
	digest := "sha256:" + strings.Repeat("1", 64)
	layouts.SaveImage(t, filepath.Join(dir, "registry.example/pinned/sha256", strings.Repeat("1", 64)))
	check(t, os.MkdirAll(filepath.Join(dir, "registry.example/bad/1"), 0o755))
	check(t, os.WriteFile(filepath.Join(dir, "registry.example/bad/1/index.json"), []byte("{"), 0o644))
	for _, tt := range []struct {
		why, analyzed string
		off           bool
		want          string // a field of the target, or of the error
		log           string
	}{
		{"by tag", `image = "registry.example/run:1"`, false, "arm64", ""},
		{"by digest", `reference = "registry.example/pinned@` + digest + `"`, false, "arm64", ""},
		{"by path and digest", `reference = "` + byPath + `"`, false, "arm64", ""},
		{"the digest isn't there, the tag is", `reference = "registry.example/run@` + digest + "\"\nimage = \"registry.example/run:1\"", false, "arm64", ""},
		{"the target is known", "image = \"registry.example/run:1\"\n[run-image.target]\narch = \"s390x\"", false, "s390x", ""},
		{"the mode is off", `image = "registry.example/run:1"`, true, "", ""},
		{"no image is named", `extend = true`, false, "", ""},
		{"it isn't there", "image = \"registry.example/other:1\"\nreference = \"registry.example/other:1\"", false, "", "Warning: image 'registry.example/other:1' not found in the layout directory"},
		{"it is corrupt", `image = "registry.example/bad:1"`, false, "OCI layout of image 'registry.example/bad:1'", ""},
		{"it leaves the directory", `image = "registry.example/../../bad:1"`, false, "out of the layout directory", ""},
	} {
		t.Run(tt.why, func(t *testing.T) {
			in := platform.Inputs{PlatformAPI: api.V(0, 12), UseLayout: !tt.off, LayoutDir: dir, AnalyzedPath: filepath.Join(t.TempDir(), "analyzed.toml")}
			check(t, os.WriteFile(in.AnalyzedPath, []byte("[run-image]\n"+tt.analyzed+"\n"), 0o644))
			var log bytes.Buffer
			s, err := ReadRunContext(in, nil, platform.NewLogger(&log, slog.LevelWarn, false))
			switch {
			case err != nil:
				if tt.want == "" || !strings.Contains(err.Error(), tt.want) {
					t.Fatal(err)
				}
				return
			case tt.want == "arm64":
				if diff := cmp.Diff(layouts.ArmDebian, s.Environment.Target); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			case tt.want != "" && s.Environment.Target.Arch != tt.want:
				t.Errorf("arch %s, want %s", s.Environment.Target.Arch, tt.want)
			case tt.want == "" && s.Environment.Target.Variant != "":
				t.Errorf("target %+v, want this machine's", s.Environment.Target)
			}
			if !strings.HasPrefix(log.String(), tt.log) || strings.Count(log.String(), "\n") != len(tt.log)/max(len(tt.log), 1) {
				t.Errorf("said %q, want %q", &log, tt.log)
			}
			read, err := platform.ReadAnalyzed(in.AnalyzedPath, nil)
			check(t, err)
			if diff := cmp.Diff(read, s.Analyzed, cmp.AllowUnexported(platform.Analyzed{})); diff != "" {
				t.Errorf("what is written later is changed:\n%s", diff)
			}
		})
	}
}
