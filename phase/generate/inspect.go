package generate

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/dockerfile"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
	"github.com/cnb-prelude/prelude/platform"
)

// hintArgs says how build arguments are written.
const hintArgs = `write each argument as a table of its own: [[run.args]] or [[build.args]], then name = "…" and value = "…"`

// ExtendConfig is the file with build arguments that an extension may leave.
const ExtendConfig = "extend-config.toml"

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
	// AppNotes are about the app directory: what it wrote there, and what its Dockerfiles copy that is not there. An extension that comes
	// after it may change that.
	AppNotes []dockerfile.Note
}

// Dockerfile is one that an extension left.
type Dockerfile struct {
	dockerfile.Dockerfile
	// Text is what was checked, and Digest is that of its bytes.
	Text   []byte
	Digest string
}

// inspect checks the output of one extension (docs/reference.md, "Generation"). What it left will be applied by a step with more
// privileges, so nothing is taken that is not plainly a file or a directory of its own.
func inspect(m *buildpack.Module, dir string) (ExtensionOutput, error) {
	e := ExtensionOutput{Module: m, Dir: dir}
	named := func(err error) error { return fmt.Errorf("extension %s: %w", m.Ref, err) }
	if err := checkOutputDir(dir); err != nil {
		return e, named(err)
	}
	for _, kind := range buildpack.DockerfileKinds() {
		data, err := readOutput(dir, kind.File())
		if err != nil {
			return e, named(err)
		}
		if data == nil {
			continue
		}
		d, err := dockerfile.Parse(kind, data)
		if err != nil {
			err = &refusal{err, kind.File(), data}
			e.Refused = &Dockerfile{dockerfile.Dockerfile{Kind: kind}, data, platform.Digest(data)}
			return e, named(fmt.Errorf("failed to parse %s for extension %s: %w", kind.File(), m.ID, err))
		}
		e.Dockerfiles = append(e.Dockerfiles, Dockerfile{d, data, platform.Digest(data)})
		e.Notes = append(e.Notes, d.Notes...)
	}
	if err := e.readConfig(); err != nil {
		return e, named(err)
	}
	var err error
	if e.Contexts, err = findContexts(dir); err != nil {
		return e, named(err)
	}
	e.noteUnused()
	return e, nil
}

// checkOutputDir refuses an output directory that the extension has put something else in place of. One that it has
// removed holds nothing.
func checkOutputDir(dir string) error {
	info, err := os.Lstat(dir)
	if err == nil && !info.IsDir() {
		return fmt.Errorf("its output directory must stay a directory, but is a %s", files.TypeOf(info.Mode()))
	}
	return ignoring(fs.ErrNotExist, err)
}

func ignoring(expected, err error) error {
	if errors.Is(err, expected) {
		return nil
	}
	return err
}

func (e *ExtensionOutput) readConfig() error {
	data, err := readOutput(e.Dir, ExtendConfig)
	if err != nil {
		return err
	}
	config, warnings, err := buildpack.ParseExtendConfig(data)
	if err != nil {
		err = &refusal{withConfigHint(err), ExtendConfig, data}
		return fmt.Errorf("%s: %w", ExtendConfig, err)
	}
	e.Config = config
	for i, w := range warnings {
		if i == dockerfile.MostNotes {
			e.Notes = append(e.Notes, dockerfile.Note{Text: fmt.Sprintf("%s: and %d more", ExtendConfig, len(warnings)-i)})
			break
		}
		note := dockerfile.Note{Text: fmt.Sprintf("%s: %s", ExtendConfig, w)}
		if w.Nearest == "" {
			note.Hint = hintArgs
		}
		e.Notes = append(e.Notes, note)
	}
	e.noteArgs(data)
	return nil
}

// withConfigHint adds to an error of an extend-config.toml what to try where its author took arguments for keys, or a shell did not take a
// line for the end of its here-document.
func withConfigHint(err error) error {
	var malformed *tomlconfig.SyntaxError
	if !errors.As(err, &malformed) {
		return err
	}
	text := strings.TrimSpace(malformed.Text)
	if mark := dockerfile.HereMark(text); mark != "" {
		return platform.WithHint(err, dockerfile.HintHere(mark))
	}
	if strings.HasSuffix(malformed.Message, "want array") || strings.HasPrefix(malformed.Message, "expected table") {
		return platform.WithHint(err, hintArgs)
	}
	return err
}

// noteArgs says which build arguments are not used or not set. text is that of extend-config.toml, if there is one.
func (e *ExtensionOutput) noteArgs(text []byte) {
	for _, kind := range buildpack.DockerfileKinds() {
		var of *dockerfile.Dockerfile
		for i := range e.Dockerfiles {
			if e.Dockerfiles[i].Kind == kind {
				of = &e.Dockerfiles[i].Dockerfile
			}
		}
		e.Notes = append(e.Notes, dockerfile.ArgNotes(e.Config, kind, of, text)...)
	}
}

// readOutput reads a file that an extension may have left; nil if it has not. Whatever is not a regular file of its own
// is refused: a step with more privileges will read it (B43).
func readOutput(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	info, err := os.Lstat(path)
	if err != nil {
		return nil, ignoring(fs.ErrNotExist, err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s must be a regular file, not a %s", name, files.TypeOf(info.Mode()))
	}
	data, err := files.Read(path, dockerfile.MaxBytes)
	if data == nil && err == nil {
		data = []byte{}
	}
	return data, err
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

// isContext reports whether a context directory is there, and refuses what must not be used as one (B41, B43).
func isContext(dir, name string) (bool, error) {
	path := filepath.Join(dir, name)
	info, err := os.Lstat(path)
	if err != nil {
		return false, ignoring(fs.ErrNotExist, err)
	}
	if !info.IsDir() {
		return false, fmt.Errorf("%s must be a directory, not a %s", name, files.TypeOf(info.Mode()))
	}
	return true, checkContext(path)
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
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		shown := tidy.Name(filepath.Join(filepath.Base(dir), name))
		if strings.Count(name, "/") >= deepestContext {
			return fmt.Errorf("%s is nested more than %d levels deep, the limit for a context", shown, deepestContext)
		}
		switch mode := info.Mode(); {
		case mode.IsRegular() || mode.IsDir():
			return nil
		case mode&fs.ModeSymlink != 0:
			return checkLink(root, name, shown)
		}
		return fmt.Errorf("%s is a %s, which must not be in a context", shown, files.TypeOf(info.Mode()))
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
