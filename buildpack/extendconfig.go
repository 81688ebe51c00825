package buildpack

import (
	"fmt"

	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// DockerfileKind says which image a Dockerfile extends.
type DockerfileKind string

// The kinds of Dockerfile.
const (
	BuildDockerfile DockerfileKind = "build"
	RunDockerfile   DockerfileKind = "run"
)

// DockerfileKinds are both kinds, in the order in which an extension's Dockerfiles are listed.
func DockerfileKinds() []DockerfileKind { return []DockerfileKind{BuildDockerfile, RunDockerfile} }

// File is the name of the Dockerfile in an extension's output: "build.Dockerfile" or "run.Dockerfile".
func (k DockerfileKind) File() string { return string(k) + ".Dockerfile" }

// Arg is a build argument that an extension sets for one of its Dockerfiles.
type Arg struct {
	Name  string `toml:"name"`
	Value string `toml:"value"`
}

// ExtendConfig is an extension's extend-config.toml: build arguments for its Dockerfiles.
type ExtendConfig struct{ Build, Run []Arg }

// For returns the arguments for one kind of Dockerfile.
func (c ExtendConfig) For(kind DockerfileKind) []Arg {
	if kind == RunDockerfile {
		return c.Run
	}
	return c.Build
}

// Lines returns the lines of an extend-config.toml, counted from 1, on which the names of a kind's arguments stand, in their order; nil
// where that cannot be found out. The text is the one that the arguments were read from.
func (c ExtendConfig) Lines(kind DockerfileKind, text []byte) []int {
	lines := tomlconfig.Lines(text, string(kind), "args", "name")
	if len(lines) != len(c.For(kind)) {
		return nil
	}
	return lines
}

// ParseExtendConfig reads an extend-config.toml (docs/reference.md, "Files"). Unknown keys are warnings; an argument that only
// the extend step may set is an error (B19).
func ParseExtendConfig(data []byte) (ExtendConfig, []tomlconfig.Warning, error) {
	type table struct {
		Args []Arg `toml:"args"`
	}
	var file struct {
		Build table `toml:"build"`
		Run   table `toml:"run"`
	}
	warnings, err := tomlconfig.Decode(data, &file)
	if err != nil {
		return ExtendConfig{}, nil, err
	}
	config := ExtendConfig{Build: file.Build.Args, Run: file.Run.Args}
	for _, kind := range DockerfileKinds() {
		for i, arg := range config.For(kind) {
			switch arg.Name {
			case "":
				return ExtendConfig{}, nil, fmt.Errorf("one of the %s.args has the value %q and no name", kind, arg.Value)
			case "base_image", "build_id", "user_id", "group_id":
				return ExtendConfig{}, nil, fmt.Errorf("%sarg %q is not allowed: the extend step sets it", config.line(kind, i, data), arg.Name)
			}
		}
	}
	return config, warnings, nil
}

// line is "line 2: ", where the name of an argument stands; empty where that cannot be found out.
func (c ExtendConfig) line(kind DockerfileKind, i int, text []byte) string {
	lines := c.Lines(kind, text)
	if lines == nil {
		return ""
	}
	return fmt.Sprintf("line %d: ", lines[i])
}
