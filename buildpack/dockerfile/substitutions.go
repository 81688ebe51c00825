package dockerfile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
)

// substitution matches $(name): a shell runs a command of that name.
var substitution = tidy.Pattern(`\$\(\s*([A-Za-z_]\w*)\s*\)`)

// commands are programs that print something without arguments, which are also good names of arguments.
func commands() []string {
	return []string{"arch", "date", "groups", "hostname", "id", "locale", "logname", "nproc", "pwd", "tty", "uname", "users", "who", "whoami"}
}

// substitutions notes $(user_id) where ${user_id} is meant.
func (s source) substitutions(notes *notebook) {
	set := map[string]bool{baseImage: true, "build_id": true, "user_id": true, "group_id": true}
	for _, command := range s.stage.Commands {
		named(command, set)
		_, isUser := command.(*instructions.UserCommand)
		for _, line := range s.expanded(command) {
			for _, found := range substitution().FindAllStringSubmatch(s.lines[line-1], -1) {
				name := found[1]
				if !isUser && (!set[name] || slices.Contains(commands(), name)) || notes.full() {
					continue
				}
				notes.add(Note{
					Text: s.note(fmt.Sprintf("has %s, which is a command and not the variable %s", short(found[0]), short(name)), line),
					Hint: fmt.Sprintf("write ${%s}", short(name)),
				})
			}
		}
	}
}

// expanded returns the lines of an instruction that a shell or the builder may expand: neither comments nor the files that COPY
// and ADD have in the Dockerfile itself.
func (s source) expanded(command instructions.Command) (lines []int) {
	at := command.Location()
	first, last := at[0].Start.Line, min(at[len(at)-1].End.Line, len(s.lines))
	switch command.(type) {
	case *instructions.CopyCommand, *instructions.AddCommand:
		last = first
	}
	for line := first; line <= last; line++ {
		if !strings.HasPrefix(strings.TrimSpace(s.lines[line-1]), "#") {
			lines = append(lines, line)
		}
	}
	return lines
}
