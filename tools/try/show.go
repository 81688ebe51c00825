package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

// noRunImage is what the run image is called where none is given.
const noRunImage = "run-image"

// show shows what came out.
func (w *world) show(out io.Writer) error {
	for _, warning := range w.warnings {
		fmt.Fprintln(out, "Warning: "+warning)
	}
	if names := w.names(); len(names) > 0 {
		fmt.Fprintf(out, "added: the buildpack %s, which requires %s, because no other module that passes does\n", requirer.ID, strings.Join(names, ", "))
	}
	if !w.builder {
		fmt.Fprintf(out, "\n======== Detector ========\n%s", w.words())
	}
	fmt.Fprint(out, w.absent())
	if w.code != 0 {
		return nil
	}
	g, err := w.generated()
	if err != nil {
		return err
	}
	for _, d := range g.Dockerfiles {
		text, err := os.ReadFile(w.root("layers/generated", d.Path))
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "\n======== %s.Dockerfile of %s@%s ========\n%s\n", d.Kind, d.Extension, d.Version, fill(strings.TrimRight(string(text), "\n"), d.Args))
		if d.Context != "" {
			fmt.Fprintf(out, "(its context: %s)\n", d.Context)
		}
	}
	fmt.Fprintf(out, "\n======== Images ========\nbuild image: %s\nrun image:   %s\n", used(g, buildpack.BuildDockerfile), used(g, buildpack.RunDockerfile))
	return nil
}

// inputs are the lines at the debug level that name the directories of a world, and refused the path of a file that goes with it.
var (
	inputs  = regexp.MustCompile(`(?m)^======== Inputs ========\n(?:[A-Za-z_-]+: .*\n)+`)
	refused = regexp.MustCompile(`(?m)^hint: the whole .* is in .*\n`)
)

// words are what the detector printed, with the paths that a platform has in place of the world's.
func (w *world) words() string {
	text := refused.ReplaceAllString(inputs.ReplaceAllString(w.said.String(), ""), "")
	root := regexp.MustCompile(`[^ ]*` + regexp.QuoteMeta(filepath.Join(filepath.Base(w.dir), "root")))
	return root.ReplaceAllString(text, "")
}

// absent says of the modules that were given and do not take part why, a line for each. When no group passes, the detector says it.
func (w *world) absent() string {
	var text strings.Builder
	if w.report == nil || w.code != 0 {
		return ""
	}
	for _, m := range w.modules {
		for _, ran := range w.report.Modules {
			if m.is(ran.ref) && ran.Outcome != string(buildpack.Passed) {
				fmt.Fprintf(&text, "%s does not take part: %s\n", m.name(), ran.why())
			}
		}
		for _, dropped := range w.report.Dropped {
			if m.is(dropped.ref) && dropped.Fact != nil {
				fmt.Fprintf(&text, "%s does not take part: %s\n", m.name(), dropped.Reason)
			}
		}
	}
	return text.String()
}

// why says why a module did not pass.
func (m reported) why() string {
	text := cmp.Or(m.Cause, m.Target.Reason)
	if m.ExitCode != nil {
		text = fmt.Sprintf("bin/detect ended with exit code %d", *m.ExitCode)
	}
	if words := tidy.LastLine([]byte(m.Output), 200); words != "" {
		text += ": " + words
	}
	return text
}

// names are those that the buildpack requires that was put in.
func (w *world) names() []string {
	var names []string
	for _, r := range w.requires {
		names = append(names, r.Name)
	}
	return names
}

// used says in one line what happens to an image.
func used(g generated, kind buildpack.DockerfileKind) string {
	text := cmp.Or(g.BuildImage.Reference, "the builder")
	if kind == buildpack.RunDockerfile {
		if text = g.RunImage.Image; text == noRunImage {
			text = "none given"
		}
		if g.RunImage.SwitchedBy != "" {
			text += ", to which " + g.RunImage.SwitchedBy + " switches"
		}
	}
	var by []string
	for _, d := range g.Dockerfiles {
		if d.Kind == string(kind) && d.Instructions > 0 {
			by = append(by, d.Extension)
		}
	}
	if len(by) == 0 {
		return text + ", not extended"
	}
	return text + ", extended by " + strings.Join(by, ", ")
}

var argument = regexp.MustCompile(`(?mi)^([ \t]*ARG[ \t]+)([A-Za-z_][A-Za-z0-9_]*)(=.*)?$`)

// fill gives the arguments of a Dockerfile the values that it will be built with.
func fill(text string, args []buildpack.Arg) string {
	return argument.ReplaceAllStringFunc(text, func(line string) string {
		parts := argument.FindStringSubmatch(line)
		for _, arg := range args {
			if arg.Name == parts[2] {
				return fmt.Sprintf("%s%s=%q", parts[1], parts[2], arg.Value)
			}
		}
		return line
	})
}
