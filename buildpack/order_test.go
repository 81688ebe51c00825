package buildpack

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOrder(t *testing.T) {
	file, warnings, err := ParseOrder([]byte(`
[[order]]
[[order.group]]
id = "a"
version = "1"
optional = true
exec-env = ["test", "*"]
[[order.group]]
id = "b/c"
version = "2"

[[order]]

[[order-extensions]]
[[order-extensions.group]]
id = "e"
version = "3"
`))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	want := OrderFile{
		Buildpacks: Order{{
			{Ref: Ref{KindBuildpack, "a", "1"}, Optional: true, ExecEnv: []string{"test", "*"}},
			{Ref: Ref{KindBuildpack, "b/c", "2"}},
		}, {}},
		Extensions: Order{{{Ref: Ref{KindExtension, "e", "3"}, Optional: true}}}, // always optional
	}
	if diff := cmp.Diff(want, file); diff != "" {
		t.Error(diff)
	}
}

func TestParseOrderWarnsAndRefuses(t *testing.T) {
	_, warnings, err := ParseOrder([]byte("[[order]]\n[[order.group]]\nid = \"a\"\nversoin = \"1\"\n")) // B11
	if err != nil || len(warnings) != 1 || warnings[0].String() != `line 4: unknown key "order.group.versoin" (did you mean "version"?)` {
		t.Errorf("%v, %v", warnings, err)
	}
	for _, text := range []string{"[[order]", "order = 1", "[[order]]\n[[order.group]]\nexec-env = 1\n", "[[order]]\n[[order.group]]\nexec-env = [1]\n"} {
		if _, _, err := ParseOrder([]byte(text)); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// No app passes an order without groups.
func TestParseOrderWithoutGroups(t *testing.T) {
	const group = "[[order-extensions]]\n[[order-extensions.group]]\nid = 'e'\n"
	for _, text := range []string{"", "# nothing\n", group} {
		_, _, err := ParseOrder([]byte(text))
		var none *NoGroupError
		if !errors.As(err, &none) || !strings.HasPrefix(none.Hint(), "begin a group with [[order]]") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEmptyGroups(t *testing.T) {
	for _, test := range []struct {
		why, text string
		want      []int
	}{
		{"none", "[[order]]\n[[order.group]]\nid = 'a'\n", nil},
		{"each by the line on which it begins", "[[order]]\n\n[[order]]\n[[order.group]]\nid = 'a'\n[[order-extensions]]\n[[order]]\n", []int{1, 6, 7}},
		{"whose modules go by another name", "[[order]]\n[[order.groups]]\nid = 'a'\n", []int{1}},
		{"in place: by the line of the order", "order = [{group = []},\n {group = [{id = 'a'}]}]\n", []int{1}},
	} {
		file, _, err := ParseOrder([]byte(test.text))
		if got := file.EmptyGroups([]byte(test.text)); err != nil || !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, %v, want %v", test.why, got, err, test.want)
		}
	}
}

func element(text string) Element {
	id, optional := strings.CutSuffix(text, "?")
	id, version, _ := strings.Cut(id, "@")
	return Element{Ref: Ref{Kind: KindBuildpack, ID: id, Version: version}, Optional: optional}
}

func group(texts ...string) Group {
	g := Group{}
	for _, text := range texts {
		g = append(g, element(text))
	}
	return g
}

// B14: optional is honoured in system.toml.
func TestParseSystem(t *testing.T) {
	system, warnings, err := ParseSystem([]byte(`
[[system.pre.buildpacks]]
id = "a"
version = "1"
optional = true
[[system.post.buildpacks]]
id = "b"
version = "2"
`))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	if diff := cmp.Diff(System{Pre: group("a@1?"), Post: group("b@2")}, system); diff != "" {
		t.Error(diff)
	}
	_, warnings, err = ParseSystem([]byte("[system]\n[[system.pre.buildpack]]\nid = \"a\"\n"))
	if err != nil || len(warnings) != 1 || warnings[0].Nearest != "buildpacks" {
		t.Errorf("%v, %v", warnings, err)
	}
}

func TestSystemAround(t *testing.T) {
	for _, test := range []struct {
		why    string
		system System
		order  Order
		want   Order
	}{
		{"before and after every group", System{group("p@1", "q@1?"), group("z@1")}, Order{group("a@1"), group("b@1")}, Order{group("p@1", "q@1?", "a@1", "z@1"), group("p@1", "q@1?", "b@1", "z@1")}},
		{"what a group has already stays where it is, whatever its version", System{group("p@1"), group("z@1")}, Order{group("z@2", "p@2"), group("a@1")}, Order{group("z@2", "p@2"), group("p@1", "a@1", "z@1")}},
		{"nothing to merge", System{}, Order{group("a@1")}, Order{group("a@1")}},
		{"an order without groups stays one", System{group("p@1"), nil}, Order{}, Order{}},
		{"a group without elements", System{group("p@1"), nil}, Order{group()}, Order{group("p@1")}},
	} {
		before := cmp.Diff(test.order, nil)
		if diff := cmp.Diff(test.want, around(test.system, test.order)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.why, diff)
		}
		if before != cmp.Diff(test.order, nil) {
			t.Errorf("%s: changed its argument", test.why)
		}
	}
}

func around(s System, order Order) Order {
	merged := Order{}
	for _, g := range order {
		added := s.For(g)
		merged = append(merged, slices.Concat(added.Pre, g, added.Post))
	}
	return merged
}

func FuzzOrder(f *testing.F) {
	f.Add([]byte("[[order]]\n[[order.group]]\nid = 'a'\nversion = '1'\noptional = true\nexec-env = ['x']\n[[order-extensions]]\n"))
	f.Add([]byte("order = [{group = [{id = 'a', exec-env = [{name = 'x'}]}]}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, _, err := ParseOrder(data)
		if err != nil {
			return
		}
		for _, g := range append(append(Order{}, file.Buildpacks...), file.Extensions...) {
			for _, e := range g {
				if e.Kind == KindExtension && !e.Optional {
					t.Error("an extension that is not optional")
				}
				_ = e.Check()
			}
		}
	})
}

func FuzzSystem(f *testing.F) {
	f.Add([]byte("[[system.pre.buildpacks]]\nid = 'a'\nversion = '1'\n[[system.post.buildpacks]]\nid = 'b'\noptional = true\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		system, _, err := ParseSystem(data)
		if err != nil {
			return
		}
		merged := around(system, Order{group("a@1"), group("b@1")})
		for i, own := range []string{"a", "b"} {
			count := 0
			for _, e := range merged[i] {
				if e.ID == own {
					count++
				}
			}
			if count != 1 {
				t.Errorf("%s stands %d times in %v", own, count, merged[i])
			}
		}
	})
}
