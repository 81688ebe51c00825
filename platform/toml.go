// Package platform is the Platform API: inputs, exit codes, messages, and the files that phases exchange, a source file
// for each. It runs nothing and decides nothing.
package platform

import (
	"fmt"

	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// decode reads TOML whose values are passed on, with their types; keys that nothing here reads are no mistake.
func decode(path string, data []byte, into any) error {
	_, err := tomlconfig.Decode(data, into)
	return inFile(path, err)
}

// decodeResult is decode for files that a phase wrote from what many modules say.
func decodeResult(path string, data []byte, into any) error {
	return inFile(path, tomlconfig.DecodeResult(data, into))
}

func inFile(path string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// read reads and parses a file of at most limit bytes; what names it in errors. That it is missing is fs.ErrNotExist.
func read[T any](what, path string, limit int64, parse func(path string, data []byte) (T, error)) (value T, err error) {
	data, err := files.Read(path, limit)
	if err == nil {
		value, err = parse(path, data)
	}
	if err != nil {
		err = fmt.Errorf("failed to read %s: %w", what, err)
	}
	return value, err
}
