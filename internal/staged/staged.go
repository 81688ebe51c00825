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
	// beside is the file that holds the data until it replaces the target, and the old data after that if the two were
	// exchanged; empty if the target is written in place.
	beside string
	// open is the file beside until it is synced.
	open *os.File
	// isMount is true if the target is a mount of its own, which cannot be replaced.
	isMount bool
	// old is the file with what the target was, if the two were not exchanged.
	old string
}

// Write writes one file.
func Write(path string, data []byte) error {
	s, err := Stage(File{path, data})
	if err != nil {
		return err
	}
	return s.Commit()
}

// Replace puts a new file in the place of anything but a directory that has that name; a link is not followed. It is for
// files whose place no user has chosen.
func Replace(path string, data []byte) error {
	f, err := createBeside(path)
	if err != nil {
		return cannotWrite(path, err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
		return cannotWrite(path, err)
	}
	return nil
}

// Stage makes the parents of all files and writes each whole beside its target, synced. After an error nothing is left of
// any. A new file has the permissions that the umask leaves; one that replaces another has its mode and, as far as the
// system allows, its group and owner.
//
// A link stays, and the file to which it leads is written. Commit writes in place what cannot be replaced: anything but a
// regular file, such as /dev/stdout or a pipe with a reader, and a file that is a mount of its own, as container platforms
// make them.
func Stage(list ...File) (*Files, error) {
	s := &Files{}
	paths := map[string]string{}
	for _, one := range list {
		f, err := stage(one)
		if err != nil {
			s.Discard()
			return nil, cannotWrite(one.Path, err)
		}
		s.all = append(s.all, f)
		if other, twice := paths[f.target]; twice && f.beside != "" {
			s.Discard()
			return nil, cannotWrite(one.Path, fmt.Errorf("it is the same file as %s", other))
		}
		paths[f.target] = one.Path
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
	errs := make(chan error, len(s.all))
	for _, f := range s.all {
		go func() { errs <- f.sync() }()
	}
	var err error
	for range s.all {
		err = cmp.Or(err, <-errs)
	}
	return err
}

func (f *file) sync() error {
	if f.open == nil {
		return nil
	}
	err := errors.Join(syncOne(f.open), f.open.Close())
	f.open = nil
	if err != nil {
		return cannotWrite(f.Path, err)
	}
	return nil
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
	case isOpen:
		return f, nil
	case err == nil && info.IsDir():
		return nil, errors.New("it is a directory")
	case err == nil && !info.Mode().IsRegular():
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
	if f.open, err = createBeside(target); err != nil {
		return nil, err
	}
	f.beside = f.open.Name()
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

// createBeside creates a new file in the directory of another one, with the permissions that the umask leaves.
func createBeside(target string) (f *os.File, err error) {
	_, err = nameBeside(target, func(name string) error {
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		return err
	})
	return f, err
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
	return name, err
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
	for _, name := range []string{f.beside, f.old} {
		if name != "" {
			os.Remove(name)
		}
	}
}

// Commit replaces all targets. If one cannot be replaced, those before it become what they were.
func (s *Files) Commit() error {
	defer s.Discard() // of the old files
	var done []*file
	var undo []func() error
	for _, inPlace := range []bool{true, false} { // first those that may fail for want of space or a reader
		for _, f := range s.all {
			if (f.beside == "") != inPlace {
				continue
			}
			back, err := f.commit()
			if err != nil {
				return errors.Join(cannotWrite(f.Path, err), takeBack(done, undo))
			}
			done, undo = append(done, f), append(undo, back)
		}
	}
	return nil
}

// takeBack makes targets what they were, from last to first. An error names the file that keeps what cannot be put back.
func takeBack(done []*file, undo []func() error) error {
	var errs []error
	for i, f := range slices.Backward(done) {
		err := undo[i]()
		if err == nil {
			continue
		}
		err = fmt.Errorf("could not restore %s: %w", f.Path, err)
		if kept := cmp.Or(f.old, f.beside); kept != "" {
			err = fmt.Errorf("%w; its old contents are in %s", err, kept)
			f.old, f.beside = "", ""
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// commit replaces or overwrites one target, and returns what makes it what it was.
func (f *file) commit() (undo func() error, err error) {
	switch {
	case f.isMount:
		return overwrite(f.target, f.Data)
	case f.beside == "":
		return func() error { return nil }, appendTo(f.target, f.Data)
	}
	exchange := func() error {
		return unix.Renameat2(unix.AT_FDCWD, f.beside, unix.AT_FDCWD, f.target, unix.RENAME_EXCHANGE)
	}
	if exchange() == nil {
		return exchange, nil
	}
	// There is no old file, or the file system cannot exchange.
	if info, err := os.Lstat(f.target); err == nil {
		return f.replace(info)
	}
	if err := os.Rename(f.beside, f.target); err != nil {
		return nil, err
	}
	f.beside = ""
	return func() error { return os.Remove(f.target) }, nil
}

// replace replaces a target where files cannot be exchanged, and keeps the old file.
func (f *file) replace(info fs.FileInfo) (undo func() error, err error) {
	if f.old, err = keepOld(f.target, info); err == nil {
		err = os.Rename(f.beside, f.target)
	}
	undo = func() error { return os.Rename(f.old, f.target) }
	_, gone := os.Lstat(f.target)
	switch {
	case err == nil:
		f.beside = ""
		return undo, nil
	case errors.Is(err, syscall.EBUSY): // a mount, on a system that does not report them
		return overwrite(f.target, f.Data)
	case gone != nil:
		err = errors.Join(err, takeBack([]*file{f}, []func() error{undo}))
	}
	return nil, err
}

// keepOld keeps a file under another name beside it: by a link or, if there are no links or the file is another user's, whose
// links may not be removable, by renaming it, so that the file is missing for a moment.
func keepOld(path string, info fs.FileInfo) (kept string, err error) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == os.Geteuid() {
		kept, err = nameBeside(path, func(name string) error { return unix.Linkat(unix.AT_FDCWD, path, unix.AT_FDCWD, name, 0) })
		if err == nil {
			return kept, nil
		}
	}
	kept, err = nameBeside(path, func(name string) error { return os.Rename(path, name) })
	if err != nil {
		return "", err
	}
	return kept, nil
}

// overwrite writes a file that cannot be replaced. If that fails, it writes back the old bytes.
func overwrite(path string, data []byte) (undo func() error, err error) {
	old, err := files.Read(path, files.Result)
	if err != nil {
		return nil, err
	}
	put := func(data []byte) error {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		_, err = f.Write(data)
		if err == nil {
			err = errors.Join(f.Truncate(int64(len(data))), syncOne(f))
		}
		return errors.Join(err, f.Close())
	}
	undo = func() error { return put(old) }
	if err := put(data); err != nil {
		if back := undo(); back != nil {
			err = fmt.Errorf("%w; and the old bytes cannot be written back: %w", err, back)
		}
		return nil, err
	}
	return undo, nil
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
	if own, ok := strings.CutPrefix(path, fmt.Sprintf("/proc/%d/fd/", os.Getpid())); ok {
		number, err := strconv.Atoi(own)
		if err != nil {
			return nil, err
		}
		if number, err = unix.FcntlInt(uintptr(number), unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(number), path), nil
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
}
