package platform

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
)

// Analyzed is an analyzed.toml. The keys that matter here are fields; all keys survive a rewrite with their types. It is a
// value: changes make a new one.
type Analyzed struct {
	RunImage RunImage
	// BuildReference is the reference of the build image; empty if it is not known.
	BuildReference string

	table map[string]any
}

// RunImage is the run image of an analyzed.toml. What is not known of it is empty.
type RunImage struct {
	Reference, Image string
	Target           buildpack.Target
}

// ReadAnalyzed reads an analyzed.toml. A missing one is a warning, and has nothing in it.
func ReadAnalyzed(path string, log *slog.Logger) (Analyzed, error) {
	a, err := read("analyzed file", path, files.Config, ParseAnalyzed)
	if errors.Is(err, fs.ErrNotExist) {
		log.Warn(fmt.Sprintf("No analyzed metadata found at path %q", path))
		return a, nil
	}
	return a, err
}

// ParseAnalyzed reads the bytes of an analyzed.toml; path is for messages.
func ParseAnalyzed(path string, data []byte) (Analyzed, error) {
	var file struct {
		RunImage struct {
			Reference string `toml:"reference"`
			Image     string `toml:"image"`
			Target    struct {
				OS          string           `toml:"os"`
				Arch        string           `toml:"arch"`
				Variant     string           `toml:"variant"`
				ArchVariant string           `toml:"arch-variant"`
				Distro      buildpack.Distro `toml:"distro"`
			} `toml:"target"`
		} `toml:"run-image"`
		BuildImage struct {
			Reference string `toml:"reference"`
		} `toml:"build-image"`
	}
	if err := decode(path, data, &file); err != nil {
		return Analyzed{}, err
	}
	a := Analyzed{BuildReference: file.BuildImage.Reference}
	if err := decode(path, data, &a.table); err != nil {
		return Analyzed{}, err
	}
	run := file.RunImage
	variant := cmp.Or(run.Target.ArchVariant, run.Target.Variant)
	target := buildpack.Target{OS: run.Target.OS, Arch: run.Target.Arch, Variant: variant}
	if d := run.Target.Distro; d != (buildpack.Distro{}) {
		target.Distros = []buildpack.Distro{d}
	}
	a.RunImage = RunImage{Reference: run.Reference, Image: run.Image, Target: target}
	return a, nil
}

// Encode is the text of analyzed.toml.
func (a Analyzed) Encode() ([]byte, error) { return toml.Marshal(a.table) }

// NamesRunImage reports whether the file says which the run image is.
func (a Analyzed) NamesRunImage() bool {
	return a.RunImage.Reference != "" || a.RunImage.Image != ""
}

// isImage reports whether a table is one of those that generation changes.
func isImage(table string, _ any) bool { return table == "run-image" || table == "build-image" }

// Images are the whole tables about the images.
func (a Analyzed) Images() map[string]any {
	tables := maps.Clone(a.table)
	maps.DeleteFunc(tables, func(name string, table any) bool { return !isImage(name, table) })
	return tables
}

// WithImages is the file with its tables about the images replaced by those given, and without those that are not given.
// Tables that an analyzed.toml cannot have are an error.
func (a Analyzed) WithImages(tables map[string]any) (Analyzed, error) {
	all := map[string]any{}
	maps.Copy(all, a.table)
	maps.DeleteFunc(all, isImage)
	maps.Copy(all, tables)
	text, err := toml.Marshal(all)
	if err != nil {
		return Analyzed{}, err
	}
	return ParseAnalyzed("analyzed.toml", text)
}

// SwitchedTo is the file with the run image replaced by another one, whose target is not known.
func (a Analyzed) SwitchedTo(image string) Analyzed {
	a.RunImage = RunImage{Reference: image, Image: image}
	return a.with("run-image", map[string]any{"image": image, "reference": image, "target": nil})
}

// WithRunLayout is the file with what the run image's OCI layout says of it: its reference there, and its target.
func (a Analyzed) WithRunLayout(image LayoutImage) Analyzed {
	target := map[string]any{}
	for key, value := range map[string]string{
		"id": image.ID, "os": image.Target.OS, "arch": image.Target.Arch,
		"variant": image.Target.Variant, "arch-variant": image.Target.Variant, // some read this key, some that
	} {
		if value != "" {
			target[key] = value
		}
	}
	for _, d := range image.Target.Distros {
		target["distro"] = map[string]any{"name": d.Name, "version": d.Version}
	}
	a.RunImage.Reference, a.RunImage.Target = image.Reference, image.Target
	return a.with("run-image", map[string]any{"reference": image.Reference, "target": target})
}

// ExtendingRun is the file with run-image.extend set, if it names a run image; false is said by leaving it out.
func (a Analyzed) ExtendingRun(extend bool) Analyzed {
	if !a.NamesRunImage() {
		return a
	}
	keys := map[string]any{"extend": nil}
	if extend {
		keys["extend"] = true
	}
	return a.with("run-image", keys)
}

// ExtendingBuild is the file with build-image.extend set.
func (a Analyzed) ExtendingBuild(extend bool) Analyzed {
	return a.with("build-image", map[string]any{"extend": extend})
}

// with sets keys in a copy of one table of the file, and removes those that are nil.
func (a Analyzed) with(name string, keys map[string]any) Analyzed {
	table, section := map[string]any{}, map[string]any{}
	maps.Copy(table, a.table)
	if old, ok := table[name].(map[string]any); ok {
		maps.Copy(section, old)
	}
	maps.Copy(section, keys)
	maps.DeleteFunc(section, func(_ string, value any) bool { return value == nil })
	table[name] = section
	a.table = table
	return a
}
