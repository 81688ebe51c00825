package platform

import (
	"bytes"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
)

func module(kind buildpack.Kind, id, api, homepage string) *buildpack.Module {
	return &buildpack.Module{
		Ref:        buildpack.Ref{Kind: kind, ID: id, Version: "1"},
		Descriptor: buildpack.Descriptor{API: api, Homepage: homepage},
	}
}

// The bytes of group.toml: no optional, no extension key, no empty ones; the API as the module writes it.
func TestGroupIsWritten(t *testing.T) {
	text, err := NewGroup([]*buildpack.Module{
		module(buildpack.KindExtension, "e", "0.9", ""),
		module(buildpack.KindBuildpack, "a/b", "0.10", "https://a.example"),
		module(buildpack.KindBuildpack, "c", "0.7", ""),
	}).Encode()
	const want = `[[group]]
  id = "a/b"
  version = "1"
  api = "0.10"
  homepage = "https://a.example"

[[group]]
  id = "c"
  version = "1"
  api = "0.7"

[[group-extensions]]
  id = "e"
  version = "1"
  api = "0.9"
`
	if diff := cmp.Diff(want, string(text)); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
}

// The bytes of plan.toml: extension only where it is true, metadata with their types, nothing for an empty plan.
func TestPlanIsWritten(t *testing.T) {
	metadata := map[string]any{}
	const types = `
"a key" = "text \"quoted\"\n"
array = [1, 2]
bool = true
date = 1979-05-27
datetime = 1979-05-27T07:32:00.5Z
float = 1.0
int = 42
local = 1979-05-27T07:32:00
offset = 1979-05-27T07:32:00+02:00
time = 07:32:00
[deep]
x = "y"
`
	if _, err := toml.Decode(types, &metadata); err != nil {
		t.Fatal(err)
	}
	text, err := Plan{Entries: []buildpack.PlanEntry{
		{
			Providers: []buildpack.Provider{{ID: "e", Version: "1", Extension: true}, {ID: "a", Version: "2"}},
			Requires:  []buildpack.Require{{Name: "x"}, {Name: "x", Metadata: metadata}},
		},
	}}.Encode()
	const want = `[[entries]]

  [[entries.providers]]
    id = "e"
    version = "1"
    extension = true

  [[entries.providers]]
    id = "a"
    version = "2"

  [[entries.requires]]
    name = "x"

  [[entries.requires]]
    name = "x"
    [entries.requires.metadata]
      "a key" = "text \"quoted\"\n"
      array = [1, 2]
      bool = true
      date = 1979-05-27
      datetime = 1979-05-27T07:32:00.5Z
      float = 1.0
      int = 42
      local = 1979-05-27T07:32:00
      offset = 1979-05-27T07:32:00+02:00
      time = 07:32:00
      [entries.requires.metadata.deep]
        x = "y"
`
	if diff := cmp.Diff(want, string(text)); diff != "" || err != nil {
		t.Errorf("%v\n%s", err, diff)
	}
	if text, err := (Plan{}).Encode(); err != nil || len(text) > 0 {
		t.Errorf("empty plan: %q %v", text, err)
	}
}

// What is read and written again is the same, however often.
func FuzzPlanFile(f *testing.F) {
	f.Add([]byte("[[entries]]\n[[entries.providers]]\nid = 'a'\nextension = true\n[[entries.requires]]\nname = 'x'\n[entries.requires.metadata]\nd = 1979-05-27\nl = [[1], ['a', {b = 2.0}]]\n"))
	f.Add([]byte("[[entries]]\nrequires = [{name = 'x', metadata = {a = {b = {}}}}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		roundTrip(t, data, func(path string, data []byte) (interface{ Encode() ([]byte, error) }, error) {
			var p Plan
			return &p, decode(path, data, &p)
		})
	})
}

func FuzzGroupFile(f *testing.F) {
	f.Add([]byte("[[group]]\nid = 'a'\nversion = '1'\napi = '0.10'\n[[group-extensions]]\nid = 'e'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		roundTrip(t, data, func(path string, data []byte) (interface{ Encode() ([]byte, error) }, error) {
			var g Group
			return &g, decode(path, data, &g)
		})
	})
}

func roundTrip(t *testing.T, data []byte, read func(path string, data []byte) (interface{ Encode() ([]byte, error) }, error)) {
	value, err := read("x.toml", data)
	if err != nil {
		return
	}
	first, err := value.Encode()
	if err != nil {
		return // the encoder has no form for it; whoever writes it reports that
	}
	again, err := read("again.toml", first)
	if err != nil {
		t.Fatalf("not readable any more: %v\n%s", err, first)
	}
	second, err := again.Encode()
	if err != nil || !bytes.Equal(first, second) {
		t.Fatalf("%v: first\n%s\nthen\n%s", err, first, second)
	}
}
