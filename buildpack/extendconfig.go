package buildpack

import (
	"fmt"
	"slices"

	"github.com/cnb-prelude/prelude/internal/handwritten"
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

// ParseExtendConfig reads an extend-config.toml (contract, section 2). Unknown keys are warnings; an argument that only
// the extend step may set is an error (B19).
func ParseExtendConfig(data []byte) (ExtendConfig, []handwritten.Warning, error) {
	type table struct {
		Args []Arg `toml:"args"`
	}
	var file struct {
		Build table `toml:"build"`
		Run   table `toml:"run"`
	}
	warnings, err := handwritten.Decode(data, &file)
	if err != nil {
		return ExtendConfig{}, nil, err
	}
	config := ExtendConfig{Build: file.Build.Args, Run: file.Run.Args}
	for _, arg := range slices.Concat(config.Build, config.Run) {
		switch arg.Name {
		case "":
			return ExtendConfig{}, nil, fmt.Errorf("an arg with the value %q has no name", arg.Value)
		case "build_id", "user_id", "group_id", "base_image":
			return ExtendConfig{}, nil, fmt.Errorf("arg %q is not allowed: the extend step sets it", arg.Name)
		}
	}
	return config, warnings, nil
}
