package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/cnb-prelude/prelude/buildpack"
	rules "github.com/cnb-prelude/prelude/buildpack/dockerfile"
)

// dockerfile is what has to be known of a Dockerfile to build it and to remember what came of it.
type dockerfile struct {
	text  []byte
	lines []string
	// switches says that it names its base itself, onBase that FROM is base_image and that an ARG before it declares that.
	switches, onBase bool
	first, last      int                    // lines of FROM
	commands         []instructions.Command // below FROM
}

// parse reads a Dockerfile, which has to be one that generation could have left.
func parse(kind buildpack.DockerfileKind, text []byte) (dockerfile, error) {
	checked, err := rules.Parse(kind, text)
	if err != nil {
		return dockerfile{}, err
	}
	tree, err := parser.Parse(bytes.NewReader(text))
	if err != nil {
		return dockerfile{}, err
	}
	stages, args, err := instructions.Parse(tree.AST, nil)
	if err != nil {
		return dockerfile{}, err
	}
	lines := strings.Split(string(text), "\n")
	var first, last int
	for _, node := range tree.AST.Children {
		if strings.EqualFold(node.Value, "from") {
			first, last = node.StartLine, node.EndLine
		}
	}
	declared := slices.ContainsFunc(args, func(a instructions.ArgCommand) bool { return declares(a, "base_image") })
	return dockerfile{text, lines, checked.Switches(), !checked.Switches() && declared, first, last, stages[0].Commands}, nil
}

// on returns the Dockerfile as it is built on a base: as it is or, if it names another base or none that builders know, with
// that one in FROM, and all other lines where they were.
func (d dockerfile) on(base string) []byte {
	if d.onBase {
		return d.text
	}
	lines := slices.Clone(d.lines)
	for i := d.first; i < d.last; i++ {
		lines[i] = ""
	}
	lines[d.first-1] = "FROM " + base
	return []byte(strings.Join(lines, "\n"))
}

// newEachTime is the place of the instruction from which on nothing may come from a cache, or -1: that is where build_id is
// declared, for which extensions have it.
func (d dockerfile) newEachTime() int {
	return d.declares("build_id")
}

// declares is the place of the first ARG of that name, or -1.
func (d dockerfile) declares(name string) int {
	return slices.IndexFunc(d.commands, func(c instructions.Command) bool {
		arg, ok := c.(*instructions.ArgCommand)
		return ok && declares(*arg, name)
	})
}

func declares(arg instructions.ArgCommand, name string) bool {
	return slices.ContainsFunc(arg.Args, func(a instructions.KeyValuePairOptional) bool { return a.Key == name })
}

// needsContext reports whether an instruction may read the build context.
func (d dockerfile) needsContext() bool {
	return slices.ContainsFunc(d.commands, func(c instructions.Command) bool {
		switch c := c.(type) {
		case *instructions.AddCommand:
			return true
		case *instructions.CopyCommand:
			return c.From == ""
		case *instructions.RunCommand:
			return strings.Contains(strings.Join(c.FlagsUsed, " "), "mount")
		}
		return false
	})
}

// elsewhere reports whether an instruction may read what is neither in the base nor in the context, and can change any time.
func (d dockerfile) elsewhere() bool {
	return slices.ContainsFunc(d.commands, func(c instructions.Command) bool {
		switch c := c.(type) {
		case *instructions.AddCommand:
			return slices.ContainsFunc(c.SourcePaths, func(path string) bool { return strings.Contains(path, ":") || strings.Contains(path, "$") })
		case *instructions.CopyCommand:
			return c.From != ""
		case *instructions.RunCommand:
			return strings.Contains(strings.Join(c.FlagsUsed, " "), "mount")
		}
		return false
	})
}

// rebasable reports whether it sets the label that says so, in so many words.
func (d dockerfile) rebasable() bool {
	value := ""
	for _, c := range d.commands {
		label, ok := c.(*instructions.LabelCommand)
		if !ok {
			continue
		}
		for _, pair := range label.Labels {
			if strings.Trim(pair.Key, `"'`) == rebasable {
				value = strings.Trim(pair.Value, `"'`)
			}
		}
	}
	return value == "true"
}

// rebasable is the label that reports whether an image is.
const rebasable = "io.buildpacks.rebasable"

// costly are the instructions that take time.
func costly(c instructions.Command) bool {
	switch c.(type) {
	case *instructions.RunCommand, *instructions.CopyCommand, *instructions.AddCommand:
		return true
	}
	return false
}

// worthLayers reports whether a build that begins anew at build_id saves time by keeping what is above it. To copy files again takes
// less than to keep an instruction.
func (d dockerfile) worthLayers() bool {
	at := d.newEachTime()
	return at > 0 && slices.ContainsFunc(d.commands[:at], func(c instructions.Command) bool {
		_, run := c.(*instructions.RunCommand)
		return run
	})
}

// place is the line of an instruction, counted from 0 below FROM, and its text: "line 3: RUN false". If there is no such
// instruction it is empty.
func (d dockerfile) place(instruction int) string {
	if instruction < 0 || instruction >= len(d.commands) {
		return ""
	}
	line := d.commands[instruction].Location()[0].Start.Line
	return d.line(line)
}

func (d dockerfile) line(line int) string {
	if line < 1 || line > len(d.lines) {
		return ""
	}
	return fmt.Sprintf("line %d: %s", line, shown(d.lines[line-1]))
}
