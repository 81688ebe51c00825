// Package staged writes several files as one: either all are replaced or none is.
package staged

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
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

// Files are outputs that are written, beside the files whose place they are to take. Either Commit or Discard ends them.
type Files struct {
	outputs []*file
}

// staged is one of them.
type file struct {
	File
	// target is where the path's links lead.
	target string
	// beside is the file that holds the data until it takes the target's place; empty if the target is written in place.
	beside string
	// open is that file until it is synced; nil otherwise.
	open *os.File
	// isMount says that the target is a mounted file, which cannot be replaced.
	isMount bool
	// old is the file that holds what was in the target's place; empty if nothing was, or if it is in beside.
	old string
}

// Write writes one output.
func Write(path string, data []byte) error {
	s, err := Stage(File{path, data})
	if err != nil {
		return err
	}
	return s.Commit()
}

// Replace puts a new file in the place of whatever has that name, a link included, unless that is a directory. In the
// meantime what was there stays as it is. It is for files whose place no user has chosen.
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

// Stage makes the parents of all outputs and writes each whole beside its target, synced. After an error nothing is left
// of any. Permissions are what the umask leaves (B12).
//
// What a link leads to is written; the link stays. Three kinds of target cannot be replaced, so they are written in
// place by Commit: what is not a regular file, such as /dev/stdout or a pipe with a reader; and a file that is
// a mount of its own, as container platforms make them.
func Stage(outputs ...File) (*Files, error) {
	s := &Files{}
	seen := map[string]string{}
	for _, o := range outputs {
		one, err := stage(o)
		if err != nil {
			s.Discard()
			return nil, cannotWrite(o.Path, err)
		}
		s.outputs = append(s.outputs, one)
		if other, twice := seen[one.target]; twice && one.beside != "" {
			s.Discard()
			return nil, cannotWrite(o.Path, fmt.Errorf("it is the same file as %s", other))
		}
		seen[one.target] = o.Path
	}
	if err := s.flush(); err != nil {
		s.Discard()
		return nil, err
	}
	return s, nil
}

// flush makes sure that all data is on the disk before the names are, so that a machine that fails has the old file or
// the new one. All at the same time, for a file system makes one transaction of that. Some have no such thing.
func (s *Files) flush() error {
	errs := make([]error, len(s.outputs))
	var all sync.WaitGroup
	for i, one := range s.outputs {
		if one.open == nil {
			continue
		}
		all.Add(1)
		go func() {
			defer all.Done()
			if err := errors.Join(flush(one.open), one.open.Close()); err != nil {
				errs[i] = cannotWrite(one.Path, err)
			}
			one.open = nil
		}()
	}
	all.Wait()
	return cmp.Or(errs...)
}

func stage(o File) (*file, error) {
	target, isOpen, err := follow(o.Path)
	if err != nil {
		return nil, err
	}
	one := &file{File: o, target: target}
	info, err := os.Stat(target)
	switch {
	case isOpen:
		return one, nil
	case err == nil && info.IsDir():
		return nil, errors.New("it is a directory")
	case err == nil && !info.Mode().IsRegular():
		return one, nil
	case err == nil && isMount(target):
		one.isMount = true
		return one, nil
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o777); err != nil {
		return nil, err
	}
	if one.open, err = createBeside(target); err != nil {
		return nil, err
	}
	one.beside = one.open.Name()
	if _, err = one.open.Write(o.Data); err != nil {
		one.discard()
		return nil, err
	}
	return one, nil
}

// follow follows the links at the end of a path. It says whether they lead to something that a process has open, such as
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

// isMount says whether a file is a mount of its own.
func isMount(path string) bool {
	var stat unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_TYPE, &stat)
	return err == nil && stat.Attributes&stat.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0
}

// flush syncs a file, if it can be.
func flush(f *os.File) error {
	if err := f.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return nil
}

// createBeside creates a new file in the directory of another one, with the permissions of a plain new file.
func createBeside(target string) (f *os.File, err error) {
	_, err = nameBeside(target, func(name string) error {
		f, err = os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		return err
	})
	return f, err
}

// nameBeside has something made in the directory of a file, under a name that nothing has. It is not like the file's,
// which may be as long as a name can be.
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
	for _, one := range s.outputs {
		one.discard()
	}
	s.outputs = nil
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

// Commit brings all outputs to their places. If one cannot be, those before it are taken back.
func (s *Files) Commit() error {
	defer s.Discard() // after a commit, the files beside are the old ones
	var done []*file
	var undo []func() error
	for _, inPlace := range []bool{true, false} { // first what may fail for want of space or a reader
		for _, one := range s.outputs {
			if (one.beside == "") != inPlace {
				continue
			}
			back, err := one.commit()
			if err != nil {
				return errors.Join(cannotWrite(one.Path, err), takeBack(done, undo))
			}
			done, undo = append(done, one), append(undo, back)
		}
	}
	return nil
}

// takeBack puts back what was there before some outputs, from last to first. What it cannot put back stays where it is
// kept, and the error says where that is.
func takeBack(done []*file, undo []func() error) error {
	var errs []error
	for i, one := range slices.Backward(done) {
		err := undo[i]()
		if err == nil {
			continue
		}
		err = fmt.Errorf("%s cannot be made what it was: %w", one.Path, err)
		if kept := cmp.Or(one.old, one.beside); kept != "" {
			err = fmt.Errorf("%w; that is in %s", err, kept)
			one.old, one.beside = "", ""
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// commit brings one output to its place and returns what takes it back, as far as that can be.
func (f *file) commit() (undo func() error, err error) {
	switch {
	case f.isMount:
		return overwrite(f.target, f.Data)
	case f.beside == "":
		return func() error { return nil }, appendTo(f.target, f.Data)
	}
	swap := func() error {
		return unix.Renameat2(unix.AT_FDCWD, f.beside, unix.AT_FDCWD, f.target, unix.RENAME_EXCHANGE)
	}
	if swap() == nil {
		return swap, nil
	}
	// Nothing to swap with, or a file system that cannot.
	info, err := os.Lstat(f.target)
	if err == nil {
		return f.replace(info)
	}
	if err := os.Rename(f.beside, f.target); err != nil {
		return nil, err
	}
	f.beside = ""
	return func() error { return os.Remove(f.target) }, nil
}

// replace brings an output to the place of an old file where the two cannot be swapped. The old one is kept until all
// outputs are in place.
func (f *file) replace(info fs.FileInfo) (undo func() error, err error) {
	if f.old, err = keepOld(f.target, info); err != nil {
		return nil, err
	}
	undo = func() error { return os.Rename(f.old, f.target) }
	err = os.Rename(f.beside, f.target)
	_, gone := os.Lstat(f.target)
	switch {
	case err == nil:
		f.beside = ""
		return undo, nil
	case errors.Is(err, syscall.EBUSY): // a mount, on a system that does not tell so
		return overwrite(f.target, f.Data)
	case gone != nil:
		err = errors.Join(err, takeBack([]*file{f}, []func() error{undo}))
	}
	return nil, err
}

// keepOld keeps a file under another name beside it: by a link to it; where there are no links, or it is another user's,
// as a copy, which this process can remove in any directory; or, if it may not be read either, by moving it there, for which
// moment it is gone.
func keepOld(path string, info fs.FileInfo) (kept string, err error) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == os.Geteuid() {
		kept, err = nameBeside(path, func(name string) error { return unix.Linkat(unix.AT_FDCWD, path, unix.AT_FDCWD, name, 0) })
		if err == nil {
			return kept, nil
		}
	}
	kept, err = copyBeside(path)
	if errors.Is(err, fs.ErrPermission) {
		kept, err = nameBeside(path, func(name string) error { return os.Rename(path, name) })
	}
	if err != nil {
		kept = ""
	}
	return kept, err
}

// copyBeside copies a file, with its mode and, as far as that is allowed, its owner.
func copyBeside(path string) (name string, err error) {
	from, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return "", err
	}
	to, err := createBeside(path)
	if err != nil {
		return "", err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		to.Chown(int(stat.Uid), int(stat.Gid)) //nolint:errcheck // only root may give files away
	}
	_, err = io.Copy(to, from)
	if err = errors.Join(err, to.Chmod(info.Mode()), flush(to), to.Close()); err != nil {
		os.Remove(to.Name())
	}
	return to.Name(), err
}

// overwrite writes a file that cannot be replaced. If that fails, it writes back what was there.
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
			err = errors.Join(f.Truncate(int64(len(data))), flush(f))
		}
		return errors.Join(err, f.Close())
	}
	undo = func() error { return put(old) }
	if err := put(data); err != nil {
		if back := undo(); back != nil {
			err = fmt.Errorf("%w; and what was there cannot be written back: %w", err, back)
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
	_, err = bytes.NewReader(data).WriteTo(f)
	return errors.Join(err, f.Close())
}

// openToAppend opens such a thing. A descriptor of this process is duplicated, not opened again, which may not be allowed.
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

// cannotWrite names the file that was to be written, rather than the one beside it, and says what to try.
func cannotWrite(path string, err error) error {
	var about *fs.PathError
	var linked *os.LinkError
	reason, where := err, filepath.Dir(path)
	switch {
	case errors.As(err, &about) && strings.HasPrefix(filepath.Base(about.Path), ".prelude-"):
		reason, where = about.Err, filepath.Dir(about.Path)
	case errors.As(err, &about):
		where = about.Path
		if about.Op == "mkdir" {
			where = filepath.Dir(about.Path)
		} else if about.Path == path {
			reason = about.Err
		}
	case errors.As(err, &linked):
		reason, where = linked.Err, filepath.Dir(linked.New)
	}
	hint := "choose another path for it"
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		hint = "make room there, or " + hint
	case errors.Is(err, syscall.EFBIG):
		hint = files.SizeLimit()
	case errors.Is(err, syscall.EROFS):
		hint = "mount that file system for writing, or " + hint
	case errors.Is(err, fs.ErrPermission):
		hint = files.Whose(where) + "; change that, or " + hint
	case errors.Is(err, syscall.ENXIO):
		hint = "nobody reads from that pipe"
	}
	return fmt.Errorf("failed to write %s: %w (%s)", path, reason, hint)
}
