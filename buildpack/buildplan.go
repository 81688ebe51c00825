package buildpack

import (
	"fmt"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// Require is one requirement of a build plan: a dependency by name, with whatever its provider should know.
type Require struct {
	Name string `toml:"name"`
	// Metadata keeps the TOML types of the file that it was read from; nil if there was none.
	Metadata map[string]any `toml:"metadata"`
}

// Alternative is one way in which a module can take part: what it provides and what it requires.
type Alternative struct {
	Provides []string
	Requires []Require
}

// Provider is a module that provides an entry of the build plan.
type Provider struct {
	ID        string `toml:"id"`
	Version   string `toml:"version"`
	Extension bool   `toml:"extension,omitempty"`
}

// PlanEntry is one dependency of the resolved build plan: its providers, and what is required of them.
type PlanEntry struct {
	Providers []Provider `toml:"providers"`
	Requires  []Require  `toml:"requires"`
}

// File shapes: what stands at the top level of a build plan stands again in each [[or]].
type (
	planFile struct {
		Provides []planProvide  `toml:"provides,omitempty"`
		Requires []planRequire  `toml:"requires,omitempty"`
		Or       []planSections `toml:"or,omitempty"`
	}
	planSections struct {
		Provides []planProvide `toml:"provides,omitempty"`
		Requires []planRequire `toml:"requires,omitempty"`
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

// ParseBuildPlan reads the build plan that a module's bin/detect left. Unknown keys are warnings. It returns at least one
// alternative: the top level of the file, then each "or".
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
	var file planFile
	for i, a := range alternatives {
		var s planSections
		for _, name := range a.Provides {
			s.Provides = append(s.Provides, planProvide{name})
		}
		for _, r := range a.Requires {
			s.Requires = append(s.Requires, planRequire{Name: r.Name, Metadata: r.Metadata})
		}
		if i == 0 {
			file.Provides, file.Requires = s.Provides, s.Requires
		} else {
			file.Or = append(file.Or, s)
		}
	}
	return toml.Marshal(file)
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
		if _, both := r.Metadata["version"]; both && r.Version != "" {
			return Alternative{}, fmt.Errorf(`%s %s has a "version" key and a "metadata.version" which cannot be specified together. "metadata.version" should be used instead`, module.Kind, module.ID)
		}
		if r.Version != "" {
			return Alternative{}, fmt.Errorf(`%s %s has a "version" key which is not supported. "metadata.version" should be used instead`, module.Kind, module.ID)
		}
		a.Requires = append(a.Requires, Require{Name: r.Name, Metadata: r.Metadata})
	}
	return a, nil
}
