package dockerfile

import (
	"fmt"
	"regexp"
	"sync"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/similar"
)

// DeclaredArg is an ARG of a Dockerfile.
type DeclaredArg struct {
	Name string
	// Valued reports whether it has a default value.
	Valued bool
	// Line is counted from 1.
	Line int
}

// declared returns the ARGs below FROM. One that repeats an ARG above it has the value of that.
func (s source) declared() []DeclaredArg {
	valued := map[string]bool{}
	for _, command := range s.args {
		for _, arg := range command.Args {
			valued[arg.Key] = arg.Value != nil
		}
	}
	var args []DeclaredArg
	for _, command := range s.stage.Commands {
		if c, ok := command.(*instructions.ArgCommand); ok {
			for _, arg := range c.Args {
				args = append(args, DeclaredArg{arg.Key, arg.Value != nil || valued[arg.Key], lineOf(c)})
			}
		}
	}
	return args
}

// provided matches the arguments that the extend step sets, and those that builders know by themselves.
var provided = pattern(`^(base_image|build_id|user_id|group_id|(?i:https?|ftp|no|all)_(?i:proxy)|SOURCE_DATE_EPOCH|(TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT))$`)

// ArgNotes are about the build arguments that an extend-config.toml, whose text is given too, sets for the Dockerfile of a kind, and about
// those which it leaves without a value. The Dockerfile is nil if the extension left none of that kind.
func ArgNotes(config buildpack.ExtendConfig, kind buildpack.DockerfileKind, d *Dockerfile, text []byte) []Note {
	args := config.For(kind)
	if d == nil && len(args) == 0 {
		return nil
	}
	lines := config.Lines(kind, text)
	at := func(i int) string {
		if lines == nil {
			return "extend-config.toml: "
		}
		return fmt.Sprintf("extend-config.toml: line %d: ", lines[i])
	}
	if d == nil {
		return []Note{{Text: fmt.Sprintf("%sthere are %s.args, but there is no %s", at(0), kind, kind.File())}}
	}
	set, open := map[string]bool{}, d.open(args)
	var notes notebook
	for i, arg := range args {
		switch {
		case set[arg.Name]:
			notes.add(func() Note {
				return Note{Text: fmt.Sprintf("%s%s.args sets %s more than once", at(i), kind, quoted(arg.Name))}
			})
		case !open.declared[arg.Name] && !provided().MatchString(arg.Name):
			notes.add(func() Note { return d.unused(at(i), arg.Name, open.names) })
		}
		set[arg.Name] = true
	}
	return append(notes.all("extend-config.toml"), d.unset(set)...)
}

// openArgs are the arguments that a Dockerfile declares, and the names of those that are not set.
type openArgs struct {
	declared map[string]bool
	names    []string
}

// mostCompared is how many names an argument that is not declared is compared with.
const mostCompared = 1000

func (d Dockerfile) open(args []buildpack.Arg) openArgs {
	set := map[string]bool{}
	for _, arg := range args {
		set[arg.Name] = true
	}
	open := openArgs{declared: map[string]bool{}}
	for _, arg := range d.Args {
		if !set[arg.Name] && !open.declared[arg.Name] && len(open.names) < mostCompared {
			open.names = append(open.names, arg.Name)
		}
		open.declared[arg.Name] = true
	}
	return open
}

// unused is about an argument that is set, but not declared.
func (d Dockerfile) unused(at, name string, open []string) Note {
	text := fmt.Sprintf("%s%s.args sets %s, which no ARG below FROM in %s declares", at, d.Kind, quoted(name), d.Kind.File())
	if near, found := similar.Closest(name, open); found {
		return Note{Text: fmt.Sprintf("%s (did you mean %s?)", text, quoted(near))}
	}
	return Note{Text: text, Hint: fmt.Sprintf(`put "ARG %s" below FROM`, short(name))}
}

// unset are about arguments that are declared and have no value. That is how a Dockerfile says that an argument may be set or not, so only
// a reader who looks for it is told.
func (d Dockerfile) unset(set map[string]bool) []Note {
	var notes notebook
	for _, arg := range d.Args {
		if arg.Valued || set[arg.Name] || provided().MatchString(arg.Name) {
			continue
		}
		notes.add(func() Note {
			return Note{
				Text:  fmt.Sprintf("%s declares the argument %s on line %d, which has no default value and is not set", d.Kind.File(), short(arg.Name), arg.Line),
				Hint:  fmt.Sprintf("set it in extend-config.toml, under [[%s.args]], or give it a default value", d.Kind),
				Minor: true,
			}
		})
	}
	return notes.all(d.Kind.File())
}

// variable matches each use of a variable, as $name or ${name….
var variable = pattern(`\$\{?([A-Za-z_]\w*)`)

// early are about ARGs above FROM that are used below it, where they have no value unless they are declared again.
func (s source) early(notes *notebook) {
	used := map[string]bool{}
	for _, line := range s.lines[min(s.stage.Location[0].End.Line, len(s.lines)):] {
		for _, use := range variable().FindAllStringSubmatch(line, -1) {
			used[use[1]] = true
		}
	}
	again := s.names()
	for _, command := range s.args {
		for _, arg := range command.Args {
			if !used[arg.Key] || again[arg.Key] || provided().MatchString(arg.Key) {
				continue
			}
			notes.add(func() Note {
				return Note{
					Text: s.note("has an ARG above FROM that is used below it, where it has no value", command.Location()[0].Start.Line),
					Hint: fmt.Sprintf(`put "ARG %s" below FROM`, short(arg.Key)),
				}
			})
		}
	}
}

// names are those to which an ARG or an ENV below FROM gives a meaning.
func (s source) names() map[string]bool {
	names := map[string]bool{}
	for _, command := range s.stage.Commands {
		named(command, names)
	}
	return names
}

// named adds the names that an instruction gives a meaning to.
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

// pattern is a regular expression that is compiled when it is first needed; most runs see no Dockerfile.
func pattern(text string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(text) })
}
