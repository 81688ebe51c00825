package tomlconfig

import (
	"bytes"
	"fmt"
)

const (
	// deepest is how many levels of arrays, inline tables and dotted keys may lie within each other. Parsers and encoders call
	// themselves for each level, and run out of stack or time at some thousands.
	deepest = 128
	// mostValues is how many keys, tables and values a file may have, and mostKeyBytes how many bytes all its keys. The parser
	// needs up to a KiB for each key, and writes each key out with the names of the tables around it.
	mostValues   = 50_000
	mostKeyBytes = 8 << 20
	unlimited    = 0
)

// check refuses TOML that would cost a parser too much, and leaves other mistakes to the parser. The number of values is not
// limited if most is unlimited. Its error is a *SyntaxError.
func check(data []byte, most int) error {
	var s scanner
	for next := 0; next < len(data); {
		switch c := data[next]; c {
		case '"', '\'':
			length := quoted(data[next:])
			s.key.bytes += length
			next += length
			continue
		case '#':
			end := bytes.IndexByte(data[next:], '\n')
			if end < 0 {
				return nil
			}
			next += end
			continue
		default:
			s.see(c)
		}
		if message := s.excess(most); message != "" {
			return at(data, next, message)
		}
		next++
	}
	return nil
}

// scanner counts what there is in a file, up to a byte outside of strings and comments.
type scanner struct {
	// key is the size of the key that is being read, with those around it; brackets has what it was at each open bracket.
	key      size
	brackets []size
	// table is the size of the table's name; inHeader is true on the line with that name.
	table    size
	inHeader bool
	// values and keyBytes are totals.
	values, keyBytes int
}

type size struct{ dots, bytes int }

// excess returns what is wrong if there is too much of something; empty if there is not.
func (s *scanner) excess(most int) string {
	switch {
	case s.level() > deepest:
		return fmt.Sprintf("nested deeper than %d levels", deepest)
	case most != unlimited && s.values > most:
		return fmt.Sprintf("more than %d keys, tables and values, the limit for such a file", most)
	case most != unlimited && s.keyBytes > mostKeyBytes:
		return fmt.Sprintf("the keys, each with the names of the tables around it, have more than %d MiB, the limit for such a file",
			mostKeyBytes>>20)
	}
	return ""
}

func (s *scanner) level() int { return len(s.brackets) + s.key.dots }

func (s *scanner) see(c byte) {
	last := len(s.brackets) - 1
	switch c {
	case '[', '{':
		if !s.inHeader { // of [[name]], only the first counts
			s.inHeader = last < 0 && s.key.bytes == 0
			s.countKey()
		}
		s.brackets = append(s.brackets, s.key)
	case ']', '}':
		if last >= 0 {
			if s.inHeader && s.key.bytes > 0 {
				s.table = s.key
			}
			s.key, s.brackets = s.brackets[last], s.brackets[:last]
		}
	case '=':
		s.countKey()
	case '.':
		s.key.dots++
	case ',', '\n':
		if c == ',' {
			s.values++
		}
		s.inHeader = s.inHeader && c != '\n'
		s.key = size{}
		if last >= 0 {
			s.key = s.brackets[last]
		}
	case ' ', '\t', '\r':
	default:
		s.key.bytes++
	}
}

// countKey counts a key or a table, for whose name the parser reserves 25 bytes more for each part.
func (s *scanner) countKey() {
	s.values++
	s.keyBytes += s.table.bytes + s.key.bytes + 25*(s.table.dots+s.level())
}

// quoted returns the length of the string at the start of the data, of any of the four kinds. One that is not closed ends
// with its line or, if it may have several, with the data.
func quoted(data []byte) int {
	end := data[:1]
	if triple := bytes.Repeat(end, 3); bytes.HasPrefix(data, triple) {
		end = triple
	}
	for at := len(end); at < len(data); at++ {
		switch {
		case data[at] == '\\' && data[0] == '"':
			at++
		case data[at] == '\n' && len(end) == 1:
			return at
		case bytes.HasPrefix(data[at:], end):
			at += len(end)
			for range len(end) - 1 { // two more quotes belong to a string of several lines
				if at < len(data) && data[at] == data[0] {
					at++
				}
			}
			return at
		}
	}
	return len(data)
}
