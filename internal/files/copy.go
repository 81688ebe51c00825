package files

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// CopyTree copies the contents of a directory into another that exists: files and directories with their modes, links as
// they are. Anything else is an error that names it.
func CopyTree(from, to string) error {
	type directory struct {
		path string
		mode fs.FileMode
	}
	var directories []directory
	err := filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == from {
			return err
		}
		relative, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.IsDir() {
			directories = append(directories, directory{filepath.Join(to, relative), modeOf(info)})
		}
		return copyOne(path, filepath.Join(to, relative), info)
	})
	if err != nil {
		return err
	}
	// A directory without write permission could not have been filled.
	for _, dir := range slices.Backward(directories) {
		if err := os.Chmod(dir.path, dir.mode); err != nil {
			return err
		}
	}
	return nil
}

func copyOne(from, to string, info fs.FileInfo) error {
	switch {
	case info.IsDir():
		return os.Mkdir(to, 0o700)
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case info.Mode().IsRegular():
		return CopyFile(from, to, modeOf(info))
	}
	return fmt.Errorf("%s is neither a file, a directory nor a link", from)
}

// modeOf returns the part of a mode that chmod can set.
func modeOf(info fs.FileInfo) fs.FileMode {
	return info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
}

// CopyFile copies a file to a new one of the given mode.
func CopyFile(from, to string, mode fs.FileMode) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm())
	if err != nil {
		return err
	}
	if _, err := io.Copy(target, source); err != nil {
		target.Close()
		return err
	}
	if err := target.Close(); err != nil {
		return err
	}
	return os.Chmod(to, mode)
}
