package buildpack

import (
	"slices"

	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// OrderFile is the shape of order.toml: groups of buildpacks, and groups of extensions that are tried before them.
type OrderFile struct{ Buildpacks, Extensions Order }

// NoGroupError is an order.toml that has no group of buildpacks, so that no app can pass.
type NoGroupError struct{}

func (*NoGroupError) Error() string { return "it has no group of buildpacks" }

// Hint returns what to write.
func (*NoGroupError) Hint() string {
	return "begin a group with [[order]], and name each of its buildpacks in an [[order.group]] with id and version"
}

// ParseOrder reads an order.toml. Unknown keys are warnings. An order without groups is a *NoGroupError.
func ParseOrder(data []byte) (OrderFile, []tomlconfig.Warning, error) {
	var file struct {
		Order      []groupTable `toml:"order"`
		Extensions []groupTable `toml:"order-extensions"`
	}
	warnings, err := tomlconfig.Decode(data, &file)
	if err != nil {
		return OrderFile{}, nil, err
	}
	var o OrderFile
	if o.Buildpacks, err = order(file.Order, KindBuildpack); err != nil {
		return OrderFile{}, nil, err
	}
	if o.Extensions, err = order(file.Extensions, KindExtension); err == nil && len(o.Buildpacks) == 0 {
		err = &NoGroupError{}
	}
	return o, warnings, err
}

// EmptyGroups returns the lines, in an order.toml, of groups without modules, which are skipped.
func (o OrderFile) EmptyGroups(data []byte) []int {
	var empty []int
	for key, order := range map[string]Order{"order": o.Buildpacks, "order-extensions": o.Extensions} {
		if !slices.ContainsFunc(order, func(g Group) bool { return len(g) == 0 }) {
			continue
		}
		for i, line := range tomlconfig.Lines(data, key) {
			if i < len(order) && len(order[i]) == 0 {
				empty = append(empty, line)
			}
		}
	}
	return slices.Sorted(slices.Values(empty))
}

// System is what a system.toml puts around every group of the order.
type System struct{ Pre, Post Group }

// ParseSystem reads a system.toml. Unknown keys are warnings.
func ParseSystem(data []byte) (System, []tomlconfig.Warning, error) {
	type list struct {
		Buildpacks []elementTable `toml:"buildpacks"`
	}
	var file struct {
		System struct {
			Pre  list `toml:"pre"`
			Post list `toml:"post"`
		} `toml:"system"`
	}
	warnings, err := tomlconfig.Decode(data, &file)
	if err != nil {
		return System{}, nil, err
	}
	groups, err := order([]groupTable{{file.System.Pre.Buildpacks}, {file.System.Post.Buildpacks}}, KindBuildpack)
	if err != nil {
		return System{}, nil, err
	}
	return System{Pre: groups[0], Post: groups[1]}, warnings, nil
}

// For returns the system buildpacks that a group gets: those whose ids it does not have.
func (s System) For(group Group) System {
	added := func(list Group) Group {
		return slices.DeleteFunc(slices.Clone(list), func(e Element) bool { return group.Find(e.ID) != nil })
	}
	return System{Pre: added(s.Pre), Post: added(s.Post)}
}

// Find returns the first element with an id; nil if there is none.
func (g Group) Find(id string) *Element {
	for i := range g {
		if g[i].ID == id {
			return &g[i]
		}
	}
	return nil
}

func order(tables []groupTable, kind Kind) (Order, error) {
	var o Order
	for _, table := range tables {
		group := make(Group, 0, len(table.Group))
		for _, e := range table.Group {
			execEnv, err := execEnvs(e.ExecEnv)
			if err != nil {
				return nil, err
			}
			ref := Ref{Kind: kind, ID: e.ID, Version: e.Version}
			group = append(group, Element{Ref: ref, Optional: e.Optional || kind == KindExtension, ExecEnv: execEnv})
		}
		o = append(o, group)
	}
	return o, nil
}
