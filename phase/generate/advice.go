package generate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

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
	// hintGenerate is about a file called generate.
	hintGenerate = "the directory generate has files to copy; an executable is called bin/generate"
	hintArgs     = `write each argument as a table of its own: [[run.args]] or [[build.args]], then name = "…" and value = "…"`
)

// outputFiles are the files that an extension may leave.
func outputFiles() []string {
	return []string{buildpack.BuildDockerfile.File(), buildpack.RunDockerfile.File(), extendConfig}
}

// noteUnused adds notes about files that nothing reads, or that there is nothing to read at all.
func (e *ExtensionOutput) noteUnused() {
	notes := misnamed(e.Dir)
	if len(notes) == 0 && len(e.Dockerfiles) == 0 {
		note := dockerfile.Note{Text: "it left neither a build.Dockerfile nor a run.Dockerfile"}
		if !invoke.HasGenerate(e.Module) {
			note.Hint = unusedInModule(e.Module.Dir)
		}
		notes = append(notes, note)
	}
	e.Notes = append(e.Notes, notes...)
}

// unusedInModule is about a file in the directory of an extension without bin/generate that was probably meant to be
// that, or to be in its generate directory; empty if there is none.
func unusedInModule(dir string) string {
	const unused = "it has no %s, but %s, which nothing uses: "
	if exists(filepath.Join(dir, "bin/build")) {
		return fmt.Sprintf(unused+"an extension's executable is called bin/generate", "bin/generate", "bin/build")
	}
	if other := files.Similar(filepath.Join(dir, "bin/generate")); other != "" {
		return fmt.Sprintf(unused+"rename it", "bin/generate", filepath.Join("bin", other))
	}
	if exists(filepath.Join(dir, "generate")) {
		return ""
	}
	for _, name := range append(outputFiles(), "Dockerfile") {
		if exists(filepath.Join(dir, name)) {
			return fmt.Sprintf(unused+"move it to generate/", "generate directory", name)
		}
	}
	return ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// failureHint is what to try about a bin/generate that failed; empty if nothing comes to mind.
func failureHint(m *buildpack.Module, err error) string {
	var exit *process.ExitError
	if errors.As(err, &exit) && exit.Code == 100 {
		return "exit code 100 has a meaning for bin/detect only: if there is nothing to generate, end with 0 and leave nothing"
	}
	return invoke.ErrorHint(m, "bin/generate")
}

// misnamed are about files that were probably meant to be one of those that are read.
func misnamed(dir string) []dockerfile.Note {
	var notes []dockerfile.Note
	entries, _ := os.ReadDir(dir) // a directory that cannot be read has been an error before
	for _, entry := range entries {
		hint := misnamedHint(dir, entry.Name())
		if hint != "" && !entry.IsDir() && len(notes) < dockerfile.MostNotes {
			text := fmt.Sprintf("it left a file called %s, which nothing reads", entry.Name())
			notes = append(notes, dockerfile.Note{Text: text, Hint: hint})
		}
	}
	return notes
}

func misnamedHint(dir, name string) string {
	if slices.Contains([]string{"run.toml", "build.toml", "launch.toml"}, name) { // as in RFC 0105
		return "build arguments stand in " + extendConfig + ": " + hintArgs
	}
	meant, _ := similar.Closest(name, outputFiles())
	switch similar.Plain(name) {
	case "dockerfile":
		return hintNames
	case "dockerfilebuild":
		meant = buildpack.BuildDockerfile.File()
	case "dockerfilerun":
		meant = buildpack.RunDockerfile.File()
	}
	if meant == "" || exists(filepath.Join(dir, meant)) {
		return ""
	}
	return "name it " + meant
}

// missingSources are about what the Dockerfiles copy that is not in their build context.
func (e ExtensionOutput) missingSources(app string, at api.Version) []dockerfile.Note {
	in := func(dir string) func(string) bool {
		return func(path string) bool { return exists(filepath.Join(dir, path)) }
	}
	var notes []dockerfile.Note
	for _, d := range e.Dockerfiles {
		name := e.Contexts[d.Kind]
		switch {
		case !byExtension(at): // which has no contexts, so that moving a file there is no way
			notes = append(notes, d.Missing(appContext, "", in(app), func(string) bool { return false })...)
		case name == "":
			notes = append(notes, d.Missing(appContext, "context", in(app), in(e.Dir))...)
		default:
			notes = append(notes, d.Missing(name, name, in(filepath.Join(e.Dir, name)), in(e.Dir))...)
		}
	}
	return notes
}

const appContext = "the app directory, its build context,"

// findStrays are the files of the app directory that are called like outputs of an extension, and when they were last changed.
func findStrays(app string) map[string]time.Time {
	found := map[string]time.Time{}
	for _, name := range outputFiles() {
		if info, err := os.Stat(filepath.Join(app, name)); err == nil {
			found[name] = info.ModTime()
		}
	}
	return found
}

// strayNotes are about those that an extension has written: it has taken the app directory, which it runs in, for its output.
func strayNotes(app string, before, after map[string]time.Time) []dockerfile.Note {
	var notes []dockerfile.Note
	for _, name := range outputFiles() {
		if changed, found := after[name]; found && !changed.Equal(before[name]) {
			notes = append(notes, dockerfile.Note{
				Text: fmt.Sprintf("it wrote %s, which nothing reads; it is in the app directory", filepath.Join(app, name)),
				Hint: hintOutput,
			})
		}
	}
	return notes
}
