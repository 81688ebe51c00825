package dockerfile

import (
	"fmt"
	"path"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// Source is a file or a directory that a COPY or an ADD names.
type Source struct {
	// Path is relative to the build context.
	Path string
	// Line is counted from 1, and Text is that line.
	Line int
	Text string
}

// mostSources is how many sources of a Dockerfile are looked for.
const mostSources = 1000

// sources returns what has to be in the build context: no patterns, URLs, variables, or files of other images.
func (s source) sources() []Source {
	var sources []Source
	seen := map[string]bool{}
	for _, command := range s.stage.Commands {
		var paths []string
		switch c := command.(type) {
		case *instructions.CopyCommand:
			if c.From == "" {
				paths = c.SourcePaths
			}
		case *instructions.AddCommand:
			paths = c.SourcePaths
		}
		for _, name := range paths {
			if seen[name] || len(sources) == mostSources || strings.ContainsAny(name, "*?[]$\\\"':<>@") {
				continue
			}
			seen[name] = true
			clean := strings.TrimPrefix(path.Clean("/"+name), "/")
			if clean == "" { // the context itself
				continue
			}
			line, text := s.lineAt(command.Location())
			sources = append(sources, Source{clean, line, text})
		}
	}
	return sources
}

// Missing returns notes about sources of COPY and ADD that the build context does not have. Messages call it context; has
// reports whether a path is in it, and beside whether one lies beside the Dockerfile. own is the extension's context directory.
func (d Dockerfile) Missing(context, own string, has, beside func(path string) bool) []Note {
	var notes notebook
	for _, s := range d.Sources {
		if has(s.Path) {
			continue
		}
		note := Note{Text: fmt.Sprintf("%s copies %s, which %s does not have: line %d: %s",
			d.Kind.File(), short(s.Path), context, s.Line, s.Text)}
		if beside(s.Path) {
			note.Hint = fmt.Sprintf("move it to %s/ in the output: files beside the Dockerfile are not copied", own)
		}
		notes.add(note)
	}
	return notes.all(d.Kind.File())
}
