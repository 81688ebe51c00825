package platform

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// ReadOrder reads an order.toml. Unknown keys and empty groups are logged as warnings. That no app can pass because there is no group
// is an *Exit, as if none had passed.
func ReadOrder(path string, log *slog.Logger) (buildpack.OrderFile, error) {
	data, err := files.Read(path, files.Config)
	if err != nil {
		return buildpack.OrderFile{}, fmt.Errorf("failed to read order file: %w", err)
	}
	order, warnings, err := buildpack.ParseOrder(data)
	warn(log, path, warnings)
	if none := (*buildpack.NoGroupError)(nil); errors.As(err, &none) {
		return buildpack.OrderFile{}, &Exit{Code: CodeNoGroup, Action: "detect", Err: fmt.Errorf("%s: %w", path, err)}
	}
	if err != nil {
		return buildpack.OrderFile{}, fmt.Errorf("failed to read order file: %s: %w", path, err)
	}
	empty := order.EmptyGroups(data)
	for _, line := range empty[:min(len(empty), tomlconfig.MostWarnings)] {
		log.Warn(fmt.Sprintf("%s: line %d: this group is empty, and skipped", path, line))
	}
	if more := len(empty) - tomlconfig.MostWarnings; more > 0 {
		log.Warn(fmt.Sprintf("%s: and %d more empty groups", path, more))
	}
	return order, nil
}

// ReadSystem reads a system.toml; a missing one has nothing to merge.
func ReadSystem(path string, log *slog.Logger) (buildpack.System, error) {
	data, err := readOptional(path, files.Config)
	if err != nil || data == nil {
		return buildpack.System{}, err
	}
	system, warnings, err := buildpack.ParseSystem(data)
	if err != nil {
		return buildpack.System{}, fmt.Errorf("failed to read system file: %s: %w", path, err)
	}
	warn(log, path, warnings)
	return system, nil
}

func warn(log *slog.Logger, path string, warnings []tomlconfig.Warning) {
	for _, w := range warnings {
		log.Warn(path + ": " + w.String())
	}
}
