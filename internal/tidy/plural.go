package tidy

import "fmt"

// Plural is one of two forms, for one thing or for any other number of them.
func Plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// Count is a number of things: "1 module", "2 modules".
func Count(n int, what string) string {
	return fmt.Sprintf("%d %s", n, Plural(n, what, what+"s"))
}
