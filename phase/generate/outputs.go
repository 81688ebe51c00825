package generate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/platform"
)

// outputs is the tree of generated files while generation works on it. Extensions see the tree as it will be, so it is
// changed in place.
type outputs struct {
	files.Tree
	// at is the Platform API, which says how the tree is laid out.
	at api.Version
}

func newOutputs(in platform.Inputs) *outputs {
	return &outputs{files.Tree{Dir: in.GeneratedDir}, in.PlatformAPI}
}

// byExtension reports whether the Platform API's layout is <generated>/<id>/, as the extension left it; older ones have
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
			return nil, withRemovalHint(fmt.Errorf("generated metadata of an earlier run lists %q, which is not the path of a generated Dockerfile", path))
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
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

// prepare makes the empty directory in which an extension leaves its output.
func (o *outputs) prepare(m *buildpack.Module) (string, error) {
	if byExtension(o.at) {
		return o.NewDir(m.Escaped())
	}
	for _, kind := range buildpack.DockerfileKinds() {
		if err := o.SetAside(filepath.Join(string(kind), m.Escaped())); err != nil {
			return "", err
		}
	}
	temp, err := o.Temp("prelude-generated-")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(temp, m.Escaped())
	return dir, os.Mkdir(dir, 0o777)
}

// layOut brings a Dockerfile to where the layout wants it. It returns its path and that of its context, relative to the
// generated directory.
func (o *outputs) layOut(e ExtensionOutput, kind buildpack.DockerfileKind, ignored bool) (path, context string, err error) {
	path = filepath.Join(e.Module.Escaped(), kind.File())
	if byExtension(o.at) {
		if name := e.Contexts[kind]; name != "" {
			context = filepath.Join(e.Module.Escaped(), name)
		}
	} else if path, err = o.copyOut(e, kind); err != nil {
		return "", "", err
	}
	if ignored {
		err = os.Rename(filepath.Join(o.Dir, path), filepath.Join(o.Dir, path+".ignore"))
		path += ".ignore"
	}
	return path, context, err
}

// copyOut copies a Dockerfile and its extend-config.toml to <generated>/<kind>/<id>/.
func (o *outputs) copyOut(e ExtensionOutput, kind buildpack.DockerfileKind) (string, error) {
	relative := filepath.Join(string(kind), e.Module.Escaped())
	dir, err := o.NewDir(relative)
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
