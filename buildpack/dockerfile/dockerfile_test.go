package dockerfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
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
		for _, kind := range buildpack.DockerfileKinds() {
			d, err := Parse(kind, []byte(test.text))
			if err != nil || d.Kind != kind || d.Switches() || d.Instructions != test.instructions {
				t.Errorf("%s, %s: got %+v, %v; want it to extend with %d instructions", test.why, kind, d, err, test.instructions)
			}
		}
	}
}

func TestRunDockerfilesThatSwitch(t *testing.T) {
	digest := strings.Repeat("0a", 32)
	for _, test := range []struct {
		why, text, from string
		instructions    int
	}{
		{"a plain name", "FROM ubuntu\n", "ubuntu", 0},
		{"a digest, written as it is", "FROM registry.example/run:1@sha256:" + digest + "\n", "registry.example/run:1@sha256:" + digest, 0},
		{"instructions", "FROM ubuntu\nRUN true\nRUN true\n", "ubuntu", 2},
		{"quotes are not part of a name", "FROM \"ubuntu\"\n", "ubuntu", 0},
		{"an unused argument", "ARG base_image\nARG other=1\nFROM ubuntu\n", "ubuntu", 0},
		{"a platform and the name of a stage", "FROM --platform=$BUILDPLATFORM ubuntu AS other\n", "ubuntu", 0},
		{"nothing at all", "FROM scratch\n", "scratch", 0},
		{"the ends of lines as Windows has them", "FROM ubuntu\r\n", "ubuntu", 0},
	} {
		d, err := Parse(buildpack.RunDockerfile, []byte(test.text))
		if err != nil || d.From != test.from || d.Instructions != test.instructions {
			t.Errorf("%s: got %+v, %v; want a switch to %q with %d instructions", test.why, d, err, test.from, test.instructions)
		}
	}
}

func TestDockerfilesThatAreRefused(t *testing.T) {
	both, build, run := "both", string(buildpack.BuildDockerfile), string(buildpack.RunDockerfile)
	for _, test := range []struct {
		why, kind, text string
		want            string // with %s for the kind
		hint            string
	}{
		{"empty", both, "", "file with no instructions", hintEmpty},
		{"comments only", both, "# a\n", "file with no instructions: line 1: # a", hintEmpty},
		{"no stage", both, "ARG base_image\n", "%s.Dockerfile should have at least one stage", hintEmpty},
		{"an instruction before FROM", both, "RUN true\n", "no build stage in current context: line 1: RUN true", ""},
		{"two stages", both, extending + "\nFROM other\n", "%s.Dockerfile is not permitted to use multistage build: line 4: FROM other", hintAppended},
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
		{"an image in a directory (B51)", run, "FROM oci:/layouts/run\n", "run.Dockerfile has \"oci:/layouts/run\" in FROM, which is not the name of an image: oci: is a transport, by which a builder may read a file: line 1: FROM oci:/layouts/run", hintImage},
		{"a file (B51)", run, "FROM /images/run.tar\n", "run.Dockerfile has \"/images/run.tar\" in FROM, which is not the name of an image: it is a path: line 1: FROM /images/run.tar", hintImage},
		{"upper case (B51)", run, "FROM Debian\n", "run.Dockerfile has \"Debian\" in FROM, which is not the name of an image: registries have no such name: line 1: FROM Debian", hintImage},
		{"a template that was not rendered (B51)", run, "FROM {{run_image}}\n", "run.Dockerfile has \"{{run_image}}\" in FROM, which is not the name of an image: registries have no such name: line 1: FROM {{run_image}}", hintTemplate},
		{"a stage with a name", both, "FROM golang AS tools\n" + extending + "RUN true\n", "%s.Dockerfile is not permitted to use multistage build: line 3: FROM ${base_image}", hintStages},
		{"a stage that is copied from", both, "FROM golang\nFROM debian\nCOPY --from=0 /a /b\n", "%s.Dockerfile is not permitted to use multistage build: line 2: FROM debian", hintStages},
		{"parts that were appended to one file", run, extending + "RUN true\n" + extending + "RUN true\n", "run.Dockerfile is not permitted to use multistage build: line 5: FROM ${base_image}", hintAppended},
		{"the same image twice", run, "FROM ubuntu\nRUN true\nFROM ubuntu\n", "run.Dockerfile is not permitted to use multistage build: line 3: FROM ubuntu", hintAppended},
		{"the indented end of a here-document in bin/generate", both, extending + "RUN true\n    EOT\n", "unknown instruction: EOT: line 4: EOT", HintHere("EOT")},
		{"one that is like an instruction", both, extending + "  ENDE\n", "unknown instruction: ENDE: line 3: ENDE", HintHere("ENDE")},
		{"the end of a here-document with blanks behind it", both, extending + "DOCKERFILE  \n", "unknown instruction: DOCKERFILE: line 3: DOCKERFILE", HintHere("DOCKERFILE")},
		{"no text", run, "FROM \x00", "run.Dockerfile is not text: byte 6 is 0", ""},
		{"an endless line", run, strings.Repeat("x", 5000) + " y\n", "unknown instruction: " + strings.Repeat("x", 179) + "…: line 1: " + strings.Repeat("x", 200) + "…", ""},
		{"an escape sequence", run, "FROM a\nR\x1b[2JN x\n", "unknown instruction: RN: line 2: RN x", ""},
		{"bytes that no file in TOML can hold", run, "FROM ubuntu\xff\n", "run.Dockerfile has characters in FROM that no image can have in its name: \"ubuntu\\xff\": line 1: FROM ubuntu\uFFFD", hintRunFrom},
	} {
		for _, kind := range buildpack.DockerfileKinds() {
			if test.kind != both && test.kind != string(kind) {
				continue
			}
			_, err := Parse(kind, []byte(test.text))
			want := strings.ReplaceAll(test.want, "%s.Dockerfile", kind.File())
			var wrong *Error
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
		kind buildpack.DockerfileKind
		text string
		want []string
	}{
		{"nothing to say", buildpack.RunDockerfile, extending + label + "USER root\nRUN true\nARG user_id group_id\nUSER ${user_id}:${group_id}\n", nil},
		{"a user of its own", buildpack.BuildDockerfile, extending + "USER 1000:1000\n", nil},
		{"a user that is not known before", buildpack.BuildDockerfile, extending + "ARG anybody\nUSER $anybody\n", nil},
		{"a variable that nothing sets", buildpack.RunDockerfile, extending + label + "USER $app_user\n", []string{"run.Dockerfile uses app_user, which no ARG or ENV after FROM sets: line 4: USER $app_user"}},
		{"a variable that only build images have", buildpack.RunDockerfile, extending + label + "USER ${CNB_USER_ID}:${CNB_GROUP_ID}\n", []string{"run.Dockerfile uses CNB_GROUP_ID, which no ARG or ENV after FROM sets: line 4: USER ${CNB_USER_ID}:${CNB_GROUP_ID}", "run.Dockerfile uses CNB_USER_ID, which no ARG or ENV after FROM sets: line 4: USER ${CNB_USER_ID}:${CNB_GROUP_ID}"}},
		{"the same in a build image", buildpack.BuildDockerfile, extending + "USER ${CNB_USER_ID}:${CNB_GROUP_ID}\n", nil},
		{"a variable of another image, which its author knows", buildpack.RunDockerfile, "FROM registry.example/dotnet\n" + label + "USER $APP_UID\n", nil},
		{"a variable with a default", buildpack.RunDockerfile, extending + label + "USER ${app_user:-1000}\n", nil},
		{"a command where a variable is meant", buildpack.BuildDockerfile, extending + "ARG user_id\nARG package=vim\nRUN install $(package) && \\\n  chown $(user_id) /x\nUSER ${user_id}\n", []string{
			"build.Dockerfile has $(package), which is a command and not the variable package: line 5: RUN install $(package) && \\",
			"build.Dockerfile has $(user_id), which is a command and not the variable user_id: line 6: chown $(user_id) /x",
		}},
		{"the same in USER, which runs no command", buildpack.BuildDockerfile, extending + "USER $(anybody)\n", []string{"build.Dockerfile has $(anybody), which is a command and not the variable anybody: line 3: USER $(anybody)"}},
		{"commands that are meant", buildpack.BuildDockerfile, extending + "ARG arch=$(arch)\nARG VERSION=1\nRUN install-$(arch)-$(uname -m) $(cat /version) $(version)\n# $(VERSION)\nCOPY <<EOF Makefile\nall: $(VERSION)\nEOF\n", nil},
		{"the user from ENV", buildpack.BuildDockerfile, extending + "ENV user_id=1 group_id=2\nUSER ${user_id}:${group_id}\n", nil},
		{"the label in quotes, among others", buildpack.RunDockerfile, extending + "LABEL a=b \"io.buildpacks.rebasable\"=\"true\"\n", nil},
		{"all instructions that are recommended", buildpack.BuildDockerfile, extending + "ADD a b\nARG a\nCOPY a b\nENV a=b\nLABEL a=b\nRUN true\nSHELL [\"sh\"]\nUSER 1\nWORKDIR /\n", nil},
		{"each that is not", buildpack.BuildDockerfile, extending + "CMD a\nentrypoint a\n\nEXPOSE 1\nHEALTHCHECK NONE\nMAINTAINER a\nONBUILD RUN true\nSTOPSIGNAL 9\nVOLUME /a\n", []string{
			"build.Dockerfile command CMD on line 3 is not recommended",
			"build.Dockerfile command ENTRYPOINT on line 4 is not recommended",
			"build.Dockerfile command EXPOSE on line 6 is not recommended",
			"build.Dockerfile command HEALTHCHECK on line 7 is not recommended",
			"build.Dockerfile command MAINTAINER on line 8 is not recommended",
			"build.Dockerfile command ONBUILD on line 9 is not recommended",
			"build.Dockerfile command STOPSIGNAL on line 10 is not recommended",
			"build.Dockerfile command VOLUME on line 11 is not recommended",
		}},
		{"root as the last user", buildpack.RunDockerfile, extending + label + "USER root\nRUN true\n", []string{"run.Dockerfile leaves root as the user of the image: line 4: USER root"}},
		{"root by its number and with a group", buildpack.BuildDockerfile, extending + "USER 1000\nUSER \"0:1000\"\n", []string{`build.Dockerfile leaves root as the user of the image: line 4: USER "0:1000"`}},
		{"two unescaped heredoc variables", buildpack.BuildDockerfile, extending + "USER root\nUSER :\n", []string{"build.Dockerfile names no user: line 4: USER :"}},
		{"ARG before FROM does not count behind it", buildpack.RunDockerfile, "ARG base_image\nARG user_id\nFROM ${base_image}\n" + label + "USER ${user_id}\n", []string{"run.Dockerfile uses user_id, which no ARG after FROM declares: line 5: USER ${user_id}"}},
		{"ARG above FROM that is used below", buildpack.RunDockerfile, "ARG base_image\nARG package=vim\nFROM ${base_image}\n" + label + "RUN install ${package}\n", []string{"run.Dockerfile has an ARG above FROM that is used below it, where it has no value: line 2: ARG package=vim"}},
		{"ARG above FROM that is declared again below", buildpack.RunDockerfile, "ARG base_image\nARG package=vim\nFROM ${base_image}\nARG package\n" + label + "RUN install $package\n", nil},
		{"ARG above FROM whose name is part of another's", buildpack.RunDockerfile, "ARG base_image\nARG package=vim\nFROM ${base_image}\nARG packages=\n" + label + "RUN install $packages\n", nil},
		{"nothing declares base_image", buildpack.RunDockerfile, "FROM ${base_image}\n", []string{"run.Dockerfile uses base_image in FROM, but no ARG declares it: line 1: FROM ${base_image}"}},
		{"no label (minor)", buildpack.RunDockerfile, extending + "RUN true\n", []string{"(minor) run.Dockerfile does not set the label io.buildpacks.rebasable: an image extended by it counts as not rebasable"}},
		{"the label with another value (minor)", buildpack.RunDockerfile, extending + "LABEL io.buildpacks.rebasable=false\n", []string{"(minor) run.Dockerfile does not set the label io.buildpacks.rebasable: an image extended by it counts as not rebasable"}},
		{"no label needed where nothing is applied", buildpack.RunDockerfile, "FROM ubuntu\n", nil},
	} {
		d, err := Parse(test.kind, []byte(test.text))
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

// What takes long to read is refused by name, and what is just below the limits is read.
func TestLimits(t *testing.T) {
	body := func(line string, n int) string { return "RUN <<EOF\n" + strings.Repeat(line+"\n", n) + "EOF\n" }
	for _, test := range []struct{ why, text, want string }{
		{"the most lines", extending + strings.Repeat("RUN x\n", MaxLines-2), ""},
		{"one line more", extending + strings.Repeat("RUN x\n", MaxLines-1), "run.Dockerfile has 10001 lines, and at most 10000 are read"},
		{"the most bytes", extending + strings.Repeat("#"+strings.Repeat("x", 1022)+"\n", 1023) + "#" + strings.Repeat("x", 1023-len(extending)), ""},
		{"one byte more", extending + "#" + strings.Repeat("x", MaxBytes-len(extending)), "run.Dockerfile has 1048577 bytes, and at most 1048576 are read"},
		{"too many words", extending + strings.Repeat("LABEL"+strings.Repeat(" a=b", 100)+"\n", 501), "run.Dockerfile has 100202 words, and at most 100000 are read"},
		{"a large here-document", extending + body("x", 9000), ""},
		{"one that is too large", extending + body(strings.Repeat("x", 99), 3000), "run.Dockerfile has 300048 bytes and here-documents (<<), and at most 262144 are read"},
		{"variables within variables", extending + "RUN <<E " + strings.Repeat("${a:-", 2001) + "\nE\n", "run.Dockerfile has 2002 variables ${…} and here-documents (<<), and at most 2000 are read"},
	} {
		_, err := Parse(buildpack.RunDockerfile, []byte(test.text))
		var wrong *Error
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", test.why, err)
		case test.want != "" && (!errors.As(err, &wrong) || err.Error() != test.want || wrong.Hint() != hintLarge):
			t.Errorf("%s: %v, want %s", test.why, err, test.want)
		}
	}
}

// Of many mistakes in one file the first are told, and how many there are besides.
func TestManyNotes(t *testing.T) {
	d, err := Parse(buildpack.BuildDockerfile, []byte(extending+strings.Repeat("CMD x\n", 25)))
	if err != nil || len(d.Notes) != MostNotes+1 || d.Notes[MostNotes].Text != "build.Dockerfile: and 5 more" || d.Notes[MostNotes].Minor {
		t.Errorf("%v, %d notes: %v", err, len(d.Notes), d.Notes)
	}
	var file, config strings.Builder
	for i := range 30 {
		fmt.Fprintf(&file, "ARG a%d\n", i)
		fmt.Fprintf(&config, "[[run.args]]\nname=\"%s%d\"\nvalue=\"\"\n", strings.Repeat("other", 30), i)
	}
	d, err = Parse(buildpack.RunDockerfile, []byte(extending+file.String()))
	set, _, bad := buildpack.ParseExtendConfig([]byte(config.String()))
	if err != nil || bad != nil {
		t.Fatal(err, bad)
	}
	notes := ArgNotes(set, buildpack.RunDockerfile, &d, []byte(config.String()))
	if len(notes) != MostNotes+1 || notes[MostNotes].Text != "extend-config.toml: and 10 more" {
		t.Errorf("%d notes: %v", len(notes), notes)
	}
	if text := notes[0].Text; strings.Contains(text, strings.Repeat("other", 30)) || !strings.Contains(text, strings.Repeat("other", 20)+"…") {
		t.Errorf("a long name is not shortened: %s", text)
	}
}

// What COPY and ADD name has to be in the context. Whatever cannot be said for sure is left alone.
func TestMissingSources(t *testing.T) {
	is := func(paths ...string) func(string) bool {
		return func(path string) bool { return slices.Contains(paths, path) }
	}
	for _, test := range []struct {
		why, text string
		want      string
		hint      bool
	}{
		{"a file that is there", "COPY app.conf /etc/", "", false},
		{"written in other ways", "COPY ./app.conf /app.conf ../app.conf conf/../app.conf /etc/", "", false},
		{"the context itself", "COPY . /\nADD / /there", "", false},
		{"a file that is not there", "COPY missing.conf /etc/", "run.Dockerfile copies missing.conf, which context does not have: line 3: COPY missing.conf /etc/", false},
		{"one of several", "ADD --chmod=644 app.conf dir/missing /etc/", "run.Dockerfile copies dir/missing, which context does not have: line 3: ADD --chmod=644 app.conf dir/missing /etc/", false},
		{"as JSON", `COPY ["missing", "/"]`, `run.Dockerfile copies missing, which context does not have: line 3: COPY ["missing", "/"]`, false},
		{"beside the Dockerfile", "COPY install.sh /", "run.Dockerfile copies install.sh, which context does not have: line 3: COPY install.sh /", true},
		{"patterns", "COPY missing* a?b [ab]c /", "", false},
		{"variables", "ARG a\nCOPY ${a} $a.conf /", "", false},
		{"from elsewhere", "COPY --from=registry.example/tools /missing /\nADD https://example.org/missing git@example.org:a/b.git /", "", false},
		{"a file in the Dockerfile itself", "COPY <<EOF /there\nmissing\nEOF\nCOPY <<-missing /there\nmissing", "", false},
		{"words in quotes", "COPY \"a b\" /", "", false},
		{"when another image is built from this one", "ONBUILD COPY missing /", "", false},
		{"a bind mount", "RUN --mount=type=bind,source=missing,target=/x true", "", false},
	} {
		d, err := Parse(buildpack.RunDockerfile, []byte(extending+test.text+"\n"))
		if err != nil {
			t.Fatalf("%s: %v", test.why, err)
		}
		var got []string
		for _, note := range d.Missing("context", "context", is("app.conf"), is("install.sh")) {
			got = append(got, note.Text)
			if test.hint != (note.Hint == "move it to context/ in the output: files beside the Dockerfile are not copied") {
				t.Errorf("%s: the hint is %q", test.why, note.Hint)
			}
		}
		if strings.Join(got, "\n") != test.want {
			t.Errorf("%s: got %q, want %q", test.why, got, test.want)
		}
	}
}
