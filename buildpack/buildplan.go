package buildpack

import (
	"bytes"
	"fmt"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// File shapes: what stands at the top level of a build plan stands again in each [[or]].
type (
	planFile struct {
		Provides []planProvide  `toml:"provides"`
		Requires []planRequire  `toml:"requires"`
		Or       []planSections `toml:"or"`
	}
	planSections struct {
		Provides []planProvide `toml:"provides"`
		Requires []planRequire `toml:"requires"`
	}
	planProvide struct {
		Name string `toml:"name"`
	}
	planRequire struct {
		Name     string         `toml:"name"`
		Metadata map[string]any `toml:"metadata,omitempty"`
		// Version is no longer part of the specification; it is read to be refused.
		Version string `toml:"version,omitempty"`
	}
)

// ParseBuildPlan reads what a module's bin/detect left in its build plan file (docs/reference.md, "Files" and "How a module is run"). Unknown
// keys are warnings. It returns at least one alternative: the top level of the file, then each "or".
func ParseBuildPlan(module Ref, data []byte) ([]Alternative, []tomlconfig.Warning, error) {
	var file planFile
	warnings, err := tomlconfig.Decode(data, &file)
	if err != nil {
		return nil, nil, err
	}
	var alternatives []Alternative
	for _, sections := range append([]planSections{{file.Provides, file.Requires}}, file.Or...) {
		alternative, err := sections.alternative(module)
		if err != nil {
			return nil, nil, err
		}
		alternatives = append(alternatives, alternative)
	}
	return alternatives, warnings, nil
}

// EncodeBuildPlan writes the alternatives of a build plan as a module would: the first one at the top level, then each "or".
// A plan that says nothing is empty.
func EncodeBuildPlan(alternatives []Alternative) ([]byte, error) {
	type sections struct {
		Provides []planProvide `toml:"provides,omitempty"`
		Requires []planRequire `toml:"requires,omitempty"`
	}
	var all []sections
	for _, a := range alternatives {
		var s sections
		for _, name := range a.Provides {
			s.Provides = append(s.Provides, planProvide{name})
		}
		for _, r := range a.Requires {
			s.Requires = append(s.Requires, planRequire{Name: r.Name, Metadata: r.Metadata})
		}
		all = append(all, s)
	}
	if len(all) == 0 {
		return nil, nil
	}
	var text bytes.Buffer
	err := toml.NewEncoder(&text).Encode(struct {
		sections
		Or []sections `toml:"or,omitempty"`
	}{all[0], all[1:]})
	return text.Bytes(), err
}

func (s planSections) alternative(module Ref) (Alternative, error) {
	var a Alternative
	for _, p := range s.Provides {
		a.Provides = append(a.Provides, p.Name)
	}
	if module.Kind == KindExtension && len(s.Requires) > 0 {
		return Alternative{}, fmt.Errorf(`extension %s outputs "requires" which is not allowed`, module.ID)
	}
	for _, r := range s.Requires {
		if err := r.check(module); err != nil {
			return Alternative{}, err
		}
		a.Requires = append(a.Requires, Require{Name: r.Name, Metadata: r.Metadata})
	}
	return a, nil
}

func (r planRequire) check(module Ref) error {
	if r.Version == "" {
		return nil
	}
	if _, both := r.Metadata["version"]; both {
		return fmt.Errorf(`%s %s has a "version" key and a "metadata.version" which cannot be specified together. "metadata.version" should be used instead`, module.Kind, module.ID)
	}
	return fmt.Errorf(`%s %s has a "version" key which is not supported. "metadata.version" should be used instead`, module.Kind, module.ID)
}
