package main

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// buildkit is BuildKit as it comes with a Docker daemon; images are the daemon's.
type buildkit struct {
	tool
	network string
	// dir is for files of ours.
	dir string
}

func (b buildkit) pull(ctx context.Context, image string) (picture, error) {
	if filepath.IsAbs(image) {
		return picture{}, fmt.Errorf("%s is an OCI layout, which a Docker daemon cannot read; please use -engine buildah", image)
	}
	if strings.Contains(image, "@") {
		if found, err := b.find(ctx, image); err == nil {
			return found, nil
		}
	}
	_, err := b.quiet(ctx, "pull", "--quiet", image)
	if err == nil {
		return b.find(ctx, image)
	}
	return earlier(ctx, b, b.log, image, err)
}

func (b buildkit) find(ctx context.Context, image string) (picture, error) {
	text, err := b.quiet(ctx, "image", "inspect", "--format", "{{json .}}", image)
	if err != nil {
		return picture{}, err
	}
	var about struct {
		Id     string //nolint:revive // as the daemon calls it
		Config struct {
			User   string
			Labels map[string]string
		}
	}
	if err := json.Unmarshal([]byte(text), &about); err != nil {
		return picture{}, fmt.Errorf("docker image inspect: %w", err)
	}
	return picture{about.Id, about.Config.User, about.Config.Labels}, nil
}

func (b buildkit) build(ctx context.Context, d build) (picture, int, error) {
	idFile := filepath.Join(b.dir, "id")
	args := append([]string{"build", "--progress", "plain", "--iidfile", idFile}, argOptions(d)...)
	if b.network != "" {
		args = append(args, "--network", b.network)
	}
	said, err := b.aloud(ctx, append(args, d.context)...)
	if err != nil {
		return picture{}, 0, buildkitError(d.dockerfile, said, err)
	}
	id, err := os.ReadFile(idFile)
	if err != nil {
		return picture{}, 0, err
	}
	image, err := b.find(ctx, string(id))
	return image, strings.Count(said, " CACHED\n"), err
}

// Newer BuildKits name the line, all of them the number of a step, of which FROM is the first; steps are only what makes layers.
var (
	atLine   = regexp.MustCompile(`(?m)^[Dd]ockerfile:(\d+)\s*$|parse error (?:on )?line (\d+)`)
	inStep   = regexp.MustCompile(`(?m)^ > \[(?:[^\]]* )?(\d+)/\d+\] `)
	preamble = regexp.MustCompile(`^(failed to solve( with frontend dockerfile\.v0)?: )?(failed to (compute cache key|create LLB definition|calculate checksum[^:]*): )?`)
)

func buildkitError(d dockerfile, said string, err error) error {
	var failed *failure
	if !errors.As(err, &failed) {
		return err
	}
	e := &buildError{reason: preamble.ReplaceAllString(lastLine(said), "")}
	if at := atLine.FindStringSubmatch(said); at != nil {
		line, _ := strconv.Atoi(at[1] + at[2])
		e.place = d.line(line)
	} else if at := inStep.FindStringSubmatch(said); at != nil {
		n, _ := strconv.Atoi(at[1])
		e.place = d.place(nthLayer(d.commands, n-1))
	}
	return e
}

// nthLayer is the place of the n-th instruction that makes a layer, counted from 1, or -1.
func nthLayer(commands []instructions.Command, n int) int {
	for i, c := range commands {
		if _, workdir := c.(*instructions.WorkdirCommand); workdir || costly(c) {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

func (b buildkit) passwd(ctx context.Context, image picture) (string, error) {
	container, err := b.quiet(ctx, "create", "--network", "none", image.id, "/none")
	if err != nil {
		return "", err
	}
	defer b.quiet(context.WithoutCancel(ctx), "rm", container) //nolint:errcheck // the image is read, and that is what counts
	archive, err := b.quiet(ctx, "cp", container+":/etc/passwd", "-")
	if err != nil {
		return "", nil //nolint:nilerr // there is none
	}
	r := tar.NewReader(strings.NewReader(archive))
	header, err := r.Next()
	if err != nil || header.Typeflag != tar.TypeReg {
		return "", nil //nolint:nilerr // it is nothing that could be read
	}
	return readAtMost(r, maxPasswd)
}

// maxPasswd is as much as is read of an image's /etc/passwd.
const maxPasswd = 1 << 20

func readAtMost(r io.Reader, limit int64) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, limit))
	return string(text), err
}

func (b buildkit) tag(ctx context.Context, image picture, name string) error {
	_, err := b.quiet(ctx, "tag", image.id, name)
	return err
}

func (b buildkit) untag(ctx context.Context, name string) error {
	_, err := b.quiet(ctx, "rmi", "--no-prune", name)
	return err
}

// pushed is how the client says under which digest a registry has an image.
var pushed = regexp.MustCompile(`(?m)digest: (sha256:[0-9a-f]{64}) size: `)

func (b buildkit) push(ctx context.Context, name string) (string, error) {
	said, err := b.quiet(ctx, "push", name)
	if err != nil {
		return "", err
	}
	digest := pushed.FindStringSubmatch(said)
	if digest == nil {
		return "", fmt.Errorf("docker push %s: it does not say the digest: %s", name, lastLine(said))
	}
	return digest[1], nil
}
