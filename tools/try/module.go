package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// module is a buildpack or an extension in a directory of its author's; without a directory it is one of the builder's.
type module struct {
	kind buildpack.Kind
	buildpack.Descriptor
	dir string
}

// noVersion is what a module is called that has none: its release gives it one, as with packit and libpak.
const noVersion = "0.0.0-try"

// readModule reads the descriptor of a module's directory.
func readModule(dir string) (module, error) {
	for _, kind := range []buildpack.Kind{buildpack.KindExtension, buildpack.KindBuildpack} {
		path := filepath.Join(dir, string(kind)+".toml")
		text, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return module{}, err
		}
		descriptor, _, err := buildpack.ParseDescriptor(kind, text)
		if err != nil {
			return module{}, fmt.Errorf("%s: %w", path, err)
		}
		if descriptor.ID == "" {
			return module{}, fmt.Errorf("%s: it has no id under [%s]", path, kind)
		}
		if descriptor.Version == "" {
			descriptor.Version = noVersion
		}
		return module{kind: kind, Descriptor: descriptor, dir: dir}, nil
	}
	return module{}, fmt.Errorf("%s has no extension.toml and no buildpack.toml; name a directory with one%s", dir, below(dir))
}

// below names a module further down, if there is one.
func below(dir string) string {
	for _, depth := range []string{"*", "*/*", "*/*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, depth, "extension.toml"))
		if err == nil && len(found) > 0 {
			return ", such as " + filepath.Dir(found[0])
		}
	}
	return ""
}

func (m module) name() string { return m.ID + "@" + m.Version }

func (m module) is(ref ref) bool { return ref.ID == m.ID && ref.Kind == string(m.kind) }

// place is where a module is in a builder.
func (m module) place() string {
	return filepath.Join("cnb", string(m.kind)+"s", strings.ReplaceAll(m.ID, "/", "_"), m.Version)
}

// programs are the files of a module that are run.
var programs = []string{"bin/detect", "bin/generate", "bin/build"}

// copyTo copies a module, and returns what it mended in the copy: git can lose the bits that let files run.
func (m module) copyTo(dir string) ([]string, error) {
	if err := copyTree(m.dir, dir, func(path string) bool { return path == ".git" || path == "test" }); err != nil {
		return nil, err
	}
	var warnings []string
	if m.kind == buildpack.KindExtension && !exists(dir, "bin/detect") && !exists(dir, "bin/generate") && !exists(dir, "generate") {
		warnings = append(warnings, m.dir+" has no bin/detect, no bin/generate and no generate/; if its programs are compiled, build them first")
	}
	for _, program := range programs {
		path := filepath.Join(dir, program)
		info, err := os.Stat(path)
		if err != nil || info.Mode()&0o111 == 0o111 {
			continue
		}
		if err := os.Chmod(path, 0o755); err != nil {
			return nil, err
		}
		if info.Mode()&0o111 == 0 {
			warnings = append(warnings, fmt.Sprintf("%s cannot be run; try mended its copy. Mend yours with: git update-index --chmod=+x %s", filepath.Join(m.dir, program), program))
		}
	}
	return warnings, nil
}

func exists(names ...string) bool {
	_, err := os.Stat(filepath.Join(names...))
	return err == nil
}

// copyTree copies a directory without the paths that are left out, readable for everybody. Links stay links.
func copyTree(from, to string, leaveOut func(path string) bool) error {
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		target := filepath.Join(to, name)
		switch {
		case name != "." && leaveOut(filepath.ToSlash(name)):
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		case entry.IsDir() || name == ".":
			return os.MkdirAll(target, 0o755)
		case entry.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(path)
			if err != nil {
				return err
			}
			return os.Symlink(link, target)
		case !entry.Type().IsRegular():
			return nil // sockets and pipes are nothing of an app
		}
		return copyFile(path, target)
	})
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	info, err := source.Stat()
	if err != nil {
		return err
	}
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, info.Mode().Perm()|0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close(), os.Chmod(to, info.Mode().Perm()|0o644))
}

// linkFile gives a file that everybody may run a second name, or copies it.
func linkFile(from, to string) error {
	if info, err := os.Stat(from); err == nil && info.Mode()&0o055 == 0o055 && os.Link(from, to) == nil {
		return nil
	}
	return errors.Join(copyFile(from, to), os.Chmod(to, 0o755))
}
