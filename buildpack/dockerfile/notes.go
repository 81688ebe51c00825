package dockerfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

const (
	hintUser     = `end with "ARG user_id", "ARG group_id" and "USER ${user_id}:${group_id}": the extend step sets both to the user that the image had`
	hintDeclared = `put "ARG %s" between FROM and this line`
	hintBaseArg  = `put "ARG base_image" before FROM`
	rebasable    = "io.buildpacks.rebasable"
)

// notes returns notes about mistakes that a parser does not notice.
func (s source) notes(d Dockerfile) []Note {
	var notes notebook
	s.notRecommended(&notes)
	if s.kind == buildpack.RunDockerfile && !d.Switches() && !slices.ContainsFunc(s.args, declaresBase) {
		notes.add(Note{Text: s.note("uses base_image in FROM, but no ARG declares it", s.stage.Location[0].Start.Line), Hint: hintBaseArg})
	}
	s.early(&notes)
	s.userNotes(d, &notes)
	s.substitutions(&notes)
	all := notes.all(s.kind.File())
	if s.kind == buildpack.RunDockerfile && d.Instructions > 0 && !s.setsRebasable() {
		all = append(all, Note{
			Text:  "run.Dockerfile does not set the label " + rebasable + ": an image extended by it counts as not rebasable",
			Hint:  `if all that it changes stays the same on another version of the run image, add LABEL io.buildpacks.rebasable=true`,
			Minor: true,
		})
	}
	return all
}

// note names the file and the line, and shows the line.
func (s source) note(what string, line int) string {
	return fmt.Sprintf("%s %s: line %d: %s", s.kind.File(), what, line, tidy.Shown(s.lines[line-1]))
}

func (s source) notRecommended(notes *notebook) {
	for _, command := range s.stage.Commands {
		switch name := strings.ToUpper(command.Name()); name {
		case "FROM", "ADD", "ARG", "COPY", "ENV", "LABEL", "RUN", "SHELL", "USER", "WORKDIR":
		default:
			notes.add(Note{Text: fmt.Sprintf("%s command %s on line %d is not recommended", s.kind.File(), name, lineOf(command))})
		}
	}
}

func lineOf(command instructions.Command) int { return command.Location()[0].Start.Line }

// userNotes notes variables of USER that have no value, and root as the last USER, which is the image's from then on.
func (s source) userNotes(d Dockerfile, notes *notebook) {
	var last *instructions.UserCommand
	set := map[string]bool{}
	for _, command := range s.stage.Commands {
		named(command, set)
		if user, ok := command.(*instructions.UserCommand); ok {
			s.unsetUser(d, user, set, notes)
			last = user
		}
	}
	if last == nil {
		return
	}
	user, variables, err := s.expand(last.User)
	if err != nil || len(variables) > 0 {
		return
	}
	switch name, _, _ := strings.Cut(user, ":"); name {
	case "":
		notes.add(Note{Text: s.note("names no user", lineOf(last)), Hint: hintExpanded})
	case "root", "0":
		notes.add(Note{Text: s.note("leaves root as the user of the image", lineOf(last)), Hint: hintUser})
	}
}

// unsetUser notes the variables of a USER that have no value there.
func (s source) unsetUser(d Dockerfile, user *instructions.UserCommand, set map[string]bool, notes *notebook) {
	_, variables, _ := s.expand(user.User)
	line := lineOf(user)
	for _, name := range variables {
		switch {
		case set[name], strings.Contains(user.User, "${"+name+":-"), strings.Contains(user.User, "${"+name+"-"):
		case name == "user_id" || name == "group_id":
			hint := fmt.Sprintf(hintDeclared, name)
			notes.add(Note{Text: s.note("uses "+name+", which no ARG after FROM declares", line), Hint: hint})
		case s.kind == buildpack.BuildDockerfile && (name == "CNB_USER_ID" || name == "CNB_GROUP_ID"): // every build image has them
		case d.Switches() && !strings.HasPrefix(name, "CNB_"): // its author knows the environment of that image
		default:
			notes.add(Note{Text: s.note("uses "+short(name)+", which no ARG or ENV after FROM sets", line), Hint: hintUser})
		}
	}
}

func declaresBase(command instructions.ArgCommand) bool {
	return slices.ContainsFunc(command.Args, func(arg instructions.KeyValuePairOptional) bool { return arg.Key == baseImage })
}

func (s source) setsRebasable() bool {
	return slices.ContainsFunc(s.stage.Commands, func(command instructions.Command) bool {
		label, ok := command.(*instructions.LabelCommand)
		return ok && slices.ContainsFunc(label.Labels, func(pair instructions.KeyValuePair) bool {
			return unquoted(pair.Key) == rebasable && unquoted(pair.Value) == "true"
		})
	})
}

func unquoted(text string) string { return strings.Trim(text, `"'`) }
