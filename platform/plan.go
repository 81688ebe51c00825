package platform

import (
	"fmt"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
)

// Plan is the shape of plan.toml. An empty plan is an empty file.
type Plan struct {
	Entries []buildpack.PlanEntry `toml:"entries,omitempty"`
}

// Encode is the text of plan.toml.
func (p Plan) Encode() ([]byte, error) { return encode(p) }

// ReadPlan reads a plan.toml.
func ReadPlan(path string) (Plan, error) {
	var p Plan
	data, err := files.Read(path, files.Result)
	if err != nil {
		return p, fmt.Errorf("failed to read plan file: %w", err)
	}
	if err := decode(path, data, &p); err != nil {
		return p, fmt.Errorf("failed to read plan file: %w", err)
	}
	return p, nil
}
