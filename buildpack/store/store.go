// Package store finds modules on disk: buildpacks and extensions, by kind, id and version.
package store

import (
	"fmt"
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

// APIError says that a module declares an absent, malformed or unsupported Buildpack API: exit code 12.
type APIError struct {
	Module   buildpack.Ref
	Declared string
	// Place is the file and, if there is one, the line.
	Place string

	hint string
}

// Error has the words that platforms look for.
func (e *APIError) Error() string {
	return fmt.Sprintf("buildpack API version '%s' is incompatible with the lifecycle: %s %s needs one of %s (%s)",
		e.Declared, e.Module.Kind, e.Module, api.BuildpackAPIs(), e.Place)
}

// Hint is what to try; empty if nothing comes to mind.
func (e *APIError) Hint() string { return e.hint }

// Module finds the module at <directory>/<id with / as _>/<version> (docs/reference.md, "The order"). Errors: an unsafe id or
// version (B21), a file that is missing or malformed, an *APIError.
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
		return nil, &notFound{ref, err, s.instead(ref, err)}
	}
	descriptor, warnings, err := buildpack.ParseDescriptor(ref.Kind, data)
	if err != nil {
		return nil, fmt.Errorf("failed to read %s: %w", path, err)
	}
	file := descriptorFile{ref, path, data}
	declared, err := api.Parse(descriptor.API)
	if err != nil || !api.BuildpackAPIs().Has(declared) {
		return nil, file.incompatible(descriptor.API, warnings)
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
	m.Warnings = append(m.Warnings, file.strange(descriptor)...)
	return m, nil
}

// dir is where a module is.
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
