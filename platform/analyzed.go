package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
)

// Analyzed is an analyzed.toml: the keys that matter here are fields, and all others are kept, so
// that they survive a rewrite with their types. It is a value: changes make a new one.
type Analyzed struct {
	// RunImage is what is known of the run image; nil if the file has none.
	RunImage *RunImage
	// BuildReference is the reference of the build image; empty if it is not known.
	BuildReference string

	table map[string]any
}

// RunImage is the run image of an analyzed.toml.
type RunImage struct {
	Reference, Image string
	Extend           bool
	// Target of the image; all empty if it is not known.
	Target buildpack.Target
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
	type distro struct {
		Name    string `toml:"name"`
		Version string `toml:"version"`
	}
	var file struct {
		RunImage *struct {
			Reference string `toml:"reference"`
			Image     string `toml:"image"`
			Extend    bool   `toml:"extend"`
			Target    struct {
				OS          string  `toml:"os"`
				Arch        string  `toml:"arch"`
				Variant     string  `toml:"variant"`
				ArchVariant string  `toml:"arch-variant"`
				Distro      *distro `toml:"distro"`
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
	if run := file.RunImage; run != nil {
		target := buildpack.Target{OS: run.Target.OS, Arch: run.Target.Arch, Variant: run.Target.ArchVariant}
		if target.Variant == "" {
			target.Variant = run.Target.Variant
		}
		if d := run.Target.Distro; d != nil && *d != (distro{}) {
			target.Distros = []buildpack.Distro{{Name: d.Name, Version: d.Version}}
		}
		a.RunImage = &RunImage{Reference: run.Reference, Image: run.Image, Extend: run.Extend, Target: target}
	}
	return a, nil
}

// Encode is the text of analyzed.toml.
func (a Analyzed) Encode() ([]byte, error) { return encode(a.table) }

// NamesRunImage reports whether the file says which the run image is.
func (a Analyzed) NamesRunImage() bool {
	return a.RunImage != nil && (a.RunImage.Reference != "" || a.RunImage.Image != "")
}

// imageTables are the tables that generation changes.
var imageTables = [...]string{"run-image", "build-image"}

// Images are the whole tables about the images.
func (a Analyzed) Images() map[string]any {
	tables := map[string]any{}
	for _, name := range imageTables {
		if table, ok := a.table[name]; ok {
			tables[name] = table
		}
	}
	return tables
}

// WithImages is the file with its tables about the images replaced by those given, and without those that are not given.
func (a Analyzed) WithImages(tables map[string]any) (Analyzed, error) {
	all := map[string]any{}
	maps.Copy(all, a.table)
	for _, name := range imageTables {
		delete(all, name)
		if table, ok := tables[name]; ok {
			all[name] = table
		}
	}
	text, err := encode(all)
	if err != nil {
		return Analyzed{}, err
	}
	return ParseAnalyzed("analyzed.toml", text)
}

// SwitchedTo is the file with the run image replaced by another one, whose target is not known.
func (a Analyzed) SwitchedTo(image string) Analyzed {
	return a.withRun(func(run *RunImage, table map[string]any) {
		*run = RunImage{Reference: image, Image: image, Extend: run.Extend}
		table["image"], table["reference"] = image, image
		delete(table, "target")
	})
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
	return a.withRun(func(run *RunImage, table map[string]any) {
		run.Reference, run.Target = image.Reference, image.Target
		table["reference"], table["target"] = image.Reference, target
	})
}

// ExtendingRun is the file with run-image.extend set; false is said by leaving it out.
func (a Analyzed) ExtendingRun(extend bool) Analyzed {
	if a.RunImage == nil {
		return a
	}
	return a.withRun(func(run *RunImage, table map[string]any) {
		run.Extend = extend
		delete(table, "extend")
		if extend {
			table["extend"] = true
		}
	})
}

// ExtendingBuild is the file with build-image.extend set.
func (a Analyzed) ExtendingBuild(extend bool) Analyzed {
	return a.with("build-image", func(table map[string]any) { table["extend"] = extend })
}

// withRun changes copies of the run image and of its table.
func (a Analyzed) withRun(change func(run *RunImage, table map[string]any)) Analyzed {
	run := RunImage{}
	if a.RunImage != nil {
		run = *a.RunImage
	}
	a = a.with("run-image", func(table map[string]any) { change(&run, table) })
	a.RunImage = &run
	return a
}

// with changes a copy of one table of the file.
func (a Analyzed) with(name string, change func(map[string]any)) Analyzed {
	table := map[string]any{}
	maps.Copy(table, a.table)
	section := map[string]any{}
	if old, ok := table[name].(map[string]any); ok {
		maps.Copy(section, old)
	}
	change(section)
	table[name] = section
	a.table = table
	return a
}
