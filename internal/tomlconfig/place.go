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
	p := &places{data: data, line: 1, key: key}
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
	data   []byte
	// offset is up to where the data was counted, and line is the line there.
	offset, line int
	key          []string
	lines        []int
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
		line = p.lineAt(int(part.Raw.Offset))
	}
	return name, line
}

// lineAt is the line of an offset. Keys are met in the order of the file, so each line is counted once.
func (p *places) lineAt(offset int) int {
	if offset < p.offset {
		p.offset, p.line = 0, 1
	}
	p.line += bytes.Count(p.data[p.offset:offset], []byte("\n"))
	p.offset = offset
	return p.line
}
