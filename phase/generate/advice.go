package generate

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/internal/files"
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

// noteNothing says what an author has probably forgotten, or put in the wrong place (B42).
func (e *ExtensionOutput) noteNothing() {
	wrong := misnamed(e.Dir)
	if len(wrong) == 0 && len(e.Dockerfiles) == 0 {
		wrong = misplaced(e.Dir)
	}
	e.Notes = append(e.Notes, wrong...)
	if len(wrong) > 0 || len(e.Dockerfiles) > 0 {
		return
	}
	note := buildpack.Note{Text: "it left neither a build.Dockerfile nor a run.Dockerfile"}
	if !invoke.HasGenerate(e.Module) {
		note.Hint = instead(e.Module)
	}
	e.Notes = append(e.Notes, note)
}

// instead says what an extension without bin/generate has that was probably meant to be that, or its generate directory.
func instead(m *buildpack.Module) string {
	const unused = "it has no %s, but %s, which nothing uses: rename it"
	if other := files.Similar(filepath.Join(m.Dir, "bin", "generate")); other != "" {
		return fmt.Sprintf(unused, "bin/generate", filepath.Join("bin", other))
	}
	directory := filepath.Join(m.Dir, "generate")
	if _, err := os.Stat(directory); err == nil {
		return ""
	}
	if other := files.Similar(directory); other != "" {
		return fmt.Sprintf(unused, "generate directory", other)
	}
	return ""
}

// misnamed are about files and directories that were probably meant to be one of those that are read.
func misnamed(dir string) []buildpack.Note {
	var notes []buildpack.Note
	entries, _ := os.ReadDir(dir) // a directory that cannot be read has been an error before
	has := func(name string) bool {
		return slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return e.Name() == name })
	}
	for _, entry := range entries {
		name, what := entry.Name(), "file"
		meant := meantFile(name)
		if entry.IsDir() {
			what, meant = "directory", contextNames()[similar.Plain(name)]
		}
		switch {
		case what == "file" && similar.Plain(name) == "dockerfile":
			notes = append(notes, buildpack.Note{Text: fmt.Sprintf("it left a file called %s, which nothing reads", name), Hint: hintNames})
		case meant != "" && meant != name && !has(meant):
			notes = append(notes, buildpack.Note{Text: fmt.Sprintf("it left a %s called %s, which nothing reads", what, name), Hint: "name it " + meant})
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
func misplaced(dir string) []buildpack.Note {
	var notes []buildpack.Note
	paths, _ := filepath.Glob(filepath.Join(escapeGlob(dir), "*", "*Dockerfile")) // the pattern is right
	for _, path := range paths {
		directory, name := filepath.Base(filepath.Dir(path)), filepath.Base(path)
		if name == "Dockerfile" {
			name = directory + ".Dockerfile"
		}
		if !strings.HasPrefix(directory, "context") && slices.Contains(outputFiles(), name) {
			notes = append(notes, buildpack.Note{
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
func (s strays) since(before strays, app string) []buildpack.Note {
	var notes []buildpack.Note
	for _, name := range outputFiles() {
		now, was := s[name], before[name]
		if now == nil || was != nil && os.SameFile(now, was) && now.ModTime().Equal(was.ModTime()) && now.Size() == was.Size() {
			continue
		}
		notes = append(notes, buildpack.Note{
			Text: fmt.Sprintf("it wrote %s, which nothing reads and which lies in the app directory now", filepath.Join(app, name)), Hint: hintOutput,
		})
	}
	return notes
}
