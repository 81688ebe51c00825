package dockerfile

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

// Dockerfile is what generation needs to know of a generated Dockerfile that passed its checks.
type Dockerfile struct {
	Kind buildpack.DockerfileKind
	// From is the image after FROM if the Dockerfile switches the run image; empty if it extends the base_image argument.
	From string
	// Instructions is the number of instructions after FROM.
	Instructions int
	// Args are the names that ARGs below FROM declare.
	Args []string
	// Sources have to be in the build context.
	Sources []Source
	// Notes are warnings and advice.
	Notes []Note
}

// Switches reports whether the Dockerfile switches the run image.
func (d Dockerfile) Switches() bool { return d.From != "" }

// Error is what is wrong with a Dockerfile.
type Error struct {
	// Line is counted from 1; 0 if there is no line to blame.
	Line int
	// Text of that line.
	Text string
	// Message says what is wrong.
	Message string

	hint string
}

// Error is "<message>: line 2: <text of the line>".
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("%s: line %d: %s", e.Message, e.Line, e.Text)
}

// Hint is what to try; empty if nothing comes to mind.
func (e *Error) Hint() string { return e.hint }

// baseImage is the argument through which the extend step names the image to extend.
const baseImage = "base_image"

// Hints for what the authors of extensions get wrong. Most Dockerfiles are written by a shell script with a heredoc.
const (
	hintExpanded  = `if there was a variable on this line, the shell that wrote the file has replaced it: quote the heredoc's word (<<'EOF') or put a backslash before each $ that is for the Dockerfile`
	hintEscaped   = `in a heredoc whose word is quoted (<<'EOF') a $ needs no backslash: write FROM ${base_image}`
	hintBuildFrom = `start with the two lines "ARG base_image" and "FROM ${base_image}"`
	hintRunFrom   = `write FROM ${base_image} to extend the run image, or the name of an image to switch to it`
	hintImage     = `write the name of an image in a registry, such as registry.example/run:1`
	hintTemplate  = `it looks like a template: have bin/generate put the image's name in its place`
	hintAppended  = `two parts of bin/generate have probably been appended to one file: have ARG base_image and FROM written once, by the first of them`
	hintHere      = `if bin/generate ends a here-document (<<%[1]s) with that line, nothing may stand before or after %[1]s on it, not even a blank; after <<-%[1]s tabs may stand before it`
	hintArgs      = `move the other ARG below FROM, where it also can be used`
	hintStages    = `put what another stage would prepare into the build context, or let bin/generate prepare it`
	hintEmpty     = `to extend nothing, leave no file`
)

// source is a Dockerfile while it is judged.
type source struct {
	kind   buildpack.DockerfileKind
	lines  []string
	escape rune
	args   []instructions.ArgCommand // before FROM
	stage  instructions.Stage
}

// Parse checks a generated Dockerfile. Its errors are *Error.
func Parse(kind buildpack.DockerfileKind, data []byte) (Dockerfile, error) {
	s, err := readDockerfile(kind, data)
	if err != nil {
		return Dockerfile{}, err
	}
	d := Dockerfile{Kind: kind, Instructions: len(s.stage.Commands), Args: s.declared(), Sources: s.sources()}
	if kind == buildpack.BuildDockerfile {
		err = s.checkBuildBase()
	} else {
		d.From, err = s.switched()
	}
	if err != nil {
		return Dockerfile{}, err
	}
	d.Notes = s.notes(d)
	return d, nil
}

// readDockerfile demands what is the same for both kinds: that it can be read, and has one stage.
func readDockerfile(kind buildpack.DockerfileKind, data []byte) (source, error) {
	if err := checkSize(kind, data); err != nil {
		return source{}, err
	}
	s := source{kind: kind, lines: strings.Split(string(data), "\n")}
	if at := bytes.IndexByte(data, 0); at >= 0 {
		return s, &Error{Message: fmt.Sprintf("%s is not text: byte %d is 0", kind.File(), at+1)}
	}
	tree, err := parser.Parse(bytes.NewReader(data))
	if err != nil {
		return s, s.malformed(err)
	}
	stages, args, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return s, s.malformed(err)
	}
	switch {
	case len(stages) == 0:
		return s, &Error{Message: kind.File() + " should have at least one stage", hint: hintEmpty}
	case len(stages) > 1:
		hint := hintStages
		if !stagesAreUsed(stages) {
			hint = hintAppended
		}
		return s, s.wrong(kind.File()+" is not permitted to use multistage build", stages[1].Location, hint)
	}
	s.escape, s.args, s.stage = tree.EscapeToken, args, stages[0]
	return s, nil
}

// stagesAreUsed reports whether one of several stages has a name or is copied from, so that there are several on purpose.
func stagesAreUsed(stages []instructions.Stage) bool {
	return slices.ContainsFunc(stages, func(s instructions.Stage) bool {
		return s.Name != "" || slices.ContainsFunc(s.Commands, func(command instructions.Command) bool {
			c, isCopy := command.(*instructions.CopyCommand)
			return isCopy && c.From != ""
		})
	})
}

// checkBuildBase demands that a build.Dockerfile extends the base_image argument and declares nothing else before it.
func (s source) checkBuildBase() error {
	const missing = "build.Dockerfile did not start with required ARG command"
	if len(s.args) == 0 {
		return s.wrong(missing, s.stage.Location, hintBuildFrom)
	}
	first := s.args[0]
	if first.Args[0].Key != baseImage {
		return s.wrong(missing, first.Location(), hintBuildFrom)
	}
	const extra = "build.Dockerfile has another ARG before FROM, where only ARG base_image may stand"
	if len(first.Args) > 1 {
		return s.wrong(extra, first.Location(), hintArgs)
	}
	if len(s.args) > 1 {
		return s.wrong(extra, s.args[1].Location(), hintArgs)
	}
	if !isBaseImage(s.stage.BaseName) {
		return s.wrong("build.Dockerfile did not contain required FROM ${base_image} command", s.stage.Location, hintBuildFrom)
	}
	return nil
}

// switched returns the image that a run.Dockerfile switches to, or "" if it extends the base_image argument.
func (s source) switched() (string, error) {
	from := s.stage.BaseName
	if isBaseImage(from) {
		return "", nil
	}
	wrong := func(message, hint string) (string, error) { return "", s.wrong(message, s.stage.Location, hint) }
	if !printable(from) {
		return wrong(fmt.Sprintf("run.Dockerfile has characters in FROM that no image can have in its name: %q", from), hintRunFrom)
	}
	image, used, err := s.expand(from)
	switch {
	case err != nil:
		return wrong(fmt.Sprintf("run.Dockerfile has a FROM that cannot be read: %s", err), hintRunFrom)
	case len(used) == 1 && used[0] == baseImage:
		return wrong("run.Dockerfile changes the value of base_image in FROM, where it has to stand as it is", hintRunFrom)
	case len(used) > 0:
		used = slices.DeleteFunc(used, func(name string) bool { return name == baseImage })
		return wrong(fmt.Sprintf("run.Dockerfile uses the variable %s in FROM, where only base_image is known", strings.Join(used, ", ")), hintRunFrom)
	case strings.Contains(from, "$"):
		return wrong("run.Dockerfile keeps $ in FROM from being a variable, and no image has such a name", hintEscaped)
	case image == "":
		return wrong("run.Dockerfile names no image in FROM", hintExpanded)
	}
	if err := CheckImageName(image); err != nil {
		hint := hintImage
		if strings.Contains(image, "{{") {
			hint = hintTemplate
		}
		return wrong(fmt.Sprintf("run.Dockerfile has %s in FROM, which is not the name of an image: %s", quoted(image), err), hint)
	}
	return image, nil
}

// printable reports whether a word is text that people can read.
func printable(word string) bool {
	return utf8.ValidString(word) && !strings.ContainsFunc(word, func(r rune) bool { return !unicode.IsPrint(r) })
}

// longestWord is how many bytes a word may have that is looked into: the time for that grows with the square of them.
const longestWord = 4 << 10

// expand removes quotes as an extend step would, and returns the variables that a word uses.
func (s source) expand(word string) (text string, variables []string, err error) {
	if len(word) > longestWord {
		return "", nil, fmt.Errorf("it has %d bytes", len(word))
	}
	if !printable(word) { // the lexer complains about such to the process's stderr
		return "", nil, fmt.Errorf("%q is not text", word)
	}
	expanded, err := shell.NewLex(s.escape).ProcessWordWithMatches(word, shell.EnvsFromSlice(nil))
	if err != nil {
		return "", nil, err
	}
	for name := range expanded.Unmatched {
		variables = append(variables, name)
	}
	slices.Sort(variables)
	return expanded.Result, variables, nil
}

// baseImageArg matches the base_image argument unchanged: $base_image, ${base_image}, ${base_image:-default}.
var baseImageArg = tidy.Pattern(`^\$(?:base_image|\{base_image(?::?[-?][^{}$]*)?\})$`)

func isBaseImage(from string) bool {
	if inner, quoted := strings.CutPrefix(from, `"`); quoted {
		from = strings.TrimSuffix(inner, `"`)
	}
	return baseImageArg().MatchString(from)
}

// wrong is an error about an instruction.
func (s source) wrong(message string, at []parser.Range, hint string) error {
	e := &Error{Message: message, hint: hint}
	e.Line, e.Text = s.lineAt(at)
	return e
}

func (s source) lineAt(at []parser.Range) (line int, text string) {
	if len(at) == 0 || at[0].Start.Line < 1 || at[0].Start.Line > len(s.lines) {
		return 0, ""
	}
	line = at[0].Start.Line
	return line, tidy.Shown(s.lines[line-1])
}

// malformed adds the line and its text to an error of the parser.
func (s source) malformed(err error) error {
	e := &Error{Message: tidy.Shown(parserPrefix().ReplaceAllString(err.Error(), ""))}
	var at *parser.LocationError
	if errors.As(err, &at) && len(at.Locations) > 0 {
		e.Line, e.Text = s.lineAt(at.Locations[0])
	}
	mark := HereMark(e.Text)
	if mark != "" { // an instruction that the parser takes it for is none that was meant
		e.Message, _, _ = strings.Cut(e.Message, " (did you mean ")
	}
	switch {
	case mark != "" && strings.HasPrefix(e.Message, "unknown instruction: "):
		e.hint = HintHere(mark)
	case strings.Contains(e.Message, "file with no instructions"):
		e.hint = hintEmpty
	case !strings.Contains(e.Text, "$") && lacksArgument().MatchString(e.Message):
		e.hint = hintExpanded
	}
	return e
}

var (
	// parserPrefix repeats what Error says anyway.
	parserPrefix = tidy.Pattern(`^dockerfile parse error on line \d+: `)
	// lacksArgument are the parser's words for an instruction that is too short.
	lacksArgument = tidy.Pattern(`requires (at least|exactly|either) |must have two arguments|can ?not be blank|can not be an empty string`)
)

// loneWord matches a line with nothing but a word.
var loneWord = tidy.Pattern(`^\s*(\w+)\s*$`)

// HereMark is the word of a line that has only one, as the end of a shell's here-document has; empty for other lines.
func HereMark(line string) string {
	if found := loneWord().FindStringSubmatch(line); found != nil {
		return found[1]
	}
	return ""
}

// HintHere is what to try about a line that a shell did not take for the end of its here-document.
func HintHere(mark string) string { return fmt.Sprintf(hintHere, mark) }
