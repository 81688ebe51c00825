package generate

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
)

// What nothing reads is named, and where it would be read. Where all is as it should be, nothing is said.
func TestAdvice(t *testing.T) {
	const unread = "it left a file called "
	for _, test := range []struct {
		why   string
		files []string // of the output: name, text, …
		in    []string // of the extension's directory
		want  []string // words of the log; none: no warning
	}{
		{"a Dockerfile with its arguments", []string{"run.Dockerfile", extending + "ARG a\nRUN $a\n", "extend-config.toml", "[[run.args]]\nname = \"a\"\nvalue = \"1\"\n"}, nil, nil},
		{"files of its own besides", []string{"build.Dockerfile", extending, "notes.txt", "", "config.toml", "", "lib/run.sh", ""}, nil, nil},
		{"arguments as an older draft had them, of the run image", []string{"run.Dockerfile", extending, "run.toml", "[[args]]\n"}, nil, []string{unread + "run.toml, which nothing reads", "extend-config.toml: write each argument as a table of its own: [[run.args]]"}},
		{"the same of launch", []string{"build.Dockerfile", extending, "launch.toml", ""}, nil, []string{unread + "launch.toml", "extend-config.toml"}},
		{"another name for the arguments", []string{"run.Dockerfile", extending, "extend_config.toml", ""}, nil, []string{unread + "extend_config.toml", "name it extend-config.toml"}},
		{"a Dockerfile in the extension's directory", nil, []string{"run.Dockerfile"}, []string{"it has no generate directory, but run.Dockerfile, which nothing uses: move it to generate/"}},
		{"one without its kind", nil, []string{"Dockerfile"}, []string{"it has no generate directory, but Dockerfile, which nothing uses: move it to generate/"}},
		{"arguments there", nil, []string{"extend-config.toml"}, []string{"but extend-config.toml, which nothing uses: move it to generate/"}},
		{"a buildpack's executable", nil, []string{"bin/build"}, []string{"it has no bin/generate, but bin/build, which nothing uses: an extension's executable is called bin/generate"}},
		{"a file that the context lacks", []string{"run.Dockerfile", extending + "COPY a.sh b.sh /\n", "context/a.sh", "", "b.sh", ""}, nil, []string{"run.Dockerfile copies b.sh, which context does not have: line 3: COPY a.sh b.sh /", "move it to context/"}},
		{"a file that the app lacks", []string{"build.Dockerfile", extending + "COPY a.sh in-the-app /\n", "a.sh", ""}, nil, []string{"build.Dockerfile copies a.sh, which the app directory, its build context, does not have: line 3", "move it to context/"}},
		{"a file of the app", []string{"build.Dockerfile", extending + "COPY in-the-app /\n"}, nil, nil},
		{"a context for the other Dockerfile", []string{"build.Dockerfile", extending + "COPY in-the-app /\n", "run.Dockerfile", extending + "COPY a.sh /\n", "context.run/a.sh", ""}, nil, nil},
		{"a link that leads nowhere is a file", []string{"run.Dockerfile", extending + "COPY a.sh /\n", "context/b.sh", ""}, []string{"generate/context/a.sh -> b.sh"}, nil},
	} {
		t.Run(test.why, func(t *testing.T) {
			b := newWorld(t)
			b.write("in-the-app", "")
			m := b.static("samples/a", test.files...)
			for _, name := range test.in {
				if name, target, link := strings.Cut(name, " -> "); link {
					b.check(os.Symlink(target, filepath.Join(m.Dir, name)))
					continue
				}
				b.write(filepath.Join("extensions", m.Escaped(), name), "")
			}
			_, err := b.generate(newLayout, Request{Analyzed: runImage(t, "registry.example/run")})
			b.check(err)
			got := b.log.String()
			if len(test.want) == 0 && strings.Contains(got, "Warning") {
				t.Errorf("said:\n%s", got)
			}
			for _, want := range test.want {
				if !strings.Contains(got, want) {
					t.Errorf("said:\n%s\nwant: %s", got, want)
				}
			}
		})
	}
}

func runImage(t *testing.T, image string) platform.Analyzed {
	a, err := platform.ParseAnalyzed("", []byte("[run-image]\nimage = \""+image+"\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Success says what comes next: which images are extended by what, and which run image it is now.
func TestWhatComesNext(t *testing.T) {
	const run, switches = extending + "LABEL io.buildpacks.rebasable=true\n", "FROM registry.example/other:2\n"
	type output struct{ kind, text string }
	for _, test := range []struct {
		why, before string
		at          api.Version
		outputs     []output
		want        string
	}{
		{"nothing to do", "registry.example/run", newLayout, []output{{"run", extending}, {"build", extending}}, ""},
		{"the build image", "registry.example/run", newLayout, []output{{"build", extending + "RUN x\n"}}, "build image: extended by e0 (Dockerfiles in GENERATED)\n"},
		{"the run image, by two", "registry.example/run", newLayout, []output{{"run", run}, {"run", run}}, "run image: extended by e0, e1 (Dockerfiles in GENERATED)\n"},
		{"both", "registry.example/run", newLayout, []output{{"build", extending + "RUN x\n"}, {"run", run}}, "build image: extended by e0 (Dockerfiles in GENERATED)\nrun image: extended by e1\n"},
		{"another run image", "registry.example/run:7", newLayout, []output{{"run", switches}}, "run image: registry.example/other:2 instead of registry.example/run:7 (e0)\n"},
		{"another run image, extended", "registry.example/run:7", newLayout, []output{{"run", switches}, {"run", run}}, "run image: registry.example/other:2 instead of registry.example/run:7 (e0), extended by e1 (Dockerfiles in GENERATED)\n"},
		{"a run image where none was known", "", newLayout, []output{{"run", switches}}, "run image: registry.example/other:2 (e0)\n"},
		{"the same run image", "registry.example/other:2", newLayout, []output{{"run", switches}}, ""},
		{"what is lost by a switch", "registry.example/run:7", newLayout, []output{{"run", run}, {"run", extending}, {"run", switches}}, "run image: registry.example/other:2 instead of registry.example/run:7 (e2)\n" +
			"Warning: the run.Dockerfile of e0 is ignored: e2, which comes after it, switches the run image to registry.example/other:2, so what e0 adds, such as packages, will be missing there\nhint: put e2 before e0 in the order\n"},
	} {
		b := newWorld(t)
		for i, o := range test.outputs {
			b.static("e"+string(rune('0'+i)), o.kind+".Dockerfile", o.text)
		}
		r := Request{}
		if test.before != "" {
			r.Analyzed = runImage(t, test.before)
		}
		_, err := b.generate(test.at, r)
		b.check(err)
		got := strings.ReplaceAll(b.log.String(), b.generated(), "GENERATED")
		if _, after, known := strings.Cut(got, "not found in run metadata\n"); known {
			_, got, _ = strings.Cut(after, "\n") // its hint
		}
		if got != test.want {
			t.Errorf("%s: said\n%s\nwant\n%s", test.why, got, test.want)
		}
	}
}

// Names are shown as text, whatever is in them, and contexts have an end.
func TestHostileNames(t *testing.T) {
	const fake = "b\nERROR: fake\x1b]0;title\a"
	b := newWorld(t)
	b.script("a", "printf 'ARG base_image\\nFROM ${base_image}\\n' > $1/run.Dockerfile; mkdir $1/context\nmkfifo \"$1/context/"+fake+"\"")
	b.fails(newLayout, platform.CodeGenerate, `"context/b\nERROR: fake\x1b]0;title\a" is a pipe`)
	b = newWorld(t)
	b.script("a", "mkdir $1/context; ln -s \"/"+fake+"\" $1/context/link")
	b.fails(newLayout, platform.CodeGenerate, `context/link is a link to "/b\nERROR: fake\x1b]0;title\a", out of its context`)

	deep := func(levels int) string { return "mkdir -p $1/context" + strings.Repeat("/d", levels) }
	b = newWorld(t)
	b.script("a", deep(100))
	_, err := b.generate(newLayout, Request{})
	b.check(err)
	b = newWorld(t)
	b.script("a", deep(101))
	b.fails(newLayout, platform.CodeGenerate, "is nested more than 100 levels deep")
	b = newWorld(t)
	b.script("a", "mkdir $1/context; cd $1/context; i=0; while [ $i -lt 1500 ]; do mkdir dddddddd; cd dddddddd; i=$((i+1)); done")
	b.fails(newLayout, platform.CodeGenerate, "is nested more than 100 levels deep")
}

// An id is the name of a directory and stands in messages: it has no control characters.
func TestHostileID(t *testing.T) {
	for _, ref := range []buildpack.Ref{{Kind: buildpack.KindExtension, ID: "a\nb", Version: "1"}, {Kind: buildpack.KindBuildpack, ID: "a", Version: "\x1b[2J"}} {
		if err := ref.Check(); err == nil || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%q: %v", ref, err)
		}
	}
}

// No generated.toml and an empty one are the same, and /dev/null is an empty one.
func TestEmptyMetadata(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "generated.toml")
	if err := os.WriteFile(empty, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{os.DevNull, empty, empty + ".missing"} {
		if g, err := platform.ReadGenerated(path); g != nil || err != nil {
			t.Errorf("%s: %v, %v", path, g, err)
		}
	}
}

// What a file with arguments has got wrong is answered with how to write them.
func TestConfigHints(t *testing.T) {
	for _, test := range []struct{ why, text, hint string }{
		{"names as keys", "[run.args]\nx = \"1\"\n", "[[run.args]] or [[build.args]], then name"},
		{"the same of the build image", "[build.args]\n\"y\" = 2\n", "[[run.args]] or [[build.args]], then name"},
		{"in one line", "[run]\nargs = {x = \"1\"}\n", "[[run.args]] or [[build.args]], then name"},
		{"the end of a here-document", "[[run.args]]\nname = \"a\"\nvalue = \"1\"\n    TOML\n", "if bin/generate ends a here-document (<<TOML)"},
	} {
		b := newWorld(t)
		b.static("a", "extend-config.toml", test.text)
		_, err := b.generate(newLayout, Request{})
		if hint := platform.HintOf(err); !strings.Contains(hint, test.hint) {
			t.Errorf("%s: %v, hint %q", test.why, err, hint)
		}
	}
}
