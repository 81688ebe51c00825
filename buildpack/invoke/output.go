package invoke

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
)

// CopyStatic copies what an extension without bin/generate brings in its own generate directory to its output (B36).
// The extension's directory is only read. Modes and links are kept; an extension that brings nothing leaves nothing.
func CopyStatic(m *buildpack.Module, output string) error {
	from := filepath.Join(m.Dir, "generate")
	info, err := os.Stat(from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", from)
	}
	if from, err = filepath.EvalSymlinks(from); err != nil {
		return err
	}
	return copyTree(from, output)
}

// copyTree copies the contents of one directory into another that exists: files and directories with their modes, links
// as they are. Anything else is an error naming it.
func copyTree(from, to string) error {
	type made struct {
		path string
		mode fs.FileMode
	}
	var directories []made
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
			directories = append(directories, made{filepath.Join(to, relative), modeOf(info)})
		}
		return copyOne(path, filepath.Join(to, relative), info)
	})
	if err != nil {
		return err
	}
	// Now that all is in them: a directory without write permission could not have been filled.
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

// modeOf is all of a mode that chmod can set.
func modeOf(info fs.FileInfo) fs.FileMode {
	return info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)
}

// CopyFile copies a file's bytes to a new file of the given mode.
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
