package similar

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestClosest(t *testing.T) {
	keys := []string{"id", "version", "optional", "clear-env", "exec-env"}
	for _, test := range []struct {
		why, name string
		among     []string
		want      string
	}{
		{"a letter is missing", "optinal", keys, "optional"},
		{"a letter too many", "idd", keys, "id"},
		{"another letter", "bersion", keys, "version"},
		{"two neighbours swapped are one mistake, not two", "RNU", []string{"ENV", "ADD", "RUN", "USER"}, "RUN"},
		{"neighbours swapped in a short name", "di", keys, "id"},
		{"punctuation does not count", "clear_env", keys, "clear-env"},
		{"case does not count", "ClearEnv", keys, "clear-env"},
		{"one letter in three", "otional-", keys, "optional"},
		{"more than that is another word", "opera", keys, ""},
		{"the closest, not the first", "exec-env2", []string{"exec-envoy", "exec-env"}, "exec-env"},
		{"the first of several", "ab", []string{"ax", "ay"}, "ax"},
		{"nothing to be like", "id", nil, ""},
		{"no name", "", keys, ""},
		{"nothing but punctuation", "-_.", []string{"a"}, ""},
		{"a name of two is not like everything of one letter", "xy", []string{"z"}, ""},
		{"names that are very long", strings.Repeat("x", 101), []string{strings.Repeat("x", 100)}, ""},
		{"letters that are longer in lower case", strings.Repeat("Ⱥ", 50), []string{strings.Repeat("Ⱥ", 49)}, ""},
		{"long names are compared", strings.Repeat("x", 100), []string{strings.Repeat("x", 99)}, strings.Repeat("x", 99)},
	} {
		got, found := Closest(test.name, test.among)
		if got != test.want || found != (test.want != "") {
			t.Errorf("%s: Closest(%q) = %q, %t; want %q", test.why, test.name, got, found, test.want)
		}
	}
}

// slowDistance fills the whole table, as the textbook has it.
func slowDistance(a, b string) int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
		for j := range table[i] {
			switch {
			case i == 0:
				table[i][j] = j
			case j == 0:
				table[i][j] = i
			default:
				cost := 1
				if a[i-1] == b[j-1] {
					cost = 0
				}
				table[i][j] = min(table[i-1][j]+1, table[i][j-1]+1, table[i-1][j-1]+cost)
				if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
					table[i][j] = min(table[i][j], table[i-2][j-2]+1)
				}
			}
		}
	}
	return table[len(a)][len(b)]
}

func checkDistance(t *testing.T, a, b string) {
	t.Helper()
	if got, want := distance(a, b), slowDistance(a, b); got != want {
		t.Fatalf("distance(%q, %q) = %d; want %d", a, b, got, want)
	}
}

func TestDistanceIsThatOfTheWholeTable(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(letters string, length int) string {
		text := make([]byte, length)
		for i := range text {
			text[i] = letters[random.IntN(len(letters))]
		}
		return string(text)
	}
	for range 100_000 {
		a := word("abc"[:1+random.IntN(3)], random.IntN(12))
		b := word("abc", random.IntN(12))
		if random.IntN(2) == 0 { // a few mistakes rather than another word
			b = a
			for range random.IntN(4) {
				b = mistyped(random, b)
			}
		}
		checkDistance(t, a, b)
	}
}

// mistyped is a word with one mistake in it.
func mistyped(random *rand.Rand, word string) string {
	at := random.IntN(len(word) + 1)
	before, after := word[:at], word[at:]
	switch mistake := random.IntN(4); {
	case mistake == 0 || after == "":
		return before + "d" + after
	case mistake == 1 || len(after) == 1:
		return before + after[1:]
	case mistake == 2:
		return before + "e" + after[1:]
	default:
		return before + after[1:2] + after[:1] + after[2:]
	}
}

func FuzzDistance(f *testing.F) {
	f.Add("RNU", "RUN")
	f.Add("optional", "optoinal")
	f.Add("", "abc")
	f.Add("ba", "acb") // 2 if a letter could be changed twice
	f.Fuzz(func(t *testing.T, a, b string) {
		if len(a) <= longest && len(b) <= longest {
			checkDistance(t, a, b)
		}
		if closest, found := Closest(a, []string{b}); found && closest != b {
			t.Errorf("Closest(%q) is %q", a, closest)
		}
	})
}

func BenchmarkClosest(b *testing.B) {
	keys := []string{"id", "version", "name", "homepage", "clear-env", "exec-env", "description", "keywords", "sbom-formats", "licenses"}
	for range b.N {
		Closest("sbom-fromat", keys)
	}
}
