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

// Tree is a directory that is changed in place. Each change notes how it is undone, and what stood in the way is set aside until [Tree.Keep] or
// [Tree.Discard] is called. Paths are relative to the directory.
type Tree struct {
	Dir string

	// undo takes the changes back, from last to first.
	undo []func() error
	// backup is the directory with the paths that were set aside; empty until one is. It lies within Dir, so that moving is
	// renaming.
	backup string
	// emptied are directories that may have nothing left in them, because something was set aside from there.
	emptied []string
	// temp is a directory elsewhere; empty until needed.
	temp string
}

// Temp returns a directory elsewhere that is removed with the end of the changes.
func (t *Tree) Temp(pattern string) (string, error) {
	if t.temp == "" {
		temp, err := os.MkdirTemp("", pattern)
		if err != nil {
			return "", err
		}
		t.temp = temp
	}
	return t.temp, nil
}

// SetAside moves what of these paths is there out of the way.
func (t *Tree) SetAside(paths ...string) error {
	for _, path := range paths {
		if err := t.setAsideOne(path); err != nil {
			return err
		}
	}
	return nil
}

// setAsideOne moves a path below the directory into the backup, if it is there.
func (t *Tree) setAsideOne(path string) error {
	if err := t.checkParent(path); err != nil {
		return err
	}
	here := filepath.Join(t.Dir, path)
	if _, err := os.Lstat(here); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if t.backup == "" {
		backup, err := os.MkdirTemp(t.Dir, ".earlier-")
		if err != nil {
			return err
		}
		t.backup = backup
	}
	kept := filepath.Join(t.backup, strconv.Itoa(len(t.undo)))
	if err := move(here, kept); err != nil {
		return err
	}
	t.undo = append(t.undo, func() error { return move(kept, here) })
	t.emptied = append(t.emptied, filepath.Dir(path))
	return nil
}

// checkParent refuses to go through a link: what is beyond it is not below the directory.
func (t *Tree) checkParent(path string) error {
	parent := filepath.Dir(path)
	info, err := os.Lstat(filepath.Join(t.Dir, parent))
	if parent != "." && err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s in the generated directory is a link; it must be a directory", parent)
	}
	return nil
}

// NewDir makes an empty directory, in place of whatever is there.
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

// makeParents makes a directory and those above it that are missing.
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

// Keep makes the new tree final.
func (t *Tree) Keep() error {
	for _, parent := range t.emptied {
		if parent != "." {
			os.Remove(filepath.Join(t.Dir, parent)) // unless there is something in it
		}
	}
	t.undo, t.emptied = nil, nil
	return errors.Join(t.clear(&t.backup), t.clear(&t.temp))
}

// Discard puts back what was there before.
func (t *Tree) Discard() error {
	var errs []error
	for _, undo := range slices.Backward(t.undo) {
		errs = append(errs, undo())
	}
	t.undo, t.emptied = nil, nil
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, t.clear(&t.temp)) // what could not be put back stays in the backup
	}
	return errors.Join(t.clear(&t.backup), t.clear(&t.temp))
}

func (t *Tree) clear(dir *string) error {
	if *dir == "" {
		return nil
	}
	err := Remove(*dir)
	*dir = ""
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
