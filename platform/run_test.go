package platform

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRunImagesKnow(t *testing.T) {
	digest := "@sha256:" + strings.Repeat("0", 64)
	known := RunImages{Images: []RunImageInfo{
		{Image: "ubuntu", Mirrors: []string{"mirror.example/ubuntu:latest", "localhost:5000/ubuntu"}},
		{Image: "registry.example/run:1" + digest},
		{Image: "no name at all!"},
	}}
	for image, why := range map[string]string{
		"ubuntu":                                "as it is written",
		"ubuntu:latest":                         "the tag that is meant",
		"library/ubuntu":                        "the repository that is meant",
		"docker.io/ubuntu":                      "the registry that is meant",
		"index.docker.io/library/ubuntu:latest": "all of it",
		"ubuntu" + digest:                       "digests do not count",
		"mirror.example/ubuntu":                 "a mirror",
		"localhost:5000/ubuntu:latest":          "a mirror with a port",
		"registry.example/run:1":                "digests do not count in run.toml either",
		"no name at all!":                       "what is no name has to be the same text",
	} {
		if !known.Knows(image) {
			t.Errorf("%s is not known: %s", image, why)
		}
	}
	for image, why := range map[string]string{
		"ubuntu:22.04":                    "another tag",
		"registry.example/run":            "the tag latest is another",
		"registry.example/run:2":          "another tag",
		"other.example/library/ubuntu":    "another registry",
		"registry.example/library/ubuntu": "another registry",
		"":                                "nothing",
		"no other name either!":           "another text",
	} {
		if known.Knows(image) {
			t.Errorf("%s is known: %s", image, why)
		}
	}
	if (RunImages{}).Knows("ubuntu") {
		t.Error("known without run.toml")
	}
}

func TestReadRun(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run.toml")
	var out bytes.Buffer
	log := NewLogger(&out, slog.LevelInfo, false)
	if run, err := ReadRun(path, log); err != nil || len(run.Images) != 0 || out.String() != "No run metadata found at path \""+path+"\"\n" {
		t.Errorf("missing: %v, %v, %q", run, err, &out)
	}
	out.Reset()
	if err := os.WriteFile(path, []byte("[[images]]\nimage = \"a\"\nmirrros = [\"b\"]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if run, err := ReadRun(path, log); err != nil || !run.Knows("a") || !strings.Contains(out.String(), `line 3: unknown key "images.mirrros" (did you mean "mirrors"?)`) {
		t.Errorf("%v, %v, %q", run, err, &out)
	}
	if err := os.WriteFile(path, []byte("[[images]]\nimage = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadRun(path, log); err == nil || !strings.Contains(err.Error(), path+": line 2, column 9") {
		t.Errorf("malformed: %v", err)
	}
}
