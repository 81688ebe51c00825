package main

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// knowns are the differences that orders can show here. Others are in messages that are not compared, or need what is not
// made here: signals, terminals, broken disks, what earlier runs left.
func knowns() []known {
	return []known{
		{number: "B01", why: "CNB_EXPERIMENTAL_MODE=silent is silent", align: alignSilent},
		{number: "B02", why: "an unsupported Buildpack API is exit code 12 for nested modules as well", align: alignNested},
		{number: "B03", why: "a module that errored makes it exit code 21, wherever it stands", align: alignErrored},
		{number: "B31", why: "a group of extensions alone is none", align: alignExtensionsOnly},
		{number: "B12", why: "when generation fails, the generated tree is as it was before", align: alignPartial},
		{number: "B44", why: "build-image.extend is written", align: alignBuildImage},
		{number: "B47", why: "a stale extend = true is corrected", align: alignStale},
		{number: "B15", why: "unknown keys of analyzed.toml survive", align: alignAnalyzed},
		{number: "B45", why: "a provider is listed once", align: alignProviders},
		{number: "B16", why: "the order of the plan's entries is random in the reference", align: alignEntries},
		{number: "B27", why: "bin/generate gets the execution environment", align: alignEnvironment},
		{number: "B54", why: "an error that did not decide that a candidate failed is told at debug level only", align: alignErrors},
		{number: "B14", why: "optional is honoured in system.toml", without: withoutSystemOptional},
		{number: "B17", why: "a target's variant is read, as well as arch-variant", without: withoutVariant},
		{number: "B18", why: "exec-env may be tables", without: withoutExecEnvTables},
		{number: "B19", why: "base_image is not allowed as a build argument", without: withoutReserved},
		{number: "B20", why: "order-extensions are ignored before Platform API 0.10", without: withoutExtensions},
		{number: "B25", why: "an optional module that does not fit the image is not run", without: withoutOptionalNeeds},
		{number: "B26", why: "exec-env of an order's elements counts", without: withoutElementExecEnv},
		{number: "B36", why: "an extension without bin/generate leaves its generate directory, at every Platform API", without: withoutStatic},
		{number: "B37", why: "FROM $base_image is FROM ${base_image}, and the argument may have a default", without: withoutForms},
		{number: "B38", why: "another variable in FROM is an error", without: withoutOtherVariable},
		{number: "B46", why: "exec-env of a composite counts", without: withoutCompositeExecEnv},
		{number: "B48", why: "who is out of the execution environment is not judged by the image", without: withoutExcludedNeeds},
	}
}

func alignSilent(w world, ours, theirs *outcome) {
	if slices.Contains(w.env, "CNB_EXPERIMENTAL_MODE=silent") && !slices.Contains(ours.said, requested) {
		theirs.said = slices.DeleteFunc(slices.Clone(theirs.said), func(line string) bool { return line == requested })
	}
}

const requested = "Platform requested experimental feature 'Dockerfiles'"

// alignNested: the error names the step detect, while that of a module at the top level names initialize detector. What the
// other does after it has found the module out, or left it out, is its own. At the top level it may crash.
func alignNested(_ world, ours, theirs *outcome) {
	nested := strings.Contains(ours.output, "ERROR: failed to detect: buildpack API version")
	crash := strings.Contains(theirs.output, "panic: could not parse")
	if ours.exit == 12 && theirs.exit != 12 && (nested || crash) {
		*theirs = *ours
	}
}

func alignErrored(_ world, ours, theirs *outcome) {
	if ours.exit == 21 && theirs.exit == 20 && strings.Contains(ours.output, "\nerr:  ") {
		theirs.exit, theirs.said, theirs.errs = ours.exit, ours.said, ours.errs
	}
}

// alignErrors: of a detection that ends well, the reference tells every error of the groups that it tried. An error that we tell and it
// does not stays a difference.
func alignErrors(_ world, ours, theirs *outcome) {
	extra := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(module string) bool { return !slices.Contains(b, module) })
	}
	ended := ours.exit != 20 && ours.exit != 21
	if ended && ours.exit == theirs.exit && !extra(ours.errs, theirs.errs) {
		theirs.errs = ours.errs
	}
}

func alignExtensionsOnly(_ world, ours, theirs *outcome) {
	alone := len(list(theirs.group, "group-extensions")) > 0 && len(list(theirs.group, "group")) == 0
	if alone && (ours.group == nil || len(list(ours.group, "group")) > 0) {
		*theirs = *ours
	}
}

func alignEntries(_ world, ours, theirs *outcome) {
	for _, o := range []*outcome{ours, theirs} {
		o.plan = clone(o.plan)
		if entries := list(o.plan, "entries"); entries != nil {
			slices.SortFunc(entries, func(a, b map[string]any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		}
	}
}

func alignProviders(_ world, ours, theirs *outcome) {
	for _, o := range []*outcome{ours, theirs} {
		o.plan = clone(o.plan)
		for _, entry := range list(o.plan, "entries") {
			entry["providers"] = slices.CompactFunc(list(entry, "providers"), func(a, b map[string]any) bool { return reflect.DeepEqual(a, b) })
		}
	}
}

func alignPartial(_ world, ours, theirs *outcome) {
	if (ours.exit == 91 || ours.exit == 92) && len(ours.generated) == 0 {
		theirs.generated = map[string]string{}
	}
}

// alignAnalyzed takes what analyzed.toml had before, and what is empty, out of both: the reference drops keys that it does
// not know, and writes empty ones that it does.
func alignAnalyzed(w world, ours, theirs *outcome) {
	before, _ := readTOML(filepath.Join(w.dir, "analyzed.toml"))
	for _, o := range []*outcome{ours, theirs} {
		o.analyzed = clone(o.analyzed)
		prune(o.analyzed, before)
		if len(o.analyzed) == 0 {
			o.analyzed = nil
		}
	}
}

// prune takes empty strings and tables away, and those keys below metadata, or unknown ones, that were there before.
func prune(table, before map[string]any) {
	for key, value := range table {
		switch value := value.(type) {
		case map[string]any:
			inner, _ := before[key].(map[string]any)
			prune(value, inner)
			if len(value) == 0 {
				delete(table, key)
			}
		case string:
			if value == "" || !analyzedKeys[key] && value == before[key] {
				delete(table, key)
			}
		default:
			if !analyzedKeys[key] && reflect.DeepEqual(value, before[key]) {
				delete(table, key)
			}
		}
	}
}

var analyzedKeys = map[string]bool{"reference": true, "image": true, "extend": true, "id": true, "os": true, "arch": true, "arch-variant": true, "variant": true, "version": true}

func alignEnvironment(_ world, ours, theirs *outcome) {
	a, b := maps.Clone(ours.generated), maps.Clone(theirs.generated)
	for _, files := range []map[string]string{a, b} {
		for name, text := range files {
			files[name] = without(text, func(line string) bool { return strings.Contains(line, "CNB_EXEC_ENV=") })
		}
	}
	ours.generated, theirs.generated = a, b
}

func without(text string, out func(line string) bool) string {
	return strings.Join(slices.DeleteFunc(slices.Collect(strings.Lines(text)), out), "")
}

func alignBuildImage(_ world, ours, theirs *outcome) {
	if _, there := child(theirs.analyzed, "build-image")["extend"]; there {
		return
	}
	ours.analyzed = clone(ours.analyzed)
	delete(child(ours.analyzed, "build-image"), "extend")
	if len(child(ours.analyzed, "build-image")) == 0 {
		delete(ours.analyzed, "build-image")
	}
}

func alignStale(_ world, ours, theirs *outcome) {
	if extend, there := child(theirs.analyzed, "run-image")["extend"]; !there || extend == false {
		return
	}
	if child(ours.analyzed, "run-image")["extend"] != true {
		theirs.analyzed = clone(theirs.analyzed)
		delete(child(theirs.analyzed, "run-image"), "extend")
		ours.analyzed = clone(ours.analyzed)
		delete(child(ours.analyzed, "run-image"), "extend")
	}
}

func withoutSystemOptional(w world) changes {
	return w.edit([]string{"system.toml"}, func(file map[string]any) {
		for _, where := range []string{"pre", "post"} {
			for _, module := range list(child(child(file, "system"), where), "buildpacks") {
				delete(module, "optional")
			}
		}
	})
}

func withoutVariant(w world) changes {
	return w.edit(w.descriptors(), func(file map[string]any) {
		for _, target := range list(file, "targets") {
			delete(target, "variant")
		}
	})
}

func withoutExecEnvTables(w world) changes {
	return w.edit(w.descriptors(), func(file map[string]any) {
		for _, kind := range []string{"buildpack", "extension"} {
			if len(list(child(file, kind), "exec-env")) > 0 {
				delete(child(file, kind), "exec-env")
			}
		}
	})
}

func withoutExtensions(w world) changes {
	if w.platformAPI != "0.7" && w.platformAPI != "0.8" && w.platformAPI != "0.9" {
		return nil
	}
	return w.edit([]string{"order.toml"}, func(file map[string]any) { delete(file, "order-extensions") })
}

// withoutOptionalNeeds lets every module fit the image that is optional somewhere, or an extension.
func withoutOptionalNeeds(w world) changes {
	optional := w.named(func(element map[string]any) bool { return element["optional"] == true })
	return w.edit(w.descriptors(), func(file map[string]any) {
		if _, isExtension := file["extension"]; isExtension || optional[name(child(file, "buildpack"))] {
			fitAny(file)
		}
	})
}

// withoutExcludedNeeds does so with every module that an execution environment may exclude.
func withoutExcludedNeeds(w world) changes {
	excluded := w.named(func(element map[string]any) bool { return element["exec-env"] != nil })
	return w.edit(w.descriptors(), func(file map[string]any) {
		for _, kind := range []string{"buildpack", "extension"} {
			if module := child(file, kind); module["exec-env"] != nil || excluded[name(module)] {
				fitAny(file)
			}
		}
	})
}

func fitAny(descriptor map[string]any) {
	delete(descriptor, "targets")
	delete(descriptor, "stacks")
}

// named are the names of all elements of orders that a function chooses.
func (w world) named(chosen func(element map[string]any) bool) map[string]bool {
	names := map[string]bool{}
	for _, path := range append(w.descriptors(), "order.toml", "system.toml") {
		file, _ := readTOML(filepath.Join(w.dir, path))
		for _, element := range elements(file) {
			if chosen(element) {
				names[name(element)] = true
			}
		}
	}
	return names
}

func name(module map[string]any) string { return fmt.Sprint(module["id"], "@", module["version"]) }

func withoutElementExecEnv(w world) changes {
	return w.edit(append(w.descriptors(), "order.toml"), func(file map[string]any) {
		for _, element := range elements(file) {
			delete(element, "exec-env")
		}
	})
}

func withoutCompositeExecEnv(w world) changes {
	return w.edit(w.descriptors(), func(file map[string]any) {
		if len(list(file, "order")) > 0 {
			delete(child(file, "buildpack"), "exec-env")
		}
	})
}

func withoutStatic(w world) (c changes) {
	names, err := filepath.Glob(filepath.Join(w.dir, "extensions/*/*/generate"))
	check(err)
	for _, name := range names {
		if _, err := os.Stat(filepath.Join(filepath.Dir(name), "bin/generate")); err != nil {
			c = append(c, change{name, w.away()})
		}
	}
	return c
}

var defaultValue = regexp.MustCompile(`ARG base_image=\S+`)

// withoutForms writes FROM ${base_image} wherever an extension has another form of it.
func withoutForms(w world) changes {
	return w.rewrite(func(text string) string {
		text = strings.ReplaceAll(text, "FROM $base_image", "FROM ${base_image}")
		return defaultValue.ReplaceAllString(text, "ARG base_image")
	})
}

func withoutOtherVariable(w world) changes {
	return w.rewrite(func(text string) string { return strings.ReplaceAll(text, "FROM ${other}", "FROM ${base_image}") })
}

func withoutReserved(w world) changes {
	return w.rewrite(func(text string) string { return strings.ReplaceAll(text, `name = "base_image"`, `name = "base"`) })
}

// rewrite changes what extensions leave: the text of their scripts, or of their files.
func (w world) rewrite(with func(text string) string) (c changes) {
	for _, pattern := range []string{"bin/generate", "generate/*"} {
		paths, err := filepath.Glob(filepath.Join(w.dir, "extensions/*/*", pattern))
		check(err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			if err != nil {
				continue // a directory
			}
			if other := with(string(text)); other != string(text) {
				c = append(c, w.change(path, []byte(other)))
			}
		}
	}
	return c
}

// elements are all elements of the orders in order.toml, system.toml or a composite's descriptor.
func elements(file map[string]any) (all []map[string]any) {
	for _, key := range []string{"order", "order-extensions"} {
		for _, group := range list(file, key) {
			all = append(all, list(group, "group")...)
		}
	}
	for _, where := range []string{"pre", "post"} {
		all = append(all, list(child(child(file, "system"), where), "buildpacks")...)
	}
	return all
}

// descriptors are the names of all buildpack.toml and extension.toml.
func (w world) descriptors() (names []string) {
	for _, pattern := range []string{"buildpacks/*/*/buildpack.toml", "extensions/*/*/extension.toml"} {
		paths, err := filepath.Glob(filepath.Join(w.dir, pattern))
		check(err)
		for _, path := range paths {
			names = append(names, strings.TrimPrefix(path, w.dir+"/"))
		}
	}
	return names
}

// changes are files of a world that are out of the way or in their places.
type changes []change

type change struct{ place, away string }

// swap takes a change back, and makes it again.
func (c changes) swap() {
	for _, f := range c {
		_, err := os.Lstat(f.place)
		between := f.place + ".between"
		if err == nil {
			check(os.Rename(f.place, between))
		}
		if _, there := os.Lstat(f.away); there == nil {
			check(os.Rename(f.away, f.place))
		}
		if err == nil {
			check(os.Rename(between, f.away))
		}
	}
}

// away is a new place for a file that is not in the world now.
func (w world) away() string {
	dir := filepath.Join(w.dir, "away")
	check(os.MkdirAll(dir, 0o755))
	dir, err := os.MkdirTemp(dir, "")
	check(err)
	return filepath.Join(dir, "file")
}

// change prepares a file that swap puts into the place of another.
func (w world) change(path string, text []byte) change {
	c := change{path, w.away()}
	check(os.WriteFile(c.away, text, 0o755))
	return c
}

// edit changes TOML files, those that the function makes others of.
func (w world) edit(names []string, with func(map[string]any)) (c changes) {
	for _, name := range names {
		path := filepath.Join(w.dir, name)
		file, err := readTOML(path)
		if err != nil {
			continue // the contents cannot be compared without the right to read them
		}
		before := encoded(file)
		with(file)
		if after := encoded(file); !bytes.Equal(before, after) {
			c = append(c, w.change(path, after))
		}
	}
	return c
}

func readTOML(path string) (map[string]any, error) {
	var file map[string]any
	_, err := toml.DecodeFile(path, &file)
	return file, err
}

func encoded(value map[string]any) []byte {
	text, err := toml.Marshal(value)
	check(err)
	return text
}

func clone(value map[string]any) map[string]any {
	if value == nil {
		return nil
	}
	var copied map[string]any
	_, err := toml.Decode(string(encoded(value)), &copied)
	check(err)
	return copied
}

func child(table map[string]any, key string) map[string]any {
	value, _ := table[key].(map[string]any)
	return value
}

func list(table map[string]any, key string) []map[string]any {
	value, _ := table[key].([]map[string]any)
	return value
}
