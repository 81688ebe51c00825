package buildpack

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// Descriptor is what detection and generation use of a buildpack.toml or an extension.toml.
type Descriptor struct {
	// API is the declared Buildpack API, as written.
	API      string
	ID       string
	Version  string
	Name     string
	Homepage string
	// ClearEnv keeps the platform's environment variables from the module.
	ClearEnv bool
	// ExecEnv limits the module, a composite with all its groups, to these execution environments; empty means any.
	ExecEnv []string
	// Order of a composite buildpack; empty for all other modules.
	Order   Order
	Targets []Target
	Stacks  []string
}

// File shapes. Fields of type any are for other phases, and known.
type (
	descriptorFile struct {
		API       string        `toml:"api"`
		Buildpack moduleTable   `toml:"buildpack"`
		Order     []groupTable  `toml:"order"`
		Targets   []targetTable `toml:"targets"`
		Stacks    []stackTable  `toml:"stacks"`
		Metadata  any           `toml:"metadata"`
	}
	extensionFile struct {
		API       string        `toml:"api"`
		Extension moduleTable   `toml:"extension"`
		Targets   []targetTable `toml:"targets"`
		Metadata  any           `toml:"metadata"`
	}
	moduleTable struct {
		ID          string `toml:"id"`
		Version     string `toml:"version"`
		Name        string `toml:"name"`
		Homepage    string `toml:"homepage"`
		ClearEnv    bool   `toml:"clear-env"`
		ExecEnv     any    `toml:"exec-env"`
		Description any    `toml:"description"`
		Keywords    any    `toml:"keywords"`
		SBOMFormats any    `toml:"sbom-formats"`
		Licenses    any    `toml:"licenses"`
	}
	groupTable struct {
		Group []elementTable `toml:"group"`
	}
	elementTable struct {
		ID       string `toml:"id"`
		Version  string `toml:"version"`
		Optional bool   `toml:"optional"`
		ExecEnv  any    `toml:"exec-env"`
	}
	targetTable struct {
		OS          string   `toml:"os"`
		Arch        string   `toml:"arch"`
		Variant     string   `toml:"variant"`
		ArchVariant string   `toml:"arch-variant"`
		Distros     []Distro `toml:"distros"`
	}
	stackTable struct {
		ID     string `toml:"id"`
		Mixins any    `toml:"mixins"`
	}
)

// ParseDescriptor reads a buildpack.toml or an extension.toml. Unknown keys are warnings.
func ParseDescriptor(kind Kind, data []byte) (Descriptor, []tomlconfig.Warning, error) {
	var file descriptorFile
	var warnings []tomlconfig.Warning
	var err error
	if kind == KindExtension {
		var extension extensionFile
		warnings, err = tomlconfig.Decode(data, &extension)
		file = descriptorFile{API: extension.API, Buildpack: extension.Extension, Targets: extension.Targets}
	} else {
		warnings, err = tomlconfig.Decode(data, &file)
	}
	if err != nil {
		return Descriptor{}, nil, err
	}
	table := file.Buildpack
	d := Descriptor{
		API: file.API, ID: table.ID, Version: table.Version, Name: table.Name, Homepage: table.Homepage,
		ClearEnv: table.ClearEnv,
	}
	for _, t := range file.Targets {
		variant := cmp.Or(t.Variant, t.ArchVariant) // of the specification, and of the reference
		d.Targets = append(d.Targets, Target{OS: t.OS, Arch: t.Arch, Variant: variant, Distros: t.Distros})
	}
	for _, stack := range file.Stacks {
		d.Stacks = append(d.Stacks, stack.ID)
	}
	if d.ExecEnv, err = execEnvs(table.ExecEnv); err == nil {
		d.Order, err = order(file.Order, KindBuildpack)
	}
	return d, warnings, err
}

// At returns what the descriptor says to a Buildpack API: before 0.12 there are no execution environments, neither the module's
// own nor those of a composite's order.
func (d Descriptor) At(declared api.Version) Descriptor {
	if declared.AtLeast(api.V(0, 12)) {
		return d
	}
	d.ExecEnv = nil
	var everywhere Order
	for _, group := range d.Order {
		group = slices.Clone(group)
		for i := range group {
			group[i].ExecEnv = nil
		}
		everywhere = append(everywhere, group)
	}
	d.Order = everywhere
	return d
}

// execEnvs accepts both notations: an array of strings, and the specification's tables with a name.
func execEnvs(value any) ([]string, error) {
	var list []any
	switch value := value.(type) {
	case nil:
		return nil, nil
	case []any:
		list = value
	case []map[string]any:
		for _, table := range value {
			list = append(list, table)
		}
	default:
		return nil, fmt.Errorf("exec-env: want an array, for instance exec-env = [\"test\"], found %s", tidy.Shown(fmt.Sprint(value)))
	}
	var names []string
	for _, item := range list {
		if table, isTable := item.(map[string]any); isTable {
			item = table["name"]
		}
		name, isString := item.(string)
		if !isString {
			return nil, fmt.Errorf("exec-env: want a string or a table with a name, found %s", tidy.Shown(fmt.Sprint(item)))
		}
		names = append(names, name)
	}
	return names, nil
}
