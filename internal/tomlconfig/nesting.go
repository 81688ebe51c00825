package tomlconfig

import (
	"bytes"
	"fmt"
)

// deepest is how many levels of arrays, inline tables and parts of dotted keys may lie within each other. Nobody writes
// that many; parsers and encoders, which call themselves for each level, run out of stack or time at some thousands.
const deepest = 128

// CheckNesting refuses TOML that is nested too deeply, before a parser sees it; anything else that is wrong with it is
// left to the parser. Its error is a *SyntaxError.
func CheckNesting(data []byte) error {
	var n nesting
	for at := 0; at < len(data); {
		switch c := data[at]; c {
		case '"', '\'':
			at += quoted(data[at:])
			continue
		case '#':
			if end := bytes.IndexByte(data[at:], '\n'); end >= 0 {
				at += end
				continue
			}
			return nil
		default:
			n.see(c)
		}
		if n.level() > deepest {
			return tooDeep(data, at)
		}
		at++
	}
	return nil
}

// nesting is where a reader of TOML stands.
type nesting struct {
	// dots is how many the key has that is being read, outer how many the keys around each open bracket have.
	dots, sum int
	outer     []int
}

func (n *nesting) level() int { return len(n.outer) + n.sum + n.dots }

func (n *nesting) see(c byte) {
	switch c {
	case '[', '{':
		n.outer = append(n.outer, n.dots)
		n.sum += n.dots
		n.dots = 0
	case ']', '}':
		if last := len(n.outer) - 1; last >= 0 {
			n.dots = n.outer[last]
			n.sum -= n.dots
			n.outer = n.outer[:last]
		}
	case '.':
		n.dots++
	case ',', '\n':
		n.dots = 0
	}
}

// quoted is the length of the string at the start of the data, of any of the four kinds. One that is not closed ends
// with its line or, if it may have several, with the data.
func quoted(data []byte) int {
	quote := data[0]
	triple := bytes.Repeat(data[:1], 3)
	if !bytes.HasPrefix(data, triple) {
		for at := 1; at < len(data); at++ {
			switch {
			case data[at] == quote:
				return at + 1
			case data[at] == '\n':
				return at
			case data[at] == '\\' && quote == '"' && at+1 < len(data) && data[at+1] != '\n':
				at++
			}
		}
		return len(data)
	}
	for at := 3; at < len(data); at++ {
		switch {
		case data[at] == '\\' && quote == '"':
			at++
		case bytes.HasPrefix(data[at:], triple):
			at += 3
			for range 2 { // two more quotes belong to the string
				if at < len(data) && data[at] == quote {
					at++
				}
			}
			return at
		}
	}
	return len(data)
}

func tooDeep(data []byte, at int) error {
	before := data[:at]
	start := bytes.LastIndexByte(before, '\n') + 1
	line := data[start:]
	if end := bytes.IndexByte(line, '\n'); end >= 0 {
		line = line[:end]
	}
	return &SyntaxError{
		Line: bytes.Count(before, []byte("\n")) + 1, Column: at - start + 1, Text: string(line[:min(len(line), 80)]),
		Message: fmt.Sprintf("nested deeper than %d levels", deepest),
	}
}
