package buildpack

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// Note is something worth saying about a Dockerfile that passed its checks.
type Note struct {
	Text string
	// Hint is what to try; empty if nothing comes to mind.
	Hint string
	// Minor notes are said at debug level only.
	Minor bool
}

const (
	hintUser     = `end with "ARG user_id", "ARG group_id" and "USER ${user_id}:${group_id}": the extend step sets both to the user that the image had`
	hintDeclared = `put "ARG %s" between FROM and this line`
	hintBaseArg  = `put "ARG base_image" before FROM`
	rebasable    = "io.buildpacks.rebasable"
)

// notes are the mistakes that authors make without a parser noticing.
func (s source) notes(d Dockerfile) []Note {
	notes := s.notRecommended()
	if s.kind == RunDockerfile && !d.Switches() && !declares(s.args, baseImage) {
		notes = append(notes, Note{Text: s.note("uses base_image in FROM, but no ARG declares it", s.stage.Location[0].Start.Line), Hint: hintBaseArg})
	}
	notes = append(notes, s.early()...)
	notes = append(notes, s.userNotes()...)
	if s.kind == RunDockerfile && d.Instructions > 0 && !s.setsRebasable() {
		notes = append(notes, Note{
			Text:  "run.Dockerfile does not set the label " + rebasable + ": an image extended by it counts as not rebasable",
			Hint:  `if all that it changes stays the same on another version of the run image, add LABEL io.buildpacks.rebasable=true`,
			Minor: true,
		})
	}
	return notes
}

// note names the file and the line, and shows the line.
func (s source) note(what string, line int) string {
	return fmt.Sprintf("%s %s: line %d: %s", s.kind.File(), what, line, tomlconfig.Shown(s.lines[line-1]))
}

func (s source) notRecommended() []Note {
	var notes []Note
	for _, command := range s.stage.Commands {
		switch name := strings.ToUpper(command.Name()); name {
		case "FROM", "ADD", "ARG", "COPY", "ENV", "LABEL", "RUN", "SHELL", "USER", "WORKDIR":
		default:
			notes = append(notes, Note{Text: fmt.Sprintf("%s command %s on line %d is not recommended", s.kind.File(), name, lineOf(command))})
		}
	}
	return notes
}

func lineOf(command instructions.Command) int { return command.Location()[0].Start.Line }

// userNotes are about the last USER, which is the image's from then on, and about USER without a name.
func (s source) userNotes() []Note {
	var notes []Note
	var last *instructions.UserCommand
	declared := map[string]bool{}
	for _, command := range s.stage.Commands {
		switch c := command.(type) {
		case *instructions.ArgCommand:
			for _, arg := range c.Args {
				declared[arg.Key] = true
			}
		case *instructions.EnvCommand:
			for _, variable := range c.Env {
				declared[variable.Key] = true
			}
		case *instructions.UserCommand:
			notes = append(notes, s.undeclared(c, declared)...)
			last = c
		}
	}
	if last == nil {
		return notes
	}
	user, variables, err := s.expand(last.User)
	if err != nil || len(variables) > 0 {
		return notes
	}
	switch name, _, _ := strings.Cut(user, ":"); name {
	case "":
		notes = append(notes, Note{Text: s.note("names no user", lineOf(last)), Hint: hintExpanded})
	case "root", "0":
		notes = append(notes, Note{Text: s.note("leaves root as the user of the image", lineOf(last)), Hint: hintUser})
	}
	return notes
}

// undeclared says which of a USER's variables have no value there, because nothing after FROM declares them.
func (s source) undeclared(user *instructions.UserCommand, declared map[string]bool) []Note {
	var notes []Note
	_, variables, _ := s.expand(user.User)
	for _, name := range variables {
		if (name == "user_id" || name == "group_id") && !declared[name] {
			notes = append(notes, Note{
				Text: s.note("uses "+name+", which no ARG after FROM declares", lineOf(user)),
				Hint: fmt.Sprintf(hintDeclared, name),
			})
		}
	}
	return notes
}

func declares(args []instructions.ArgCommand, name string) bool {
	return slices.ContainsFunc(args, func(command instructions.ArgCommand) bool {
		return slices.ContainsFunc(command.Args, func(arg instructions.KeyValuePairOptional) bool { return arg.Key == name })
	})
}

func (s source) setsRebasable() bool {
	for _, command := range s.stage.Commands {
		label, ok := command.(*instructions.LabelCommand)
		if !ok {
			continue
		}
		for _, pair := range label.Labels {
			if unquoted(pair.Key) == rebasable && unquoted(pair.Value) == "true" {
				return true
			}
		}
	}
	return false
}

func unquoted(text string) string { return strings.Trim(text, `"'`) }
