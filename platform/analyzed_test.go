package platform

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// everyType has all that TOML has, at several depths, beside the keys that generation knows.
const everyType = `[build-image]
  kept = "beside what changes"
  reference = "build"

[metadata]
  array = [1, 2]
  bool = true
  date = 1979-05-27
  datetime = 1979-05-27T07:32:00.5Z
  empty = []
  float = 1.0
  infinite = inf
  int = 42
  local = 1979-05-27T07:32:00
  mixed = [1, 2.5, "x", [true, 1979-05-27], {a = {b = 07:32:00}}]
  offset = 1979-05-27T07:32:00+02:00
  string = "\"quoted\"\n\u0000ü"
  time = 07:32:00.999
  ["metadata"."a.dotted key"]
    [metadata."a.dotted key".""]
      deep = 9007199254740993

  [[metadata.tables]]
    a = 1

    [[metadata.tables.below]]
      b = -0.0

  [[metadata.tables]]

[run-image]
  image = "one"
  kept = 1979-05-27
  reference = "one@sha256:1"
  [run-image.target]
    arch = "arm64"
    arch-variant = "v8"
    id = "kept until the image is another"
    os = "linux"
    [run-image.target.distro]
      name = "debian"
      version = "12"
`

func parseAnalyzed(t *testing.T, text string) Analyzed {
	t.Helper()
	a, err := ParseAnalyzed("analyzed.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func encoded(t *testing.T, a Analyzed) string {
	t.Helper()
	text, err := a.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// B15: what we do not know survives, and keeps its types.
func TestAnalyzedKeepsWhatItDoesNotKnow(t *testing.T) {
	want := strings.Replace(everyType, `["metadata"."a.dotted key"]`, `[metadata."a.dotted key"]`, 1)
	before := parseAnalyzed(t, everyType)
	if diff := cmp.Diff(want, encoded(t, before)); diff != "" {
		t.Errorf("unchanged (-want +got):\n%s", diff)
	}
	after := before.SwitchedTo("two").ExtendingRun(true).ExtendingBuild(true)
	i, j := strings.Index(want, "  [run-image.target]"), len(want)
	want = want[:i] + want[j:]
	want = strings.Replace(want, "[build-image]\n", "[build-image]\n  extend = true\n", 1)
	want = strings.Replace(want, "[run-image]\n  image = \"one\"", "[run-image]\n  extend = true\n  image = \"two\"", 1)
	want = strings.Replace(want, "one@sha256:1", "two", 1)
	if diff := cmp.Diff(want, encoded(t, after)); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	if !sameValues(before.table["metadata"], parseAnalyzed(t, encoded(t, after)).table["metadata"]) {
		t.Error("types have changed")
	}
	if text := encoded(t, before); strings.Contains(text, "two") || before.RunImage.Image != "one" {
		t.Errorf("a value has changed under its owner:\n%s", text)
	}
}

// run-image.extend is written only if true; build-image.extend both ways (B44).
func TestAnalyzedExtend(t *testing.T) {
	for _, test := range []struct{ before, after string }{
		{"", "[build-image]\n  extend = false\n"},
		{"[run-image]\nimage = \"a\"\nextend = true\n[build-image]\nextend = true\n", "[build-image]\n  extend = false\n\n[run-image]\n  image = \"a\"\n"},
	} {
		if got := encoded(t, parseAnalyzed(t, test.before).ExtendingRun(false).ExtendingBuild(false)); got != test.after {
			t.Errorf("%q became %q", test.before, got)
		}
	}
	a := parseAnalyzed(t, "[run-image]\nimage = \"a\"\n").ExtendingRun(true).ExtendingBuild(true)
	if got := encoded(t, a); got != "[build-image]\n  extend = true\n\n[run-image]\n  extend = true\n  image = \"a\"\n" {
		t.Errorf("got %q", got)
	}
}

func TestAnalyzedNamesRunImage(t *testing.T) {
	for text, want := range map[string]bool{
		"": false, "[run-image]\n": false, "[run-image.target]\nos = \"linux\"\n": false, "[run-image]\nextend = true\n": false,
		"[run-image]\nimage = \"a\"\n": true, "[run-image]\nreference = \"a\"\n": true,
	} {
		if got := parseAnalyzed(t, text).NamesRunImage(); got != want {
			t.Errorf("%q: %t", text, got)
		}
	}
}

func TestAnalyzedRefuses(t *testing.T) {
	for _, text := range []string{"[run-image]\nimage = 1\n", "run-image = \"a\"\n", "[build-image]\nreference = []\n", "a = \n", "a = 1\na = 2\n", "[[run-image]]\n"} {
		if _, err := ParseAnalyzed("there/analyzed.toml", []byte(text)); err == nil || !strings.HasPrefix(err.Error(), "there/analyzed.toml: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
