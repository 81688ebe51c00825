package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

const (
	// label says what was put into a builder.
	label = "io.github.cnb-prelude.builder"
	// metadata is the label that makes an image a builder.
	metadata = "io.buildpacks.builder.metadata"
	// apis is the label that makes an image that of a lifecycle, as kpack takes it.
	apis      = "io.buildpacks.lifecycle.apis"
	lifecycle = "cnb/lifecycle/"
	// lifecyclePath is the same, as a path in an image.
	lifecyclePath = "/cnb/lifecycle"
)

// putInto returns the builder with the executables of its architecture in it, in the place of those of an earlier time, and what
// there is to say about it; from is the digest that the label is to name. It refuses what is no builder and no lifecycle, an
// architecture for which there are no executables, and a builder that
// promises APIs which Prelude does not have.
func (ours executables) putInto(image v1.Image, from v1.Hash) (v1.Image, string, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, "", err
	}
	s := stamp{Version: release.StampedVersion, Commit: release.StampedCommit, From: from.String()}
	did := "added"
	if config.Config.Labels[label] != "" {
		did = "replaced"
		var earlier stamp
		if image, earlier, err = original(image); err != nil {
			return nil, "", err
		}
		s.From = earlier.From
	}
	if err := fits(config.Config.Labels); err != nil {
		return nil, "", err
	}
	if config.OS != "linux" {
		return nil, "", fmt.Errorf("it is for %s/%s, and Prelude is for Linux", config.OS, config.Architecture)
	}
	files, ok := ours[config.Architecture]
	if !ok {
		return nil, "", fmt.Errorf("it is for %s/%s, and there are executables for %s only; say with -executables where the others are (they are in the release's archive for that architecture)",
			config.OS, config.Architecture, ours.platforms())
	}
	like, err := find(image)
	if err != nil {
		return nil, "", err
	}
	layer, err := newLayer(image, files, like)
	if err != nil {
		return nil, "", err
	}
	changed, err := withLayer(image, layer, s, like.ModTime)
	return changed, fmt.Sprintf("%s detector and generator %s, for %s/%s", did, s.Version, config.OS, config.Architecture), err
}

func (ours executables) platforms() string {
	var names []string
	for arch := range ours {
		names = append(names, "linux/"+arch)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// promised is what a builder says of its lifecycle. API is what there was before lifecycles had more than one of each.
type promised struct {
	APIs release.Lists
	API  struct{ Buildpack, Platform string }
}

// fits demands the label that builders have, or images of a lifecycle, and that Prelude has all APIs which it promises.
func fits(labels map[string]string) error {
	var theirs promised
	name, into := metadata, any(&struct{ Lifecycle *promised }{&theirs})
	if labels[metadata] == "" {
		name, into = apis, &theirs.APIs
	}
	if labels[name] == "" {
		return fmt.Errorf("it is no builder and no lifecycle: it has no label %s or %s", metadata, apis)
	}
	err := json.Unmarshal([]byte(labels[name]), into)
	if len(theirs.APIs.Buildpack.Supported)+len(theirs.APIs.Platform.Supported) == 0 && theirs.API.Buildpack != "" && theirs.API.Platform != "" {
		theirs.APIs.Buildpack.Supported, theirs.APIs.Platform.Supported = []string{theirs.API.Buildpack}, []string{theirs.API.Platform}
	}
	if err == nil {
		err = release.Missing(theirs.APIs)
	}
	if err != nil {
		return fmt.Errorf("label %s: %w", name, err)
	}
	return nil
}

// find returns the header of the builder's detector, or of what is beside it if that is a link: the new files are to have the same
// owner, mode and time. In builders the lifecycle has a layer of its own. So at first layers are read no further than to the first
// file of something else; all others are as big, in sum, as the builder. The topmost counts.
func find(image v1.Image) (*tar.Header, error) {
	layers, err := image.Layers()
	if err != nil {
		return nil, err
	}
	for _, whole := range []bool{false, true} {
		for _, layer := range slices.Backward(layers) {
			if header, err := detectorOf(layer, whole); header != nil || err != nil {
				return header, err
			}
		}
	}
	return nil, fmt.Errorf("it has no /%sdetector in any layer", lifecycle)
}

// detectorOf returns the header of the detector in a layer, or nil. If it does not read the whole layer, it ends at the first entry
// that is neither of the lifecycle nor a directory above it.
func detectorOf(layer v1.Layer, whole bool) (*tar.Header, error) {
	content, err := layer.Uncompressed()
	if err != nil {
		return nil, err
	}
	defer content.Close()
	var link *tar.Header
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if err == io.EOF {
			return link, nil
		}
		if err != nil {
			return nil, err
		}
		name := path.Clean("/" + header.Name)
		switch {
		case name == lifecyclePath && header.Typeflag != tar.TypeDir:
			return nil, fmt.Errorf("%s is no directory, which is not known of any builder and not supported", name)
		case strings.HasPrefix(lifecyclePath+"/", strings.TrimSuffix(name, "/")+"/"): // the directory, or one above it
		case path.Dir(name) != lifecyclePath:
			if !whole && !strings.HasPrefix(name, lifecyclePath+"/") {
				return link, nil
			}
		case path.Base(name) == "detector" && header.Typeflag == tar.TypeReg:
			return header, nil
		case path.Base(name) == "detector":
			link = header // its mode says nothing
		case link != nil && header.Typeflag == tar.TypeReg:
			return header, nil
		}
	}
}

// newLayer makes the layer, in the form that the image's other layers have.
func newLayer(image v1.Image, files map[string][]byte, like *tar.Header) (v1.Layer, error) {
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	for _, name := range release.Executables {
		mode := int64(0o755)
		if like.Typeflag == tar.TypeReg {
			mode = like.Mode & 0o7777
		}
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: lifecycle + name, Mode: mode, Size: int64(len(files[name])),
			Uid: like.Uid, Gid: like.Gid, Uname: like.Uname, Gname: like.Gname, ModTime: like.ModTime,
		}
		if err := w.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := w.Write(files[name]); err != nil {
			return nil, err
		}
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	mediaType, err := image.MediaType()
	if err != nil {
		return nil, err
	}
	kind := types.DockerLayer
	if mediaType == types.OCIManifestSchema1 {
		kind = types.OCILayer
	}
	return tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content.Bytes())), nil },
		tarball.WithMediaType(kind), tarball.WithCompressionLevel(gzip.DefaultCompression), tarball.WithCompressedCaching)
}

// withLayer returns the image with a layer on top and the label that says so; at is the time that the history has for it.
func withLayer(image v1.Image, layer v1.Layer, s stamp, at time.Time) (v1.Image, error) {
	id, err := layer.DiffID()
	if err != nil {
		return nil, err
	}
	descriptor, err := describeLayer(layer)
	if err != nil {
		return nil, err
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return nil, err
	}
	s.Layer = id.String()
	for _, e := range additions(s, config, at) {
		if config, err = appendTo(config, e.element, e.path...); err != nil {
			return nil, fmt.Errorf("the image's configuration: %w", err)
		}
	}
	manifest, err := image.RawManifest()
	if err != nil {
		return nil, err
	}
	if manifest, err = appendTo(manifest, text(descriptor), "layers"); err != nil {
		return nil, err
	}
	if manifest, err = withConfig(manifest, config); err != nil {
		return nil, err
	}
	return &changedImage{Image: image, manifest: manifest, config: config, added: layer}, nil
}

func describeLayer(layer v1.Layer) (v1.Descriptor, error) {
	mediaType, err := layer.MediaType()
	if err != nil {
		return v1.Descriptor{}, err
	}
	size, err := layer.Size()
	if err != nil {
		return v1.Descriptor{}, err
	}
	digest, err := layer.Digest()
	return v1.Descriptor{MediaType: mediaType, Size: size, Digest: digest}, err
}

// addition is an element that is put behind the others of an array or an object.
type addition struct {
	element []byte
	path    []any
}

// additions are those to the configuration of an image.
func additions(s stamp, config []byte, at time.Time) []addition {
	list := []addition{
		{text(s.Layer), []any{"rootfs", "diff_ids"}},
		{append(append(text(label), ':'), text(string(text(s)))...), []any{"config", "Labels"}},
	}
	if history, ok, _ := value(config, "history"); ok && config[history.start] == '[' {
		list = append(list, addition{text(v1.History{Created: v1.Time{Time: at.UTC()}, CreatedBy: "prelude " + s.Version}), []any{"history"}})
	}
	return list
}

// takeOut returns the builder as it was before Prelude was put into it, and what there is to say about it.
func takeOut(image v1.Image, _ v1.Hash) (v1.Image, string, error) {
	config, err := image.ConfigFile()
	if err != nil {
		return nil, "", err
	}
	before, s, err := original(image)
	return before, fmt.Sprintf("removed detector and generator %s, for %s/%s; before them it was %s", s.Version, config.OS, config.Architecture, s.From), err
}

// original returns the builder as it was before Prelude was put into it, and what its label says.
func original(image v1.Image) (v1.Image, stamp, error) {
	var s stamp
	parsed, err := image.ConfigFile()
	if err != nil {
		return nil, s, err
	}
	said := parsed.Config.Labels[label]
	if said == "" {
		return nil, s, fmt.Errorf("it has no label %s, so this program has not put Prelude into it", label)
	}
	if err := json.Unmarshal([]byte(said), &s); err != nil {
		return nil, s, fmt.Errorf("label %s: %w", label, err)
	}
	if ids := parsed.RootFS.DiffIDs; len(ids) == 0 || ids[len(ids)-1].String() != s.Layer {
		return nil, s, fmt.Errorf("its last layer is not the one with Prelude's executables (%s): something was put on top of it since; make that anew, on the builder without Prelude", s.Layer)
	}
	config, err := image.RawConfigFile()
	if err != nil {
		return nil, s, err
	}
	entry := append(append(text(label), ':'), text(said)...)
	if config, err = cut(config, entry, "config", "Labels"); err == nil {
		config, err = cut(config, text(s.Layer), "rootfs", "diff_ids")
	}
	if n := len(parsed.History); err == nil && n > 0 {
		var at span
		if at, _, err = value(config, "history", n-1); err == nil {
			config, err = cut(config, bytes.Clone(config[at.start:at.end]), "history")
		}
	}
	if err != nil {
		return nil, s, fmt.Errorf("the image's configuration was changed since: %w", err)
	}
	manifest, err := withoutLastLayer(image, config)
	if err != nil {
		return nil, s, err
	}
	return &changedImage{Image: image, manifest: manifest, config: config}, s, nil
}

func withoutLastLayer(image v1.Image, config []byte) ([]byte, error) {
	manifest, err := image.RawManifest()
	if err != nil {
		return nil, err
	}
	parsed, err := image.Manifest()
	if err != nil {
		return nil, err
	}
	at, _, err := value(manifest, "layers", len(parsed.Layers)-1)
	if err != nil {
		return nil, err
	}
	if manifest, err = cut(manifest, bytes.Clone(manifest[at.start:at.end]), "layers"); err != nil {
		return nil, err
	}
	return withConfig(manifest, config)
}
