package buildpack

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/cnb-prelude/prelude/internal/similar"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// DeclaredArg is an ARG of a Dockerfile.
type DeclaredArg struct {
	Name string
	// Valued says that it has a default value.
	Valued bool
	// Line is counted from 1.
	Line int
}

// declared are the ARGs below FROM. One that repeats an ARG above it has the value of that.
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

// provided are the arguments that the extend step sets, and those that builders know by themselves.
var provided = pattern(`^(base_image|build_id|user_id|group_id|(?i:https?|ftp|no|all)_(?i:proxy)|SOURCE_DATE_EPOCH|(TARGET|BUILD)(PLATFORM|OS|ARCH|VARIANT))$`)

// ArgNotes are about the build arguments that an extension's extend-config.toml, whose text is given too, sets for the
// Dockerfile of a kind – d, or nil if there is none – and about those which it leaves without a value.
func (c ExtendConfig) ArgNotes(kind DockerfileKind, d *Dockerfile, text []byte) []Note {
	args := c.For(kind)
	file := func(i int) string { return "extend-config.toml: " + argLine(kind, args, i, text) }
	if d == nil {
		if len(args) == 0 {
			return nil
		}
		return []Note{{Text: fmt.Sprintf("%sthere are %s.args, but there is no %s", file(0), kind, kind.File())}}
	}
	var notes []Note
	set := map[string]bool{}
	for i, arg := range args {
		if set[arg.Name] {
			notes = append(notes, Note{Text: fmt.Sprintf("%s%s.args sets %q more than once", file(i), kind, arg.Name)})
			continue
		}
		set[arg.Name] = true
		if !d.declaresArg(arg.Name) && !provided().MatchString(arg.Name) {
			notes = append(notes, d.unused(file(i), arg.Name, args))
		}
	}
	return append(notes, d.unset(set)...)
}

// argLine is "line 2: ", where the name of an argument stands; empty if that cannot be found out.
func argLine(kind DockerfileKind, args []Arg, i int, text []byte) string {
	lines := tomlconfig.Lines(text, string(kind), "args", "name")
	if len(lines) != len(args) {
		return ""
	}
	return fmt.Sprintf("line %d: ", lines[i])
}

func (d Dockerfile) declaresArg(name string) bool {
	return slices.ContainsFunc(d.Args, func(arg DeclaredArg) bool { return arg.Name == name })
}

// unused is about an argument that is set, but not declared.
func (d Dockerfile) unused(place, name string, set []Arg) Note {
	text := fmt.Sprintf("%s%s.args sets %q, which no ARG below FROM in %s declares", place, d.Kind, name, d.Kind.File())
	var open []string
	for _, arg := range d.Args {
		if !slices.ContainsFunc(set, func(s Arg) bool { return s.Name == arg.Name }) {
			open = append(open, arg.Name)
		}
	}
	if near, found := similar.Closest(name, open); found {
		return Note{Text: fmt.Sprintf("%s (did you mean %q?)", text, near)}
	}
	return Note{Text: text, Hint: fmt.Sprintf(`put "ARG %s" below FROM`, name)}
}

// unset are arguments that are declared and have no value. That is how a Dockerfile says that one may be set or not, so it
// is only for a reader who looks for it.
func (d Dockerfile) unset(set map[string]bool) []Note {
	var notes []Note
	for _, arg := range d.Args {
		if arg.Valued || set[arg.Name] || provided().MatchString(arg.Name) {
			continue
		}
		notes = append(notes, Note{
			Text:  fmt.Sprintf("%s declares the argument %s on line %d, which has no default value and is not set", d.Kind.File(), arg.Name, arg.Line),
			Hint:  fmt.Sprintf("set it in extend-config.toml, under [[%s.args]], or give it a default value", d.Kind),
			Minor: true,
		})
	}
	return notes
}

// early are about ARGs above FROM that are used below it, where they have no value unless they are declared again.
func (s source) early() []Note {
	var notes []Note
	below := strings.Join(s.lines[min(s.stage.Location[0].End.Line, len(s.lines)):], "\n")
	for _, command := range s.args {
		for _, arg := range command.Args {
			use := regexp.MustCompile(`\$(?:` + regexp.QuoteMeta(arg.Key) + `\b|\{` + regexp.QuoteMeta(arg.Key) + `\b)`)
			if provided().MatchString(arg.Key) || !use.MatchString(below) || s.redeclares(arg.Key) {
				continue
			}
			notes = append(notes, Note{
				Text: s.note("has an ARG above FROM that is used below it, where it has no value", command.Location()[0].Start.Line),
				Hint: fmt.Sprintf(`put "ARG %s" below FROM`, arg.Key),
			})
		}
	}
	return notes
}

// redeclares says whether something below FROM gives a name a meaning of its own.
func (s source) redeclares(name string) bool {
	for _, command := range s.stage.Commands {
		switch c := command.(type) {
		case *instructions.ArgCommand:
			if declares([]instructions.ArgCommand{*c}, name) {
				return true
			}
		case *instructions.EnvCommand:
			if slices.ContainsFunc(c.Env, func(v instructions.KeyValuePair) bool { return v.Key == name }) {
				return true
			}
		}
	}
	return false
}
