// Package files reads files that other programs and people write, and copies and removes directories that modules fill,
// without trusting either to be what it should be.
package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
)

// How large a file may be.
const (
	// Config is for files that people and modules write: order, descriptors, build plans, configuration, what extensions leave;
	// and for analyzed.toml and group.toml.
	Config = 1 << 20
	// Variable is for a file with the value of an environment variable: with its name, the kernel takes 128 KiB.
	Variable = 128 << 10
	// Result is for files that a phase makes from many of those: plan.toml and generated.toml.
	Result = 64 << 20
)

// Read reads a regular file of at most limit bytes. It never waits: a pipe, a device or a directory is an error that says
// what it is; /dev/null is an empty file. A file that may not be read is an error that names its owner, and the user of this
// process.
func Read(path string, limit int64) ([]byte, error) {
	// Looking first keeps devices from being opened at all, which can have effects. Then the file that was opened is
	// looked at, which may be another one.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return notRegular(path, info)
	}
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, Explain(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return notRegular(path, info)
	}
	if info.Size() > limit {
		return nil, tooLarge(path, limit)
	}
	return readAll(f, path, info.Size(), limit)
}

// readAll reads to the end, which may be further away than the size says: the file grows, or is none on a disk.
func readAll(r io.Reader, path string, size, limit int64) ([]byte, error) {
	data := make([]byte, 0, size+1)
	for {
		n, err := r.Read(data[len(data):cap(data)])
		data = data[:len(data)+n]
		switch {
		case int64(len(data)) > limit:
			return nil, tooLarge(path, limit)
		case err == io.EOF:
			return data, nil
		case err != nil:
			return nil, err
		case len(data) == cap(data):
			data = append(data, 0)[:len(data)]
		}
	}
}

func tooLarge(path string, limit int64) error {
	return &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %s, the limit for such a file", inUnits(limit))}
}

// inUnits is a number of bytes in the largest unit that fits.
func inUnits(n int64) string {
	if n%(1<<20) == 0 {
		return fmt.Sprintf("%d MiB", n>>20)
	}
	return fmt.Sprintf("%d KiB", n>>10)
}

func notRegular(path string, info fs.FileInfo) ([]byte, error) {
	if isNull(info) {
		return []byte{}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("it is a %s, not a regular file", TypeOf(info.Mode()))}
}

// isNull reports whether it is /dev/null, under whatever name.
func isNull(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && info.Mode()&fs.ModeCharDevice != 0 && stat.Rdev == 1<<8|3
}

// TypeOf names the type of a file.
func TypeOf(mode fs.FileMode) string {
	switch {
	case mode.IsDir():
		return "directory"
	case mode&fs.ModeSymlink != 0:
		return "link"
	case mode&fs.ModeNamedPipe != 0:
		return "pipe"
	case mode&fs.ModeSocket != 0:
		return "socket"
	case mode.IsRegular():
		return "file"
	}
	return "device"
}

// Explain adds to an error about a path what its own text leaves out: where permission is missing, the owner and mode of the file
// – or of the directory on the way that may not be searched – and the user of this process; for a link that leads nowhere,
// where it leads.
func Explain(err error) error {
	var about *fs.PathError
	switch {
	case !errors.As(err, &about):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (%s)", err, Whose(stopper(about.Path)))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP):
		if target, notLink := os.Readlink(about.Path); notLink == nil {
			return fmt.Errorf("%w (it is a link to %s)", err, target)
		}
	}
	return err
}

// stopper is the first directory on the way to a path that may not be searched, or else the path itself.
func stopper(path string) string {
	way := []string{path}
	for dir := filepath.Dir(path); dir != way[len(way)-1]; dir = filepath.Dir(dir) {
		way = append(way, dir)
	}
	for i := len(way) - 1; i > 0; i-- {
		if syscall.Access(way[i], 1) == syscall.EACCES {
			return way[i]
		}
	}
	return path
}

// Whose names the owner and the mode of a file or a directory, and the user of this process.
func Whose(path string) string {
	self := fmt.Sprintf("running as uid %d, gid %d", os.Geteuid(), os.Getegid())
	info, err := os.Stat(path)
	if err != nil {
		return self
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return self
	}
	return fmt.Sprintf("%s %s belongs to uid %d, gid %d with mode %s; %s", TypeOf(info.Mode()), path, stat.Uid, stat.Gid, info.Mode(), self)
}

// SizeLimit says how large a file may become that this process or one that it has started writes, and what to do about it.
func SizeLimit() string {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit) != nil || limit.Cur == math.MaxUint64 {
		return "the file system has a limit, or the process was started with one (ulimit -f)"
	}
	return fmt.Sprintf("the limit is %d bytes; raise it where the process is started (ulimit -f, or the container's RLIMIT_FSIZE)", limit.Cur)
}

// Remove removes a path and all below it, also directories of this process's user without permissions. However deep they lie within each
// other, it needs few descriptors. A path that is not there is fine. Links are not followed.
func Remove(path string) error {
	if info, err := os.Lstat(path); err != nil || !info.IsDir() {
		return ignoreMissing(os.Remove(path))
	}
	os.Chmod(path, 0o700) //nolint:errcheck // what cannot be removed is said below
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := flatten(root); err != nil {
		return err
	}
	return ignoreMissing(os.Remove(path))
}

// flatten empties a directory. Directories below it are moved up one by one, so that none lies deeper than the second level.
func flatten(root *os.Root) error {
	waiting, moved := []string{"."}, 0
	for len(waiting) > 0 {
		dir := waiting[len(waiting)-1]
		waiting = waiting[:len(waiting)-1]
		entries, err := fs.ReadDir(root.FS(), dir)
		if err = ignoreMissing(err); err != nil {
			return err
		}
		for _, entry := range entries {
			name := filepath.Join(dir, entry.Name())
			if !entry.IsDir() {
				err = root.Remove(name)
			} else if root.Chmod(name, 0o700); dir != "." { //nolint:errcheck // what cannot be removed is said below
				name, err = moveUp(root, name, &moved)
			}
			if err = ignoreMissing(err); err != nil {
				return err
			}
			if entry.IsDir() {
				waiting = append(waiting, name)
			}
		}
		if dir != "." {
			if err := ignoreMissing(root.Remove(dir)); err != nil {
				return err
			}
		}
	}
	return nil
}

// moveUp gives a directory a free name in the root.
func moveUp(root *os.Root, name string, moved *int) (string, error) {
	for {
		*moved++
		up := fmt.Sprintf(".removed-%d", *moved)
		if err := root.Rename(name, up); !errors.Is(err, fs.ErrExist) && !errors.Is(err, syscall.ENOTDIR) {
			return up, err
		}
	}
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
