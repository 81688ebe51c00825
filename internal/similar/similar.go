// Package similar finds the name that was probably meant by a mistyped one.
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

// Closest returns the one of some existing names that was probably meant by another, such as a key of a table or the name of
// a file. Case and punctuation do not count, and one letter in three may be wrong. The first of several equally close
// names is taken. Names of more than 100 bytes are like no other.
func Closest(name string, among []string) (closest string, found bool) {
	wrong := plain(name)
	limit := max(1, len(wrong)/3)
	for _, known := range among {
		right := plain(known)
		if wrong == "" || right == "" || max(len(wrong)-len(right), len(right)-len(wrong)) > limit {
			continue
		}
		if d := distance(wrong, right); d <= limit {
			closest, found, limit = known, true, d-1
		}
	}
	return closest, found
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
// twice. Letters are bytes.
func distance(a, b string) int {
	var rows [3][longest + 1]int // row i is at i%3
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		row, above, higher := &rows[i%3], &rows[(i+2)%3], &rows[(i+1)%3]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replaced := above[j-1]
			if a[i-1] != b[j-1] {
				replaced++
			}
			row[j] = min(replaced, above[j]+1, row[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], higher[j-2]+1)
			}
		}
	}
	return rows[len(a)%3][len(b)]
}
