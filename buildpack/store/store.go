// Package store finds modules on disk: buildpacks and extensions, by kind, id and version.
package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
)

// Store reads modules below two directories and remembers them. It is safe for concurrent use.
type Store struct {
	// Buildpacks and Extensions are absolute paths.
	Buildpacks, Extensions string

	mu    sync.Mutex
	known map[buildpack.Ref]found
}

type found struct {
	module *buildpack.Module
	err    error
}

// APIError says that a module declares an absent, malformed or unsupported Buildpack API: exit code 12. Its text has the
// words that platforms look for.
type APIError struct{ hinted }

// hinted is an error with what to try, empty if nothing comes to mind.
type hinted struct {
	error
	hint string
}

func (e *hinted) Unwrap() error { return e.error }

// Hint is what to try.
func (e *hinted) Hint() string { return e.hint }

// Module finds the module at <directory>/<id with / as _>/<version>. Errors: an unsafe id or version, a file that is missing
// or malformed, an *APIError.
func (s *Store) Module(ref buildpack.Ref) (*buildpack.Module, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.known[ref]; ok {
		return f.module, f.err
	}
	module, err := s.read(ref)
	if s.known == nil {
		s.known = map[buildpack.Ref]found{}
	}
	s.known[ref] = found{module, err}
	return module, err
}

func (s *Store) read(ref buildpack.Ref) (*buildpack.Module, error) {
	if err := ref.Check(); err != nil {
		return nil, err
	}
	dir := s.dir(ref)
	path := descriptorIn(dir, ref.Kind)
	data, err := files.Read(path, files.Config)
	if err != nil {
		if _, missing := os.Lstat(path); errors.Is(missing, fs.ErrNotExist) {
			err = &hinted{err, s.missingHint(ref)}
		}
		return nil, fmt.Errorf("failed to find %s %s: %w", ref.Kind, ref, err)
	}
	descriptor, warnings, err := buildpack.ParseDescriptor(ref.Kind, data)
	if err != nil {
		return nil, fmt.Errorf("failed to read %s: %w", path, err)
	}
	declared, err := api.Parse(descriptor.API)
	if err != nil || !api.BuildpackAPIs().Has(declared) {
		return nil, incompatible(ref, path, data, descriptor.API)
	}
	descriptor = descriptor.At(declared)
	m := &buildpack.Module{
		Ref: ref, API: declared, Dir: dir, Descriptor: descriptor,
		Targets: descriptor.InferTargets(ref.Kind, declared, func(name string) bool {
			_, err := os.Stat(filepath.Join(dir, "bin", name))
			return err == nil
		}),
	}
	for _, w := range warnings {
		text := path + ": " + w.String()
		if ref.Kind == buildpack.KindExtension && w.Key == "stacks" {
			text += ": extensions have no stacks but [[targets]], with os and arch"
		}
		m.Warnings = append(m.Warnings, text)
	}
	m.Warnings = append(m.Warnings, otherNames(ref, path, data, descriptor)...)
	return m, nil
}

func (s *Store) dir(ref buildpack.Ref) string {
	return filepath.Join(s.parent(ref.Kind), ref.Escaped(), ref.Version)
}

func (s *Store) parent(kind buildpack.Kind) string {
	if kind == buildpack.KindExtension {
		return s.Extensions
	}
	return s.Buildpacks
}

func descriptorIn(dir string, kind buildpack.Kind) string {
	return filepath.Join(dir, string(kind)+".toml")
}
