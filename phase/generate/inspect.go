package generate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/dockerfile"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
	"github.com/cnb-prelude/prelude/platform"
)

// extendConfig is the file with build arguments that an extension may leave.
const extendConfig = "extend-config.toml"

// ExtensionOutput is what one extension left, checked.
type ExtensionOutput struct {
	Module *buildpack.Module
	// Dir is its output directory.
	Dir         string
	Dockerfiles []Dockerfile // build first, then run
	// Refused is the Dockerfile because of which the output is; nil if there is none.
	Refused *Dockerfile
	Config  buildpack.ExtendConfig
	// Contexts are the names of the context directories, by kind of Dockerfile; none: the app directory.
	Contexts map[buildpack.DockerfileKind]string
	// Notes are what its author should know.
	Notes []dockerfile.Note
	// AppNotes are about the app directory, which later extensions may change: what it wrote there, and what its Dockerfiles copy
	// that is missing.
	AppNotes []dockerfile.Note
}

// Dockerfile is one that an extension left.
type Dockerfile struct {
	dockerfile.Dockerfile
	// Text is what was checked, and Digest is that of its bytes.
	Text   []byte
	Digest string
}

// refusal is an error about the text of a file that an extension left.
type refusal struct {
	error
	name string
	text []byte
}

func (r *refusal) Unwrap() error { return r.error }

// inspect checks the output of one extension. A step with more privileges will apply it, so nothing is taken that is not
// plainly a file or a directory of its own.
func inspect(m *buildpack.Module, dir string) (ExtensionOutput, error) {
	e := ExtensionOutput{Module: m, Dir: dir}
	_, err := present(dir, "its output directory", fs.ModeDir) // one that it has removed holds nothing
	if err == nil {
		err = e.readDockerfiles()
	}
	if err == nil {
		err = e.readConfig()
	}
	if err == nil {
		e.Contexts, err = findContexts(dir)
	}
	if err != nil {
		return e, fmt.Errorf("extension %s: %w", m.Ref, err)
	}
	e.noteUnused()
	return e, nil
}

func (e *ExtensionOutput) readDockerfiles() error {
	for _, kind := range buildpack.DockerfileKinds() {
		data, err := readOutput(e.Dir, kind.File())
		if err != nil {
			return err
		}
		if data == nil {
			continue
		}
		d, err := dockerfile.Parse(kind, data)
		if err != nil {
			e.Refused = &Dockerfile{dockerfile.Dockerfile{Kind: kind}, data, platform.Digest(data)}
			return fmt.Errorf("failed to parse %s for extension %s: %w", kind.File(), e.Module.ID, &refusal{err, kind.File(), data})
		}
		e.Dockerfiles = append(e.Dockerfiles, Dockerfile{d, data, platform.Digest(data)})
		e.Notes = append(e.Notes, d.Notes...)
	}
	return nil
}

func (e *ExtensionOutput) readConfig() error {
	data, err := readOutput(e.Dir, extendConfig)
	if err != nil {
		return err
	}
	config, warnings, err := buildpack.ParseExtendConfig(data)
	if err != nil {
		return fmt.Errorf("%s: %w", extendConfig, &refusal{withConfigHint(err), extendConfig, data})
	}
	e.Config = config
	for _, w := range warnings {
		note := dockerfile.Note{Text: fmt.Sprintf("%s: %s", extendConfig, w)}
		if w.Nearest == "" && w.More == 0 {
			note.Hint = hintArgs
		}
		e.Notes = append(e.Notes, note)
	}
	for _, kind := range buildpack.DockerfileKinds() {
		var d *dockerfile.Dockerfile
		if i := slices.IndexFunc(e.Dockerfiles, func(d Dockerfile) bool { return d.Kind == kind }); i >= 0 {
			d = &e.Dockerfiles[i].Dockerfile
		}
		e.Notes = append(e.Notes, dockerfile.ArgNotes(config, kind, d, data)...)
	}
	return nil
}

// withConfigHint adds what to try where an author took arguments for keys, or a shell did not take a line for the end of
// its here-document.
func withConfigHint(err error) error {
	var malformed *tomlconfig.SyntaxError
	if !errors.As(err, &malformed) {
		return err
	}
	hint := ""
	if mark := dockerfile.HereMark(strings.TrimSpace(malformed.Text)); mark != "" {
		hint = dockerfile.HintHere(mark)
	} else if strings.HasSuffix(malformed.Message, "want array") || strings.HasPrefix(malformed.Message, "expected table") {
		hint = hintArgs
	}
	return platform.WithHint(err, hint)
}

// present reports whether an output has a file or a directory: wanted is 0 or [fs.ModeDir], and shown is how errors name it.
// Anything else in its place is refused, a link too, for a step with more privileges would follow it.
func present(path, shown string, wanted fs.FileMode) (bool, error) {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	case info.Mode().Type() == wanted:
		return true, nil
	case wanted == fs.ModeDir:
		return false, fmt.Errorf("%s must be a directory, not a %s", shown, files.TypeOf(info.Mode()))
	}
	return false, fmt.Errorf("%s must be a regular file, not a %s", shown, files.TypeOf(info.Mode()))
}

// readOutput reads a file that an extension may have left; nil if it has not.
func readOutput(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	if found, err := present(path, name, 0); !found || err != nil {
		return nil, err
	}
	return files.Read(path, dockerfile.MaxBytes)
}

// findContexts finds the build contexts that an extension left. None means that the app directory is the context.
func findContexts(dir string) (map[buildpack.DockerfileKind]string, error) {
	const shared = "context"
	found := map[buildpack.DockerfileKind]string{}
	isShared, err := isContext(dir, shared)
	if err != nil {
		return nil, err
	}
	for _, kind := range buildpack.DockerfileKinds() {
		name := shared + "." + string(kind)
		own, err := isContext(dir, name)
		switch {
		case err != nil:
			return nil, err
		case own && isShared:
			return nil, fmt.Errorf("it left both %s and %s: %s is for both Dockerfiles, so it must be the only one", shared, name, shared)
		case own:
			found[kind] = name
		case isShared:
			found[kind] = shared
		}
	}
	return found, nil
}

// isContext reports whether an output has a context directory, and refuses one that must not be used.
func isContext(dir, name string) (bool, error) {
	path := filepath.Join(dir, name)
	found, err := present(path, name, fs.ModeDir)
	if found {
		err = checkContext(path)
	}
	return found, err
}

// deepestContext is how many levels of directories may lie within each other.
const deepestContext = 100

// checkContext refuses devices, pipes and links that lead out of a context.
func checkContext(dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path) // which is below it
		shown := tidy.Name(filepath.Join(filepath.Base(dir), name))
		if strings.Count(name, "/") >= deepestContext {
			return fmt.Errorf("%s is nested more than %d levels deep, the limit for a context", shown, deepestContext)
		}
		switch mode := entry.Type(); {
		case mode.IsRegular() || mode.IsDir():
			return nil
		case mode&fs.ModeSymlink != 0:
			return checkLink(root, name, shown)
		}
		return fmt.Errorf("%s is a %s, which must not be in a context", shown, files.TypeOf(entry.Type()))
	})
}

// checkLink refuses a link that leads out of its context: by its words, which hold even for what does not exist, or by
// way of other links, which the system has to follow.
func checkLink(root *os.Root, name, shown string) error {
	target, err := os.Readlink(filepath.Join(root.Name(), name))
	if err != nil {
		return err
	}
	to := tidy.Name(target)
	if filepath.IsAbs(target) || !filepath.IsLocal(filepath.Join(filepath.Dir(name), target)) {
		return fmt.Errorf("%s is a link to %s, out of its context", shown, to)
	}
	if _, err := root.Stat(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is a link to %s, which cannot be followed within its context: %w", shown, to, err)
	}
	return nil
}
