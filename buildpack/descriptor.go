package buildpack

import (
	"fmt"

	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// Descriptor is what a buildpack.toml or an extension.toml says, as far as detection and generation care.
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

// File shapes. Keys that concern other phases only are there so that they are known.
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
		OS          string        `toml:"os"`
		Arch        string        `toml:"arch"`
		Variant     string        `toml:"variant"`
		ArchVariant string        `toml:"arch-variant"`
		Distros     []distroTable `toml:"distros"`
	}
	distroTable struct {
		Name    string `toml:"name"`
		Version string `toml:"version"`
	}
	stackTable struct {
		ID     string `toml:"id"`
		Mixins any    `toml:"mixins"`
	}
)

// ParseDescriptor reads a buildpack.toml or an extension.toml (docs/reference.md, "Files"). Unknown keys are warnings.
func ParseDescriptor(kind Kind, data []byte) (Descriptor, []tomlconfig.Warning, error) {
	if kind == KindExtension {
		var file extensionFile
		warnings, err := tomlconfig.Decode(data, &file)
		if err != nil {
			return Descriptor{}, nil, err
		}
		d, err := descriptor(file.API, file.Extension, file.Targets)
		return d, warnings, err
	}
	var file descriptorFile
	warnings, err := tomlconfig.Decode(data, &file)
	if err != nil {
		return Descriptor{}, nil, err
	}
	d, err := descriptor(file.API, file.Buildpack, file.Targets)
	if err != nil {
		return Descriptor{}, nil, err
	}
	for _, stack := range file.Stacks {
		d.Stacks = append(d.Stacks, stack.ID)
	}
	d.Order, err = order(file.Order, KindBuildpack)
	return d, warnings, err
}

// At is what the descriptor says to a Buildpack API: before 0.12 there are no execution environments, so neither the
// module's own list nor those in a composite's order count (docs/reference.md, "Which modules take part"; B26).
func (d Descriptor) At(declared api.Version) Descriptor {
	if declared.AtLeast(api.V(0, 12)) {
		return d
	}
	d.ExecEnv = nil
	d.Order = d.Order.everywhere()
	return d
}

func descriptor(declared string, table moduleTable, targets []targetTable) (Descriptor, error) {
	execEnv, err := execEnvs(table.ExecEnv)
	if err != nil {
		return Descriptor{}, err
	}
	return Descriptor{
		API: declared, ID: table.ID, Version: table.Version, Name: table.Name, Homepage: table.Homepage,
		ClearEnv: table.ClearEnv, ExecEnv: execEnv, Targets: targetsOf(targets),
	}, nil
}

func targetsOf(tables []targetTable) []Target {
	var targets []Target
	for _, t := range tables {
		target := Target{OS: t.OS, Arch: t.Arch, Variant: t.Variant}
		if target.Variant == "" { // the specification says variant, the reference reads arch-variant (B17)
			target.Variant = t.ArchVariant
		}
		for _, d := range t.Distros {
			target.Distros = append(target.Distros, Distro(d))
		}
		targets = append(targets, target)
	}
	return targets
}

// execEnvs accepts both notations: an array of strings, and the specification's tables with a name (B18).
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
		return nil, fmt.Errorf("exec-env: want an array, for instance exec-env = [\"test\"], found %s", tomlconfig.Shown(fmt.Sprint(value)))
	}
	var names []string
	for _, item := range list {
		if table, isTable := item.(map[string]any); isTable {
			item = table["name"]
		}
		name, isString := item.(string)
		if !isString {
			return nil, fmt.Errorf("exec-env: want a string or a table with a name, found %s", tomlconfig.Shown(fmt.Sprint(item)))
		}
		names = append(names, name)
	}
	return names, nil
}
