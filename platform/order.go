package platform

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// ReadOrder reads an order.toml. Unknown keys and empty groups are logged as warnings. An order without groups, which no app can
// pass, is an *Exit as if none had passed.
func ReadOrder(path string, log *slog.Logger) (buildpack.OrderFile, error) {
	return read("order file", path, files.Config, func(path string, data []byte) (buildpack.OrderFile, error) {
		order, warnings, err := buildpack.ParseOrder(data)
		warn(log, path, warnings)
		if none := (*buildpack.NoGroupError)(nil); errors.As(err, &none) {
			return order, &Exit{Code: CodeNoGroup, Action: "detect", Err: inFile(path, err)}
		}
		if empty := order.EmptyGroups(data); len(empty) > 0 {
			log.Warn(fmt.Sprintf("%s: line %d: this group is empty, and skipped (empty groups: %d)", path, empty[0], len(empty)))
		}
		return order, inFile(path, err)
	})
}

// ReadSystem reads a system.toml; a missing one has nothing to merge.
func ReadSystem(path string, log *slog.Logger) (buildpack.System, error) {
	system, err := read("system file", path, files.Config, func(path string, data []byte) (buildpack.System, error) {
		system, warnings, err := buildpack.ParseSystem(data)
		warn(log, path, warnings)
		return system, inFile(path, err)
	})
	if errors.Is(err, fs.ErrNotExist) {
		return system, nil
	}
	return system, err
}

func warn(log *slog.Logger, path string, warnings []tomlconfig.Warning) {
	for _, w := range warnings {
		log.Warn(path + ": " + w.String())
	}
}
