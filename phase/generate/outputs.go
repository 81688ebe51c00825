package generate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/platform"
)

// outputs is the tree of generated files, changed in place: extensions see it as it will be. Its layout is that of the
// Platform API.
type outputs struct {
	files.Tree
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
	path = strings.TrimSuffix(path, ".ignore")
	for _, kind := range buildpack.DockerfileKinds() {
		for _, pattern := range []string{"*/" + kind.File(), string(kind) + "/*/Dockerfile"} {
			if matches, _ := filepath.Match(pattern, path); matches && filepath.IsLocal(path) && filepath.Clean(path) == path {
				return filepath.Dir(path), true
			}
		}
	}
	return "", false
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
func (o *outputs) layOut(e ExtensionOutput, d Dockerfile, ignored bool) (path, context string, err error) {
	path = filepath.Join(e.Module.Escaped(), d.Kind.File())
	if !byExtension(o.at) {
		path, err = o.copyOut(e, d)
	} else if name := e.Contexts[d.Kind]; name != "" {
		context = filepath.Join(e.Module.Escaped(), name)
	}
	if err == nil && ignored {
		err = os.Rename(filepath.Join(o.Dir, path), filepath.Join(o.Dir, path+".ignore"))
		path += ".ignore"
	}
	return path, context, err
}

// copyOut copies a Dockerfile and its extend-config.toml to <generated>/<kind>/<id>/.
func (o *outputs) copyOut(e ExtensionOutput, d Dockerfile) (string, error) {
	relative := filepath.Join(string(d.Kind), e.Module.Escaped())
	dir, err := o.NewDir(relative)
	if err != nil {
		return "", err
	}
	config, err := readOutput(e.Dir, extendConfig)
	if config != nil {
		err = os.WriteFile(filepath.Join(dir, extendConfig), config, 0o666)
	}
	return filepath.Join(relative, "Dockerfile"), errors.Join(err, os.WriteFile(filepath.Join(dir, "Dockerfile"), d.Text, 0o666))
}
