package main

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// pack writes a directory to an archive, as files of an owner below a name.
func pack(w *tar.Writer, dir, below string, uid, gid int, leaveOut func(string) bool) error {
	return filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		if name = filepath.ToSlash(name); name != "." && leaveOut(name) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		return packOne(w, file, path.Join(below, name), uid, gid)
	})
}

func packOne(w *tar.Writer, file, name string, uid, gid int) error {
	info, err := os.Lstat(file)
	if err != nil {
		return err
	}
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(file); err != nil {
			return err
		}
	} else if !info.IsDir() && !info.Mode().IsRegular() {
		return nil // sockets and pipes are nothing of an app
	}
	header, err := tar.FileInfoHeader(info, filepath.ToSlash(link))
	if err != nil {
		return err
	}
	header.Name, header.Uid, header.Gid, header.Uname, header.Gname = name, uid, gid, "", ""
	if err := w.WriteHeader(header); err != nil || !info.Mode().IsRegular() {
		return err
	}
	content, err := os.Open(file)
	if err != nil {
		return err
	}
	defer content.Close()
	_, err = io.Copy(w, content)
	return err
}

// unpacking writes the entries of an archive below a directory that it does not leave: the archive is not trusted. With owners, files get
// the owners of the archive, which takes root. Devices and bits that give rights are left out.
type unpacking struct {
	*os.Root
	owners bool
	// written are the entries of this archive, which its whiteouts do not remove.
	written map[string]bool
}

func unpack(archive io.Reader, dir string, owners bool) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	u := unpacking{root, owners, map[string]bool{}}
	for r := tar.NewReader(archive); ; {
		header, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = u.entry(header, r)
		}
		if err != nil {
			return fmt.Errorf("unpacking %s: %w", cmp.Or(entryName(header), "the archive"), err)
		}
	}
}

func entryName(header *tar.Header) string {
	if header == nil {
		return ""
	}
	return strings.TrimPrefix(path.Clean("/"+header.Name), "/")
}

// Whiteouts of layers: a file with this prefix removes what lower layers have of that name, one of this name all that they have there.
const (
	whiteout = ".wh."
	opaque   = ".wh..wh..opq"
)

func (u unpacking) entry(header *tar.Header, content io.Reader) error {
	dir, base := path.Split(entryName(header))
	if base == "" {
		return nil
	}
	dir, err := u.resolve(dir)
	if err != nil {
		return err
	}
	if base == opaque {
		return u.empty(dir)
	}
	if hidden, is := strings.CutPrefix(base, whiteout); is {
		return u.RemoveAll(path.Join(dir, hidden))
	}
	u.written[path.Join(dir, base)] = true
	return u.write(path.Join(dir, base), header, content)
}

// resolve makes a directory, and returns where it is if links lead there. The links of an image begin at its own root.
func (u unpacking) resolve(dir string) (string, error) {
	done := "."
	parts := strings.Split(path.Clean(dir), "/")
	for links := 0; len(parts) > 0; {
		next := path.Join(done, parts[0])
		parts = parts[1:]
		target, err := u.Readlink(next)
		if err != nil {
			if err := u.Mkdir(next, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return "", err
			}
			done = next
			continue
		}
		if links++; links > 40 {
			return "", errors.New("too many links")
		}
		if !path.IsAbs(target) {
			target = path.Join("/", done, target)
		}
		done, parts = ".", append(strings.Split(strings.TrimPrefix(path.Clean(target), "/"), "/"), parts...)
	}
	return done, nil
}

// empty removes from a directory what earlier archives have put there.
func (u unpacking) empty(dir string) error {
	entries, err := fs.ReadDir(u.FS(), dir)
	for _, entry := range entries {
		if file := path.Join(dir, entry.Name()); !u.written[file] {
			err = errors.Join(err, u.RemoveAll(file))
		}
	}
	return err
}

func (u unpacking) write(file string, header *tar.Header, content io.Reader) error {
	var err error
	if header.Typeflag != tar.TypeDir {
		if err := u.RemoveAll(file); err != nil {
			return err
		}
	}
	switch header.Typeflag {
	case tar.TypeDir:
		if info, statErr := u.Lstat(file); statErr == nil && !info.IsDir() && info.Mode()&fs.ModeSymlink == 0 {
			err = u.RemoveAll(file)
		} else if statErr == nil && info.Mode()&fs.ModeSymlink != 0 {
			return nil
		}
		if mkdirErr := u.Mkdir(file, 0o755); mkdirErr != nil && !errors.Is(mkdirErr, fs.ErrExist) {
			err = errors.Join(err, mkdirErr)
		}
	case tar.TypeReg:
		err = u.writeFile(file, content)
	case tar.TypeSymlink:
		if err = u.Symlink(header.Linkname, file); err == nil && u.owners {
			err = u.Lchown(file, header.Uid, header.Gid)
		}
		return err
	case tar.TypeLink:
		dir, base := path.Split(path.Clean("/" + header.Linkname))
		if dir, err = u.resolve(strings.TrimPrefix(dir, "/")); err == nil {
			err = u.Link(path.Join(dir, base), file)
		}
		return err
	default:
		return nil
	}
	if err == nil && u.owners {
		err = u.Lchown(file, header.Uid, header.Gid)
	}
	return errors.Join(err, u.Chmod(file, u.mode(header)))
}

// mode is that of a file or a directory. Our user must be able to read and to remove files that belong to others.
func (u unpacking) mode(header *tar.Header) fs.FileMode {
	mode := fs.FileMode(header.Mode).Perm()
	if !u.owners {
		mode |= 0o600
	}
	if header.Typeflag == tar.TypeDir {
		if !u.owners {
			mode |= 0o700
		}
		if header.Mode&0o1000 != 0 {
			mode |= fs.ModeSticky
		}
	}
	return mode
}

func (u unpacking) writeFile(file string, content io.Reader) error {
	f, err := u.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	return errors.Join(err, f.Close())
}
