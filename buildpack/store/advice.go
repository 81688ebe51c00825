package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/similar"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// notFound says that a module's descriptor cannot be read; its hint says what there is instead.
type notFound struct {
	ref  buildpack.Ref
	err  error
	hint string
}

func (e *notFound) Error() string {
	return fmt.Sprintf("failed to find %s %s: %s", e.ref.Kind, e.ref, e.err)
}
func (e *notFound) Unwrap() error { return e.err }

// Hint is what to try; empty if nothing comes to mind.
func (e *notFound) Hint() string { return e.hint }

// instead says what there is that was perhaps meant by a module that is not where it should be.
func (s *Store) instead(ref buildpack.Ref, err error) string {
	other := buildpack.Ref{Kind: buildpack.KindExtension, ID: ref.ID, Version: ref.Version}
	group := "[[order-extensions]]"
	if ref.Kind == buildpack.KindExtension {
		other.Kind, group = buildpack.KindBuildpack, "[[order]]"
	}
	dir := s.dir(ref)
	unescaped := filepath.Join(s.parent(ref.Kind), ref.ID, ref.Version)
	versions := names(filepath.Dir(dir))
	near, _ := similar.Closest(ref.Escaped(), names(s.parent(ref.Kind)))
	switch {
	case !errors.Is(err, fs.ErrNotExist):
		return ""
	case exists(descriptorIn(dir, other.Kind)):
		return fmt.Sprintf("there is %s: the descriptor of this %s should be %s.toml", descriptorIn(dir, other.Kind), ref.Kind, ref.Kind)
	case s.parent(other.Kind) != "" && exists(descriptorIn(s.dir(other), other.Kind)):
		return fmt.Sprintf("there is such a module among the %ss: list it in %s of the order", other.Kind, group)
	case misspelled(dir, ref.Kind) != "":
		return fmt.Sprintf("there is %s: the descriptor of this %s should be %s.toml", filepath.Join(dir, misspelled(dir, ref.Kind)), ref.Kind, ref.Kind)
	case exists(dir):
		return fmt.Sprintf("%s is there, but it has no %s.toml", dir, ref.Kind)
	case len(versions) > 0:
		return fmt.Sprintf("of %s there is %s: the order has to name the version as its directory is named", ref.ID, few(versions))
	case unescaped != dir && exists(unescaped):
		return fmt.Sprintf(`there is %s, but in the name of the directory "/" is written as "_": move it to %s`, unescaped, dir)
	case near != "" && len(near) > 2: // shorter ones are like all others
		return fmt.Sprintf("there is %s: is that the one that is meant?", near)
	}
	return ""
}

// misspelled is a file of a module's directory that is called nearly as its descriptor should be; empty if there is none.
func misspelled(dir string, kind buildpack.Kind) string {
	entries, _ := os.ReadDir(dir) // a directory that cannot be read has nothing to offer
	var others []string
	for _, entry := range entries {
		if strings.EqualFold(filepath.Ext(entry.Name()), ".toml") {
			others = append(others, entry.Name())
		}
	}
	name, _ := similar.Closest(string(kind)+".toml", others)
	return name
}

// few are the names, or the first of them.
func few(names []string) string {
	const most = 5
	if len(names) > most {
		names = append(slices.Clip(names[:most]), "…")
	}
	return strings.Join(names, ", ")
}

func names(dir string) []string {
	var list []string
	entries, _ := os.ReadDir(dir) // a directory that cannot be read has no names to offer
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// descriptorFile is the descriptor of a module as it was read.
type descriptorFile struct {
	ref  buildpack.Ref
	path string
	data []byte
}

// incompatible says what a descriptor that has no usable api has, where, and what to do about it.
func (f descriptorFile) incompatible(declared string, warnings []tomlconfig.Warning) *APIError {
	e := &APIError{Module: f.ref, Declared: declared, Place: f.path + ": there is no key api"}
	if lines := tomlconfig.Lines(f.data, "api"); len(lines) > 0 {
		e.Place = fmt.Sprintf("%s: line %d: api", f.path, lines[0])
		return e
	}
	e.hint = fmt.Sprintf("begin the file with a line such as api = %q", api.BuildpackAPIs().Newest)
	if lines := tomlconfig.Lines(f.data, string(f.ref.Kind), "api"); len(lines) > 0 {
		e.hint = fmt.Sprintf("line %d: api stands in [%s]; move it above the first table", lines[0], f.ref.Kind)
	}
	for _, w := range warnings {
		if w.Nearest == "api" {
			e.hint = w.String()
		}
	}
	return e
}

// strange says where a descriptor's id or version is not the one by which the order names the module. The order's counts.
func (f descriptorFile) strange(d buildpack.Descriptor) []string {
	var warnings []string
	check := func(key, found, wanted string) {
		if found == wanted {
			return
		}
		line := 0
		if lines := tomlconfig.Lines(f.data, string(f.ref.Kind), key); len(lines) > 0 {
			line = lines[0]
		}
		warnings = append(warnings, fmt.Sprintf("%s: line %d: %s.%s is %q, but the order and the directory say %q, which counts", f.path, line, f.ref.Kind, key, tomlconfig.Shown(found), wanted))
	}
	if d.ID == "" {
		warnings = append(warnings, fmt.Sprintf("%s: there is no key %s.id; it should be %q", f.path, f.ref.Kind, f.ref.ID))
	} else {
		check("id", d.ID, f.ref.ID)
	}
	if d.Version != "" {
		check("version", d.Version, f.ref.Version)
	}
	return warnings
}
