package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/platform"
)

// How much is read of what others wrote.
var (
	maxBytes   int64 = 4 << 30 // of a build context
	maxEntries int64 = 1 << 20
)

// openBelow opens a directory that must not be a link, and from which no name leads out, whatever is changed meanwhile.
func openBelow(dir string) (*os.Root, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	parent, err := os.OpenRoot(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	defer parent.Close()
	return descend(parent, filepath.Base(dir))
}

// descend opens a directory below another one, of which no part may be a link.
func descend(root *os.Root, name string) (*os.Root, error) {
	if err := noLinks(root, name); err != nil {
		return nil, err
	}
	info, err := root.Lstat(name)
	if err == nil && !info.IsDir() {
		err = fmt.Errorf("%s is a %s, not a directory", name, files.TypeOf(info.Mode()))
	}
	if err != nil {
		return nil, err
	}
	return root.OpenRoot(name)
}

// noLinks demands that nothing on a way is a link. What is swapped for one afterwards still cannot lead out of the root.
func noLinks(root *os.Root, name string) error {
	for at, part := range strings.Split(filepath.Clean(name), "/") {
		prefix := path.Join(strings.Split(filepath.Clean(name), "/")[:at+1]...)
		info, err := root.Lstat(prefix)
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return fmt.Errorf("%s is a link, and links are not followed here", path.Join(path.Dir(prefix), part))
		}
	}
	return nil
}

// readVerified reads a Dockerfile, and demands that it is what was generated. What is verified is what is returned.
func readVerified(root *os.Root, name, digest string) ([]byte, error) {
	if err := noLinks(root, name); err != nil {
		return nil, err
	}
	f, err := openFile(root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, files.Config+1))
	switch {
	case err != nil:
		return nil, err
	case len(text) > files.Config:
		return nil, fmt.Errorf("it is larger than %d MiB, the limit for a Dockerfile", files.Config>>20)
	case platform.Digest(text) != digest:
		return nil, fmt.Errorf("it was changed after generation: its digest is %s, generated.toml says %s; generate again", platform.Digest(text), digest)
	}
	return text, nil
}

// openFile opens a regular file; it never waits for a pipe.
func openFile(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is a %s, not a file", name, files.TypeOf(info.Mode()))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// copier makes a private copy of a build context, so that what was checked is what is built.
type copier struct {
	from, to *os.Root
	// strict refuses links that lead out of the context; else they are copied as the links that they are.
	strict         bool
	bytes, entries int64
	sum            io.Writer
}

// copyContext copies a build context into a new directory and returns a digest of all that a build can see of it.
func copyContext(from *os.Root, to string, strict bool) (digest string, err error) {
	if err := os.MkdirAll(to, 0o755); err != nil {
		return "", err
	}
	target, err := os.OpenRoot(to)
	if err != nil {
		return "", err
	}
	defer target.Close()
	sum := sha256.New()
	c := copier{from: from, to: target, strict: strict, bytes: maxBytes, entries: maxEntries, sum: sum}
	if err := c.dir("."); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// dir copies what is in a directory. Its own mode is set last, since it may forbid to write.
func (c *copier) dir(name string) error {
	f, err := c.from.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(int(c.entries) + 1)
	if err != nil && err != io.EOF {
		return err
	}
	sortByName(entries)
	for _, entry := range entries {
		if err := c.entry(path.Join(name, entry.Name())); err != nil {
			return err
		}
	}
	return c.to.Chmod(name, info.Mode()&(fs.ModePerm|fs.ModeSetgid|fs.ModeSticky))
}

func (c *copier) entry(name string) error {
	if c.entries--; c.entries < 0 {
		return fmt.Errorf("the build context has more than %d files", maxEntries)
	}
	info, err := c.from.Lstat(name)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		fmt.Fprintf(c.sum, "d %q %o\n", name, info.Mode())
		if err := c.to.Mkdir(name, 0o700); err != nil {
			return err
		}
		return c.dir(name)
	case info.Mode()&fs.ModeSymlink != 0:
		return c.link(name)
	case info.Mode().IsRegular():
		return c.file(name)
	}
	return fmt.Errorf("%s in the build context is a %s, which cannot be copied", name, files.TypeOf(info.Mode()))
}

func (c *copier) link(name string) error {
	target, err := c.from.Readlink(name)
	if err != nil {
		return err
	}
	if c.strict && (path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target))) {
		return fmt.Errorf("%s in the build context is a link to %s, which leads out of it", name, target)
	}
	fmt.Fprintf(c.sum, "l %q %q\n", name, target)
	return c.to.Symlink(target, name)
}

func (c *copier) file(name string) error {
	in, err := openFile(c.from, name)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := c.to.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	sum := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, sum), io.LimitReader(in, c.bytes+1))
	if err != nil {
		return err
	}
	if c.bytes -= n; c.bytes < 0 {
		return fmt.Errorf("the build context is larger than %d GiB", maxBytes>>30)
	}
	fmt.Fprintf(c.sum, "f %q %o %x\n", name, info.Mode(), sum.Sum(nil))
	if err := out.Chmod(info.Mode() & (fs.ModePerm | fs.ModeSetuid | fs.ModeSetgid | fs.ModeSticky)); err != nil {
		return err
	}
	return out.Close()
}

// sortByName makes the order of a directory's entries one that does not depend on its file system.
func sortByName(entries []fs.DirEntry) {
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
}
