package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/report"
)

// scene is what a world is put together from.
type scene struct {
	modules []module
	// order is the text of an order.toml; without one, the order is made of the modules.
	order []byte
	// app is the app's directory; empty for an empty one.
	app string
	// env are the variables of the platform, for the modules.
	env                            map[string]string
	platformAPI, execEnv, detector string
	analyzed                       analyzed
	// requires is what a buildpack requires that is put in. It is put in, too, if no buildpack is among the modules.
	requires []require
	debug    bool
}

type require struct {
	Name     string         `toml:"name"`
	Metadata map[string]any `toml:"metadata,omitempty"`
}

// analyzed is an analyzed.toml, as far as detection and generation read it.
type analyzed struct {
	RunImage struct {
		Reference string `toml:"reference,omitempty"`
		Image     string `toml:"image,omitempty"`
		Target    target `toml:"target"`
	} `toml:"run-image"`
}

// target is what an image is for.
type target struct {
	OS      string `toml:"os,omitempty"`
	Arch    string `toml:"arch,omitempty"`
	Variant string `toml:"variant,omitempty"`
	Distro  *struct {
		Name    string `toml:"name"`
		Version string `toml:"version"`
	} `toml:"distro,omitempty"`
}

// world is a directory with all that the detector reads, and what came out when it ran.
type world struct {
	scene
	// dir is removed in the end.
	dir      string
	warnings []string
	// said are the detector's words, if they were kept.
	said bytes.Buffer
	// code is the detector's exit code, report what it reports; nil if it ended before that.
	code   int
	report *report.Report
}

// root is the directory that has the place of a builder's root: files in it are where a builder has them.
func (w *world) root(names ...string) string {
	return filepath.Join(append([]string{w.dir, "root"}, names...)...)
}

// build makes a world. It is to be removed also if there is an error.
func (s scene) build() (*world, error) {
	w := &world{scene: s}
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

func (w *world) remove() {
	if w.dir != "" {
		os.RemoveAll(w.dir)
	}
}

// putModules copies the modules to their places.
func (w *world) putModules() error {
	for _, m := range w.modules {
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
	order := w.order
	if order == nil {
		order = w.makeOrder()
	}
	err := errors.Join(
		os.WriteFile(w.root("layers/analyzed.toml"), described.Bytes(), 0o644),
		os.WriteFile(w.root("cnb/order.toml"), order, 0o644),
		os.WriteFile(w.root("cnb/run.toml"), fmt.Appendf(nil, "[[images]]\nimage = %q\n", w.analyzed.RunImage.Image), 0o644),
		linkFile(w.detector, w.root("prelude/detector")))
	for name, value := range w.env {
		err = errors.Join(err, os.WriteFile(w.root("platform/env", name), []byte(value), 0o644))
	}
	return err
}

// makeOrder is an order with all modules in one group, extensions and buildpacks apart, except the buildpacks that a composite among
// them names: the composite has them in its own order.
func (w *world) makeOrder() []byte {
	var order struct {
		Order      []orderGroup `toml:"order"`
		Extensions []orderGroup `toml:"order-extensions,omitempty"`
	}
	named := map[string]bool{}
	for _, m := range w.modules {
		for _, element := range slices.Concat(m.Order...) {
			named[element.ID] = true
		}
	}
	var buildpacks, extensions orderGroup
	for _, m := range w.modules {
		element := orderElement{ID: m.ID, Version: m.Version}
		if m.kind == buildpack.KindExtension {
			extensions.Group = append(extensions.Group, element)
		} else if !named[m.ID] {
			buildpacks.Group = append(buildpacks.Group, element)
		}
	}
	if w.putsIn() {
		buildpacks.Group = append(buildpacks.Group, orderElement{ID: requirer.ID, Version: requirer.Version})
	}
	order.Order = []orderGroup{buildpacks}
	if len(extensions.Group) > 0 {
		order.Extensions = []orderGroup{extensions}
	}
	var text bytes.Buffer
	toml.NewEncoder(&text).Encode(order) // strings can be encoded
	return text.Bytes()
}

type orderGroup struct {
	Group []orderElement `toml:"group"`
}

type orderElement struct {
	ID      string `toml:"id"`
	Version string `toml:"version"`
}

// arguments are those of the detector, for a root at a path.
func (w *world) arguments(root string) []string {
	at := func(name string) string { return filepath.Join(root, name) }
	args := []string{
		"-app", at("workspace"), "-layers", at("layers"), "-platform", at("platform"), "-report", at("layers/" + reportName),
		"-order", at("cnb/order.toml"), "-buildpacks", at("cnb/buildpacks"), "-build-config", at("cnb/build-config"),
	}
	version, _ := api.Parse(w.platformAPI) // the detector refuses a wrong one
	if version.AtLeast(api.V(0, 10)) {
		args = append(args, "-extensions", at("cnb/extensions"))
	}
	if version.AtLeast(api.V(0, 12)) {
		args = append(args, "-run", at("cnb/run.toml"))
	}
	if w.debug {
		args = append(args, "-log-level", "debug")
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
const reportName = "try-report.json"

// detect runs the detector. What it says goes to out.
func (w *world) detect(ctx context.Context, e engine, out io.Writer) error {
	var err error
	if w.code, err = e.run(ctx, w, out); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("it was interrupted")
	}
	path := w.root("layers", reportName)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	w.report = &report.Report{}
	return errors.Join(json.Unmarshal(text, w.report), os.Remove(path))
}

// generated is the generated.toml that came out; it is empty if none did.
func (w *world) generated() (*platform.Generated, error) {
	g, err := platform.ReadGenerated(w.root("layers/generated.toml"))
	if errors.Is(err, fs.ErrNotExist) {
		return &platform.Generated{}, nil
	}
	return g, err
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
	return s.order == nil && (!given || len(s.requires) > 0)
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
	if w.report == nil || w.order != nil || len(w.requires) > 0 {
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
