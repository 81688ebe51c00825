package similar

import (
	"fmt"
	"math/rand/v2"
	"slices"
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
		{"nobody mistypes names that are very long", strings.Repeat("x", 101), []string{strings.Repeat("x", 100)}, ""},
		{"letters that are longer in lower case", strings.Repeat("Ⱥ", 50), []string{strings.Repeat("Ⱥ", 49)}, ""},
		{"long names are compared", strings.Repeat("x", 100), []string{strings.Repeat("x", 99)}, strings.Repeat("x", 99)},
	} {
		got, found := Closest(test.name, test.among)
		if got != test.want || found != (test.want != "") {
			t.Errorf("%s: Closest(%q) = %q, %t; want %q", test.why, test.name, got, found, test.want)
		}
	}
}

func TestSetLike(t *testing.T) {
	for _, test := range []struct {
		why, name, other string
		want             int
	}{
		{"the same is not like itself", "node", "node", 0},
		{"case and punctuation", "Node.js", "node-js", 4},
		{"a letter of a longer name", "nodes", "modes", 3},
		{"neighbours swapped", "pyhton", "python", 3},
		{"two letters of a long name", "node-engine", "nodeengime2", 2},
		{"three letters are another name", "node-engine", "mode-engime2", 0},
		{"a letter of a short name makes another", "jdk", "jre", 0},
		{"one the beginning of the other", "node-engine", "node", 1},
		{"the other way round", "node", "node-engine", 1},
		{"too short to be a beginning", "go", "gopher", 0},
		{"nothing in common", "maven", "gradle", 0},
		{"names without letters", "-", "_", 0},
	} {
		matches := NewSet([]string{"unlike anything", test.other}).Like(test.name)
		var want []Match
		if test.want > 0 {
			want = []Match{{test.other, test.want}}
		}
		if !slices.Equal(matches, want) {
			t.Errorf("%s: %q like %q: %v, want %v", test.why, test.name, test.other, matches, want)
		}
	}
	s := NewSet([]string{"node", "nodes", "Node"})
	for range 2 { // the answer that is remembered is the same
		if got, want := s.Like("nod-e"), []Match{{"node", 4}, {"nodes", 3}, {"Node", 4}}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
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

// The bounds change no answer.
func checkDistance(t *testing.T, a, b string, limit int) {
	t.Helper()
	want := slowDistance(a, b)
	if got, _ := distance(a, b, limit); got != min(want, limit+1) {
		t.Fatalf("distance(%q, %q, %d) = %d; want %d", a, b, limit, got, want)
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
		checkDistance(t, a, b, random.IntN(7))
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
	f.Add("RNU", "RUN", 1)
	f.Add("optional", "optoinal", 2)
	f.Add("", "abc", 3)
	f.Add("ba", "acb", 3) // only who may change a letter twice needs less than 3
	f.Fuzz(func(t *testing.T, a, b string, limit int) {
		if len(a) <= longest && len(b) <= longest {
			checkDistance(t, a, b, min(max(limit, 0), longest))
		}
		if closest, found := Closest(a, []string{b}); found && closest != b {
			t.Errorf("Closest(%q) is %q", a, closest)
		}
	})
}

// worlds are names that are hard to tell apart, each in its own way.
func worlds(n int) map[string][]string {
	made := map[string][]string{}
	letters := []byte(strings.Repeat("abcdefghi", 10))
	random := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		random.Shuffle(len(letters), func(i, j int) { letters[i], letters[j] = letters[j], letters[i] })
		for kind, name := range map[string]string{
			"numbered":         fmt.Sprintf("%s-%08d", strings.Repeat("x", 80), i),
			"same letters":     string(letters),
			"ends differ":      fmt.Sprintf("%c%c%s%c%c", 'a'+i%26, 'a'+i/26%26, strings.Repeat("x", 84), 'a'+i%25, 'a'+i/25%25),
			"alike":            strings.Repeat("y", 90-i%4) + fmt.Sprint(i%10),
			"beginnings":       strings.Repeat("z", 3+i%97),
			"beyond all limit": strings.Repeat("z", 10_000+i%97),
		} {
			made[kind] = append(made[kind], name)
		}
	}
	return made
}

// However many the names are and whatever they look like, what is done has its limit. (Without one, each of these takes a
// second and more; the test is about that, not about milliseconds, which the benchmark shows.)
func TestNeverSlow(t *testing.T) {
	for kind, names := range worlds(20_000) {
		s := NewSet(names)
		for _, name := range names {
			s.Like(name + "q")
		}
		if s.effort < -longest*longest-match-each {
			t.Errorf("%s: %d more was done than allowed", kind, -s.effort)
		}
	}
}

// Questions that people's names lead to are answered to the last: the limit is for names that nobody has.
func TestEnoughForManyModules(t *testing.T) {
	var names []string
	for i := range 1000 { // of 300 modules, three each
		names = append(names, fmt.Sprintf("%x-engine-%d", i*7919%1000, i))
	}
	s := NewSet(names)
	for i := range 500 {
		s.Like(fmt.Sprint("wanted-", i))
	}
	if got := s.Like(strings.ReplaceAll(names[761], "-", "_")); s.effort <= 0 || !slices.Contains(got, Match{names[761], 4}) {
		t.Errorf("%v, effort left %d", got, s.effort)
	}
}

func BenchmarkSet(b *testing.B) {
	for kind, names := range worlds(400) {
		b.Run(strings.ReplaceAll(kind, " ", "-"), func(b *testing.B) {
			for range b.N {
				s := NewSet(names)
				for _, name := range names {
					s.Like(name + "q")
				}
			}
		})
	}
}

func BenchmarkClosest(b *testing.B) {
	keys := []string{"id", "version", "name", "homepage", "clear-env", "exec-env", "description", "keywords", "sbom-formats", "licenses"}
	for range b.N {
		Closest("sbom-fromat", keys)
	}
}
