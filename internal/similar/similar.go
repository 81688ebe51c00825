// Package similar finds names that look like another one: what was probably meant by a mistyped name.
//
// It is a room of its own because everything that reads what people write asks such questions, from TOML keys to names of
// a build plan. However long and many the names are, an answer takes no more than milliseconds: very long ones
// are not compared at all, most others are told apart by which letters they have, and there is a most that is done.
package similar

import (
	"math/bits"
	"strings"
)

const (
	// longest is how many letters a name may have that is compared.
	longest = 100
	// effort is how much is done for all the questions to a Set: comparing two names is one, and so is each letter that
	// has to be looked at.
	effort = 1 << 20
	// matching is how much it counts to have found a name that is alike, which takes memory.
	matching = 4
	// fewest is how many letters the beginning of a name has at least that counts as being like it.
	fewest = 3
)

// Closest finds the name that was probably meant by one that is not among the existing ones, of which there are few: keys of
// a table, say, or names of files. Case and punctuation do not count, and one letter in three may
// be wrong; the first of several that are as close is taken.
func Closest(name string, among []string) (closest string, found bool) {
	wrong := plain(name)
	if wrong.text == "" {
		return "", false
	}
	limit := max(1, len(wrong.text)/3)
	for _, known := range among {
		if limit < 0 {
			break
		}
		if d, ok := wrong.distance(plain(known), limit); ok {
			closest, found, limit = known, true, d-1
		}
	}
	return closest, found
}

// Match is a name that is like another; the more alike, the greater Likeness: that is at least 1, and 4 if only case and
// punctuation differ.
type Match struct {
	Name     string
	Likeness int
}

// Set are names that people have chosen freely, such as those of build plans: there can be many, and two that are alike
// need not mean the same. So less counts as alike than for Closest.
type Set struct {
	names  []comparable
	known  map[string][]Match
	effort int
}

// NewSet is a set of names, each of which should be given once.
func NewSet(names []string) *Set {
	s := &Set{known: map[string][]Match{}, effort: effort}
	for _, name := range names {
		if p := plain(name); p.text != "" {
			s.names = append(s.names, p)
		}
	}
	return s
}

// Like finds the names of the set that are like another, in the order of the set: the same but for case and punctuation,
// up to two letters of difference in a longer name, or one the beginning of the other. Asking again costs nothing. When a
// set has been asked too much, nothing is like anything any more.
func (s *Set) Like(name string) []Match {
	if matches, asked := s.known[name]; asked {
		return matches
	}
	var matches []Match
	wanted := plain(name)
	for _, other := range s.names {
		if wanted.text == "" || s.effort <= 0 {
			break
		}
		s.effort--
		if other.name == name {
			continue
		}
		if likeness := s.likeness(wanted, other); likeness > 0 {
			s.effort -= matching
			matches = append(matches, Match{other.name, likeness})
		}
	}
	s.known[name] = matches
	return matches
}

func (s *Set) likeness(a, b comparable) int {
	limit := min(2, max(len(a.text), len(b.text))/4)
	if a.couldBe(b, limit) {
		s.effort -= min(len(a.text), len(b.text))
		if d, ok := distance(a.text, b.text, limit); ok {
			return 4 - d
		}
	}
	if min(len(a.text), len(b.text)) >= fewest && (strings.HasPrefix(a.text, b.text) || strings.HasPrefix(b.text, a.text)) {
		return 1
	}
	return 0
}

// comparable is a name made ready to be compared.
type comparable struct {
	name string
	// text is the name without case and punctuation; empty if it is not to be compared with anything.
	text string
	// letters counts them, in a bit for each time that one occurs: 8 for each of 32 groups of letters.
	letters [4]uint64
}

// Plain is a name without case and punctuation.
func Plain(name string) string {
	return strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_. ", r) {
			return -1
		}
		return r
	}, name))
}

func plain(name string) comparable {
	c := comparable{name: name}
	if len(name) > longest {
		return c
	}
	c.text = Plain(name)
	if len(c.text) > longest { // a few letters are longer in lower case
		c.text = ""
	}
	var count [32]int
	for i := range len(c.text) {
		letter := c.text[i] % 32
		if at := count[letter]; at < 8 {
			c.letters[letter/8] |= 1 << (letter%8*8 + byte(at))
		}
		count[letter]++
	}
	return c
}

// couldBe says whether two names could be no more than limit letters apart. Each letter that is wrong makes a difference
// of at most 1 in length, and of at most 2 in how often letters occur.
func (c comparable) couldBe(o comparable, limit int) bool {
	if d := len(c.text) - len(o.text); d > limit || -d > limit {
		return false
	}
	differences := 0
	for i := range c.letters {
		differences += bits.OnesCount64(c.letters[i] ^ o.letters[i])
	}
	return differences <= 2*limit
}

func (c comparable) distance(o comparable, limit int) (int, bool) {
	if o.text == "" || !c.couldBe(o, limit) {
		return 0, false
	}
	return distance(c.text, o.text, limit)
}

// distance is the number of letters to insert, delete, replace or swap with their neighbour to make b from a, no letter
// twice; not ok if there are more than limit. Letters are bytes, and there are at most longest.
func distance(a, b string, limit int) (d int, ok bool) {
	a, b = differing(a, b)
	if len(a) > len(b) {
		a, b = b, a
	}
	if len(b)-len(a) > limit {
		return 0, false
	}
	t := table{a: a, b: b, limit: limit}
	for j := range len(b) + 1 {
		t.rows[0][j] = j
	}
	least := 0
	for i := 1; i <= len(a); i++ {
		leastAbove := least
		least = t.fill(i)
		if least > limit && leastAbove > limit {
			return 0, false
		}
	}
	d = t.rows[len(a)%3][len(b)]
	return d, d <= limit
}

// differing takes off what two names begin and end with alike.
func differing(a, b string) (string, string) {
	for len(a) > 0 && len(b) > 0 && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for len(a) > 0 && len(b) > 0 && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return a, b
}

// table is that of the distances between all beginnings of two names, of which three rows are kept: the one being filled and
// the two above it. Only cells near the diagonal matter, as each step away from it is a letter inserted or deleted.
type table struct {
	a, b  string
	limit int
	rows  [3][longest + 1]int
}

// fill fills row i of the table near the diagonal, and returns the least that stands there.
func (t *table) fill(i int) (least int) {
	a, b, limit := t.a, t.b, t.limit
	row, above, higher := &t.rows[i%3], &t.rows[(i+2)%3], &t.rows[(i+1)%3]
	from, to := max(1, i-limit), min(len(b), i+limit)
	row[0] = i
	if from > 1 {
		row[from-1] = limit + 1
	}
	if i+limit <= len(b) {
		above[to] = limit + 1 // the row above ends one cell earlier
	}
	least = row[from-1]
	for j := from; j <= to; j++ {
		replaced := above[j-1]
		if a[i-1] != b[j-1] {
			replaced++
		}
		d := min(replaced, above[j]+1, row[j-1]+1)
		if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
			d = min(d, higher[j-2]+1)
		}
		row[j] = d
		least = min(least, d)
	}
	return least
}
