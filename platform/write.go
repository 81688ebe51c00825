package platform

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/cnb-prelude/prelude/internal/files"
)

// Output is a file to write.
type Output struct {
	Path string
	Data []byte
}

// Staged are outputs that are written, beside the files whose place they are to take. Either Commit or Discard ends them.
type Staged struct {
	outputs []*staged
}

// staged is one of them.
type staged struct {
	Output
	// target is where the path's links lead.
	target string
	// beside is the file that holds the data until it takes the target's place; empty if the target is written in place.
	beside string
	// open is that file until it is synced; nil otherwise.
	open *os.File
	// isMount says that the target is a mounted file, which cannot be replaced.
	isMount bool
}

// WriteFile writes one output.
func WriteFile(path string, data []byte) error {
	s, err := Stage(Output{path, data})
	if err != nil {
		return err
	}
	return s.Commit()
}

// Stage makes the parents of all outputs and writes each whole beside its target, synced. After an error nothing is left
// of any. Permissions are what the umask leaves (B12).
//
// What a link leads to is written; the link stays. Three kinds of target cannot be replaced, so they are written in
// place by Commit: what is not a regular file, such as /dev/stdout or a pipe that somebody reads from; and a file that is
// a mount of its own, as container platforms make them.
func Stage(outputs ...Output) (*Staged, error) {
	s := &Staged{}
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
func (s *Staged) flush() error {
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

func stage(o Output) (*staged, error) {
	target, isOpen, err := follow(o.Path)
	if err != nil {
		return nil, err
	}
	one := &staged{Output: o, target: target}
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

// createBeside creates a new file in the directory of another one, with the permissions of a plain new file. Its name is
// not like the other's, which may be as long as a name can be.
func createBeside(target string) (*os.File, error) {
	for try := 0; ; try++ {
		name := filepath.Join(filepath.Dir(target), fmt.Sprintf(".prelude-%08x.tmp", rand.Uint32()))
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if errors.Is(err, fs.ErrExist) && try < 100 {
			continue
		}
		return f, err
	}
}

// Discard removes what has been staged.
func (s *Staged) Discard() {
	for _, one := range s.outputs {
		one.discard()
	}
	s.outputs = nil
}

func (o *staged) discard() {
	if o.open != nil {
		o.open.Close()
	}
	if o.beside != "" {
		os.Remove(o.beside)
	}
}

// Commit brings all outputs to their places. If one cannot be, those before it are taken back.
func (s *Staged) Commit() error {
	defer s.Discard() // after a commit, what is beside is what was there before
	var undo []func()
	for _, inPlace := range []bool{true, false} { // first what may fail for want of space or a reader
		for _, one := range s.outputs {
			if (one.beside == "") != inPlace {
				continue
			}
			back, err := one.commit()
			if err != nil {
				for i := len(undo) - 1; i >= 0; i-- {
					undo[i]()
				}
				return cannotWrite(one.Path, err)
			}
			undo = append(undo, back)
		}
	}
	return nil
}

// commit brings one output to its place and returns what takes it back, as far as that can be.
func (o *staged) commit() (undo func(), err error) {
	switch {
	case o.isMount:
		return overwrite(o.target, o.Data)
	case o.beside == "":
		return func() {}, appendTo(o.target, o.Data)
	}
	swap := func() error {
		return unix.Renameat2(unix.AT_FDCWD, o.beside, unix.AT_FDCWD, o.target, unix.RENAME_EXCHANGE)
	}
	if swap() == nil {
		return func() { swap() }, nil //nolint:errcheck // nothing can be done about it
	}
	// Nothing to swap with, or a file system that cannot.
	_, missing := os.Lstat(o.target)
	switch err := os.Rename(o.beside, o.target); {
	case errors.Is(err, syscall.EBUSY): // a mount, on a system that does not tell us so
		return overwrite(o.target, o.Data)
	case err != nil:
		return nil, err
	}
	return func() {
		if missing != nil {
			os.Remove(o.target)
		}
	}, nil
}

// overwrite writes a file that cannot be replaced. If that fails, it writes back what was there.
func overwrite(path string, data []byte) (undo func(), err error) {
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
	undo = func() { put(old) } //nolint:errcheck // nothing can be done about it
	if err := put(data); err != nil {
		undo()
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

// openToAppend opens such a thing. What we have open ourselves is not opened again: we may not be allowed to.
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
