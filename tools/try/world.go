package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
)

// scene is what a world is put together from.
type scene struct {
	modules []module
	// order is the text of an order.toml; without one, the order is made of the modules.
	order []byte
	// builder is set if the modules run in a builder, which has an order and more. builderOrder is what it says of the order.
	builder      bool
	builderOrder order
	// app is the app's directory; empty for an empty one. leaveOut reports which of its files are no part of it; nil if all are.
	app      string
	leaveOut func(string) bool
	// env are the variables of the platform, for the modules.
	env                            map[string]string
	platformAPI, execEnv, detector string
	temporary                      bool // the detector's file is ours
	analyzed                       analyzed
	// requires is what a buildpack requires that is put in. It is put in, too, if no buildpack is among the modules.
	requires []require
	debug    bool
}

type require struct {
	Name     string         `toml:"name"`
	Metadata map[string]any `toml:"metadata,omitempty"`
}

// analyzed has the keys of analyzed.toml that detection and generation read.
type analyzed struct {
	RunImage struct {
		Reference string `toml:"reference,omitempty"`
		Image     string `toml:"image,omitempty"`
		Target    target `toml:"target"`
	} `toml:"run-image"`
	BuildImage struct {
		Reference string `toml:"reference,omitempty"`
	} `toml:"build-image,omitempty"`
}

// target is what an image is for.
type target struct {
	OS      string  `toml:"os,omitempty"`
	Arch    string  `toml:"arch,omitempty"`
	Variant string  `toml:"variant,omitempty"`
	Distro  *distro `toml:"distro,omitempty"`
}

type distro struct {
	Name    string `toml:"name"`
	Version string `toml:"version"`
}

// world is a directory with all that the detector reads, and what came out when it ran.
type world struct {
	scene
	// dir is removed in the end.
	dir      string
	warnings []string
	// said are the detector's words, if they were kept.
	said bytes.Buffer
	// program is the detector that is run, from the root: ours, or the builder's own. reportAs is the form of its report.
	program, reportAs string
	// code is the detector's exit code, report what it reports; nil if it ended before that.
	code   int
	report *result
}

// root is the directory that has the place of a builder's root: files in it are where a builder has them.
func (w *world) root(names ...string) string {
	return filepath.Join(append([]string{w.dir, "root"}, names...)...)
}

// build makes a world. The caller removes it, also after an error.
func (s scene) build() (*world, error) {
	w := &world{scene: s, program: ourDetector, reportAs: ".json"}
	var err error
	if w.dir, err = os.MkdirTemp("", "try-"); err != nil {
		return w, err
	}
	if err = os.Chmod(w.dir, 0o755); err != nil {
		return w, err
	}
	for _, dir := range []string{"cnb/buildpacks", "cnb/extensions", "platform/env", "layers", "prelude", "tmp"} {
		err = errors.Join(err, os.MkdirAll(w.root(dir), 0o755))
	}
	return w, errors.Join(err, w.putModules(), w.putFiles())
}

// nothing is what is left out of a whole directory.
func nothing(string) bool { return false }

func (w *world) leavesOut() func(string) bool {
	if w.leaveOut == nil {
		return nothing
	}
	return w.leaveOut
}

func (w *world) remove() {
	if w.dir != "" {
		os.RemoveAll(w.dir)
	}
}

// putModules copies the modules to their places.
func (w *world) putModules() error {
	for _, m := range w.modules {
		if m.dir == "" {
			continue // the builder has it
		}
		if _, err := os.Stat(w.root(m.place())); err == nil {
			return fmt.Errorf("there are two modules %s, the second in %s", m.name(), m.dir)
		}
		warnings, err := m.copyTo(w.root(m.place()))
		if err != nil {
			return err
		}
		w.warnings = append(w.warnings, warnings...)
	}
	if !w.putsIn() {
		return nil
	}
	return w.putIn()
}

// putFiles writes order.toml, analyzed.toml and the variables, and puts the detector in.
func (w *world) putFiles() error {
	var described bytes.Buffer
	if err := toml.NewEncoder(&described).Encode(w.analyzed); err != nil {
		return err
	}
	err := errors.Join(os.WriteFile(w.root("layers/analyzed.toml"), described.Bytes(), 0o644), linkFile(w.detector, w.root("prelude/detector")))
	for name, value := range w.env {
		err = errors.Join(err, os.WriteFile(w.root("platform/env", name), []byte(value), 0o644))
	}
	if !w.builder {
		text := fmt.Sprintf("[[images]]\nimage = %q\n", w.analyzed.RunImage.Image)
		err = errors.Join(err, os.WriteFile(w.root("cnb/run.toml"), []byte(text), 0o644))
	}
	if !w.ordered() {
		return err
	}
	text := w.order
	if text == nil {
		text = w.makeOrder()
	}
	return errors.Join(err, os.WriteFile(w.root("cnb/order.toml"), text, 0o644))
}

// ordered reports whether the order is ours, and not the builder's.
func (s scene) ordered() bool { return !s.builder || s.order != nil || len(s.modules) > 0 }

// placed are the places of the modules that are put in.
func (w *world) placed() []string {
	var places []string
	for _, m := range w.modules {
		if m.dir != "" {
			places = append(places, m.place())
		}
	}
	if w.putsIn() {
		places = append(places, requirer.place())
	}
	return places
}

// arguments are those of the detector, for a root at a path. What is where platforms have it is not said.
func (w *world) arguments(root string) []string {
	at := func(name string) string { return filepath.ToSlash(filepath.Join(root, name)) }
	args := []string{"-app", at("workspace"), "-layers", at("layers"), "-platform", at("platform")}
	if w.program == ourDetector {
		args = append(args, "-report", at("layers/"+w.reportName()))
	}
	if w.debug {
		args = append(args, "-log-level", "debug")
	}
	if w.ordered() {
		args = append(args, "-order", at("cnb/order.toml"))
	}
	if root == "/" {
		return args
	}
	args = append(args, "-buildpacks", at("cnb/buildpacks"), "-build-config", at("cnb/build-config"))
	version, _ := api.Parse(w.platformAPI) // the detector refuses a wrong one
	if version.AtLeast(api.V(0, 10)) {
		args = append(args, "-extensions", at("cnb/extensions"))
	}
	if version.AtLeast(api.V(0, 12)) {
		args = append(args, "-run", at("cnb/run.toml"))
	}
	return args
}

// variables are those of the detector's environment that belong to the platform.
func (w *world) variables() []string {
	env := []string{"CNB_PLATFORM_API=" + w.platformAPI, "CNB_EXPERIMENTAL_MODE=warn"}
	if w.execEnv != "" {
		env = append(env, "CNB_EXEC_ENV="+w.execEnv)
	}
	return env
}

// reportName is the report's, below the layers directory. It is no result of the phase.
func (w *world) reportName() string { return "try-report" + w.reportAs }

// ourDetector is Prelude's, from the root.
const ourDetector = "/prelude/detector"

// detect runs the detector. What it says goes to out.
func (w *world) detect(ctx context.Context, e engine, out io.Writer) error {
	var err error
	if w.code, err = e.run(ctx, w, out); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("it was interrupted")
	}
	if w.reportAs != ".json" {
		return nil
	}
	w.report, err = readResult(w.root("layers", w.reportName()))
	return err
}

// play runs the detector in a world for the scene, and keeps what it says. If no buildpack requires what extensions provide, it is run
// again with one put in that does.
func (s scene) play(ctx context.Context, e engine) (*world, error) {
	w, err := s.build()
	if err == nil {
		err = w.detect(ctx, e, &w.said)
	}
	names := w.unmet()
	if err != nil || len(names) == 0 {
		return w, err
	}
	for _, name := range names {
		s.requires = append(s.requires, require{Name: name})
	}
	w.remove()
	if w, err = s.build(); err == nil {
		err = w.detect(ctx, e, &w.said)
	}
	return w, err
}

// requirer is the buildpack that is put in.
var requirer = module{kind: buildpack.KindBuildpack, Descriptor: buildpack.Descriptor{ID: "try/requires", Version: "0"}}

// putsIn reports whether a buildpack is put in.
func (s scene) putsIn() bool {
	given := slices.ContainsFunc(s.modules, func(m module) bool { return m.kind == buildpack.KindBuildpack })
	return s.order == nil && !s.builder && (!given || len(s.requires) > 0)
}

// putIn writes the buildpack that is put in.
func (w *world) putIn() error {
	var plan bytes.Buffer
	if err := toml.NewEncoder(&plan).Encode(map[string]any{"requires": w.requires}); err != nil {
		return err
	}
	dir := w.root(requirer.place())
	descriptor := fmt.Sprintf("api = \"0.10\"\n\n[buildpack]\nid = %q\nversion = %q\n", requirer.ID, requirer.Version)
	err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755)
	for name, text := range map[string]string{
		"buildpack.toml": descriptor, "plan.toml": plan.String(), "bin/build": "#!/bin/sh\n",
		"bin/detect": "#!/bin/sh\nexec cat \"$CNB_BUILDPACK_DIR/plan.toml\" >\"$CNB_BUILD_PLAN_PATH\"\n",
	} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	return err
}

// unmet are the names that extensions provide which are left out for that reason, in the order in which they are first provided.
func (w *world) unmet() []string {
	if w.report == nil || w.order != nil || w.builder || len(w.requires) > 0 {
		return nil
	}
	required := map[string]bool{}
	for _, m := range w.report.Modules {
		for _, alternative := range m.Alternatives {
			for _, r := range alternative.Requires {
				required[r.Name] = true
			}
		}
	}
	var names []string
	for _, m := range w.report.Modules {
		if m.Kind != string(buildpack.KindExtension) || m.Outcome != string(buildpack.Passed) {
			continue
		}
		for _, name := range m.Alternatives[0].Provides {
			if !required[name] {
				required[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// parseEnv reads variables: NAME=value, or NAME for the value that it has here.
func parseEnv(texts []string, files []string) (map[string]string, error) {
	env := map[string]string{}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("-env-file: %w", err)
		}
		var lines []string
		for _, line := range strings.Split(string(text), "\n") {
			if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
				lines = append(lines, line)
			}
		}
		texts = append(lines, texts...)
	}
	for _, text := range texts {
		name, value, given := strings.Cut(text, "=")
		if name == "" || strings.ContainsAny(name, "/\x00") {
			return nil, fmt.Errorf("-env %q: it has no name that a variable can have", text)
		}
		if !given {
			value = os.Getenv(name)
		}
		env[name] = value
	}
	return env, nil
}
