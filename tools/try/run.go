package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
)

// setting is what the options name: a builder, or an image, and who runs modules in it.
type setting struct {
	engine  engine
	image   *image
	builder metadata
}

// run does what the options ask for, and returns the exit code.
func (o options) run(ctx context.Context, out io.Writer) (int, error) {
	here, err := o.setting()
	if err != nil {
		return 0, err
	}
	s, err := o.scene(here)
	if s.temporary {
		defer os.Remove(s.detector)
	}
	if err != nil {
		return 0, err
	}
	if o.test {
		return o.tests(ctx, s, here.engine, out)
	}
	if err := o.describe(ctx, here, &s, out); err != nil {
		return 0, err
	}
	w, err := o.detect(ctx, s, here.engine, out)
	defer w.remove()
	if err != nil {
		return 0, err
	}
	if err := errors.Join(w.show(out), o.keep(ctx, w, here.engine)); err != nil {
		return 0, err
	}
	if o.compare {
		return o.comparison(ctx, w, here.engine, out)
	}
	return w.code, nil
}

// detect runs the detector. In a builder, its words are seen as it says them.
func (o options) detect(ctx context.Context, s scene, e engine, out io.Writer) (*world, error) {
	if !s.builder {
		return s.play(ctx, e)
	}
	fmt.Fprint(out, "\n======== Detector ========\n")
	w, err := s.build()
	if err == nil {
		err = w.detect(ctx, e, out)
	}
	return w, err
}

// setting opens the image, and chooses the engine.
func (o options) setting() (setting, error) {
	var here setting
	if o.builder == "" && o.image == "" {
		if runtime.GOOS != "linux" {
			return here, errors.New("modules are for Linux: name an image to run them in, with -builder or -image")
		}
		here.engine = host{}
		return here, nil
	}
	var err error
	if here.image, err = openImage(cmp.Or(o.builder, o.image)); err != nil {
		return here, err
	}
	if o.builder != "" {
		if here.builder, err = here.image.builder(); err != nil {
			return here, err
		}
	}
	here.engine, err = o.chooseEngine(here.image)
	return here, err
}

// chooseEngine is what -engine says, or where the image is: Docker runs its own, and others if it is all that there is.
func (o options) chooseEngine(i *image) (engine, error) {
	choice := o.engine
	if choice == "" {
		choice = "rootfs"
		if i.kind == "local" || tryNamespaces() != nil {
			choice = "docker"
		}
	}
	if choice == "docker" {
		return container{i}, nil
	}
	return rootfs{i}, nil
}

// scene is the one that the options describe.
func (o options) scene(here setting) (scene, error) {
	s := scene{builder: o.builder != "", builderOrder: here.builder.order, app: o.app, platformAPI: o.platformAPI, execEnv: o.execEnv, debug: o.debug}
	if s.platformAPI == "" {
		s.platformAPI = here.builder.platformAPI()
	}
	s.analyzed.RunImage.Image, s.analyzed.RunImage.Reference = noRunImage, noRunImage
	s.analyzed.RunImage.Target = target{OS: "linux", Arch: runtime.GOARCH}
	if o.app != "" {
		if !isDir(o.app) {
			return s, fmt.Errorf("-app %s is no directory", o.app)
		}
		var err error
		if s.app, err = filepath.Abs(o.app); err != nil {
			return s, err
		}
	}
	p, err := readProject(s.app)
	if err != nil {
		return s, err
	}
	s.leaveOut = p.leaveOut(s.app)
	if s.env, err = parseEnv(o.env, o.envFiles); err != nil {
		return s, err
	}
	for _, variable := range p.env {
		if _, given := s.env[variable.Name]; !given && (len(variable.ExecEnv) == 0 || slices.Contains(variable.ExecEnv, cmp.Or(o.execEnv, "production"))) {
			s.env[variable.Name] = variable.Value
		}
	}
	if o.order != "" {
		if s.order, err = os.ReadFile(o.order); err != nil {
			return s, fmt.Errorf("-order: %w", err)
		}
	}
	if s.modules, err = o.readModules(here.builder, p); err != nil {
		return s, err
	}
	arch := runtime.GOARCH
	if here.image != nil {
		arch = here.image.config.Architecture
	}
	s.detector, s.temporary, err = findDetector(o.detector, arch)
	return s, err
}

// readModules reads the modules that the options name, or the buildpacks that project.toml does.
func (o options) readModules(m metadata, p project) ([]module, error) {
	buildpacks := o.buildpacks
	if len(buildpacks) == 0 && len(o.modules) == 0 {
		for _, b := range p.Group {
			if b.URI != "" && !filepath.IsAbs(b.URI) && isDir(filepath.Join(o.app, b.URI)) {
				b.URI = filepath.Join(o.app, b.URI)
			}
			buildpacks = append(buildpacks, cmp.Or(b.URI, strings.TrimSuffix(b.ID+"@"+b.Version, "@")))
		}
	}
	var modules []module
	for _, list := range []struct {
		kind  buildpack.Kind
		names []string
	}{{"", o.modules}, {buildpack.KindExtension, o.extensions}, {buildpack.KindBuildpack, buildpacks}} {
		for _, name := range list.names {
			found, err := findModule(list.kind, name, m)
			if err != nil {
				return nil, err
			}
			modules = append(modules, found)
		}
	}
	return modules, nil
}

// findModule reads a module's directory, or finds a module of the builder.
func findModule(kind buildpack.Kind, name string, m metadata) (module, error) {
	if kind == "" || isDir(name) {
		found, err := readModule(name)
		if err == nil && kind != "" && found.kind != kind {
			err = fmt.Errorf("%s is the %s %s, and no %s", name, found.kind, found.name(), kind)
		}
		return found, err
	}
	id, version, _ := strings.Cut(name, "@")
	has, err := m.has(string(kind), id, version)
	return module{kind: kind, Descriptor: buildpack.Descriptor{ID: has.ID, Version: has.Version}}, err
}

// describe finds the run image, and says what was taken from where.
func (o options) describe(ctx context.Context, here setting, s *scene, out io.Writer) error {
	for _, m := range s.modules {
		if m.dir != "" {
			fmt.Fprintf(out, "%s is the %s %s\n", m.dir, m.kind, m.name())
		}
	}
	if s.builder {
		id, err := here.image.id()
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "builder: %s, %s\n", here.image.given, id)
		s.analyzed.BuildImage.Reference = here.image.name
	}
	if s.builder || o.runImage != "" {
		run, err := findRunImage(ctx, o.runImage, here.image, here.builder)
		if err != nil {
			return err
		}
		id, err := run.id()
		if err != nil {
			return err
		}
		described := &s.analyzed.RunImage
		described.Image, described.Reference, described.Target = run.name, id, run.target()
		fmt.Fprintf(out, "run image: %s, %s, for %s\n", run.given, id, described.Target)
	}
	fmt.Fprintf(out, "app: %s\n", cmp.Or(o.app, "none, an empty directory"))
	fmt.Fprintf(out, "Platform API: %s\nmodules run in %s\n", s.platformAPI, here.engine.describe())
	return nil
}

// String is the target as the docs write it.
func (t target) String() string {
	text := t.OS + "/" + t.Arch
	if t.Variant != "" {
		text += "/" + t.Variant
	}
	if t.Distro != nil {
		text += ", " + t.Distro.Name + " " + t.Distro.Version
	}
	return text
}

// keep writes the files that the options ask for.
func (o options) keep(ctx context.Context, w *world, e engine) error {
	if err := o.keepReport(ctx, w, e); err != nil {
		return err
	}
	if o.output == "" {
		return nil
	}
	if entries, err := os.ReadDir(o.output); err == nil && len(entries) > 0 {
		return fmt.Errorf("-output %s: it is not empty; name a new directory", o.output)
	}
	return copyTree(w.root("layers"), o.output, func(name string) bool { return name == w.reportName() })
}

// keepReport writes the report. The page comes from the detector itself, which is run for it once more.
func (o options) keepReport(ctx context.Context, w *world, e engine) error {
	if o.report == "" {
		return nil
	}
	form := filepath.Ext(o.report)
	if form != w.reportAs {
		s := w.scene
		again, err := s.build()
		defer again.remove()
		again.reportAs = form
		if err == nil {
			err = again.detect(ctx, e, io.Discard)
		}
		if err != nil {
			return err
		}
		w = again
	}
	if err := copyFile(w.root("layers", w.reportName()), o.report); err != nil {
		return fmt.Errorf("-report %s: %w", o.report, err)
	}
	return nil
}
