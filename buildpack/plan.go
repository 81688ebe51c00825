package buildpack

// Require is one requirement of a build plan: a dependency by name, with whatever its provider should know.
type Require struct {
	Name string `toml:"name"`
	// Metadata keeps the TOML types of the file that it was read from; nil if there was none.
	Metadata map[string]any `toml:"metadata"`
}

// Alternative is one way in which a module can take part: what it provides and what it requires (docs/reference.md, "The build plan").
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
