package tomlconfig

import (
	"bytes"
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Lines returns the lines, counted from 1, on which a key stands, in the order of the file. A key in an array of tables can
// stand on several. Of a malformed file, only what comes before the mistake counts.
func Lines(data []byte, key ...string) []int {
	var lines []int
	walk(data, func(found []string, line int) { //nolint:errcheck // see above
		if slices.Equal(found, key) {
			lines = append(lines, line)
		}
	})
	return lines
}

// walk calls see for each table and each key of a file, in their order, with the whole dotted key and its line. The error
// is that of the parser.
func walk(data []byte, see func(key []string, line int)) error {
	w := walker{see: see, line: 1}
	w.parser.Reset(bytes.TrimPrefix(data, byteOrderMark()))
	var table []string
	for w.parser.NextExpression() {
		switch e := w.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = w.key(nil, e)
		case unstable.KeyValue:
			w.values(w.key(table, e), e.Value())
		}
	}
	return w.parser.Error()
}

type walker struct {
	parser unstable.Parser
	see    func(key []string, line int)
	// line is the number of the line on which the byte at offset stands.
	line, offset int
}

// key sees the key of a node within a table, and returns it whole.
func (w *walker) key(table []string, e *unstable.Node) []string {
	key := slices.Clip(table)
	for names := e.Key(); names.Next(); {
		name := names.Node()
		key = append(key, string(name.Data))
		if offset := int(name.Raw.Offset); offset > w.offset {
			w.line += bytes.Count(w.parser.Data()[w.offset:offset], []byte("\n"))
			w.offset = offset
		}
	}
	w.see(key, w.line)
	return key
}

// values sees the keys of inline tables in a value.
func (w *walker) values(key []string, value *unstable.Node) {
	for children := value.Children(); children.Next(); {
		child := children.Node()
		if child.Kind == unstable.KeyValue {
			w.values(w.key(key, child), child.Value())
		} else if value.Kind == unstable.Array {
			w.values(key, child)
		}
	}
}
