package buildpack

import (
	"fmt"

	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

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
			case baseImage, "build_id", "user_id", "group_id":
				return ExtendConfig{}, nil, fmt.Errorf("%sarg %q is not allowed: the extend step sets it", argLine(kind, config.For(kind), i, data), arg.Name)
			}
		}
	}
	return config, warnings, nil
}
