package files

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Tree is a directory that is changed in place until [Tree.Keep] or [Tree.Discard] is called. Paths are relative to it.
type Tree struct {
	Dir string

	// undo takes the changes back, from last to first.
	undo []func() error
	// backup has what was set aside; empty until needed. It lies within Dir, so that moving is renaming.
	backup string
	// emptied are the directories from which something was set aside.
	emptied []string
	// temp is a directory elsewhere; empty until needed.
	temp string
}

// Temp returns a directory elsewhere that is removed with the end of the changes.
func (t *Tree) Temp(pattern string) (dir string, err error) {
	if t.temp == "" {
		t.temp, err = os.MkdirTemp("", pattern)
	}
	return t.temp, err
}

// SetAside moves those of the paths that exist out of the way.
func (t *Tree) SetAside(paths ...string) error {
	for _, path := range paths {
		if err := t.setAsideOne(path); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) setAsideOne(path string) error {
	parent := filepath.Dir(path)
	info, err := os.Lstat(filepath.Join(t.Dir, parent))
	if parent != "." && err == nil && info.Mode()&fs.ModeSymlink != 0 { // it may lead out of the directory
		return fmt.Errorf("%s in the generated directory is a link; it must be a directory", parent)
	}
	here := filepath.Join(t.Dir, path)
	if _, err := os.Lstat(here); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if t.backup == "" {
		if t.backup, err = os.MkdirTemp(t.Dir, ".earlier-"); err != nil {
			return err
		}
	}
	kept := filepath.Join(t.backup, strconv.Itoa(len(t.undo)))
	if err := move(here, kept); err != nil {
		return err
	}
	t.undo = append(t.undo, func() error { return move(kept, here) })
	t.emptied = append(t.emptied, parent)
	return nil
}

// NewDir makes an empty directory and returns its path; what had that name is set aside.
func (t *Tree) NewDir(path string) (string, error) {
	if err := t.setAsideOne(path); err != nil {
		return "", err
	}
	dir := filepath.Join(t.Dir, path)
	if err := t.makeParents(filepath.Dir(dir)); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return "", err
	}
	t.undo = append(t.undo, func() error { return Remove(dir) })
	return dir, nil
}

// makeParents makes a directory, and those above it that are missing.
func (t *Tree) makeParents(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := t.makeParents(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	t.undo = append(t.undo, func() error {
		os.Remove(dir) // unless it is not empty
		return nil
	})
	return nil
}

// Keep makes the changes final.
func (t *Tree) Keep() error {
	for _, parent := range t.emptied {
		if parent != "." {
			os.Remove(filepath.Join(t.Dir, parent)) // unless there is something in it
		}
	}
	return t.end()
}

// Discard takes the changes back. What cannot be put back stays in the backup.
func (t *Tree) Discard() error {
	var err error
	for _, undo := range slices.Backward(t.undo) {
		err = errors.Join(err, undo())
	}
	if err != nil {
		t.backup = ""
	}
	return errors.Join(err, t.end())
}

func (t *Tree) end() error {
	err := errors.Join(Remove(t.backup), Remove(t.temp))
	*t = Tree{Dir: t.Dir}
	return err
}

// move renames, even a directory without write permission: extensions may leave such.
func move(from, to string) error {
	err := os.Rename(from, to)
	if !errors.Is(err, fs.ErrPermission) {
		return err
	}
	info, unknown := os.Lstat(from)
	if unknown != nil || !info.IsDir() || os.Chmod(from, info.Mode().Perm()|0o700) != nil {
		return err
	}
	if err := os.Rename(from, to); err != nil {
		return errors.Join(err, os.Chmod(from, info.Mode().Perm()))
	}
	return os.Chmod(to, info.Mode().Perm())
}
