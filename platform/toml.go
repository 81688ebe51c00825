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

// decode reads TOML whose values are passed on, with their types.
func decode(path string, data []byte, into any) error {
	if err := tomlconfig.CheckNesting(data); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, err := toml.Decode(string(data), into); err != nil {
		var malformed toml.ParseError
		if errors.As(err, &malformed) {
			return fmt.Errorf("%s: line %d, column %d: %s: %s", path, malformed.Position.Line, malformed.Position.Col, malformed.Message, line(data, malformed.Position.Line))
		}
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func line(data []byte, number int) string {
	lines := bytes.Split(data, []byte("\n"))
	if number < 1 || number > len(lines) {
		return ""
	}
	return string(bytes.TrimSpace(lines[number-1]))
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
