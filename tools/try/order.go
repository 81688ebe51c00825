package main

import (
	"bytes"
	"slices"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/buildpack"
)

// order is an order.toml, and what the labels of a builder say of its order.
type order struct {
	Buildpacks []orderGroup `toml:"order"`
	Extensions []orderGroup `toml:"order-extensions,omitempty"`
}

type orderGroup struct {
	Group []orderElement `toml:"group" json:"group"`
}

type orderElement struct {
	ID       string `toml:"id" json:"id"`
	Version  string `toml:"version" json:"version"`
	Optional bool   `toml:"optional,omitempty" json:"optional"`
}

// makeOrder is the order of the scene: one group of all modules, extensions and buildpacks apart, except the buildpacks that a composite
// among them names: the composite has them in its own order. A builder's order stays for the kind of which none is given.
func (s scene) makeOrder() []byte {
	named := map[string]bool{}
	for _, m := range s.modules {
		for _, element := range slices.Concat(m.Order...) {
			named[element.ID] = true
		}
	}
	var buildpacks, extensions orderGroup
	for _, m := range s.modules {
		element := orderElement{ID: m.ID, Version: m.Version}
		if m.kind == buildpack.KindExtension {
			extensions.Group = append(extensions.Group, element)
		} else if !named[m.ID] {
			buildpacks.Group = append(buildpacks.Group, element)
		}
	}
	if s.putsIn() {
		buildpacks.Group = append(buildpacks.Group, orderElement{ID: requirer.ID, Version: requirer.Version})
	}
	made := s.builderOrder
	if len(buildpacks.Group) > 0 {
		made.Buildpacks = []orderGroup{buildpacks}
	}
	if len(extensions.Group) > 0 {
		made.Extensions = []orderGroup{extensions}
	}
	var text bytes.Buffer
	toml.NewEncoder(&text).Encode(made) // strings can be encoded
	return text.Bytes()
}
