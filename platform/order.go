package platform

import (
	"fmt"
	"log/slog"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// ReadOrder reads an order.toml. Unknown keys are logged as warnings.
func ReadOrder(path string, log *slog.Logger) (buildpack.OrderFile, error) {
	data, err := files.Read(path, files.Config)
	if err != nil {
		return buildpack.OrderFile{}, fmt.Errorf("failed to read order file: %w", err)
	}
	order, warnings, err := buildpack.ParseOrder(data)
	if err != nil {
		return buildpack.OrderFile{}, fmt.Errorf("failed to read order file: %s: %w", path, err)
	}
	warn(log, path, warnings)
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
