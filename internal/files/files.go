// Package files reads files that other programs and people write, and copies and removes directories that modules fill,
// without trusting either to be what it should be.
package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/cnb-prelude/prelude/internal/similar"
)

// How large a file may be.
const (
	// Config is for files that people and modules write, analyzed.toml and group.toml.
	Config = 1 << 20
	// Variable is for the value of an environment variable: the kernel takes 128 KiB.
	Variable = 128 << 10
	// Result is for plan.toml and generated.toml.
	Result = 64 << 20
)

// Read reads a regular file of at most limit bytes. It never waits: a pipe, a device or a directory is an error that says
// what it is; /dev/null is an empty file. A file that may not be read is an error that names its owner, and the user of this
// process.
func Read(path string, limit int64) ([]byte, error) {
	// Looking first keeps devices from being opened at all, which can have effects. The file that is opened may be another one.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		return nil, notRegular(path, info)
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
		return nil, notRegular(path, info)
	}
	var data bytes.Buffer
	data.Grow(int(min(info.Size(), limit)) + bytes.MinRead)
	if _, err := data.ReadFrom(io.LimitReader(f, limit+1)); err != nil {
		return nil, err
	}
	if int64(data.Len()) > limit {
		most := fmt.Sprintf("%d KiB", limit>>10)
		if limit >= 1<<20 {
			most = fmt.Sprintf("%d MiB", limit>>20)
		}
		return nil, &fs.PathError{Op: "read", Path: path, Err: fmt.Errorf("larger than %s, the limit for such a file", most)}
	}
	return data.Bytes(), nil
}

// notRegular returns nil for /dev/null, under whatever name, and an error for anything else.
func notRegular(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && info.Mode()&fs.ModeCharDevice != 0 && stat.Rdev == 1<<8|3 {
		return nil
	}
	return &fs.PathError{Op: "open", Path: path, Err: fmt.Errorf("it is a %s, not a regular file", TypeOf(info.Mode()))}
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

// Explain adds to an error about a path what its own text leaves out: where permission is missing, what [Whose] returns for the
// file or the directory on the way that may not be searched; for a link that leads nowhere, where it leads.
func Explain(err error) error {
	var about *fs.PathError
	switch {
	case !errors.As(err, &about):
		return err
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w (%s)", err, Whose(closed(about.Path)))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ELOOP):
		if target, notLink := os.Readlink(about.Path); notLink == nil {
			return fmt.Errorf("%w (it is a link to %s)", err, target)
		}
	}
	return err
}

// closed returns the first directory on the way to a path that may not be searched, or else the path itself.
func closed(path string) string {
	dir := filepath.Dir(path)
	if dir == path {
		return path
	}
	if first := closed(dir); first != dir || syscall.Access(dir, 1) == syscall.EACCES {
		return first
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

// SizeLimit returns a sentence on how large a file that this process writes may become, and what to do about it.
func SizeLimit() string {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit) != nil || limit.Cur == math.MaxUint64 {
		return "the file system has a limit, or the process was started with one (ulimit -f)"
	}
	return fmt.Sprintf("the limit is %d bytes; raise it where the process is started (ulimit -f, or the container's RLIMIT_FSIZE)", limit.Cur)
}

// Similar returns the name of an entry beside a missing path that was probably meant to be it, such as "detect.sh" or
// "Detect" for "detect"; empty if there is none.
func Similar(path string) string {
	entries, _ := os.ReadDir(filepath.Dir(path)) // a directory that cannot be read has no names to offer
	names := map[string]string{}
	var stems []string
	for _, entry := range entries {
		if s := stem(entry.Name()); s != "" && names[s] == "" { // hidden files have no stem
			names[s] = entry.Name()
			stems = append(stems, s)
		}
	}
	found, _ := similar.Closest(stem(path), stems)
	return names[found]
}

// stem returns the name at the end of a path, without its suffix.
func stem(path string) string {
	name := filepath.Base(path)
	return strings.TrimSuffix(name, filepath.Ext(name))
}

// Remove removes a path and all below it, also directories of this process's user without permissions. A path that does not
// exist is fine. Links are not followed.
func Remove(path string) error {
	if os.RemoveAll(path) == nil {
		return nil
	}
	filepath.WalkDir(path, func(path string, entry fs.DirEntry, err error) error { //nolint:errcheck // see below
		if err == nil && entry.IsDir() {
			os.Chmod(path, 0o700)
		}
		return nil
	})
	return os.RemoveAll(path) // its error names what cannot be removed
}
