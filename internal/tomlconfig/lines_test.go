package tomlconfig

import (
	"slices"
	"testing"
)

func TestLines(t *testing.T) {
	for _, test := range []struct {
		why, text string
		key       []string
		want      []int
	}{
		{"at the top", "# comment\napi = '1'\n", []string{"api"}, []int{2}},
		{"in a table", "api = '1'\n[run]\n\nid = 'a'\n", []string{"run", "id"}, []int{4}},
		{"the same name elsewhere is another key", "id = 1\n[run]\nid = 'a'\n[build]\nid = 'b'\n", []string{"run", "id"}, []int{3}},
		{"each of an array of tables", "[[run.args]]\nname = 'a'\n[[run.args]]\nvalue = 'x'\nname = 'b'\n", []string{"run", "args", "name"}, []int{2, 5}},
		{"in tables that are written in place", "[run]\nargs = [{name = 'a'},\n  {value = 'x', name = 'b'}]\n", []string{"run", "args", "name"}, []int{2, 3}},
		{"dotted", "run.id = 'a'\n", []string{"run", "id"}, []int{1}},
		{"after a byte order mark and with Windows line ends", "\xef\xbb\xbfa = 1\r\nb = 2\r\n", []string{"b"}, []int{2}},
		{"not there", "a = 1\n", []string{"b"}, nil},
		{"malformed: as far as it goes", "a = 1\nb = = 2\nc = 3\n", []string{"c"}, nil},
	} {
		if got := Lines([]byte(test.text), test.key...); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.why, got, test.want)
		}
	}
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("api = '1'\n[[a]]\nb = [{c = 1}, [{c.d = 2}]]\n"))
	f.Add([]byte("\xef\xbb\xbfa = '''\n\n'''\n[a.b]\nc=1"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, line := range Lines(data, "a") {
			if line < 1 || line > len(data)+1 {
				t.Errorf("line %d", line)
			}
		}
	})
}
