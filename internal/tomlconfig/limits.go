package tomlconfig

import (
	"bytes"
	"fmt"
)

const (
	// deepest is how many levels of arrays, inline tables and parts of dotted keys may lie within each other. Nobody writes
	// that many; parsers and encoders, which call themselves for each level, run out of stack or time at some thousands.
	deepest = 128
	// mostValues is how many keys, tables and values a file may have, and mostKeyBytes how many bytes all its keys, each with
	// the names of the tables around it. The parser needs up to a KiB for each key, and writes each key out with those names.
	mostValues   = 50_000
	mostKeyBytes = 8 << 20
	unlimited    = 0
)

// check refuses TOML that would cost a parser too much, before one sees it; anything else that is wrong with it is left to
// the parser. The number of values is not limited if most is unlimited. Its error is a *SyntaxError.
func check(data []byte, most int) error {
	var r reader
	for next := 0; next < len(data); {
		switch c := data[next]; c {
		case '"', '\'':
			length := quoted(data[next:])
			r.key += length
			next += length
			continue
		case '#':
			if end := bytes.IndexByte(data[next:], '\n'); end >= 0 {
				next += end
				continue
			}
			return nil
		default:
			r.see(c)
		}
		if message := r.excess(most); message != "" {
			return at(data, next, message)
		}
		next++
	}
	return nil
}

// reader is where a reader of TOML stands, and what it has seen.
type reader struct {
	// dots is how many the key has that is being read, key how many bytes; outer are those of the keys around each open
	// bracket, around their sum.
	dots, key int
	outer     []size
	around    size
	// table is the name of the table; header reports that its line is being read.
	table  size
	header bool
	// values and keys are how many there have been, of keys the bytes.
	values, keys int
}

type size struct{ dots, key int }

// excess is what is wrong if there is too much of something.
func (r *reader) excess(most int) string {
	switch {
	case r.level() > deepest:
		return fmt.Sprintf("nested deeper than %d levels", deepest)
	case most != unlimited && r.values > most:
		return fmt.Sprintf("more than %d keys, tables and values, the limit for such a file", most)
	case most != unlimited && r.keys > mostKeyBytes:
		return fmt.Sprintf("the keys, each with the names of the tables around it, have more than %d MiB, the limit for such a file", mostKeyBytes>>20)
	}
	return ""
}

func (r *reader) level() int { return len(r.outer) + r.around.dots + r.dots }

func (r *reader) see(c byte) {
	switch c {
	case '[', '{':
		if !r.header { // of [[name]], only the first counts
			r.header = len(r.outer) == 0 && r.key == 0
			r.count()
		}
		r.outer = append(r.outer, size{r.dots, r.key})
		r.around = size{r.around.dots + r.dots, r.around.key + r.key}
		r.dots, r.key = 0, 0
	case ']', '}':
		if last := len(r.outer) - 1; last >= 0 {
			if r.header && r.key > 0 {
				r.table = size{r.dots, r.key}
			}
			r.dots, r.key = r.outer[last].dots, r.outer[last].key
			r.around = size{r.around.dots - r.dots, r.around.key - r.key}
			r.outer = r.outer[:last]
		}
	case '=':
		r.count()
	case '.':
		r.dots++
	case ',', '\n':
		if c == ',' {
			r.values++
		}
		r.header = r.header && c != '\n'
		r.dots, r.key = 0, 0
	case ' ', '\t', '\r':
	default:
		r.key++
	}
}

// count counts a key or a table: the parser writes its name out, for which it reserves 25 bytes for each part.
func (r *reader) count() {
	r.values++
	r.keys += r.table.key + r.around.key + r.key + 25*(r.table.dots+r.level())
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
