// Package testhelpers has what the tests of several packages share: trees, build plans, built executables, refused system calls.
package testhelpers

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Names lists what is below a directory, sorted, with slashes: directories end in "/", links show their target.
func Names(root string) ([]string, error) {
	var names []string
	err := walk(root, func(name, path string, info fs.FileInfo) error {
		switch {
		case info.IsDir():
			name += "/"
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			name += " -> " + target
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

// Tree describes all that is below a directory – names, modes, digests of contents – so that two can be compared.
func Tree(root string) (string, error) {
	var text strings.Builder
	err := walk(root, func(name, path string, info fs.FileInfo) error {
		contents := ""
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			contents = fmt.Sprintf("%x", sha256.Sum256(data))
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			contents, _ = os.Readlink(path)
		}
		fmt.Fprintf(&text, "%s %s %s\n", info.Mode(), name, contents)
		return nil
	})
	return text.String(), err
}

func walk(root string, each func(name, path string, info fs.FileInfo) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return each(filepath.ToSlash(name), path, info)
	})
}

// CopyTree copies a directory with the executable bits of its files; links stay links.
func CopyTree(from, to string) error { return os.CopyFS(to, os.DirFS(from)) }
