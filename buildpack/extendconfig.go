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

// ExtendConfig is an extension's extend-config.toml: build arguments for each kind of Dockerfile.
type ExtendConfig map[DockerfileKind][]Arg

// ParseExtendConfig reads an extend-config.toml. Unknown keys are warnings; an argument that only the extend step may set is an
// error.
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
		return nil, nil, err
	}
	config := ExtendConfig{BuildDockerfile: file.Build.Args, RunDockerfile: file.Run.Args}
	for _, kind := range DockerfileKinds() {
		for i, arg := range config[kind] {
			switch arg.Name {
			case "":
				return nil, nil, fmt.Errorf("one of the %s.args has the value %q and no name", kind, arg.Value)
			case "base_image", "build_id", "user_id", "group_id":
				return nil, nil, fmt.Errorf("%sarg %q is not allowed: the extend step sets it", config.Lines(kind, data)[i], arg.Name)
			}
		}
	}
	return config, warnings, nil
}

// Lines returns, for each argument of a kind, "line 2: " for the line of the text on which its name stands; empty if that is not
// known. The text is the one that the arguments were read from.
func (c ExtendConfig) Lines(kind DockerfileKind, text []byte) []string {
	prefixes := make([]string, len(c[kind]))
	if lines := tomlconfig.Lines(text, string(kind), "args", "name"); len(lines) == len(prefixes) {
		for i, line := range lines {
			prefixes[i] = fmt.Sprintf("line %d: ", line)
		}
	}
	return prefixes
}
