package tomlconfig

import (
	"bytes"
	"slices"

	"github.com/pelletier/go-toml/v2/unstable"
)

// Lines are the lines, counted from 1, on which a key stands, in the order of the file; of a key in an array of tables
// there can be several. What cannot be read has none.
func Lines(data []byte, key ...string) []int {
	data = bytes.TrimPrefix(data, mark())
	p := &places{key: key}
	p.parser.Reset(data)
	var table []string
	for p.parser.NextExpression() {
		switch e := p.parser.Expression(); e.Kind {
		case unstable.Table, unstable.ArrayTable:
			table, _ = p.name(nil, e.Key())
		case unstable.KeyValue:
			p.see(table, e)
		}
	}
	return p.lines
}

type places struct {
	parser unstable.Parser
	key    []string
	lines  []int
}

// see looks at a key and its value, which is in a table.
func (p *places) see(table []string, e *unstable.Node) {
	name, line := p.name(table, e.Key())
	if slices.Equal(name, p.key) {
		p.lines = append(p.lines, line)
	}
	p.seeValue(name, e.Value())
}

func (p *places) seeValue(name []string, value *unstable.Node) {
	children := value.Children()
	for children.Next() {
		if child := children.Node(); child.Kind == unstable.KeyValue {
			p.see(name, child)
		} else if value.Kind == unstable.Array {
			p.seeValue(name, child)
		}
	}
}

// name is a dotted key as it stands in a table, and its line.
func (p *places) name(table []string, parts unstable.Iterator) (name []string, line int) {
	name = slices.Clip(table)
	for parts.Next() {
		part := parts.Node()
		name = append(name, string(part.Data))
		line = p.parser.Shape(part.Raw).Start.Line
	}
	return name, line
}
