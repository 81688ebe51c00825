package dockerfile

import (
	"fmt"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/similar"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

// declared returns the ARGs below FROM.
func (s source) declared() (names []string) {
	for _, command := range s.stage.Commands {
		if c, ok := command.(*instructions.ArgCommand); ok {
			for _, arg := range c.Args {
				names = append(names, arg.Key)
			}
		}
	}
	return names
}

// provided matches the arguments that the extend step sets, and those that builders know by themselves.
var provided = tidy.Pattern(`^(base_image|build_id|user_id|group_id|(?i:https?|ftp|no|all)_(?i:proxy)|SOURCE_DATE_EPOCH|(TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT))$`)

// mostCompared is how many names an argument that is not declared is compared with.
const mostCompared = 1000

// ArgNotes returns notes about the build arguments that an extend-config.toml, whose text is given too, sets for the Dockerfile of
// a kind, and that no ARG declares. The Dockerfile is nil if the extension left none of that kind.
func ArgNotes(config buildpack.ExtendConfig, kind buildpack.DockerfileKind, d *Dockerfile, text []byte) []Note {
	args, lines := config[kind], config.Lines(kind, text)
	if len(args) == 0 {
		return nil
	}
	if d == nil {
		return []Note{{Text: fmt.Sprintf("extend-config.toml: %sthere are %s.args, but there is no %s", lines[0], kind, kind.File())}}
	}
	set, declared := map[string]bool{}, map[string]bool{}
	for _, arg := range args {
		set[arg.Name] = true
	}
	var open []string // declared, and not set
	for _, name := range d.Args {
		if !set[name] && !declared[name] && len(open) < mostCompared {
			open = append(open, name)
		}
		declared[name] = true
	}
	var notes notebook
	for i, arg := range args {
		if declared[arg.Name] || provided().MatchString(arg.Name) || notes.full() {
			continue
		}
		note := Note{Text: fmt.Sprintf("extend-config.toml: %s%s.args sets %s, which no ARG below FROM in %s declares",
			lines[i], kind, quoted(arg.Name), kind.File())}
		if near, found := similar.Closest(arg.Name, open); found {
			note.Text += fmt.Sprintf(" (did you mean %s?)", quoted(near))
		} else {
			note.Hint = fmt.Sprintf(`put "ARG %s" below FROM`, short(arg.Name))
		}
		notes.add(note)
	}
	return notes.all("extend-config.toml")
}

// variable matches each use of a variable, as $name or ${name….
var variable = tidy.Pattern(`\$\{?([A-Za-z_]\w*)`)

// early notes ARGs above FROM that are used below it, where they have no value unless they are declared again.
func (s source) early(notes *notebook) {
	used, again := map[string]bool{}, map[string]bool{}
	for _, line := range s.lines[min(s.stage.Location[0].End.Line, len(s.lines)):] {
		for _, use := range variable().FindAllStringSubmatch(line, -1) {
			used[use[1]] = true
		}
	}
	for _, command := range s.stage.Commands {
		named(command, again)
	}
	for _, command := range s.args {
		for _, arg := range command.Args {
			if !used[arg.Key] || again[arg.Key] || provided().MatchString(arg.Key) || notes.full() {
				continue
			}
			notes.add(Note{
				Text: s.note("has an ARG above FROM that is used below it, where it has no value", command.Location()[0].Start.Line),
				Hint: fmt.Sprintf(`put "ARG %s" below FROM`, short(arg.Key)),
			})
		}
	}
}

// named adds the names to which an instruction gives a value.
func named(command instructions.Command, names map[string]bool) {
	switch c := command.(type) {
	case *instructions.ArgCommand:
		for _, arg := range c.Args {
			names[arg.Key] = true
		}
	case *instructions.EnvCommand:
		for _, variable := range c.Env {
			names[variable.Key] = true
		}
	}
}
