package buildpack

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestExtendConfig(t *testing.T) {
	config, warnings, err := ParseExtendConfig([]byte("[[build.args]]\nname = \"A\"\nvalue = \"1\"\n[[run.args]]\nname = \"A\"\nvalue = \"2\"\n[[run.args]]\nname = \"B\"\nvalue = \"\"\n[[run.arg]]\n"))
	if err != nil || len(config[BuildDockerfile]) != 1 || len(config[RunDockerfile]) != 2 || config[RunDockerfile][0] != (Arg{Name: "A", Value: "2"}) {
		t.Errorf("got %+v, %v", config, err)
	}
	if len(warnings) != 1 || warnings[0].String() != `line 10: unknown key "run.arg" (did you mean "args"?)` {
		t.Errorf("warnings: %v", warnings)
	}
	for _, name := range []string{"build_id", "user_id", "group_id", "base_image"} { // B19
		for _, kind := range DockerfileKinds() {
			_, _, err := ParseExtendConfig([]byte("[[" + string(kind) + ".args]]\nname = \"" + name + "\"\nvalue = \"1\"\n"))
			if err == nil || !strings.Contains(err.Error(), `arg "`+name+`" is not allowed`) {
				t.Errorf("%s for %s: got %v", name, kind, err)
			}
		}
	}
	for _, text := range []string{"[[build.args]]\nvalue = \"1\"", "[build]\nargs = 1", "[[build.args]]\nname = 1", "[", "[[build.args]]\nname = \"a\"\nvalue = true"} {
		if _, _, err := ParseExtendConfig([]byte(text)); err == nil {
			t.Errorf("%q is no error", text)
		}
	}
}

// An argument of the extend step's own is named with its line.
func TestReservedArgLine(t *testing.T) {
	_, _, err := ParseExtendConfig([]byte("[[build.args]]\nname = \"a\"\nvalue = \"1\"\n[[build.args]]\nname = \"user_id\"\nvalue = \"0\"\n"))
	if err == nil || err.Error() != `line 5: arg "user_id" is not allowed: the extend step sets it` {
		t.Error(err)
	}
}

func FuzzParseExtendConfig(f *testing.F) {
	for _, text := range []string{"", "[[build.args]]\nname = \"a\"\nvalue = \"b\"", "[run]\nargs = [{name = \"base_image\"}]", "[[run.args]]\nname = 1", "[build.args]", "a = [", "[[build.args]]\nname = \"\"\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		config, _, err := ParseExtendConfig(data)
		if err != nil {
			return
		}
		for _, arg := range slices.Concat(config[BuildDockerfile], config[RunDockerfile]) {
			if slices.Contains([]string{"", "build_id", "user_id", "group_id", "base_image"}, arg.Name) {
				t.Fatalf("%q is let through", arg.Name)
			}
			if !utf8.ValidString(arg.Name + arg.Value) {
				t.Fatalf("%q would break generated.toml", arg)
			}
		}
	})
}
