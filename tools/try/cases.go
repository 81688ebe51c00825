package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/diff"

	"github.com/cnb-prelude/prelude/buildpack"
)

// testCase is a directory <module>/test/<name>, and what its case.toml says.
type testCase struct {
	dir          string
	PlatformAPIs []string  `toml:"platform-apis"`
	ExecEnv      string    `toml:"exec-env"`
	Target       *target   `toml:"target"`
	Requires     []require `toml:"requires"`
	Outcome      outcome   `toml:"outcome"`
	Message      string    `toml:"message"`
}

// outcome is how a module fared.
type outcome string

const (
	passed outcome = "pass"
	// failed: bin/detect says that the module is not for the app, or it does not support the target.
	failed outcome = "fail"
	// errored: bin/detect or bin/generate had an error, or left what is not allowed.
	errored outcome = "error"
	// leftOut: bin/detect passed, but what is provided and what is required do not meet.
	leftOut outcome = "left out"
)

// tests runs the test cases of each module, and returns 1 if one failed.
func (o options) tests(ctx context.Context, s scene, e engine, out io.Writer) (int, error) {
	code, runs := 0, 0
	for _, m := range s.modules {
		dirs, err := filepath.Glob(filepath.Join(m.dir, "test", "*"))
		if err != nil {
			return 0, err
		}
		for _, dir := range slices.DeleteFunc(dirs, func(dir string) bool { return !isDir(dir) }) {
			c, err := readCase(filepath.Join(dir, "case.toml"), s.platformAPI)
			if err != nil {
				return 0, err
			}
			for i, api := range slices.Backward(c.PlatformAPIs) {
				runs++
				update := o.update && i == len(c.PlatformAPIs)-1 // what came out last is what the others are compared with
				complaint, err := c.test(ctx, c.scene(s, m, api), e, update)
				if err != nil {
					return 0, fmt.Errorf("%s: %w", c.dir, err)
				}
				if complaint != "" {
					code = 1
				}
				c.say(out, api, complaint, update && c.Outcome == passed)
			}
		}
	}
	if runs == 0 {
		return 0, fmt.Errorf("there is no test case; make one: <module directory>/test/<name>/case.toml, which may be empty")
	}
	return code, nil
}

// say says how a case ended: what it complains of, if anything.
func (c testCase) say(out io.Writer, api, complaint string, updated bool) {
	switch {
	case complaint != "":
		fmt.Fprintf(out, "FAIL  %s, Platform API %s\n%s\n", c.dir, api, strings.TrimRight(complaint, "\n"))
	case updated:
		fmt.Fprintf(out, "updated  %s\n", filepath.Join(c.dir, "expect"))
	default:
		fmt.Fprintf(out, "ok    %s, Platform API %s\n", c.dir, api)
	}
}

func readCase(path, platformAPI string) (testCase, error) {
	c := testCase{dir: filepath.Dir(path), PlatformAPIs: []string{platformAPI}, Outcome: passed}
	meta, err := toml.DecodeFile(path, &c)
	if errors.Is(err, fs.ErrNotExist) {
		return c, fmt.Errorf("%s is missing; it may be empty", path)
	}
	if err != nil {
		return c, fmt.Errorf("%s: %w", path, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return c, fmt.Errorf("%s: unknown key %s; known are platform-apis, exec-env, outcome, message, [target] and [[requires]]", path, unknown[0])
	}
	if known := []outcome{passed, failed, errored, leftOut}; !slices.Contains(known, c.Outcome) {
		return c, fmt.Errorf(`%s: outcome is %q; known are "pass", "fail", "error" and "left out"`, path, c.Outcome)
	}
	return c, nil
}

// scene is the one of a case: the module alone, with the app and the variables of the case.
func (c testCase) scene(s scene, m module, platformAPI string) scene {
	s.modules, s.platformAPI, s.execEnv, s.requires, s.debug = []module{m}, platformAPI, c.ExecEnv, c.Requires, true
	if c.Target != nil {
		s.analyzed.RunImage.Target = *c.Target
	}
	if dir := filepath.Join(c.dir, "app"); isDir(dir) {
		s.app = dir
	}
	return s
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// test runs a case, and returns what is not as it expects.
func (c testCase) test(ctx context.Context, s scene, e engine, update bool) (string, error) {
	var err error
	if s.env, err = readEnv(filepath.Join(c.dir, "env")); err != nil {
		return "", err
	}
	w, err := s.play(ctx, e)
	defer w.remove()
	if err != nil {
		return "", err
	}
	is, words := w.outcomeOf(s.modules[0]), w.words()+w.absent()
	if is != c.Outcome {
		return fmt.Sprintf("the outcome is %q, want %q; the detector's words:\n%s", is, c.Outcome, words), nil
	}
	if !strings.Contains(words, c.Message) {
		return fmt.Sprintf("%q is not among the detector's words:\n%s", c.Message, words), nil
	}
	if is != passed {
		return "", nil
	}
	made, err := w.madeBy(s.modules[0], filepath.Join(c.dir, "expect"))
	if err != nil {
		return "", err
	}
	if update {
		return "", made.write(filepath.Join(c.dir, "expect"))
	}
	return made.differ(filepath.Join(c.dir, "expect"))
}

// readEnv reads a directory with a file for each variable. The last line's end is not part of a value: editors write one.
func readEnv(dir string) (map[string]string, error) {
	env := map[string]string{}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return env, nil
	}
	for _, entry := range entries {
		text, readErr := os.ReadFile(filepath.Join(dir, entry.Name()))
		env[entry.Name()], err = strings.TrimSuffix(string(text), "\n"), errors.Join(err, readErr)
	}
	return env, err
}

// outcomeOf is how a module fared.
func (w *world) outcomeOf(m module) outcome {
	if w.report == nil {
		return errored
	}
	for _, ran := range w.report.Modules {
		if !m.is(ran.ref) {
			continue
		}
		switch buildpack.Outcome(ran.Outcome) {
		case buildpack.Failed, buildpack.Mismatched:
			return failed
		case buildpack.Errored:
			return errored
		}
	}
	taking := slices.ContainsFunc(w.report.Group, m.is)
	switch {
	case len(m.Order) > 0 && w.code == 0, taking && w.code == 0: // a composite is not in the group, its buildpacks are
		return passed
	case taking:
		return errored
	}
	return leftOut
}

// files are those that a case compares, by their names below expect/.
type files map[string]string

const planName = "plan.toml"

// madeBy are the files that a module made: its build plan, its Dockerfiles, its extend-config.toml, and those others that are in
// expect/.
func (w *world) madeBy(m module, expect string) (files, error) {
	made := files{}
	for _, ran := range w.report.Modules {
		if m.is(ran.ref) {
			plan, err := buildpack.EncodeBuildPlan(alternatives(ran.Alternatives))
			if err != nil {
				return nil, err
			}
			if len(plan) > 0 {
				made[planName] = string(plan)
			}
		}
	}
	g, err := w.generated()
	if err != nil {
		return nil, err
	}
	for _, d := range g.Dockerfiles {
		path := w.root("layers/generated", d.Path)
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		made[d.Kind+".Dockerfile"] = string(text)
		if err := made.add(filepath.Dir(path), expect); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// add adds extend-config.toml of a directory with output, and the files of it that are expected.
func (made files) add(output, expect string) error {
	names, err := namesBelow(expect)
	for _, name := range append(names, "extend-config.toml") {
		if _, there := made[name]; there {
			continue
		}
		if text, readErr := os.ReadFile(filepath.Join(output, name)); readErr == nil {
			made[name] = string(text)
		}
	}
	return err
}

func namesBelow(dir string) ([]string, error) {
	var names []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		names = append(names, filepath.ToSlash(name))
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

// alternatives are those of a report, as a build plan has them.
func alternatives(reported []alternative) []buildpack.Alternative {
	var list []buildpack.Alternative
	for _, a := range reported {
		planned := buildpack.Alternative{Provides: a.Provides}
		for _, r := range a.Requires {
			planned.Requires = append(planned.Requires, buildpack.Require{Name: r.Name, Metadata: whole(r.Metadata).(map[string]any)})
		}
		list = append(list, planned)
	}
	return list
}

// whole makes integers again of the numbers that are whole: JSON knows only one kind.
func whole(value any) any {
	switch value := value.(type) {
	case float64:
		if value == math.Trunc(value) && math.Abs(value) < 1<<53 {
			return int64(value)
		}
	case []any:
		for i := range value {
			value[i] = whole(value[i])
		}
	case map[string]any:
		for key := range value {
			value[key] = whole(value[key])
		}
	}
	return value
}

// differ returns a unified diff from what is expected to what was made.
func (made files) differ(expect string) (string, error) {
	names, err := namesBelow(expect)
	if err != nil {
		return "", err
	}
	for name := range made {
		names = append(names, name)
	}
	slices.Sort(names)
	var text strings.Builder
	for _, name := range slices.Compact(names) {
		path := filepath.Join(expect, name)
		want, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		if is, there := made[name]; is != string(want) || there != (err == nil) {
			text.Write(diff.Diff(path, want, "what came out", []byte(is)))
			if is == string(want) {
				fmt.Fprintf(&text, "%s: it is empty, and only expected or only made\n", path)
			}
		}
	}
	if text.Len() > 0 {
		text.WriteString("(-update makes this what is expected)\n")
	}
	return text.String(), nil
}

// write writes the files as what is expected, and removes those that were not made.
func (made files) write(expect string) error {
	names, err := namesBelow(expect)
	for _, name := range names {
		if _, there := made[name]; !there {
			err = errors.Join(err, os.Remove(filepath.Join(expect, name)))
		}
	}
	for name, text := range made {
		path := filepath.Join(expect, name)
		err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644))
	}
	return err
}
