package buildpack

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

func FuzzParseDockerfile(f *testing.F) {
	for _, text := range []string{
		"", "\n", extending, extending + "USER root\nRUN <<EOF\nFROM\nEOF\n", "FROM \"$a\"", "FROM '${base_image}'", "FROM ${base_image:-${x}}",
		"# escape=`\nFROM a\nRUN b `\n c", "ARG base_image a=b\r\nFROM $base_image\r\n", "FROM a\nUSER $user_id:${group_id-1}\nLABEL a=b",
		"FROM a\nONBUILD ADD a b", "\ufeffFROM a", "FROM a\x00", "FROM a\nHEALTHCHECK --interval=1s CMD a", "ARG\nFROM a", "FROM a AS b\nFROM b",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range DockerfileKinds() {
			d, err := ParseDockerfile(kind, data)
			var wrong *DockerfileError
			if err != nil {
				if !errors.As(err, &wrong) || wrong.Message == "" || wrong.Line < 0 || wrong.Line > strings.Count(string(data), "\n")+1 {
					t.Fatalf("%s: not a usable error: %#v", kind, err)
				}
				continue
			}
			if kind == BuildDockerfile && d.Switches() {
				t.Fatalf("a build.Dockerfile switches to %q", d.From)
			}
			if !utf8.ValidString(d.From) || strings.ContainsAny(d.From, "\x00\r\n$") {
				t.Fatalf("no name of an image: %q", d.From)
			}
			if d.Switches() {
				again, err := ParseDockerfile(kind, []byte("FROM '"+strings.ReplaceAll(d.From, "'", "")+"'\n"))
				if err != nil || again.From != strings.ReplaceAll(d.From, "'", "") {
					if !strings.ContainsAny(d.From, "\\\"' \t<>") {
						t.Fatalf("FROM %q becomes %q, %v", d.From, again.From, err)
					}
				}
			}
		}
	})
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
		for _, arg := range slices.Concat(config.For(BuildDockerfile), config.For(RunDockerfile)) {
			if slices.Contains([]string{"", "build_id", "user_id", "group_id", "base_image"}, arg.Name) {
				t.Fatalf("%q is let through", arg.Name)
			}
			if !utf8.ValidString(arg.Name + arg.Value) {
				t.Fatalf("%q would break generated.toml", arg)
			}
		}
	})
}
