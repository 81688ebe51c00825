// Package similar finds the name that was probably meant by a mistyped one. All answers of a [Set] together take less than a
// tenth of a second, however long and many the names are.
package similar

import "strings"

// longest is how many bytes a name may have to be compared.
const longest = 100

// Plain returns a name without case and punctuation.
func Plain(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_. ", r) {
			return -1
		}
		return r
	}, name))
}

// Closest returns the one of a few existing names that was probably meant by another, such as a key of a table or the name of
// a file. Case and punctuation do not count, and one letter in three may be wrong. The first of several equally close
// names is taken.
func Closest(name string, among []string) (closest string, found bool) {
	wrong := plain(name)
	limit := max(1, len(wrong)/3)
	for _, known := range among {
		if right := plain(known); wrong != "" && right != "" && limit >= 0 {
			if d, _ := distance(wrong, right, limit); d <= limit {
				closest, found, limit = known, true, d-1
			}
		}
	}
	return closest, found
}

// OneEdit reports whether two names differ by one letter at most that is inserted, deleted or replaced, or by two that are swapped.
func OneEdit(a, b string) bool {
	d, _ := distance(a, b, 1)
	return d <= 1
}

// Match is a similar name. Likeness is at least 1, and 4 if only case and punctuation differ.
type Match struct {
	Name     string
	Likeness int
}

// Set has names that people have chosen freely, such as those of build plans. There can be many, and two similar ones need
// not mean the same, so that fewer are taken for similar than by [Closest].
type Set struct {
	names, plain []string
	known        map[string][]Match
	effort       int
}

// What is done for all questions to a Set, in cells of distance tables: effort in all, each for a comparison at least, and
// match for a similar name, which takes memory.
const effort, each, match = 1 << 23, 4, 32

// NewSet returns a set of names, each of which should be given once.
func NewSet(names []string) *Set {
	s := &Set{names: names, known: map[string][]Match{}, effort: effort}
	for _, name := range names {
		s.plain = append(s.plain, plain(name))
	}
	return s
}

// Like returns the names of the set that are similar to another, in the order of the set: the same except for case and
// punctuation, with up to two wrong letters in a longer name, or one the beginning of the other. After too many questions,
// no name is similar to any.
func (s *Set) Like(name string) []Match {
	if matches, asked := s.known[name]; asked {
		return matches
	}
	var matches []Match
	a := plain(name)
	for i, b := range s.plain {
		if a == "" || s.effort <= 0 {
			break
		}
		s.effort -= each
		if b == "" || s.names[i] == name {
			continue
		}
		limit, likeness := min(2, max(len(a), len(b))/4), 0
		if strings.HasPrefix(a, b) && len(b) > 2 || strings.HasPrefix(b, a) && len(a) > 2 {
			likeness = 1
		}
		d, cells := distance(a, b, limit)
		if s.effort -= cells; d <= limit {
			likeness = 4 - d
		}
		if likeness > 0 {
			s.effort -= match
			matches = append(matches, Match{s.names[i], likeness})
		}
	}
	s.known[name] = matches
	return matches
}

// plain returns the plain name, or nothing if that is too long.
func plain(name string) string {
	if len(name) > longest {
		return ""
	}
	if name = Plain(name); len(name) > longest { // a few letters are longer in lower case
		return ""
	}
	return name
}

// distance returns the number of letters to insert, delete, replace or swap with their neighbour to make b from a, no letter
// twice, or limit+1 if there are more than limit. cells is how much of the table of distances was filled. Letters are bytes.
func distance(a, b string, limit int) (d, cells int) {
	if d := len(a) - len(b); d > limit || -d > limit {
		return limit + 1, 0
	}
	var rows [3][longest + 1]uint8 // row i is at i%3
	for j := range len(b) + 1 {
		rows[0][j] = uint8(j)
	}
	far, least := uint8(limit+1), uint8(0)
	for i := 1; i <= len(a); i++ {
		row, above, higher := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		from, to := max(1, i-limit), min(len(b), i+limit) // further from the diagonal all are far
		row[from-1] = far
		if from == 1 {
			row[0] = uint8(i)
		}
		if i+limit <= len(b) {
			above[to] = far
		}
		leastAbove := least
		least = row[from-1]
		for j := from; j <= to; j++ {
			replaced := above[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], higher[j-2]+1)
			}
			least = min(least, row[j])
		}
		cells += to - from + 1
		if least >= far && leastAbove >= far {
			return limit + 1, cells
		}
	}
	return min(int(rows[len(a)%3][len(b)]), limit+1), cells
}
