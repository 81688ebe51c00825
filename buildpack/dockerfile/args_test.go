package dockerfile

import (
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
)

// Build arguments that are set and not declared, and the ones for which that is right.
func TestArgNotes(t *testing.T) {
	const from = "ARG base_image\nFROM ${base_image}\n"
	set := func(names ...string) string {
		text := ""
		for _, name := range names {
			text += "[[run.args]]\nname = \"" + name + "\"\nvalue = \"1\"\n"
		}
		return text
	}
	for _, test := range []struct {
		why, dockerfile, config string
		want                    []string
	}{
		{"set and declared", from + "ARG a\nARG b\n", set("a", "b"), nil},
		{"declared with others on one line", from + "ARG a b=2\n", set("a"), nil},
		{"not declared", from + "ARG a\n", set("a", "package"), []string{`extend-config.toml: line 5: run.args sets "package", which no ARG below FROM in run.Dockerfile declares`}},
		{"declared above FROM only", "ARG base_image\nARG package=a\nFROM ${base_image}\n", set("package"), []string{`extend-config.toml: line 2: run.args sets "package", which no ARG below FROM in run.Dockerfile declares`}},
		{"nearly declared", from + "ARG pacakge=x\n", set("package"), []string{`extend-config.toml: line 2: run.args sets "package", which no ARG below FROM in run.Dockerfile declares (did you mean "pacakge"?)`}},
		{"another case is another name", from + "ARG PACKAGE=\n", set("package"), []string{`extend-config.toml: line 2: run.args sets "package", which no ARG below FROM in run.Dockerfile declares (did you mean "PACKAGE"?)`}},
		{"proxies need no declaration", from, set("http_proxy", "HTTPS_PROXY", "NO_PROXY"), nil},
		{"written in place, over several lines", from, "[run]\nargs = [\n  {name = \"a\", value = \"1\"},\n]\n", []string{`extend-config.toml: line 3: run.args sets "a", which no ARG below FROM in run.Dockerfile declares`}},
		{"for a Dockerfile that is not there", "", set("a", "b"), []string{"extend-config.toml: line 2: there are run.args, but there is no run.Dockerfile"}},
		{"nothing for a Dockerfile that is not there", "", "", nil},
		{"declared and not set, which may be intended", from + "ARG a\n", "", nil},
	} {
		config, _, err := buildpack.ParseExtendConfig([]byte(test.config))
		if err != nil {
			t.Fatalf("%s: %v", test.why, err)
		}
		var d *Dockerfile
		if test.dockerfile != "" {
			parsed, err := Parse(buildpack.RunDockerfile, []byte(test.dockerfile))
			if err != nil {
				t.Fatalf("%s: %v", test.why, err)
			}
			d = &parsed
		}
		var got []string
		for _, note := range ArgNotes(config, buildpack.RunDockerfile, d, []byte(test.config)) {
			got = append(got, note.Text)
		}
		if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", test.why, got, test.want)
		}
	}
}
