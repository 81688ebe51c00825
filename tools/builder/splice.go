package main

import (
	"bytes"
	"encoding/json"
	"fmt"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// This file changes manifests and configurations as texts. Everything that is not changed keeps its bytes, whatever else stands
// there and in which order: so nothing that this program does not know is lost, and what was put in can be taken out again
// without a trace.

// span is a part of a text.
type span struct{ start, end int }

// value finds a value in a JSON text: keys of objects, and indexes of arrays from 0, from the outside in. ok is false if there is
// none.
func value(text []byte, path ...any) (found span, ok bool, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	for _, step := range path {
		if ok, err := enter(d, step); !ok || err != nil {
			return span{}, false, err
		}
	}
	var raw json.RawMessage
	if err := d.Decode(&raw); err != nil {
		return span{}, false, err
	}
	end := int(d.InputOffset())
	return span{end - len(raw), end}, true, nil
}

// enter reads up to the value of a key or of an index of what comes next.
func enter(d *json.Decoder, step any) (bool, error) {
	open, err := d.Token()
	if err != nil {
		return false, err
	}
	for i := 0; d.More(); i++ {
		switch open {
		case json.Delim('{'):
			key, err := d.Token()
			if err != nil {
				return false, err
			}
			if key == step {
				return true, nil
			}
		case json.Delim('['):
			if i == step {
				return true, nil
			}
		default:
			return false, nil
		}
		var skipped json.RawMessage
		if err := d.Decode(&skipped); err != nil {
			return false, err
		}
	}
	return false, nil
}

// replace puts something in the place of a part.
func replace(text []byte, at span, with []byte) []byte {
	return append(append(append([]byte{}, text[:at.start]...), with...), text[at.end:]...)
}

// appendTo adds an element to an array, or `"key":value` to an object, behind what is the last of them now.
func appendTo(text, element []byte, path ...any) ([]byte, error) {
	at, ok, err := value(text, path...)
	if err == nil && !ok {
		err = fmt.Errorf("it has no %v", path)
	}
	if err != nil {
		return nil, err
	}
	inside := bytes.TrimRight(text[at.start:at.end-1], " \t\r\n")
	end := at.start + len(inside)
	if len(inside) > 1 {
		element = append([]byte(","), element...)
	}
	return replace(text, span{end, end}, element), nil
}

// cut takes out the last element of an array or an object. It undoes appendTo.
func cut(text, element []byte, path ...any) ([]byte, error) {
	at, ok, err := value(text, path...)
	if err != nil {
		return nil, err
	}
	inside := bytes.TrimRight(text[at.start:max(at.end-1, at.start)], " \t\r\n")
	if !ok || !bytes.HasSuffix(inside, element) {
		return nil, fmt.Errorf("%v does not end with what was added there", path)
	}
	start, end := at.start+len(inside)-len(element), at.start+len(inside)
	if text[start-1] == ',' {
		start--
	}
	return replace(text, span{start, end}, nil), nil
}

// text is a value as JSON.
func text(value any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	if err := e.Encode(value); err != nil {
		panic(err) // strings, numbers and structures of them
	}
	return bytes.TrimSpace(out.Bytes())
}

// changedImage is an image with another manifest and configuration, and perhaps one layer more.
type changedImage struct {
	v1.Image
	manifest, config []byte
	// added is nil if a layer was taken away: the manifest says which are left.
	added v1.Layer
}

func (i *changedImage) RawManifest() ([]byte, error)        { return i.manifest, nil }
func (i *changedImage) RawConfigFile() ([]byte, error)      { return i.config, nil }
func (i *changedImage) Manifest() (*v1.Manifest, error)     { return partial.Manifest(i) }
func (i *changedImage) ConfigFile() (*v1.ConfigFile, error) { return partial.ConfigFile(i) }
func (i *changedImage) Digest() (v1.Hash, error)            { return partial.Digest(i) }
func (i *changedImage) Size() (int64, error)                { return partial.Size(i) }
func (i *changedImage) ConfigName() (v1.Hash, error)        { return partial.ConfigName(i) }
func (i *changedImage) LayerByDiffID(id v1.Hash) (v1.Layer, error) {
	digest, err := partial.DiffIDToBlob(i, id)
	if err != nil {
		return nil, err
	}
	return i.LayerByDigest(digest)
}

func (i *changedImage) Layers() ([]v1.Layer, error) {
	manifest, err := i.Manifest()
	if err != nil {
		return nil, err
	}
	layers, err := i.Image.Layers()
	if err != nil {
		return nil, err
	}
	layers = layers[:min(len(layers), len(manifest.Layers))]
	if i.added != nil {
		layers = append(layers[:len(layers):len(layers)], i.added)
	}
	return layers, nil
}

func (i *changedImage) LayerByDigest(digest v1.Hash) (v1.Layer, error) {
	if i.added != nil {
		if added, err := i.added.Digest(); err != nil || added == digest {
			return i.added, err
		}
	}
	if config, err := i.ConfigName(); err != nil || config == digest {
		if err != nil {
			return nil, err
		}
		return partial.ConfigLayer(i)
	}
	return i.Image.LayerByDigest(digest)
}

// withConfig is a manifest that names a configuration.
func withConfig(manifest, config []byte) ([]byte, error) {
	return describe(manifest, config, "config")
}

// describe writes the digest and the size of content into the descriptor at a place.
func describe(manifest, content []byte, path ...any) ([]byte, error) {
	digest, size, err := v1.SHA256(bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	for key, now := range map[string][]byte{"digest": text(digest.String()), "size": text(size)} {
		at, ok, err := value(manifest, append(path[:len(path):len(path)], key)...)
		if err == nil && !ok {
			err = fmt.Errorf("the manifest has no %s at %v", key, path)
		}
		if err != nil {
			return nil, err
		}
		manifest = replace(manifest, at, now)
	}
	return manifest, nil
}

// changedIndex is an index some of whose images are others.
type changedIndex struct {
	base   v1.ImageIndex
	raw    []byte
	images map[v1.Hash]v1.Image
}

// replace puts an image in the place of the one that stands at a place of the list.
func (x *changedIndex) replace(i int, image v1.Image) error {
	manifest, err := image.RawManifest()
	if err != nil {
		return err
	}
	if x.raw, err = describe(x.raw, manifest, "manifests", i); err != nil {
		return err
	}
	digest, err := image.Digest()
	x.images[digest] = image
	return err
}

func (x *changedIndex) MediaType() (types.MediaType, error) { return x.base.MediaType() }
func (x *changedIndex) RawManifest() ([]byte, error)        { return x.raw, nil }
func (x *changedIndex) Digest() (v1.Hash, error)            { return partial.Digest(x) }
func (x *changedIndex) Size() (int64, error)                { return partial.Size(x) }
func (x *changedIndex) IndexManifest() (*v1.IndexManifest, error) {
	return v1.ParseIndexManifest(bytes.NewReader(x.raw))
}
func (x *changedIndex) ImageIndex(h v1.Hash) (v1.ImageIndex, error) { return x.base.ImageIndex(h) }
func (x *changedIndex) Image(h v1.Hash) (v1.Image, error) {
	if image, ok := x.images[h]; ok {
		return image, nil
	}
	return x.base.Image(h)
}
