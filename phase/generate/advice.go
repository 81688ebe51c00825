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
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/process"
	"github.com/cnb-prelude/prelude/internal/similar"
)

const (
	hintNames  = "name it build.Dockerfile to extend the build image, run.Dockerfile to extend or switch the run image"
	hintOutput = `write to "$CNB_OUTPUT_DIR", which is also the first argument; the working directory is the app directory`
)

// outputFiles are the files that an extension may leave.
func outputFiles() []string {
	return []string{buildpack.BuildDockerfile.File(), buildpack.RunDockerfile.File(), ExtendConfig}
}

// noteUnused says what of an output nothing reads, and that there is nothing to read at all (B42).
func (e *ExtensionOutput) noteUnused() {
	wrong := misnamed(e.Dir)
	if len(wrong) == 0 && len(e.Dockerfiles) == 0 {
		wrong = misplaced(e.Dir)
	}
	e.Notes = append(e.Notes, wrong...)
	if len(wrong) > 0 || len(e.Dockerfiles) > 0 {
		return
	}
	note := dockerfile.Note{Text: "it left neither a build.Dockerfile nor a run.Dockerfile"}
	if !invoke.HasGenerate(e.Module) {
		note.Hint = unusedInModule(e.Module)
	}
	e.Notes = append(e.Notes, note)
}

// unusedInModule says what an extension without bin/generate has that was probably meant to be that, or its generate directory.
func unusedInModule(m *buildpack.Module) string {
	const unused = "it has no %s, but %s, which nothing uses: "
	has := func(name string) bool {
		info, err := os.Stat(filepath.Join(m.Dir, name))
		return err == nil && info.Mode().IsRegular()
	}
	if has("bin/build") {
		return fmt.Sprintf(unused+"an extension's executable is called bin/generate", "bin/generate", "bin/build")
	}
	if other := files.Similar(filepath.Join(m.Dir, "bin", "generate")); other != "" {
		return fmt.Sprintf(unused+"rename it", "bin/generate", filepath.Join("bin", other))
	}
	if info, err := os.Stat(filepath.Join(m.Dir, "generate")); err == nil && info.IsDir() {
		return ""
	}
	for _, name := range append(outputFiles(), "Dockerfile") {
		if has(name) {
			return fmt.Sprintf(unused+"move it to generate/", "generate directory", name)
		}
	}
	if other := files.Similar(filepath.Join(m.Dir, "generate")); other != "" {
		return fmt.Sprintf(unused+"rename it", "generate directory", other)
	}
	return ""
}

// failureHint is what to try about a bin/generate that failed; empty if nothing comes to mind.
func failureHint(m *buildpack.Module, err error) string {
	var exit *process.ExitError
	if errors.As(err, &exit) && exit.Code == 100 {
		return "exit code 100 has a meaning for bin/detect only: if there is nothing to generate, end with 0 and leave nothing"
	}
	return invoke.ErrorHint(m, "bin/generate")
}

// misnamed are about files and directories that were probably meant to be one of those that are read.
func misnamed(dir string) []dockerfile.Note {
	var notes []dockerfile.Note
	entries, _ := os.ReadDir(dir) // a directory that cannot be read has been an error before
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	left := func(what, name, hint string) {
		notes = append(notes, dockerfile.Note{Text: fmt.Sprintf("it left a %s called %s, which nothing reads", what, name), Hint: hint})
	}
	for _, entry := range entries {
		name, meant := entry.Name(), meantFile(entry.Name())
		plain := similar.Plain(name)
		switch context := contextNames()[plain]; {
		case len(notes) == dockerfile.MostNotes:
			return notes
		case entry.IsDir() && context != "" && context != name && !has(context):
			left("directory", name, "name it "+context)
		case entry.IsDir():
		case plain == "dockerfile":
			left("file", name, hintNames)
		case slices.Contains([]string{"run.toml", "build.toml", "launch.toml"}, name):
			left("file", name, "build arguments stand in "+ExtendConfig+": "+hintArgs)
		case meant != "" && meant != name && !has(meant):
			left("file", name, "name it "+meant)
		}
	}
	return notes
}

// meantFile is the file that one of nearly that name was probably meant to be; empty if there is none.
func meantFile(name string) string {
	for _, kind := range buildpack.DockerfileKinds() {
		if similar.Plain(name) == "dockerfile"+string(kind) {
			return kind.File()
		}
	}
	if slices.Contains(outputFiles(), name) || strings.HasSuffix(name, ".ignore") {
		return ""
	}
	meant, _ := similar.Closest(name, outputFiles())
	return meant
}

// contextNames are the contexts, by what directories are called that were probably meant to be one. A directory can have
// any other name for good reasons, so only what is as good as the same counts.
func contextNames() map[string]string {
	return map[string]string{
		"context": "context", "contexts": "context",
		"contextrun": "context.run", "runcontext": "context.run",
		"contextbuild": "context.build", "buildcontext": "context.build",
	}
}

// misplaced are about files that lie in a directory of the output rather than in the output itself.
func misplaced(dir string) []dockerfile.Note {
	var notes []dockerfile.Note
	paths, _ := filepath.Glob(filepath.Join(escapeGlob(dir), "*", "*Dockerfile")) // the pattern is right
	for _, path := range paths {
		directory, name := filepath.Base(filepath.Dir(path)), filepath.Base(path)
		if name == "Dockerfile" {
			name = directory + ".Dockerfile"
		}
		if !strings.HasPrefix(directory, "context") && slices.Contains(outputFiles(), name) {
			notes = append(notes, dockerfile.Note{
				Text: fmt.Sprintf("it left %s, which nothing reads", filepath.Join(directory, filepath.Base(path))),
				Hint: fmt.Sprintf("write it as %s to the output directory itself", name),
			})
		}
	}
	return notes
}

// escapeGlob makes a pattern that fits a path only.
func escapeGlob(path string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}

// missingSources are about what the Dockerfiles copy that is not in their build context.
func (e ExtensionOutput) missingSources(app string, at api.Version) []dockerfile.Note {
	in := func(dir string) func(string) bool {
		return func(path string) bool {
			_, err := os.Lstat(filepath.Join(dir, path))
			return err == nil
		}
	}
	var notes []dockerfile.Note
	for _, d := range e.Dockerfiles {
		shown, own, dir := "the app directory, its build context,", "context", app
		if name := e.Contexts[d.Kind]; name != "" && byExtension(at) {
			shown, own, dir = name, name, filepath.Join(e.Dir, name)
		}
		beside := in(e.Dir)
		if !byExtension(at) { // which has no contexts
			beside = func(string) bool { return false }
		}
		notes = append(notes, d.Missing(shown, own, in(dir), beside)...)
	}
	return notes
}

// strays are the files of an app directory that are called like outputs of an extension.
type strays map[string]fs.FileInfo

func findStrays(app string) strays {
	found := strays{}
	for _, name := range outputFiles() {
		if info, err := os.Stat(filepath.Join(app, name)); err == nil {
			found[name] = info
		}
	}
	return found
}

// since are about those that an extension has written: it has taken the app directory, which it runs in, for its output.
func (s strays) since(before strays, app string) []dockerfile.Note {
	var notes []dockerfile.Note
	for _, name := range outputFiles() {
		now, was := s[name], before[name]
		if now == nil || was != nil && os.SameFile(now, was) && now.ModTime().Equal(was.ModTime()) && now.Size() == was.Size() {
			continue
		}
		notes = append(notes, dockerfile.Note{
			Text: fmt.Sprintf("it wrote %s, which nothing reads and which lies in the app directory now", filepath.Join(app, name)), Hint: hintOutput,
		})
	}
	return notes
}
