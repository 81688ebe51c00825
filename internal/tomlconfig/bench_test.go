package tomlconfig

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkDecode shows what a file costs that grows by ten, twice: each time ten times as much, up to the most that is read.
func BenchmarkDecode(b *testing.B) {
	for _, c := range []struct{ name, before, each, after string }{
		{"known", "", "[[list]]\nid = 'a'\n", ""},
		{"unknown on one line", "list = [", "{a = 1},", "]\n"},
		{"unknown on lines", "", "[[list]]\na = 1\n", ""},
		{"tables in place", "list = [", "{},", "]\n"},
		{"malformed at the end", "", "[[list]]\nid = 'a'\n", "x =\n"},
		{"of the wrong type at the end", "", "[[list]]\nid = 'a'\n", "[[list]]\nid = 1\n"},
	} {
		for _, n := range []int{160, 1600, 16_000} {
			data := []byte(c.before + strings.Repeat(c.each, n) + c.after)
			b.Run(fmt.Sprintf("%s/%d", strings.ReplaceAll(c.name, " ", "-"), n), func(b *testing.B) {
				b.ReportAllocs()
				b.SetBytes(int64(len(data)))
				for b.Loop() {
					var into sample
					Decode(data, &into) //nolint:errcheck // what it costs to find the mistake counts, too
				}
			})
		}
	}
}
