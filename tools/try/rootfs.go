package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// rootfs runs the detector in namespaces of its own: in an image that is unpacked once, or, without an image, in this machine's root file
// system with the app laid over, so that it need not be copied. It takes Linux, and neither a daemon nor root.
type rootfs struct{ image *image }

func (r rootfs) describe() string {
	uid, gid := r.image.user()
	text := fmt.Sprintf("the root file system of %s, as user %d:%d, without network", r.image.given, uid, gid)
	if os.Geteuid() != 0 {
		text += ", who owns all files there (-engine docker keeps the owners)"
	}
	return text
}

// inside is what the process in the namespaces has to know.
type inside struct {
	// Dir is the world's; Tree the image's root, empty without an image; App the app, if it is laid over.
	Dir, Tree, App string
	// Mounts are places of the root that are as the world has them, and not as the image does.
	Mounts []string
	// Removed are files of the app that are no part of it.
	Removed    []string
	UID, GID   int
	Privileged bool
	Command    []string
	Env        []string
}

// tree is the directory in which the image is unpacked: one for each digest.
func (r rootfs) tree() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	id, err := r.image.id()
	if err != nil {
		return "", err
	}
	top := filepath.Join(cache, "prelude-try")
	digest := id[strings.LastIndexByte(id, ':')+1:]
	tree := filepath.Join(top, digest+"-"+strconv.Itoa(os.Geteuid()))
	if isDir(tree) {
		return tree, nil
	}
	if err := os.MkdirAll(top, 0o755); err != nil {
		return "", err
	}
	work, err := os.MkdirTemp(top, ".new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	defer progress("unpacking " + r.image.given)()
	if err := r.unpack(work); err != nil {
		return "", fmt.Errorf("%s: %w", r.image.given, err)
	}
	err = os.Rename(filepath.Join(work, "root"), tree)
	if err != nil && isDir(tree) {
		err = nil // another call was faster
	}
	return tree, err
}

// unpack unpacks the layers of the image, one over the other.
func (r rootfs) unpack(work string) error {
	// imgutil leaves what it takes from Docker in the directory for temporary files.
	defer os.Setenv("TMPDIR", os.Getenv("TMPDIR"))
	root := filepath.Join(work, "root")
	if err := errors.Join(os.Setenv("TMPDIR", work), os.Mkdir(root, 0o755)); err != nil {
		return err
	}
	for _, diff := range r.image.config.RootFS.DiffIDs {
		layer, err := r.layer(diff.String())
		if err == nil {
			err = errors.Join(unpack(layer, root, os.Geteuid() == 0), layer.Close())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (r rootfs) layer(diffID string) (io.ReadCloser, error) {
	return r.image.GetLayer(diffID)
}
