package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// container runs the detector in a container of an image, without network. The client docker knows where the daemon is.
type container struct{ image *image }

func (d container) describe() string {
	uid, gid := d.image.user()
	return fmt.Sprintf("a container of %s, as user %d:%d, without network", d.image.given, uid, gid)
}

// call runs the client, and returns what it prints.
func (d container) call(ctx context.Context, stdin io.Reader, args ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, &stdout, &stderr
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return "", fmt.Errorf("%w; -engine docker needs the client docker", err)
	}
	if err != nil {
		return "", fmt.Errorf("docker %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(stdout.String()), nil
}

// present makes sure that the daemon has the image, and returns by which name.
func (d container) present(ctx context.Context) (string, error) {
	id, err := d.image.id()
	if err != nil {
		return "", err
	}
	if _, err := d.call(ctx, nil, "image", "inspect", "-f", "{{.Id}}", id); err == nil {
		return id, nil
	}
	defer progress("taking " + d.image.given + " to Docker")()
	switch d.image.kind {
	case "remote":
		_, err = d.call(ctx, nil, "pull", "-q", id)
		return id, err
	case "layout":
		return d.load(ctx, id)
	}
	return "", fmt.Errorf("%s is not in Docker any more", d.image.given)
}

// load takes the image of a layout to the daemon, where it has a name for the next time.
func (d container) load(ctx context.Context, id string) (string, error) {
	tag, err := name.NewTag("prelude-try:" + strings.TrimPrefix(id, "sha256:"))
	if err != nil {
		return "", err
	}
	if _, err := d.call(ctx, nil, "image", "inspect", "-f", "{{.Id}}", tag.Name()); err == nil {
		return tag.Name(), nil
	}
	archive, end := io.Pipe()
	go func() { end.CloseWithError(tarball.Write(tag, d.image.UnderlyingImage(), end)) }()
	_, err = d.call(ctx, archive, "load", "-q")
	archive.Close()
	return tag.Name(), err
}

// small is how large an app may be that is copied into the container. A larger one is mounted there, read-only.
const small = 64 << 20

func (d container) run(ctx context.Context, w *world, out io.Writer) (int, error) {
	name, err := d.present(ctx)
	if err != nil {
		return 0, err
	}
	uid, gid := d.image.user()
	args := []string{"create", "--network", "none", "--user", fmt.Sprintf("%d:%d", uid, gid), "--workdir", "/", "--entrypoint", w.program}
	for _, variable := range w.variables() {
		args = append(args, "--env", variable)
	}
	for _, m := range w.placed() {
		// An empty volume hides what the builder has there.
		args = append(args, "--mount", "type=volume,volume-nocopy,dst=/"+filepath.ToSlash(m))
	}
	mounted := w.app != "" && w.leaveOut == nil && size(w.app) > small
	if mounted {
		args = append(args, "--mount", "type=bind,readonly,dst=/workspace,src="+w.app)
	}
	id, err := d.call(ctx, nil, append(append(args, name), w.arguments("/")...)...)
	if err != nil {
		return 0, err
	}
	defer d.call(context.WithoutCancel(ctx), nil, "rm", "-f", "-v", id)
	if err := d.fill(ctx, w, id, !mounted); err != nil {
		return 0, err
	}
	code, err := finish(exec.CommandContext(ctx, "docker", "start", "-a", id), out)
	if err != nil || ctx.Err() != nil {
		return 0, errors.Join(err, ctx.Err())
	}
	return code, d.fetch(ctx, w, id)
}

// fill puts the files of the world into the container.
func (d container) fill(ctx context.Context, w *world, id string, withApp bool) error {
	archive, end := io.Pipe()
	go func() {
		t := tar.NewWriter(end)
		end.CloseWithError(errors.Join(d.pack(t, w, withApp), t.Close()))
	}()
	_, err := d.call(ctx, archive, "cp", "-", id+":/")
	archive.Close()
	return err
}

func (d container) pack(t *tar.Writer, w *world, withApp bool) error {
	uid, gid := d.image.user()
	for _, dir := range []string{"cnb", "platform", "prelude"} {
		if err := pack(t, w.root(dir), dir, 0, 0, nothing); err != nil {
			return err
		}
	}
	if err := pack(t, w.root("layers"), "layers", uid, gid, nothing); err != nil || !withApp {
		return err
	}
	if w.app == "" {
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "workspace", Mode: 0o755, Uid: uid, Gid: gid})
	}
	return pack(t, w.app, "workspace", uid, gid, w.leavesOut())
}

// fetch takes the results out of the container.
func (d container) fetch(ctx context.Context, w *world, id string) error {
	cmd := exec.CommandContext(ctx, "docker", "cp", id+":/layers", "-")
	archive, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	err = unpack(archive, w.root(), false)
	io.Copy(io.Discard, archive)
	return errors.Join(err, cmd.Wait())
}

// size is how many bytes the files of a directory have, or more than small.
func size(dir string) int64 {
	var sum int64
	filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
		if sum > small {
			return fs.SkipAll
		}
		return nil
	})
	return sum
}

// progress says on a terminal what takes long, until the function that it returns is called.
func progress(what string) func() {
	info, err := os.Stderr.Stat()
	if err != nil || info.Mode()&fs.ModeCharDevice == 0 {
		return func() {}
	}
	return watch(what, os.Stderr)
}
