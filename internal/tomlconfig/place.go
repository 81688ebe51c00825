package tomlconfig

import (
	"bytes"
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Lines are the lines, counted from 1, on which a key stands, in the order of the file; of a key in an array of tables
// there can be several. What cannot be read has none.
func Lines(data []byte, key ...string) []int {
	var lines []int
	walk(data, func(found []string, line func() int) bool { //nolint:errcheck // as far as it can be read
		if slices.Equal(found, key) {
			lines = append(lines, line())
		}
		return true
	})
	return lines
}

// walk calls back for each table and each key of a file, in their order, with the whole dotted key and its line. What is
// below one of which see reports false is left out. The error is that of the parser.
func walk(data []byte, see func(key []string, line func() int) bool) error {
	w := walker{see: see, line: 1}
	w.parser.Reset(bytes.TrimPrefix(data, mark()))
	var table []string
	inside := true
	for w.parser.NextExpression() {
		e := w.parser.Expression()
		switch {
		case e.Kind == unstable.Table, e.Kind == unstable.ArrayTable:
			table, inside = w.key(nil, e.Key())
		case e.Kind == unstable.KeyValue && inside:
			w.keyValue(table, e)
		}
	}
	return w.parser.Error()
}

type walker struct {
	parser unstable.Parser
	see    func(key []string, line func() int) bool
	// offset is up to where lines have been counted, line the number of the one that it is on.
	offset, line int
}

// keyValue looks at a key in a table, and at what its value has.
func (w *walker) keyValue(table []string, e *unstable.Node) {
	if name, inside := w.key(table, e.Key()); inside {
		w.value(name, e.Value())
	}
}

func (w *walker) value(name []string, value *unstable.Node) {
	children := value.Children()
	for children.Next() {
		if child := children.Node(); child.Kind == unstable.KeyValue {
			w.keyValue(name, child)
		} else if value.Kind == unstable.Array {
			w.value(name, child)
		}
	}
}

// key is a dotted key in a table, and whether to look at what is below it.
func (w *walker) key(table []string, parts unstable.Iterator) (name []string, inside bool) {
	name = slices.Clip(table)
	offset := 0
	for parts.Next() {
		part := parts.Node()
		name = append(name, string(part.Data))
		offset = int(part.Raw.Offset)
	}
	return name, w.see(name, func() int {
		w.line += bytes.Count(w.parser.Data()[w.offset:max(offset, w.offset)], []byte("\n"))
		w.offset = offset
		return w.line
	})
}
