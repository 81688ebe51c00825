package dockerfile

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
)

func TestCheckImageName(t *testing.T) {
	digest := strings.Repeat("0123456789abcdef", 4)
	for _, image := range []string{
		"ubuntu", "a", "ubuntu:24.04", "docker:27", "docker:dind", "library/ubuntu", "registry.example/a", "registry.example/a/b/c:1.0-rc.1_x",
		"registry.example:5000/run", "localhost/run", "localhost:5000/run:latest", "127.0.0.1:5000/run", "[::1]:5000/run", "REGISTRY.example/run",
		"a--b/c__d/e.f", "ubuntu@sha256:" + digest, "registry.example:5000/run:1@sha256:" + digest, "gcr.io/paketo-buildpacks/run-jammy-base", "scratch",
	} {
		if err := CheckImageName(image); err != nil {
			t.Errorf("%s: %v", image, err)
		}
	}
	for image, want := range map[string]string{
		"/etc":                         "path",
		"./image.tar":                  "path",
		"../image":                     "path",
		"oci:/srv/image":               "transport",
		"oci:image:tag":                "transport",
		"oci-archive:/srv/image.tar":   "transport",
		"dir:/srv":                     "transport",
		"docker-archive:/srv/x.tar":    "transport",
		"docker-daemon:run:1":          "transport",
		"containers-storage:run":       "transport",
		"docker://registry.example/a":  "transport",
		"https://registry.example/a":   "transport",
		"registry.example:/run":        "no such name",
		"registry.example:port/run":    "no such name",
		"docker:/srv":                  "no such name",
		"ubuntu:":                      "no such name",
		"ubuntu@":                      "no such name",
		"ubuntu@sha256:00":             "no such name",
		"ubuntu:1:2":                   "no such name",
		"registry.example//run":        "no such name",
		"registry.example/run/":        "no such name",
		"registry.example/Run":         "no such name",
		"-run":                         "no such name",
		"run image":                    "no such name",
		"{{.Image}}":                   "no such name",
		"<image>":                      "no such name",
		"%RUN_IMAGE%":                  "no such name",
		"ubuntu\n":                     "no such name",
		strings.Repeat("a", 400):       "no such name",
		"registry.example/ubuntu:../a": "no such name",
	} {
		if err := CheckImageName(image); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", image, err, want)
		}
	}
}

// What passes is a name for a library that reads such names, too; that one wants two letters of a repository.
func TestImageNamesAgainstLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	parts := []string{"ubuntu", "ab", "oci", "dir", "localhost", "registry.example", "A", ":", ":5000", ":1.0", "/", "//", ".", "_", "__", "-", "@sha256:", strings.Repeat("ab", 32), "[::1]"}
	passed := 0
	for range 200_000 {
		image := ""
		for range 1 + random.IntN(6) {
			image += parts[random.IntN(len(parts))]
		}
		if CheckImageName(image) != nil {
			continue
		}
		passed++
		if _, err := name.ParseReference(image); err != nil {
			t.Errorf("%q: %v", image, err)
		}
	}
	if passed < 1000 {
		t.Errorf("only %d names passed", passed)
	}
}
