// Package tomlconfig reads TOML files that people and modules write: orders, descriptors, build plans, configuration.
//
// BurntSushi/toml decides what a file means and what is wrong with it, as in the reference. It does not tell where an unknown
// key stands or, in an array of tables, a value of the wrong type; go-toml does.
package tomlconfig

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/cnb-prelude/prelude/internal/tidy"
	located "github.com/pelletier/go-toml/v2"
)

// SyntaxError is a mistake in a file.
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
	return fmt.Sprintf("line %d, column %d: %s: %s", e.Line, e.Column, tidy.Shown(e.Message), tidy.Shown(e.Text))
}

// Hint returns what to try; empty if nothing comes to mind.
func (e *SyntaxError) Hint() string { return e.hint }

// Decode reads TOML into a pointer to a struct whose fields have `toml` tags. Unknown keys are warnings. What is malformed,
// of the wrong type, nested too deeply or too much is a *SyntaxError.
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

// explained returns an error of BurntSushi/toml with its line.
func explained(data []byte, into reflect.Type, err error) *SyntaxError {
	data = bytes.TrimPrefix(data, byteOrderMark())
	var e *SyntaxError
	if parse := (toml.ParseError{}); errors.As(err, &parse) {
		e = at(data, parse.Position.Start, parse.Message)
	} else {
		e = ofType(data, into, err.Error())
	}
	e.advise(data)
	return e
}

// at returns an error about what stands at an offset.
func at(data []byte, offset int, message string) *SyntaxError {
	before := data[:min(max(offset, 0), len(data))]
	number := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - bytes.LastIndexByte(before, '\n')
	return &SyntaxError{Line: number, Column: column, Text: line(data, number), Message: message}
}

// ofType returns an error about a value of the wrong type. BurntSushi/toml names the last key of several with the same name.
func ofType(data []byte, into reflect.Type, message string) *SyntaxError {
	e := &SyntaxError{Line: 1, Column: 1}
	var key string
	message = strings.TrimPrefix(message, "toml: ")
	fmt.Sscanf(message, "line %d (last key %q)", &e.Line, &key) //nolint:errcheck // then it is line 1
	var found *located.DecodeError
	if errors.As(located.Unmarshal(data, reflect.New(into.Elem()).Interface()), &found) {
		e.Line, e.Column = found.Position()
	}
	e.Text = line(data, e.Line)
	for _, start := range []string{"incompatible types: ", "expected table"} {
		if i := strings.Index(message, start); i >= 0 {
			message = message[i:]
		}
	}
	e.Message = strings.NewReplacer(
		"; destination has type slice", ", want array", "; destination has type", ", want",
		"type int64", "type integer", "type float64", "type float", "type bool", "type boolean",
		"type time.Time", "type date or time", "type []any", "type array", "type map[string]any", "type table",
		"found []map[string]any", "found array of tables", "found int64", "found integer",
	).Replace(message)
	return e
}

// byteOrderMark is what some editors begin a file with.
func byteOrderMark() []byte { return []byte("\xef\xbb\xbf") }

// line returns a line, counted from 1, or the beginning of a very long one.
func line(data []byte, number int) string {
	const most = 1000
	lines := bytes.SplitN(data, []byte("\n"), number+1)
	if number > len(lines) {
		return ""
	}
	text := lines[number-1]
	return string(text[:min(len(text), most)])
}
