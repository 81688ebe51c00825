package buildpack

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseDescriptor(t *testing.T) {
	d, warnings, err := ParseDescriptor(KindBuildpack, []byte(`
api = "0.12"
[buildpack]
id = "some/composite"
name = "A composite"
version = "1"
homepage = "https://composite.example"
clear-env = true
exec-env = ["test", "production"]
[[order]]
[[order.group]]
id = "a"
version = "1"
[[order.group]]
id = "b"
version = "2"
optional = true
[[order]]
[[order.group]]
id = "c"
version = "3"
[[targets]]
os = "linux"
arch = "arm64"
variant = "v8"
[[targets.distros]]
name = "debian"
version = "12"
[[stacks]]
id = "*"
`))
	if err != nil || len(warnings) > 0 {
		t.Fatal(err, warnings)
	}
	want := Descriptor{
		API: "0.12", ID: "some/composite", Name: "A composite", Version: "1", Homepage: "https://composite.example", ClearEnv: true,
		ExecEnv: []string{"test", "production"},
		Order:   Order{group("a@1", "b@2?"), group("c@3")},
		Targets: []Target{{OS: "linux", Arch: "arm64", Variant: "v8", Distros: []Distro{{"debian", "12"}}}},
		Stacks:  []string{"*"},
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
}

// B17: the specification's variant and the reference's arch-variant mean the same.
func TestVariantInBothNotations(t *testing.T) {
	for _, kind := range []Kind{KindBuildpack, KindExtension} {
		for _, key := range []string{"variant", "arch-variant"} {
			d, warnings, err := ParseDescriptor(kind, []byte("[[targets]]\narch = \"arm\"\n"+key+" = \"v7\"\n"))
			if err != nil || len(warnings) > 0 || len(d.Targets) != 1 || d.Targets[0].Variant != "v7" {
				t.Errorf("%s, %s: %+v %v %v", kind, key, d.Targets, warnings, err)
			}
		}
	}
}

// B18: exec-env as an array of strings and as the specification's tables.
func TestExecEnvInBothNotations(t *testing.T) {
	for _, kind := range []Kind{KindBuildpack, KindExtension} {
		for _, notation := range []string{
			"[K]\nexec-env = [\"test\", \"staging\"]\n",
			"[K]\nexec-env = [{name = \"test\"}, {name = \"staging\"}]\n",
			"[[K.exec-env]]\nname = \"test\"\n[[K.exec-env]]\nname = \"staging\"\n",
			"[K]\nexec-env = [\"test\", {name = \"staging\"}]\n",
		} {
			text := strings.ReplaceAll(notation, "K", string(kind))
			d, warnings, err := ParseDescriptor(kind, []byte(text))
			if err != nil || len(warnings) > 0 {
				t.Errorf("%s: %v %v", text, warnings, err)
			}
			if diff := cmp.Diff([]string{"test", "staging"}, d.ExecEnv); diff != "" {
				t.Errorf("%s: %s", text, diff)
			}
		}
		for _, wrong := range []string{"exec-env = \"test\"", "exec-env = 1", "exec-env = [1]", "exec-env = [{id = \"test\"}]", "exec-env = [[\"test\"]]"} {
			if _, _, err := ParseDescriptor(kind, []byte("["+string(kind)+"]\n"+wrong+"\n")); err == nil || !strings.Contains(err.Error(), "exec-env") {
				t.Errorf("%s: %v", wrong, err)
			}
		}
	}
}

// B11: keys of the specifications that are for others, and whatever is in metadata, are known; misspelt ones are not.
func TestKeysOfTheSpecificationsAreKnown(t *testing.T) {
	files, err := filepath.Glob("testdata/descriptors/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kind := KindBuildpack
		if strings.HasSuffix(file, "extension.toml") {
			kind = KindExtension
		}
		d, warnings, err := ParseDescriptor(kind, data)
		if err != nil || len(warnings) > 0 || d.API == "" || d.ID == "" {
			t.Errorf("%s: %+v %v %v", file, d, warnings, err)
		}
	}
	for _, test := range []struct {
		kind       Kind
		text, want string
	}{
		{KindBuildpack, "api = \"0.10\"\n[buildpack]\nid = \"a\"\nclear_env = true\n", `line 4: unknown key "buildpack.clear_env" (did you mean "clear-env"?)`},
		{KindBuildpack, "[[targets]]\n[[targets.distro]]\nname = \"debian\"\n", `line 2: unknown key "targets.distro" (did you mean "distros"?)`},
		{KindExtension, "[extension]\nhome-page = \"x\"\n", `line 2: unknown key "extension.home-page" (did you mean "homepage"?)`},
		{KindExtension, "[buildpack]\nid = \"a\"\n", `line 1: unknown key "buildpack"`},
	} {
		_, warnings, err := ParseDescriptor(test.kind, []byte(test.text))
		if err != nil || len(warnings) == 0 || warnings[0].String() != test.want {
			t.Errorf("%s: %v %v, want %s", test.text, warnings, err, test.want)
		}
	}
}

func FuzzDescriptor(f *testing.F) {
	f.Add([]byte("api = '0.10'\n[buildpack]\nid = 'a'\nexec-env = ['x']\n[[targets]]\nos = 'linux'\n[[targets.distros]]\nname = 'x'\n[[stacks]]\nid = '*'\n"))
	f.Add([]byte("[extension]\nid = 'e'\n[[extension.exec-env]]\nname = 'x'\n[metadata.a]\nb = 1979-05-27\n"))
	f.Add([]byte("[[order]]\n[[order.group]]\nid = 'a'\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, kind := range []Kind{KindBuildpack, KindExtension} {
			if _, warnings, err := ParseDescriptor(kind, data); err == nil {
				for _, w := range warnings {
					if w.Line < 0 || w.String() == "" {
						t.Errorf("%+v", w)
					}
				}
			}
		}
	})
}
