package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/report"
)

// run does what the options ask for, and returns the exit code.
func (o options) run(ctx context.Context, out io.Writer) (int, error) {
	modules, err := o.readModules()
	if err != nil {
		return 0, err
	}
	s, err := o.scene(modules)
	if err != nil {
		return 0, err
	}
	e := host{}
	if o.test {
		return o.tests(ctx, s, e, out)
	}
	for _, m := range s.modules {
		fmt.Fprintf(out, "%s is the %s %s\n", m.dir, m.kind, m.name())
	}
	fmt.Fprintf(out, "app: %s\nmodules run on %s, Platform API %s\n", or(s.app, "none, an empty directory"), e.describe(), s.platformAPI)
	w, err := s.play(ctx, e)
	defer w.remove()
	if err != nil {
		return 0, err
	}
	return w.code, errors.Join(w.show(out), o.keep(w))
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

func (o options) readModules() ([]module, error) {
	var modules []module
	for _, dir := range o.modules {
		m, err := readModule(dir)
		if err != nil {
			return nil, err
		}
		modules = append(modules, m)
	}
	return modules, nil
}

// scene is the one that the options describe.
func (o options) scene(modules []module) (scene, error) {
	s := scene{modules: modules, app: o.app, platformAPI: o.platformAPI, execEnv: o.execEnv, debug: o.debug, detector: o.detector}
	s.analyzed.RunImage.Image, s.analyzed.RunImage.Reference = noRunImage, noRunImage
	s.analyzed.RunImage.Target = target{OS: "linux", Arch: runtime.GOARCH}
	var err error
	if s.env, err = parseEnv(o.env, o.envFiles); err != nil {
		return s, err
	}
	if o.order != "" {
		if s.order, err = os.ReadFile(o.order); err != nil {
			return s, fmt.Errorf("-order: %w", err)
		}
	}
	if o.app != "" {
		if info, err := os.Stat(o.app); err != nil || !info.IsDir() {
			return s, fmt.Errorf("-app %s is no directory", o.app)
		}
	}
	if s.detector == "" {
		self, err := os.Executable()
		if err != nil {
			return s, err
		}
		s.detector = filepath.Join(filepath.Dir(self), "lifecycle", "detector")
	}
	if _, err := os.Stat(s.detector); err != nil {
		return s, fmt.Errorf("%w; say with -detector where Prelude's is", err)
	}
	return s, nil
}

// keep writes the files that the options ask for.
func (o options) keep(w *world) error {
	if o.report != "" {
		if w.report == nil {
			return fmt.Errorf("-report %s: the detector ended before it could report", o.report)
		}
		text, err := w.report.Encode(o.report)
		if err != nil {
			return err
		}
		if err := os.WriteFile(o.report, text, 0o644); err != nil {
			return err
		}
	}
	if o.output == "" {
		return nil
	}
	if entries, err := os.ReadDir(o.output); err == nil && len(entries) > 0 {
		return fmt.Errorf("-output %s: it is not empty; name a new directory", o.output)
	}
	return copyTree(w.root("layers"), o.output, func(string) bool { return false })
}

// noRunImage is what the run image is called where none is given.
const noRunImage = "run-image"

// show shows what came out.
func (w *world) show(out io.Writer) error {
	for _, warning := range w.warnings {
		fmt.Fprintln(out, "Warning: "+warning)
	}
	if names := w.names(); len(names) > 0 {
		fmt.Fprintf(out, "put in: the buildpack %s, which requires %s, because no other one does\n", requirer.ID, strings.Join(names, ", "))
	}
	fmt.Fprintf(out, "\n======== Detector ========\n%s%s", &w.said, w.absent())
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

// absent says of the modules that were given and do not take part why, a line for each. When no group passes, the detector says it.
func (w *world) absent() string {
	var text strings.Builder
	if w.report == nil || w.code != 0 {
		return ""
	}
	for _, m := range w.modules {
		for _, ran := range w.report.Modules {
			if m.is(ran.Ref) && ran.Outcome != string(buildpack.Passed) {
				fmt.Fprintf(&text, "%s does not take part: %s\n", m.name(), why(ran))
			}
		}
		for _, dropped := range w.report.Dropped {
			if m.is(dropped.Ref) && dropped.Fact != nil {
				fmt.Fprintf(&text, "%s does not take part: %s\n", m.name(), dropped.Reason)
			}
		}
	}
	return text.String()
}

// why says why a module did not pass.
func why(ran report.Module) string {
	text := or(ran.Cause, ran.Target.Reason)
	if ran.ExitCode != nil {
		text = fmt.Sprintf("bin/detect ended with exit code %d", *ran.ExitCode)
	}
	if words := tidy.LastLine([]byte(ran.Output), 200); words != "" {
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
func used(g *platform.Generated, kind buildpack.DockerfileKind) string {
	text := or(g.BuildImage.Reference, "the builder")
	if kind == buildpack.RunDockerfile {
		text = or(g.RunImage.Image, "the builder's")
		if g.RunImage.SwitchedBy != "" {
			text += ", to which " + g.RunImage.SwitchedBy + " switches"
		}
	}
	var by []string
	for _, d := range g.For(kind) {
		if d.Instructions > 0 {
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
