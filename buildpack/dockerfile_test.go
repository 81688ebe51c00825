package buildpack

import (
	"errors"
	"strings"
	"testing"
)

// extending are the two lines with which a Dockerfile extends its image.
const extending = "ARG base_image\nFROM ${base_image}\n"

func TestDockerfilesThatExtend(t *testing.T) {
	for _, test := range []struct {
		why, text    string
		instructions int
	}{
		{"the usual form", extending + "RUN true\n", 1},
		{"nothing after FROM", extending, 0},
		{"no braces", "ARG base_image\nFROM $base_image\n", 0},
		{"a default (B37)", "ARG base_image\nFROM ${base_image:-registry.example/run:1}\n", 0},
		{"a default without colon (B37)", "ARG base_image\nFROM ${base_image-registry.example/run:1}\n", 0},
		{"an error in place of a default", "ARG base_image\nFROM ${base_image:?missing}\n", 0},
		{"a default of the argument itself", "ARG base_image=registry.example/run:1\nFROM ${base_image}\n", 0},
		{"double quotes, which an extend step removes", "ARG base_image\nFROM \"${base_image}\"\n", 0},
		{"lower case", "arg base_image\nfrom ${base_image}\nrun true\n", 1},
		{"a name for the stage", "ARG base_image\nFROM ${base_image} AS extended\n", 0},
		{"a platform", "ARG base_image\nFROM --platform=linux/amd64 ${base_image}\n", 0},
		{"the ends of lines as Windows has them", "ARG base_image\r\nFROM ${base_image}\r\nRUN true\r\n", 1},
		{"a byte order mark", "\ufeffARG base_image\nFROM ${base_image}\n", 0},
		{"a syntax directive and comments", "# syntax=docker/dockerfile:1\n# comment\nARG base_image\n# comment\nFROM ${base_image}\n", 0},
		{"another escape character", "# escape=`\nARG base_image\nFROM ${base_image}\nRUN true `\n && true\n", 1},
		{"a heredoc that looks like another stage", extending + "RUN <<EOF\nFROM elsewhere\nEOF\nCOPY <<A <<B /\na\nA\nb\nB\n", 2},
		{"a continued line", extending + "RUN true && \\\n\\\n# comment\n  true\n", 1},
		{"no end of the last line", extending + "RUN true", 1},
		{"arguments after FROM, and a trigger", extending + "ARG user_id\nONBUILD RUN true\n", 2},
	} {
		for _, kind := range DockerfileKinds() {
			d, err := ParseDockerfile(kind, []byte(test.text))
			if err != nil || d.Kind != kind || d.Switches() || d.Instructions != test.instructions {
				t.Errorf("%s, %s: got %+v, %v; want it to extend with %d instructions", test.why, kind, d, err, test.instructions)
			}
		}
	}
}

func TestRunDockerfilesThatSwitch(t *testing.T) {
	for _, test := range []struct {
		why, text, from string
		instructions    int
	}{
		{"a plain name", "FROM ubuntu\n", "ubuntu", 0},
		{"a digest, written as it is", "FROM registry.example/run:1@sha256:00\n", "registry.example/run:1@sha256:00", 0},
		{"instructions", "FROM ubuntu\nRUN true\nRUN true\n", "ubuntu", 2},
		{"quotes are not part of a name", "FROM \"ubuntu\"\n", "ubuntu", 0},
		{"an unused argument", "ARG base_image\nARG other=1\nFROM ubuntu\n", "ubuntu", 0},
		{"a platform and the name of a stage", "FROM --platform=$BUILDPLATFORM ubuntu AS other\n", "ubuntu", 0},
		{"nothing at all", "FROM scratch\n", "scratch", 0},
		{"the ends of lines as Windows has them", "FROM ubuntu\r\n", "ubuntu", 0},
	} {
		d, err := ParseDockerfile(RunDockerfile, []byte(test.text))
		if err != nil || d.From != test.from || d.Instructions != test.instructions {
			t.Errorf("%s: got %+v, %v; want a switch to %q with %d instructions", test.why, d, err, test.from, test.instructions)
		}
	}
}

func TestDockerfilesThatAreRefused(t *testing.T) {
	both, build, run := "both", string(BuildDockerfile), string(RunDockerfile)
	for _, test := range []struct {
		why, kind, text string
		want            string // with %s for the kind
		hint            string
	}{
		{"empty", both, "", "file with no instructions", hintEmpty},
		{"comments only", both, "# a\n", "file with no instructions: line 1: # a", hintEmpty},
		{"no stage", both, "ARG base_image\n", "%s.Dockerfile should have at least one stage", hintEmpty},
		{"an instruction before FROM", both, "RUN true\n", "no build stage in current context: line 1: RUN true", ""},
		{"two stages", both, extending + "\nFROM other\n", "%s.Dockerfile is not permitted to use multistage build: line 4: FROM other", hintStages},
		{"no such instruction (B40)", both, extending + "INSTALL vim\n", "unknown instruction: INSTALL: line 3: INSTALL vim", ""},
		{"FROM without a name: an unescaped heredoc variable (B40)", both, "ARG base_image\nFROM \n", "FROM requires either one or three arguments: line 2: FROM", hintExpanded},
		{"USER without a name: an unescaped heredoc variable (B40)", both, extending + "USER\n", "USER requires exactly one argument: line 3: USER", hintExpanded},
		{"COPY without its source: an unescaped heredoc variable", both, extending + "COPY  /there\n", "COPY requires at least two arguments, but only one was provided. Destination could not be determined: line 3: COPY  /there", hintExpanded},
		{"a variable that is still there is not what is missing", both, extending + "COPY ${a}\n", "COPY requires at least two arguments, but only one was provided. Destination could not be determined: line 3: COPY ${a}", ""},
		{"WORKDIR without a directory", both, extending + "WORKDIR\n", "WORKDIR requires exactly one argument: line 3: WORKDIR", hintExpanded},
		{"a heredoc without end", both, extending + "RUN <<EOF\n", "unterminated heredoc: line 3: RUN <<EOF", ""},

		{"no ARG", build, "FROM ${base_image}\n", "build.Dockerfile did not start with required ARG command: line 1: FROM ${base_image}", hintBuildFrom},
		{"another ARG first", build, "ARG a\n" + extending, "build.Dockerfile did not start with required ARG command: line 1: ARG a", hintBuildFrom},
		{"a further ARG (B39)", build, "ARG base_image\nARG a=1\nFROM ${base_image}\n", "build.Dockerfile has another ARG before FROM, where only ARG base_image may stand: line 2: ARG a=1", hintArgs},
		{"a further ARG on the same line (B39)", build, "ARG base_image a=1\nFROM ${base_image}\n", "build.Dockerfile has another ARG before FROM, where only ARG base_image may stand: line 1: ARG base_image a=1", hintArgs},
		{"another image", build, "ARG base_image\nFROM ubuntu\n", "build.Dockerfile did not contain required FROM ${base_image} command: line 2: FROM ubuntu", hintBuildFrom},
		{"scratch", build, "ARG base_image\nFROM scratch\n", "build.Dockerfile did not contain required FROM ${base_image} command: line 2: FROM scratch", hintBuildFrom},
		{"another variable", build, "ARG base_image\nFROM $BASE_IMAGE\n", "build.Dockerfile did not contain required FROM ${base_image} command: line 2: FROM $BASE_IMAGE", hintBuildFrom},

		{"another variable (B38)", run, "ARG image=ubuntu\nFROM ${image}\n", "run.Dockerfile uses the variable image in FROM, where only base_image is known: line 2: FROM ${image}", hintRunFrom},
		{"names of variables are case-sensitive (B38)", run, "ARG base_image\nFROM $BASE_IMAGE\n", "run.Dockerfile uses the variable BASE_IMAGE in FROM, where only base_image is known: line 2: FROM $BASE_IMAGE", hintRunFrom},
		{"another variable as the default (B38)", run, "ARG base_image\nFROM ${base_image:-${other}}\n", "run.Dockerfile uses the variable other in FROM, where only base_image is known: line 2: FROM ${base_image:-${other}}", hintRunFrom},
		{"another variable behind a name (B38)", run, "FROM ubuntu:${tag}\n", "run.Dockerfile uses the variable tag in FROM, where only base_image is known: line 1: FROM ubuntu:${tag}", hintRunFrom},
		{"more than the argument", run, "ARG base_image\nFROM ${base_image}-slim\n", "run.Dockerfile changes the value of base_image in FROM, where it has to stand as it is: line 2: FROM ${base_image}-slim", hintRunFrom},
		{"another value of it", run, "ARG base_image\nFROM ${base_image#docker.io/}\n", "run.Dockerfile changes the value of base_image in FROM, where it has to stand as it is: line 2: FROM ${base_image#docker.io/}", hintRunFrom},
		{"a backslash too many", run, "FROM \\${base_image}\n", `run.Dockerfile keeps $ in FROM from being a variable, and no image has such a name: line 1: FROM \${base_image}`, hintEscaped},
		{"single quotes", run, "FROM '${base_image}'\n", "run.Dockerfile keeps $ in FROM from being a variable, and no image has such a name: line 1: FROM '${base_image}'", hintEscaped},
		{"an empty string: an unescaped heredoc variable", run, "FROM \"\"\n", `run.Dockerfile names no image in FROM: line 1: FROM ""`, hintExpanded},
		{"a brace too few", run, "FROM ${base_image\n", "run.Dockerfile has a FROM that cannot be read: failed to process \"${base_image\": unsupported modifier (\ufffd) in substitution: line 1: FROM ${base_image", hintRunFrom},
		{"no text", run, "FROM \x00", "run.Dockerfile is not text: byte 6 is 0", ""},
		{"an endless line", run, strings.Repeat("x", 5000) + " y\n", "unknown instruction: " + strings.Repeat("x", 179) + "…: line 1: " + strings.Repeat("x", 200) + "…", ""},
		{"an escape sequence", run, "FROM a\nR\x1b[2JN x\n", "unknown instruction: RN: line 2: RN x", ""},
		{"bytes that no file in TOML can hold", run, "FROM ubuntu\xff\n", "run.Dockerfile has characters in FROM that no image can have in its name: \"ubuntu\\xff\": line 1: FROM ubuntu\uFFFD", hintRunFrom},
	} {
		for _, kind := range DockerfileKinds() {
			if test.kind != both && test.kind != string(kind) {
				continue
			}
			_, err := ParseDockerfile(kind, []byte(test.text))
			want := strings.ReplaceAll(test.want, "%s.Dockerfile", kind.File())
			var wrong *DockerfileError
			if !errors.As(err, &wrong) || err.Error() != want || wrong.Hint() != test.hint {
				t.Errorf("%s, %s:\n got %v\nwant %s\nwith the hint %q", test.why, kind, err, want, test.hint)
			}
		}
	}
}

func TestNotes(t *testing.T) {
	const label = "LABEL io.buildpacks.rebasable=true\n"
	for _, test := range []struct {
		why  string
		kind DockerfileKind
		text string
		want []string
	}{
		{"nothing to say", RunDockerfile, extending + label + "USER root\nRUN true\nARG user_id group_id\nUSER ${user_id}:${group_id}\n", nil},
		{"a user of its own", BuildDockerfile, extending + "USER 1000:1000\n", nil},
		{"a user that is not known before", BuildDockerfile, extending + "ARG anybody\nUSER $anybody\n", nil},
		{"the user from ENV", BuildDockerfile, extending + "ENV user_id=1 group_id=2\nUSER ${user_id}:${group_id}\n", nil},
		{"the label in quotes, among others", RunDockerfile, extending + "LABEL a=b \"io.buildpacks.rebasable\"=\"true\"\n", nil},
		{"all instructions that are recommended", BuildDockerfile, extending + "ADD a b\nARG a\nCOPY a b\nENV a=b\nLABEL a=b\nRUN true\nSHELL [\"sh\"]\nUSER 1\nWORKDIR /\n", nil},
		{"each that is not", BuildDockerfile, extending + "CMD a\nentrypoint a\n\nEXPOSE 1\nHEALTHCHECK NONE\nMAINTAINER a\nONBUILD RUN true\nSTOPSIGNAL 9\nVOLUME /a\n", []string{
			"build.Dockerfile command CMD on line 3 is not recommended",
			"build.Dockerfile command ENTRYPOINT on line 4 is not recommended",
			"build.Dockerfile command EXPOSE on line 6 is not recommended",
			"build.Dockerfile command HEALTHCHECK on line 7 is not recommended",
			"build.Dockerfile command MAINTAINER on line 8 is not recommended",
			"build.Dockerfile command ONBUILD on line 9 is not recommended",
			"build.Dockerfile command STOPSIGNAL on line 10 is not recommended",
			"build.Dockerfile command VOLUME on line 11 is not recommended",
		}},
		{"root as the last user", RunDockerfile, extending + label + "USER root\nRUN true\n", []string{"run.Dockerfile leaves root as the user of the image: line 4: USER root"}},
		{"root by its number and with a group", BuildDockerfile, extending + "USER 1000\nUSER \"0:1000\"\n", []string{`build.Dockerfile leaves root as the user of the image: line 4: USER "0:1000"`}},
		{"two unescaped heredoc variables", BuildDockerfile, extending + "USER root\nUSER :\n", []string{"build.Dockerfile names no user: line 4: USER :"}},
		{"ARG before FROM does not count behind it", RunDockerfile, "ARG base_image\nARG user_id\nFROM ${base_image}\n" + label + "USER ${user_id}\n", []string{"run.Dockerfile uses user_id, which no ARG after FROM declares: line 5: USER ${user_id}"}},
		{"ARG above FROM that is used below", RunDockerfile, "ARG base_image\nARG package=vim\nFROM ${base_image}\n" + label + "RUN install ${package}\n", []string{"run.Dockerfile has an ARG above FROM that is used below it, where it has no value: line 2: ARG package=vim"}},
		{"ARG above FROM that is declared again below", RunDockerfile, "ARG base_image\nARG package=vim\nFROM ${base_image}\nARG package\n" + label + "RUN install $package\n", nil},
		{"ARG above FROM whose name is part of another's", RunDockerfile, "ARG base_image\nARG package=vim\nFROM ${base_image}\nARG packages=\n" + label + "RUN install $packages\n", nil},
		{"nothing declares base_image", RunDockerfile, "FROM ${base_image}\n", []string{"run.Dockerfile uses base_image in FROM, but no ARG declares it: line 1: FROM ${base_image}"}},
		{"no label (minor)", RunDockerfile, extending + "RUN true\n", []string{"(minor) run.Dockerfile does not set the label io.buildpacks.rebasable: an image extended by it counts as not rebasable"}},
		{"the label with another value (minor)", RunDockerfile, extending + "LABEL io.buildpacks.rebasable=false\n", []string{"(minor) run.Dockerfile does not set the label io.buildpacks.rebasable: an image extended by it counts as not rebasable"}},
		{"no label needed where nothing is applied", RunDockerfile, "FROM ubuntu\n", nil},
	} {
		d, err := ParseDockerfile(test.kind, []byte(test.text))
		if err != nil {
			t.Errorf("%s: %v", test.why, err)
			continue
		}
		var got []string
		for _, note := range d.Notes {
			if note.Minor {
				note.Text = "(minor) " + note.Text
			}
			got = append(got, note.Text)
		}
		if strings.Join(got, "\n") != strings.Join(test.want, "\n") {
			t.Errorf("%s:\ngot  %q\nwant %q", test.why, got, test.want)
		}
	}
}

func TestExtendConfig(t *testing.T) {
	config, warnings, err := ParseExtendConfig([]byte("[[build.args]]\nname = \"A\"\nvalue = \"1\"\n[[run.args]]\nname = \"A\"\nvalue = \"2\"\n[[run.args]]\nname = \"B\"\nvalue = \"\"\n[[run.arg]]\n"))
	if err != nil || len(config.For(BuildDockerfile)) != 1 || len(config.For(RunDockerfile)) != 2 || config.For(RunDockerfile)[0] != (Arg{Name: "A", Value: "2"}) {
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
