// Package staged writes several files as one: either all are replaced or none is.
package staged

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cnb-prelude/prelude/internal/files"
)

// File is a file to write.
type File struct {
	Path string
	Data []byte
}

// Files are written, beside the files that they will replace. Call either Commit or Discard.
type Files struct {
	all []*file
}

type file struct {
	File
	// target is where the path's links lead.
	target string
	// beside is the file that holds the data until it replaces the target, and then the old data if there were any; empty if
	// the target is written in place.
	beside string
	// open is the file beside until it is synced.
	open *os.File
	// isMount is true if the target is a mount of its own, which cannot be replaced.
	isMount bool
	// undo makes a target that was written what it was.
	undo func() error
}

// Write writes one file.
func Write(path string, data []byte) error {
	s, err := Stage(File{path, data})
	if err != nil {
		return err
	}
	return s.Commit()
}

// Replace writes a file whose place no user has chosen: unlike Write, it replaces a link, a pipe or a device.
func Replace(path string, data []byte) error {
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		unix.Unlink(path) //nolint:errcheck // then writing fails
	}
	return Write(path, data)
}

// Stage makes the parents of all files and writes each whole beside its target, synced. After an error nothing is left of
// any. A new file has the permissions that the umask leaves; one that replaces another has its mode and, where the system
// allows it, its group and owner.
//
// A link stays, and the file to which it leads is written. Commit writes in place what cannot be replaced: anything but a
// regular file, such as /dev/stdout or a pipe with a reader, and a file that is a mount of its own, as container platforms
// make them.
func Stage(list ...File) (*Files, error) {
	s := &Files{}
	paths := map[string]string{}
	for _, one := range list {
		f, err := stage(one)
		if err == nil {
			s.all = append(s.all, f)
			if other, twice := paths[f.target]; twice && f.beside != "" {
				err = fmt.Errorf("it is the same file as %s", other)
			}
			paths[f.target] = one.Path
		}
		if err != nil {
			s.Discard()
			return nil, cannotWrite(one.Path, err)
		}
	}
	if err := s.sync(); err != nil {
		s.Discard()
		return nil, err
	}
	return s, nil
}

// sync syncs all data before any file is replaced, so that a machine that fails has the old file or the new one. It syncs
// all files at the same time, of which a file system makes one transaction.
func (s *Files) sync() error {
	errs := make([]error, len(s.all))
	var syncing sync.WaitGroup
	for i, f := range s.all {
		if f.open != nil {
			syncing.Go(func() {
				errs[i] = cannotWrite(f.Path, errors.Join(syncOne(f.open), f.open.Close()))
				f.open = nil
			})
		}
	}
	syncing.Wait()
	return cmp.Or(errs...)
}

// syncOne syncs a file, if its file system can.
func syncOne(f *os.File) error {
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

func stage(one File) (*file, error) {
	target, isOpen, err := follow(one.Path)
	if err != nil {
		return nil, err
	}
	f := &file{File: one, target: target}
	info, err := os.Stat(target)
	switch {
	case err == nil && info.IsDir():
		return nil, errors.New("it is a directory")
	case isOpen, err == nil && !info.Mode().IsRegular():
		return f, nil
	case err == nil && isMount(target):
		f.isMount = true
		return f, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return nil, err
	}
	f.beside, err = nameBeside(target, func(name string) (err error) {
		f.open, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		return err
	})
	if err != nil {
		return nil, err
	}
	_, err = f.open.Write(f.Data)
	if err == nil && info != nil {
		err = takeAfter(f.open, info)
	}
	if err != nil {
		f.discard()
		return nil, err
	}
	return f, nil
}

// follow follows the links at the end of a path. It reports whether they lead to something that a process has open, such as
// /dev/stdout.
func follow(path string) (target string, isOpen bool, err error) {
	if path, err = filepath.Abs(path); err != nil {
		return "", false, err
	}
	for range 40 {
		if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
			path = filepath.Join(dir, filepath.Base(path))
		}
		if strings.HasPrefix(path, "/proc/") {
			return path, true, nil
		}
		next, err := os.Readlink(path)
		if err != nil {
			return path, false, nil
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		path = next
	}
	return "", false, syscall.ELOOP
}

// isMount reports whether a file is a mount of its own.
func isMount(path string) bool {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &stat)
	return err == nil && stat.Attributes&stat.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// takeAfter gives a file the mode of another and, where the system allows it, its group and owner. A group that cannot be
// kept must not give its permissions to another one, which then gets those of all users.
func takeAfter(f *os.File, info fs.FileInfo) error {
	mode := info.Mode() & (fs.ModePerm | fs.ModeSticky)
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		if f.Chown(-1, int(stat.Gid)) != nil {
			mode = mode&^0o070 | mode&0o007<<3
		}
		f.Chown(int(stat.Uid), -1) //nolint:errcheck // only root may give files away
	}
	return f.Chmod(mode)
}

// nameBeside calls create with names in the directory of a file until one is free. The names do not contain that of the
// file, which may be as long as a name can be.
func nameBeside(target string, create func(name string) error) (name string, err error) {
	for range 100 {
		name = filepath.Join(filepath.Dir(target), fmt.Sprintf(".prelude-%08x.tmp", rand.Uint32()))
		if err = create(name); !errors.Is(err, fs.ErrExist) {
			break
		}
	}
	if err != nil {
		return "", err
	}
	return name, nil
}

// Discard removes what has been staged.
func (s *Files) Discard() {
	for _, f := range s.all {
		f.discard()
	}
	s.all = nil
}

func (f *file) discard() {
	if f.open != nil {
		f.open.Close()
	}
	if f.beside != "" {
		os.Remove(f.beside)
		f.beside = ""
	}
}

// Commit replaces all targets. If one cannot be replaced, those before it become what they were.
func (s *Files) Commit() error {
	defer s.Discard() // of the old files
	var done []*file
	for _, inPlace := range []bool{true, false} { // first those that may fail for want of space or a reader
		for _, f := range s.all {
			if (f.beside == "") != inPlace {
				continue
			}
			if err := f.commit(); err != nil {
				return errors.Join(cannotWrite(f.Path, err), takeBack(done))
			}
			done = append(done, f)
		}
	}
	return nil
}

// takeBack makes targets what they were, from last to first. An error names the file that keeps what cannot be put back.
func takeBack(done []*file) error {
	var errs []error
	for _, f := range slices.Backward(done) {
		err := f.undo()
		if err == nil {
			continue
		}
		err = fmt.Errorf("could not restore %s: %w", f.Path, err)
		if f.beside != "" {
			err = fmt.Errorf("%w; its old contents are in %s", err, f.beside)
			f.beside = ""
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// commit replaces or overwrites one target.
func (f *file) commit() error {
	switch {
	case f.isMount:
		return f.overwrite()
	case f.beside == "":
		f.undo = func() error { return nil }
		return appendTo(f.target, f.Data)
	}
	f.undo = func() error {
		return unix.Renameat2(unix.AT_FDCWD, f.beside, unix.AT_FDCWD, f.target, unix.RENAME_EXCHANGE)
	}
	if exchange := f.undo; exchange() == nil {
		return nil
	}
	// There is no old file, or the file system cannot exchange.
	if info, err := os.Lstat(f.target); err == nil {
		return f.replace(info)
	}
	if err := os.Rename(f.beside, f.target); err != nil {
		return err
	}
	f.beside = ""
	f.undo = func() error { return os.Remove(f.target) }
	return nil
}

// replace replaces a target where files cannot be exchanged, and keeps the old file.
func (f *file) replace(info fs.FileInfo) error {
	kept, err := keepOld(f.target, info)
	data := f.beside
	switch {
	case errors.Is(err, syscall.EBUSY): // a mount, on a system that does not report them
		f.discard()
		return f.overwrite()
	case err != nil:
		return err
	}
	f.beside = kept
	f.undo = func() error { return os.Rename(kept, f.target) }
	if err = os.Rename(data, f.target); err != nil {
		err = errors.Join(err, os.Remove(data), takeBack([]*file{f}))
	}
	return err
}

// keepOld keeps a file under another name beside it: by a link or, if there are no links or the file is another user's, whose
// links may not be removable, by renaming it, so that the file is missing for a moment.
func keepOld(path string, info fs.FileInfo) (kept string, err error) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == os.Geteuid() {
		if kept, err = nameBeside(path, func(name string) error { return os.Link(path, name) }); err == nil {
			return kept, nil
		}
	}
	return nameBeside(path, func(name string) error { return os.Rename(path, name) })
}

// overwrite writes a target that cannot be replaced. If that fails, it writes back the old bytes.
func (f *file) overwrite() error {
	old, err := files.Read(f.target, files.Result)
	if err != nil {
		return err
	}
	f.undo = func() error { return overwrite(f.target, old) }
	if err := overwrite(f.target, f.Data); err != nil {
		if back := f.undo(); back != nil {
			err = fmt.Errorf("%w; and the old bytes cannot be written back: %w", err, back)
		}
		return err
	}
	return nil
}

func overwrite(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = errors.Join(f.Truncate(int64(len(data))), syncOne(f))
	}
	return errors.Join(err, f.Close())
}

// appendTo writes to a device, a pipe or something that is open already. It does not wait for a pipe's reader.
func appendTo(path string, data []byte) error {
	f, err := openToAppend(path)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// openToAppend duplicates a descriptor of this process, because opening it again may not be allowed, and opens anything else.
func openToAppend(path string) (*os.File, error) {
	own, ok := strings.CutPrefix(path, fmt.Sprintf("/proc/%d/fd/", os.Getpid()))
	if !ok {
		return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	}
	number, err := strconv.Atoi(own)
	if err == nil {
		number, err = unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 0)
	}
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(number), path), nil
}
