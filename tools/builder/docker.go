package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// inDaemon is an image in Docker. The client docker brings it and takes it, for that knows where the daemon is and how to speak to
// it; a client of our own would need more than all the rest of this program.
type inDaemon struct {
	name.Reference
	// plain says that layers are to stay as Docker has them: not compressed, as registries and layouts want them.
	plain bool
}

func (p inDaemon) read() (builder, error) {
	id, err := p.id()
	if err != nil {
		return builder{}, err
	}
	// By its id: by a name without a tag Docker saves the images of all tags.
	archive, err := unnamed()
	if err != nil {
		return builder{}, err
	}
	if err := callDocker(nil, archive, "image", "save", id); err != nil {
		return builder{}, err
	}
	image, err := saved(archive, !p.plain)
	return builder{image: image, docker: true}, err
}

func (p inDaemon) write(b builder) (v1.Hash, error) {
	tag, ok := p.Reference.(name.Tag)
	if !ok {
		return v1.Hash{}, fmt.Errorf("an image cannot be given a digest in Docker; name it by a tag")
	}
	image, err := b.forThisMachine()
	if err != nil {
		return v1.Hash{}, err
	}
	archive, end := io.Pipe()
	written := make(chan error, 1)
	go func() {
		err := tarball.Write(tag, image, end)
		end.CloseWithError(err)
		written <- err
	}()
	err = callDocker(archive, io.Discard, "image", "load", "-q")
	archive.Close()
	if writeErr := <-written; writeErr != nil && writeErr != io.ErrClosedPipe {
		err = writeErr
	}
	if err != nil {
		return v1.Hash{}, err
	}
	id, err := p.id()
	if err != nil {
		return v1.Hash{}, err
	}
	return v1.NewHash(id)
}

func (p inDaemon) use() string {
	return "with image extensions, pack takes builders from a registry only: docker push " + p.String() +
		"\nwithout them: pack build my-app --pull-policy if-not-present --builder " + p.String()
}

// id is what Docker knows the image by.
func (p inDaemon) id() (string, error) {
	var out bytes.Buffer
	err := callDocker(nil, &out, "image", "inspect", "-f", "{{.Id}}", p.String())
	return strings.TrimSpace(out.String()), err
}

// callDocker runs the client, with its standard input and output.
func callDocker(stdin io.Reader, stdout io.Writer, args ...string) error {
	var stderr bytes.Buffer
	cmd := exec.Command("docker", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = stdin, stdout, &stderr
	err := cmd.Run()
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%w; for daemon: the client docker is needed", err)
	}
	if err != nil {
		return fmt.Errorf("docker %s: %w\n%s", strings.Join(args[:2], " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return nil
}

// unnamed is a new file that has no name, so that nothing is left of it whatever happens.
func unnamed() (*os.File, error) {
	file, err := os.CreateTemp("", "builder-")
	if err != nil {
		return nil, err
	}
	return file, os.Remove(file.Name())
}

// reader reads a file from its start; several can read at the same time. It can seek, so that what is not wanted of an archive is not read.
func reader(file *os.File) (io.ReadCloser, error) {
	info, err := file.Stat()
	return struct {
		io.ReadSeeker
		io.Closer
	}{io.NewSectionReader(file, 0, info.Size()), io.NopCloser(nil)}, err
}

// savedImage is an image that Docker has saved. Each layer is read and compressed once, or not compressed at all: go-containerregistry
// alone would compress it anew each time that its digest, size or content is needed.
type savedImage struct {
	v1.Image
	manifest []byte
	layers   map[v1.Hash]savedLayer
}

func saved(archive *os.File, compress bool) (v1.Image, error) {
	image, err := tarball.Image(func() (io.ReadCloser, error) { return reader(archive) }, nil)
	if err != nil {
		return nil, err
	}
	config, err := partial.ConfigLayer(image)
	if err != nil {
		return nil, err
	}
	manifest := v1.Manifest{SchemaVersion: 2, MediaType: types.DockerManifestSchema2}
	if manifest.Config, err = describeLayer(config); err != nil {
		return nil, err
	}
	manifest.Config.MediaType = types.DockerConfigJSON
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	made := savedImage{Image: image, layers: map[v1.Hash]savedLayer{}}
	for _, layer := range layers {
		l, err := readLayer(layer, compress)
		if err != nil {
			return nil, err
		}
		made.layers[l.Descriptor.Digest] = l
		manifest.Layers = append(manifest.Layers, l.Descriptor)
	}
	if made.manifest, err = json.Marshal(manifest); err != nil {
		return nil, err
	}
	return partial.CompressedToImage(made)
}

func (i savedImage) RawManifest() ([]byte, error)        { return i.manifest, nil }
func (i savedImage) MediaType() (types.MediaType, error) { return types.DockerManifestSchema2, nil }
func (i savedImage) LayerByDigest(h v1.Hash) (partial.CompressedLayer, error) {
	layer, ok := i.layers[h]
	if !ok {
		return nil, fmt.Errorf("it has no layer %s", h)
	}
	return layer, nil
}

// savedLayer is a layer as it is passed on.
type savedLayer struct {
	v1.Descriptor
	diffID v1.Hash
	open   func() (io.ReadCloser, error)
}

func readLayer(layer v1.Layer, compress bool) (savedLayer, error) {
	diffID, err := layer.DiffID()
	if err != nil {
		return savedLayer{}, err
	}
	l := savedLayer{diffID: diffID, open: layer.Uncompressed}
	if compress {
		if l.open, err = compressed(layer); err != nil {
			return l, err
		}
	}
	content, err := l.open()
	if err != nil {
		return l, err
	}
	defer content.Close()
	if compress {
		l.Descriptor.MediaType = types.DockerLayer
		l.Descriptor.Digest, l.Descriptor.Size, err = v1.SHA256(content)
		return l, err
	}
	l.Descriptor.MediaType, l.Descriptor.Digest = types.DockerUncompressedLayer, diffID
	l.Descriptor.Size, err = io.Copy(io.Discard, content)
	return l, err
}

// compressed compresses a layer into a file.
func compressed(layer v1.Layer) (func() (io.ReadCloser, error), error) {
	file, err := unnamed()
	if err != nil {
		return nil, err
	}
	content, err := layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	w := gzip.NewWriter(file)
	if _, err := io.Copy(w, content); err != nil {
		return nil, err
	}
	return func() (io.ReadCloser, error) { return reader(file) }, w.Close()
}

func (l savedLayer) Digest() (v1.Hash, error)            { return l.Descriptor.Digest, nil }
func (l savedLayer) DiffID() (v1.Hash, error)            { return l.diffID, nil }
func (l savedLayer) Size() (int64, error)                { return l.Descriptor.Size, nil }
func (l savedLayer) MediaType() (types.MediaType, error) { return l.Descriptor.MediaType, nil }
func (l savedLayer) Compressed() (io.ReadCloser, error)  { return l.open() }
