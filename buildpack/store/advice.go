package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/similar"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// missingHint is about what was perhaps meant by a module that is not where it should be; empty if nothing comes to mind.
func (s *Store) missingHint(ref buildpack.Ref) string {
	other := buildpack.Ref{Kind: buildpack.KindExtension, ID: ref.ID, Version: ref.Version}
	group := "[[order-extensions]]"
	if ref.Kind == buildpack.KindExtension {
		other.Kind, group = buildpack.KindBuildpack, "[[order]]"
	}
	dir := s.dir(ref)
	unescaped := filepath.Join(s.parent(ref.Kind), ref.ID, ref.Version)
	descriptor := files.Similar(descriptorIn(dir, ref.Kind))
	versions := names(filepath.Dir(dir))
	near, _ := similar.Closest(ref.Escaped(), names(s.parent(ref.Kind)))
	switch {
	case s.parent(other.Kind) != "" && exists(descriptorIn(s.dir(other), other.Kind)):
		return fmt.Sprintf("it is installed as %s: list it in %s of the order", other.Kind, group)
	case descriptor != "":
		return fmt.Sprintf("there is %s: the descriptor of this %s should be %s.toml", filepath.Join(dir, descriptor), ref.Kind, ref.Kind)
	case exists(dir):
		return fmt.Sprintf("%s is there, but it has no %s.toml", dir, ref.Kind)
	case len(versions) > 0:
		return fmt.Sprintf("%s is installed as %s: name that version in the order", ref.ID, strings.Join(versions, ", "))
	case unescaped != dir && exists(unescaped):
		return fmt.Sprintf(`there is %s, but in the name of the directory "/" is written as "_": move it to %s`, unescaped, dir)
	case len(near) > 2: // shorter ones are like all others
		return fmt.Sprintf("did you mean %s?", near)
	}
	return ""
}

// names are those of the entries of a directory; none if it cannot be read.
func names(dir string) []string {
	var list []string
	entries, _ := os.ReadDir(dir)
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	return list
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// incompatible says where a descriptor declares an API that is not usable, or that it declares none.
func incompatible(ref buildpack.Ref, path string, data []byte, declared string) *APIError {
	where, hint := "there is no key api", fmt.Sprintf("begin the file with a line such as api = %q", api.BuildpackAPIs().Newest)
	if lines := tomlconfig.Lines(data, "api"); len(lines) > 0 {
		where, hint = fmt.Sprintf("line %d: api", lines[0]), ""
	}
	return &APIError{hinted{fmt.Errorf("buildpack API version '%s' is incompatible with the lifecycle: %s %s needs one of %s (%s: %s)",
		declared, ref.Kind, ref, api.BuildpackAPIs(), path, where), hint}}
}

// otherNames are warnings of an id or a version that differs from the one in the order, which is used.
func otherNames(ref buildpack.Ref, path string, data []byte, d buildpack.Descriptor) []string {
	var warnings []string
	for _, name := range []struct{ key, found, wanted string }{{"id", d.ID, ref.ID}, {"version", d.Version, ref.Version}} {
		if name.found == "" || name.found == name.wanted {
			continue
		}
		if lines := tomlconfig.Lines(data, string(ref.Kind), name.key); len(lines) > 0 {
			warnings = append(warnings, fmt.Sprintf("%s: line %d: %s.%s is %q, but the order and directory say %q, which is used",
				path, lines[0], ref.Kind, name.key, tidy.Shown(name.found), name.wanted))
		}
	}
	return warnings
}
