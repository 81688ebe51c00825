package dockerfile

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/cnb-prelude/prelude/buildpack"
)

func FuzzDockerfile(f *testing.F) {
	for _, text := range []string{
		"", "\n", extending, extending + "USER root\nRUN <<EOF\nFROM\nEOF\n", "FROM \"$a\"", "FROM '${base_image}'", "FROM ${base_image:-${x}}",
		"# escape=`\nFROM a\nRUN b `\n c", "ARG base_image a=b\r\nFROM $base_image\r\n", "FROM a\nUSER $user_id:${group_id-1}\nLABEL a=b",
		"FROM a\nONBUILD ADD a b", "\ufeffFROM a", "FROM a\x00", "FROM a\nHEALTHCHECK --interval=1s CMD a", "ARG\nFROM a", "FROM a AS b\nFROM b",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range buildpack.DockerfileKinds() {
			d, err := Parse(kind, data)
			var wrong *Error
			if err != nil {
				if !errors.As(err, &wrong) || wrong.Message == "" || wrong.Line < 0 || wrong.Line > strings.Count(string(data), "\n")+1 {
					t.Fatalf("%s: not a usable error: %#v", kind, err)
				}
				continue
			}
			if kind == buildpack.BuildDockerfile && d.Switches() {
				t.Fatalf("a build.Dockerfile switches to %q", d.From)
			}
			if !utf8.ValidString(d.From) || strings.ContainsAny(d.From, "\x00\r\n$") {
				t.Fatalf("no name of an image: %q", d.From)
			}
			if d.Switches() {
				again, err := Parse(kind, []byte("FROM '"+strings.ReplaceAll(d.From, "'", "")+"'\n"))
				if err != nil || again.From != strings.ReplaceAll(d.From, "'", "") {
					if !strings.ContainsAny(d.From, "\\\"' \t<>") {
						t.Fatalf("FROM %q becomes %q, %v", d.From, again.From, err)
					}
				}
			}
		}
	})
}
