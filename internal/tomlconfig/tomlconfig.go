// Package tomlconfig reads TOML files that people and modules write: orders, descriptors, build plans, configuration.
//
// It is a room of its own because both buildpack and platform read such files, and neither may import the other. What
// a file means, and what is wrong with it, is decided by BurntSushi/toml, as in the reference, so that what one of the two
// reads, the other reads as well. That library does not tell where an unknown key stands, nor, in an array of tables, a value of
// the wrong type; go-toml does.
package tomlconfig

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
	located "github.com/pelletier/go-toml/v2"
)

// SyntaxError tells where a file is malformed.
type SyntaxError struct {
	// Line and Column are counted from 1.
	Line, Column int
	// Text is the offending line, or the beginning of a very long one.
	Text    string
	Message string

	hint string
}

// Error is "line 3, column 5: <message>: <the line>".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s: %s", e.Line, e.Column, Shown(e.Message), Shown(e.Text))
}

// Decode reads TOML into a value whose fields have `toml` tags. Unknown keys are warnings. What is malformed, of the
// wrong type, nested too deeply or more than the most that is read of a file is a *SyntaxError.
func Decode(data []byte, into any) ([]Warning, error) {
	if len(data) == 0 { // as most build plans are
		return nil, nil
	}
	meta, err := decode(data, into, mostValues)
	if err != nil {
		return nil, err
	}
	return unknownKeys(data, meta, reflect.TypeOf(into)), nil
}

// DecodeResult reads TOML that a phase wrote, with any keys and as many values as the file has. Its errors are those of Decode.
func DecodeResult(data []byte, into any) error {
	_, err := decode(data, into, unlimited)
	return err
}

func decode(data []byte, into any, most int) (toml.MetaData, error) {
	if err := check(data, most); err != nil {
		return toml.MetaData{}, err
	}
	meta, err := toml.Decode(string(data), into)
	if err != nil {
		return meta, explained(data, reflect.TypeOf(into), err)
	}
	return meta, nil
}

// explained gives an error of the deciding library its place.
func explained(data []byte, into reflect.Type, err error) *SyntaxError {
	data = bytes.TrimPrefix(data, mark())
	var e *SyntaxError
	if parse := (toml.ParseError{}); errors.As(err, &parse) {
		e = at(data, parse.Position.Start, parse.Message)
	} else {
		e = ofType(data, into, err.Error())
	}
	e.advise(data)
	return e
}

// at is an error at so many bytes from the beginning.
func at(data []byte, offset int, message string) *SyntaxError {
	before := data[:min(max(offset, 0), len(data))]
	start := bytes.LastIndexByte(before, '\n') + 1
	return &SyntaxError{
		Line: bytes.Count(before, []byte("\n")) + 1, Column: len(before) - start + 1,
		Text: line(data[start:]), Message: message,
	}
}

// ofType is an error about a value of the wrong type. Of several keys of the same name, the deciding library names the last.
func ofType(data []byte, into reflect.Type, message string) *SyntaxError {
	e := &SyntaxError{Line: 1, Column: 1}
	var key string
	message = strings.TrimPrefix(message, "toml: ")
	fmt.Sscanf(message, "line %d (last key %q)", &e.Line, &key) //nolint:errcheck // then it is line 1
	var found *located.DecodeError
	if errors.As(located.Unmarshal(data, reflect.New(into.Elem()).Interface()), &found) {
		e.Line, e.Column = found.Position()
	}
	e.Text = lineNumber(data, e.Line)
	for _, start := range []string{"incompatible types: ", "expected table"} {
		if i := strings.Index(message, start); i >= 0 {
			message = message[i:]
		}
	}
	e.Message = strings.NewReplacer("; destination has type slice", ", want array", "; destination has type", ", want", "type int64", "type integer", "type float64", "type float",
		"type bool", "type boolean", "type time.Time", "type date or time", "type []any", "type array",
		"type map[string]any", "type table", "found []map[string]any", "found array of tables", "found int64", "found integer").Replace(message)
	return e
}

// mark is a byte order mark, which some editors begin a file with.
func mark() []byte { return []byte("\xef\xbb\xbf") }

// lineNumber is a line, counted from 1.
func lineNumber(data []byte, number int) string {
	for range number - 1 {
		end := bytes.IndexByte(data, '\n')
		if end < 0 {
			return ""
		}
		data = data[end+1:]
	}
	return line(data)
}

// line is the first line of a text, or the beginning of a very long one.
func line(text []byte) string {
	const most = 1000
	text = text[:min(len(text), most)]
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return string(first)
}
