package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// CopyTree copies the contents of a directory into another that exists: files and directories with their modes, links as
// they are. Anything else is an error that names it.
func CopyTree(from, to string) error {
	entries, err := os.ReadDir(from)
	for _, entry := range entries {
		if err == nil {
			err = copyOne(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()))
		}
	}
	return err
}

func copyOne(from, to string) error {
	info, err := os.Lstat(from)
	if err != nil {
		return err
	}
	mode := info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky) // what chmod can set
	switch {
	case info.IsDir():
		if err := os.Mkdir(to, 0o700); err != nil {
			return err
		}
		if err := CopyTree(from, to); err != nil {
			return err
		}
		return os.Chmod(to, mode) // last: without write permission it could not have been filled
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		return os.Symlink(target, to)
	case info.Mode().IsRegular():
		return CopyFile(from, to, mode)
	}
	return fmt.Errorf("%s is neither a file, a directory nor a link", from)
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
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Chmod(mode), target.Close())
}
