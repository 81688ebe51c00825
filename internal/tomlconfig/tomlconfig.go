// Package tomlconfig reads TOML files that people write: orders, descriptors, build plans, configuration.
//
// It is a room of its own because both buildpack and platform read such files, and neither may import the other. What
// a file means is decided by BurntSushi/toml, as in the reference, so that what one of the two reads, the other reads
// as well. That library does not say where a key stands; go-toml does, so it is asked whenever there is a place to name:
// for an unknown key, which is a Warning rather than an error (B11), and for a mistake.
package tomlconfig

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/BurntSushi/toml"
	located "github.com/pelletier/go-toml/v2"

	"github.com/cnb-prelude/prelude/internal/similar"
)

// Warning is an unknown key.
type Warning struct {
	// Line is counted from 1.
	Line int
	// Key is the whole dotted key.
	Key string
	// Nearest is the known key at the same place that is most like it; empty if none is.
	Nearest string
}

// String is the part of the message after the name of the file.
func (w Warning) String() string {
	text := fmt.Sprintf("line %d: unknown key %q", w.Line, w.Key)
	if w.Nearest != "" {
		text += fmt.Sprintf(" (did you mean %q?)", w.Nearest)
	}
	return text
}

// SyntaxError says where a file is malformed.
type SyntaxError struct {
	// Line and Column are counted from 1.
	Line, Column int
	// Text is the offending line.
	Text    string
	Message string

	hint string
}

// Error is "line 3, column 5: <message>: <the line>".
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("line %d, column %d: %s: %s", e.Line, e.Column, e.Message, Shown(e.Text))
}

// Decode reads TOML into a value whose fields have `toml` tags. Unknown keys are warnings, anything malformed or of the
// wrong type is a *SyntaxError.
func Decode(data []byte, into any) ([]Warning, error) {
	if len(data) == 0 { // as most build plans are
		return nil, nil
	}
	if err := CheckNesting(data); err != nil {
		return nil, err
	}
	meta, err := toml.Decode(string(data), into)
	if err != nil {
		return nil, syntaxError(data, reflect.TypeOf(into), err)
	}
	var unknown []toml.Key
	for _, key := range meta.Undecoded() {
		if !known(key, reflect.TypeOf(into)) {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) == 0 {
		return nil, nil
	}
	return warnings(data, unknown, reflect.TypeOf(into)), nil
}

// syntaxError gives an error its place.
func syntaxError(data []byte, into reflect.Type, err error) *SyntaxError {
	e := describe(err)
	var malformed *located.DecodeError
	if errors.As(locate(data, into), &malformed) {
		e.Line, e.Column = malformed.Position()
		if !e.ofType {
			e.Message = strings.TrimPrefix(malformed.Error(), "toml: ")
		}
	}
	e.Text = lineOf(data, e.Line)
	e.advise(data)
	return &e.SyntaxError
}

// described is an error of the deciding library: one that is ofType knows the line only, but says it best.
type described struct {
	SyntaxError
	ofType bool
}

func describe(err error) described {
	d := described{SyntaxError: SyntaxError{Line: 1, Column: 1}}
	var parse toml.ParseError
	if errors.As(err, &parse) {
		d.Line, d.Column, d.Message = max(parse.Position.Line, 1), max(parse.Position.Col, 1), parse.Message
		return d
	}
	d.ofType = true
	message := strings.TrimPrefix(err.Error(), "toml: ")
	fmt.Sscanf(message, "line %d", &d.Line) //nolint:errcheck // then it is line 1
	for _, start := range []string{"incompatible types: ", "expected table"} {
		if i := strings.Index(message, start); i >= 0 {
			message = message[i:]
		}
	}
	d.Message = strings.NewReplacer("; destination has type slice", ", want array", "; destination has type", ", want", "type int64", "type integer", "type float64", "type float",
		"type bool", "type boolean", "type time.Time", "type date or time", "type []any", "type array",
		"type map[string]any", "type table", "found []map[string]any", "found array of tables", "found int64", "found integer").Replace(message)
	return d
}

// locate reads the data with the library that knows places, into a value that is not used.
func locate(data []byte, into reflect.Type) error {
	data = bytes.TrimPrefix(data, mark())
	return located.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(reflect.New(into.Elem()).Interface())
}

// mark is a byte order mark, which some editors begin a file with.
func mark() []byte { return []byte("\xef\xbb\xbf") }

func lineOf(data []byte, line int) string {
	lines := bytes.Split(bytes.TrimPrefix(data, mark()), []byte("\n"))
	if line < 1 || line > len(lines) {
		return ""
	}
	return string(lines[line-1])
}

// warnings describes unknown keys. Where only one library can read the file, the place is looked for in its text.
func warnings(data []byte, unknown []toml.Key, into reflect.Type) []Warning {
	var found []Warning
	var strict *located.StrictMissingError
	if errors.As(locate(data, into), &strict) {
		for _, e := range strict.Errors {
			line, _ := e.Position()
			found = append(found, Warning{Line: line, Key: strings.Join(e.Key(), "."), Nearest: nearest(e.Key(), into)})
		}
		return found
	}
	for _, key := range unknown {
		found = append(found, Warning{Line: search(data, key), Key: key.String(), Nearest: nearest(key, into)})
	}
	return found
}

// search is the first line on which the last part of the key stands; 1 if there is none.
func search(data []byte, key toml.Key) int {
	for i, line := range bytes.Split(data, []byte("\n")) {
		if bytes.Contains(line, []byte(key[len(key)-1])) {
			return i + 1
		}
	}
	return 1
}

// known says whether a key has a place in the type: a field, or anything below a field that takes whatever comes.
func known(key []string, t reflect.Type) bool {
	for _, part := range key {
		t = elem(t)
		if t.Kind() != reflect.Struct {
			return t.Kind() == reflect.Interface || t.Kind() == reflect.Map
		}
		field, ok := fieldOf(t, part)
		if !ok {
			return false
		}
		t = field.Type
	}
	return true
}

// nearest finds the known key that is most like the last part of an unknown one, in the table that holds it.
func nearest(key []string, t reflect.Type) string {
	for _, part := range key[:len(key)-1] {
		field, ok := fieldOf(elem(t), part)
		if !ok {
			return ""
		}
		t = field.Type
	}
	t = elem(t)
	if t.Kind() != reflect.Struct {
		return ""
	}
	var known []string
	for i := range t.NumField() {
		known = append(known, tag(t.Field(i)))
	}
	name, _ := similar.Closest(key[len(key)-1], known)
	return name
}

// elem looks through pointers and slices: what a table or an array of tables is decoded into.
func elem(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

func fieldOf(t reflect.Type, name string) (reflect.StructField, bool) {
	if t.Kind() != reflect.Struct {
		return reflect.StructField{}, false
	}
	return t.FieldByNameFunc(func(field string) bool {
		f, _ := t.FieldByName(field)
		return strings.EqualFold(tag(f), name)
	})
}

func tag(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return name
}
