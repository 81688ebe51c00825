package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// buildah is the engine that needs no daemon.
type buildah struct {
	tool
	tlsVerify bool
	network   string
	// dir is for files of ours.
	dir string
}

func (b buildah) pull(ctx context.Context, image string) (picture, error) {
	tls := fmt.Sprintf("--tls-verify=%t", b.tlsVerify)
	source, err := sourceOf(image)
	if err != nil {
		return picture{}, err
	}
	if !filepath.IsAbs(image) && strings.Contains(image, "@") { // it is the same for ever
		if found, err := b.find(ctx, image); err == nil {
			return found, nil
		}
	}
	id, err := b.quiet(ctx, "pull", "--quiet", "--policy", "always", tls, source)
	if err == nil {
		return b.find(ctx, id)
	}
	return earlier(ctx, b, b.log, image, err)
}

// sourceOf is where buildah is told to take an image from: a path is an OCI layout, and anything else is in a registry. With docker: it does not
// read a tag and a digest together; the digest says all.
func sourceOf(image string) (string, error) {
	bare, _, hasDigest := strings.Cut(image, "@")
	switch {
	case filepath.IsAbs(image):
		return "oci:" + bare, nil
	case !hasDigest:
		return "docker://" + image, nil
	}
	digest, err := name.NewDigest(image)
	return "docker://" + digest.Name(), err
}

func (b buildah) find(ctx context.Context, image string) (picture, error) {
	text, err := b.quiet(ctx, "inspect", "--type", "image", image)
	if err != nil {
		return picture{}, err
	}
	var about struct {
		FromImageID string
		OCIv1       struct {
			Config struct {
				User   string
				Labels map[string]string
			} `json:"config"`
		}
	}
	if err := json.Unmarshal([]byte(text), &about); err != nil {
		return picture{}, fmt.Errorf("buildah inspect: %w", err)
	}
	return picture{about.FromImageID, about.OCIv1.Config.User, about.OCIv1.Config.Labels}, nil
}

func (b buildah) build(ctx context.Context, d build) (picture, int, error) {
	idFile := filepath.Join(b.dir, "id")
	args := append([]string{"build", "--pull=never", "--identity-label=false", "--iidfile", idFile}, argOptions(d)...)
	if d.dockerfile.worthLayers() {
		args = append(args, "--layers")
	}
	if b.network != "" {
		args = append(args, "--network", b.network)
	}
	said, err := b.aloud(ctx, append(args, d.context)...)
	if err != nil {
		return picture{}, 0, buildahError(d.dockerfile, said, err)
	}
	id, err := os.ReadFile(idFile)
	if err != nil {
		return picture{}, 0, err
	}
	image, err := b.find(ctx, strings.TrimPrefix(string(id), "sha256:"))
	return image, strings.Count(said, "--> Using cache"), err
}

// atStep is how buildah announces an instruction; FROM is the first.
var (
	atStep     = regexp.MustCompile(`(?m)^STEP (\d+)/\d+: `)
	repeatStep = regexp.MustCompile(`^building at STEP ".*": `)
)

func buildahError(d dockerfile, said string, err error) error {
	var failed *failure
	if !errors.As(err, &failed) || !errors.Is(err, failed.err) {
		return err
	}
	steps := atStep.FindAllStringSubmatch(said, -1)
	if len(steps) == 0 {
		return err
	}
	n, _ := strconv.Atoi(steps[len(steps)-1][1])
	return &buildError{d.place(n - 2), repeatStep.ReplaceAllString(lastLine(said), "")}
}

func (b buildah) passwd(ctx context.Context, image picture) (string, error) {
	container, err := b.quiet(ctx, "from", "--pull-never", image.id)
	if err != nil {
		return "", err
	}
	defer b.quiet(context.WithoutCancel(ctx), "rm", container) //nolint:errcheck // the image is read, and that is what counts
	if root, err := b.quiet(ctx, "mount", container); err == nil {
		return readPasswd(root)
	}
	// Without the privileges to mount there is a longer way.
	archive := filepath.Join(b.dir, "image.tar")
	defer os.Remove(archive)
	if _, err := b.quiet(ctx, "push", "--quiet", image.id, "docker-archive:"+archive); err != nil {
		return "", err
	}
	return archivedPasswd(archive)
}

// readPasswd reads /etc/passwd below a directory, out of which no link in it leads.
func readPasswd(dir string) (string, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return "", err
	}
	defer root.Close()
	f, err := openFile(root, "etc/passwd")
	if err != nil {
		return "", nil //nolint:nilerr // there is none that could be read
	}
	defer f.Close()
	return readAtMost(f, maxPasswd)
}

// archivedPasswd reads /etc/passwd in an archive of an image.
func archivedPasswd(archive string) (string, error) {
	image, err := tarball.ImageFromPath(archive, nil)
	if err != nil {
		return "", err
	}
	files := mutate.Extract(image)
	defer files.Close()
	for r := tar.NewReader(files); ; {
		header, err := r.Next()
		switch {
		case err == io.EOF:
			return "", nil // there is none
		case err != nil:
			return "", err
		case path.Clean(header.Name) == "etc/passwd" && header.Typeflag == tar.TypeReg:
			return readAtMost(r, maxPasswd)
		}
	}
}

func (b buildah) tag(ctx context.Context, image picture, name string) error {
	_, err := b.quiet(ctx, "tag", image.id, name)
	return err
}

func (b buildah) push(ctx context.Context, name string) (string, error) {
	file := filepath.Join(b.dir, "digest")
	if _, err := b.quiet(ctx, "push", "--quiet", fmt.Sprintf("--tls-verify=%t", b.tlsVerify), "--digestfile", file, name, "docker://"+name); err != nil {
		return "", err
	}
	digest, err := os.ReadFile(file)
	return strings.TrimSpace(string(digest)), err
}
