package dockerfile

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
)

// BenchmarkParse grows inputs by ten, twice, up to the limits: time and memory have to grow no faster than they do.
func BenchmarkParse(b *testing.B) {
	lines := func(line string) func(int) string {
		return func(n int) string { return extending + strings.Repeat(line+"\n", n) }
	}
	for _, shape := range []struct {
		name string
		text func(n int) string
	}{
		{"RUN", lines("RUN x")},
		{"heredoc", func(n int) string { return extending + "RUN <<EOF\n" + strings.Repeat("FROM somewhere\n", n) + "EOF\n" }},
		{"not_recommended", lines("CMD x")},
		{"USER_without_value", lines("USER $x")},
		{"command_for_variable", lines("RUN $(user_id)")},
		{"early_ARG", func(n int) string { return strings.Repeat("ARG x\n", n) + extending + "RUN $x\n" }},
		{"COPY", lines("COPY x y")},
		{"words", func(n int) string { return extending + strings.Repeat("LABEL"+strings.Repeat(" a=b", 10)+"\n", n/2) }},
		{"nested", func(n int) string {
			return extending + "RUN <<E " + strings.Repeat("${a:-", n/5) + strings.Repeat("}", n/5) + "\nE\n"
		}},
	} {
		for _, n := range []int{99, 990, 9900} {
			text := []byte(shape.text(n))
			b.Run(fmt.Sprintf("%s-%d", shape.name, n), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := Parse(buildpack.RunDockerfile, text); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkArgNotes does the same with build arguments that no ARG declares, and with arguments that are declared and not set.
func BenchmarkArgNotes(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		var config, file strings.Builder
		for i := range n {
			fmt.Fprintf(&config, "[[run.args]]\nname=\"a%d\"\nvalue=\"1\"\n", i)
			if i < MaxLines/2 {
				fmt.Fprintf(&file, "ARG b%d\n", i)
			}
		}
		d, err := Parse(buildpack.RunDockerfile, []byte(extending+file.String()))
		if err != nil {
			b.Fatal(err)
		}
		text := []byte(config.String())
		b.Run(fmt.Sprintf("undeclared-%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				set, _, err := buildpack.ParseExtendConfig(text)
				if err != nil || len(ArgNotes(set, buildpack.RunDockerfile, &d, text)) == 0 {
					b.Fatal("no notes", err)
				}
			}
		})
	}
}
