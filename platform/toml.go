// Package platform is the Platform API: inputs, exit codes, messages, and the files that phases exchange, a source file
// for each. It runs nothing and decides nothing.
package platform

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"

	"github.com/BurntSushi/toml"

	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/tomlconfig"
)

// encode writes a value as TOML; the library's encoder defines the bytes.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	if err := toml.NewEncoder(&text).Encode(value); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

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

// readOptional reads a file that need not be there: nil data and no error if it is missing. It may have
// limit bytes.
func readOptional(path string, limit int64) ([]byte, error) {
	data, err := files.Read(path, limit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return data, err
}
