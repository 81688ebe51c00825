package generate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/platform"
)

// outputs is the tree of generated files while generation works on it. Extensions see the tree as it will be, so it is
// changed in place; each change notes how it is undone, and what stood in the way is set aside until all is well.
type outputs struct {
	// dir is the generated directory, at the Platform API that says how it is laid out.
	dir string
	at  api.Version
	// undo takes the changes back, from last to first.
	undo []func() error
	// backup is the directory with the paths that were set aside; empty until one is. It lies within dir, so that moving is
	// renaming.
	backup string
	// emptied are directories that may have nothing left in them, because something was set aside from there.
	emptied []string
	// temp holds the outputs of extensions where the layout does not show them as they are; empty until needed.
	temp string
}

// byExtension says whether the Platform API's layout is <generated>/<id>/, as the extension left it; older ones have
// <generated>/<kind>/<id>/Dockerfile.
func byExtension(at api.Version) bool { return at.AtLeast(api.V(0, 13)) }

// staleDirs are the directories with the results that an earlier run has listed, whatever its layout was.
func staleDirs(earlier *platform.Generated) ([]string, error) {
	if earlier == nil {
		return nil, nil
	}
	var paths, dirs []string
	for _, d := range earlier.Dockerfiles {
		paths = append(paths, d.Path)
	}
	for _, d := range earlier.Ignored {
		paths = append(paths, d.Path)
	}
	for _, path := range paths {
		dir, ok := resultDir(path)
		if !ok {
			return nil, withRemovalHint(fmt.Errorf("generated metadata of an earlier run lists %q, which is no place of a generated Dockerfile", path))
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// setAsideAll sets aside what of these is there.
func (o *outputs) setAsideAll(paths []string) error {
	for _, path := range paths {
		if err := o.setAside(path); err != nil {
			return err
		}
	}
	return nil
}

// resultDir is the directory in which an extension's results are, if the path is that of a Dockerfile in one of the two
// layouts: <id>/<kind>.Dockerfile or <kind>/<id>/Dockerfile, ignored or not.
func resultDir(path string) (dir string, ok bool) {
	dir, file := filepath.Split(filepath.FromSlash(strings.TrimSuffix(path, ".ignore")))
	dir = strings.TrimSuffix(dir, "/")
	if !filepath.IsLocal(dir) || dir != filepath.Clean(dir) || dir == "." {
		return "", false
	}
	parts := strings.Split(dir, "/")
	for _, kind := range buildpack.DockerfileKinds() {
		switch {
		case len(parts) == 1 && file == kind.File():
			return dir, true
		case len(parts) == 2 && parts[0] == string(kind) && file == "Dockerfile":
			return dir, true
		}
	}
	return "", false
}

// withRemovalHint adds to an error of generated.toml what to do about a file that is not of use.
func withRemovalHint(err error) error {
	return platform.WithHint(err, "remove generated.toml if no run of this project has written it: nothing else depends on it")
}

// setAside moves a path below the generated directory into the backup, if it is there.
func (o *outputs) setAside(path string) error {
	if err := o.checkParent(path); err != nil {
		return err
	}
	here := filepath.Join(o.dir, path)
	if _, err := os.Lstat(here); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if o.backup == "" {
		backup, err := os.MkdirTemp(o.dir, ".earlier-")
		if err != nil {
			return err
		}
		o.backup = backup
	}
	kept := filepath.Join(o.backup, strconv.Itoa(len(o.undo)))
	if err := move(here, kept); err != nil {
		return err
	}
	o.undo = append(o.undo, func() error { return move(kept, here) })
	o.emptied = append(o.emptied, filepath.Dir(path))
	return nil
}

// checkParent refuses to go through a link: what is beyond it is not below the generated directory.
func (o *outputs) checkParent(path string) error {
	parent := filepath.Dir(path)
	info, err := os.Lstat(filepath.Join(o.dir, parent))
	if parent != "." && err == nil && info.Mode()&fs.ModeSymlink != 0 {
		return fmt.Errorf("%s in the generated directory is a link, where generated files are to be", parent)
	}
	return nil
}

// newDir makes an empty directory below the generated directory, in place of whatever is there (B34).
func (o *outputs) newDir(path string) (string, error) {
	if err := o.setAside(path); err != nil {
		return "", err
	}
	dir := filepath.Join(o.dir, path)
	if err := o.makeParents(filepath.Dir(dir)); err != nil {
		return "", err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return "", err
	}
	o.undo = append(o.undo, func() error { return files.Remove(dir) })
	return dir, nil
}

// makeParents makes a directory and those above it that are missing.
func (o *outputs) makeParents(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := o.makeParents(filepath.Dir(dir)); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	o.undo = append(o.undo, func() error {
		os.Remove(dir) // unless it is not empty
		return nil
	})
	return nil
}

// prepare makes the empty directory in which an extension leaves its output.
func (o *outputs) prepare(m *buildpack.Module) (string, error) {
	if byExtension(o.at) {
		return o.newDir(m.Escaped())
	}
	for _, kind := range buildpack.DockerfileKinds() {
		if err := o.setAside(filepath.Join(string(kind), m.Escaped())); err != nil {
			return "", err
		}
	}
	if o.temp == "" {
		temp, err := os.MkdirTemp("", "prelude-generated-")
		if err != nil {
			return "", err
		}
		o.temp = temp
	}
	dir := filepath.Join(o.temp, m.Escaped())
	return dir, os.Mkdir(dir, 0o777)
}

// place brings a Dockerfile to where the layout wants it. It returns its path and that of its context, relative to the
// generated directory.
func (o *outputs) place(e ExtensionOutput, kind buildpack.DockerfileKind, ignored bool) (path, context string, err error) {
	path = filepath.Join(e.Module.Escaped(), kind.File())
	if byExtension(o.at) {
		if name := e.Contexts[kind]; name != "" {
			context = filepath.Join(e.Module.Escaped(), name)
		}
	} else if path, err = o.copyOut(e, kind); err != nil {
		return "", "", err
	}
	if ignored {
		err = os.Rename(filepath.Join(o.dir, path), filepath.Join(o.dir, path+".ignore"))
		path += ".ignore"
	}
	return path, context, err
}

// copyOut copies a Dockerfile and its extend-config.toml to <generated>/<kind>/<id>/.
func (o *outputs) copyOut(e ExtensionOutput, kind buildpack.DockerfileKind) (string, error) {
	relative := filepath.Join(string(kind), e.Module.Escaped())
	dir, err := o.newDir(relative)
	if err != nil {
		return "", err
	}
	if err := copyPlain(filepath.Join(e.Dir, kind.File()), filepath.Join(dir, "Dockerfile")); err != nil {
		return "", err
	}
	err = copyPlain(filepath.Join(e.Dir, ExtendConfig), filepath.Join(dir, ExtendConfig))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return filepath.Join(relative, "Dockerfile"), err
}

func copyPlain(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return files.CopyFile(from, to, info.Mode().Perm())
}

// keep makes the new tree final.
func (o *outputs) keep() error {
	for _, parent := range o.emptied {
		if parent != "." {
			os.Remove(filepath.Join(o.dir, parent)) // unless there is something in it
		}
	}
	o.undo, o.emptied = nil, nil
	return errors.Join(o.clear(&o.backup), o.clear(&o.temp))
}

// discard puts back what was there before.
func (o *outputs) discard() error {
	var errs []error
	for _, undo := range slices.Backward(o.undo) {
		errs = append(errs, undo())
	}
	o.undo, o.emptied = nil, nil
	if err := errors.Join(errs...); err != nil {
		return errors.Join(err, o.clear(&o.temp)) // what could not be put back stays in the backup
	}
	return errors.Join(o.clear(&o.backup), o.clear(&o.temp))
}

func (o *outputs) clear(dir *string) error {
	if *dir == "" {
		return nil
	}
	err := files.Remove(*dir)
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
