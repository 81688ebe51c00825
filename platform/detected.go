package platform

import (
	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
)

// GroupElement is a module of group.toml.
type GroupElement struct {
	ID       string `toml:"id"`
	Version  string `toml:"version"`
	API      string `toml:"api,omitempty"`
	Homepage string `toml:"homepage,omitempty"`
}

// Group is the shape of group.toml.
type Group struct {
	Buildpacks []GroupElement `toml:"group,omitempty"`
	Extensions []GroupElement `toml:"group-extensions,omitempty"`
}

// NewGroup describes the modules that take part.
func NewGroup(modules []*buildpack.Module) Group {
	var g Group
	for _, m := range modules {
		e := GroupElement{ID: m.ID, Version: m.Version, API: m.Descriptor.API, Homepage: m.Descriptor.Homepage}
		if m.IsExtension() {
			g.Extensions = append(g.Extensions, e)
		} else {
			g.Buildpacks = append(g.Buildpacks, e)
		}
	}
	return g
}

// Encode is the text of group.toml.
func (g Group) Encode() ([]byte, error) { return toml.Marshal(g) }

// ReadGroup reads a group.toml.
func ReadGroup(path string) (Group, error) {
	return read("group file", path, files.Config, func(path string, data []byte) (g Group, err error) {
		err = decode(path, data, &g)
		return g, err
	})
}

// Plan is the shape of plan.toml. An empty plan is an empty file.
type Plan struct {
	Entries []buildpack.PlanEntry `toml:"entries,omitempty"`
}

// Encode is the text of plan.toml.
func (p Plan) Encode() ([]byte, error) { return toml.Marshal(p) }

// ReadPlan reads a plan.toml.
func ReadPlan(path string) (Plan, error) {
	return read("plan file", path, files.Result, func(path string, data []byte) (p Plan, err error) {
		err = decodeResult(path, data, &p)
		return p, err
	})
}
