package platform

import (
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
	return read("plan file", path, files.Result, func(path string, data []byte) (p Plan, err error) {
		err = decodeResult(path, data, &p)
		return p, err
	})
}
