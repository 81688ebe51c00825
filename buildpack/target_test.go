package buildpack

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/internal/api"
)

// target reads "os/arch/variant name version|name version"; "-" stands for an empty field.
func target(text string) Target {
	platform, distros, _ := strings.Cut(text, " ")
	parts := append(strings.Split(platform, "/"), "", "")
	t := Target{OS: dash(parts[0]), Arch: dash(parts[1]), Variant: dash(parts[2])}
	for d := range strings.SplitSeq(distros, "|") {
		if name, version, ok := strings.Cut(d, " "); ok {
			t.Distros = append(t.Distros, Distro{Name: dash(name), Version: dash(version)})
		}
	}
	return t
}

func dash(text string) string { return strings.Trim(text, "-") }

func targets(texts ...string) []Target {
	var all []Target
	for _, text := range texts {
		all = append(all, target(text))
	}
	return all
}

// B24: what does not fit says which field, wanted and found.
func TestMatchTargets(t *testing.T) {
	for _, test := range []struct {
		why     string
		targets []Target
		image   string
		want    string // empty: matches
	}{
		{"equal in every field", targets("linux/amd64/v2 debian 12"), "linux/amd64/v2 debian 12", ""},
		{"empty on the module's side", targets("-/-/-"), "linux/arm64/v8 debian 12", ""},
		{"empty on the image's side", targets("linux/arm/v7 debian 12"), "-/-/- debian 12", ""},
		{"no distributions listed match every one, and none", targets("linux/amd64"), "linux/amd64", ""},
		{"one of several distributions", targets("linux/amd64 ubuntu 22.04|debian 12"), "linux/amd64 debian 12", ""},
		{"a distribution of any version", targets("linux/amd64 debian -"), "linux/amd64 debian 12", ""},
		{"an image whose version is not known", targets("linux/amd64 debian 11"), "linux/amd64 debian -", ""},
		{"one of several targets", targets("windows/amd64", "linux/arm64", "linux/amd64"), "linux/amd64", ""},

		{"a wildcard", targets("windows", "*/*"), "linux/amd64", ""},
		{"a wildcard on the image's side", targets("windows/arm64 debian 12"), "*/*", ""},

		{"half a wildcard is none", targets("*/arm64"), "linux/arm64", "wants os *, found linux"},
		{"os", targets("windows"), "linux/amd64", "wants os windows, found linux"},
		{"arch", targets("linux/arm64"), "linux/amd64", "wants arch arm64, found amd64"},
		{"variant", targets("linux/arm/v6"), "linux/arm/v7", "wants variant v6, found v7"},
		{"distribution", targets("linux/amd64 debian 12"), "linux/amd64 ubuntu 24.04", "wants distro debian 12, found ubuntu 24.04"},
		{"version of the distribution", targets("linux/amd64 debian 12|debian 11"), "linux/amd64 debian 13", "wants distro debian 12 or debian 11, found debian 13"},
		{"an unknown distribution matches none", targets("linux/amd64 debian 12"), "linux/amd64", "wants distro debian 12, found none that is known"},
		{"two fields", targets("windows/arm64"), "linux/amd64", "wants os windows, found linux and wants arch arm64, found amd64"},
		{"two targets", targets("linux/arm64", "windows/amd64"), "linux/amd64", "wants arch arm64, found amd64; or wants os windows, found linux"},
		{"a module without targets does not care", nil, "linux/amd64 debian 12", ""},
	} {
		got := ""
		if err := MatchTargets(test.targets, target(test.image)); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.why, got, test.want)
		}
	}
}

// The rules once more, as docs/reference.md says them, for random targets and images.
func TestMatchTargetsAgreesWithTheRules(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	pick := func(options ...string) string { return options[random.IntN(len(options))] }
	distros := func(most int) []Distro {
		var all []Distro
		for range random.IntN(most + 1) {
			all = append(all, Distro{pick("", "debian", "ubuntu"), pick("", "1", "2")})
		}
		return all
	}
	equalOrEmpty := func(a, b string) bool { return a == "" || b == "" || a == b }
	for range 20000 {
		image := Target{OS: pick("", "linux", "windows"), Arch: pick("", "a", "b"), Variant: pick("", "v1", "v2"), Distros: distros(1)}
		var module []Target
		for range random.IntN(3) {
			module = append(module, Target{OS: pick("", "linux", "windows"), Arch: pick("", "a", "b"), Variant: pick("", "v1", "v2"), Distros: distros(2)})
		}
		want := len(module) == 0
		for _, m := range module {
			distro := len(m.Distros) == 0
			for _, d := range m.Distros {
				for _, of := range image.Distros {
					distro = distro || equalOrEmpty(d.Name, of.Name) && equalOrEmpty(d.Version, of.Version)
				}
			}
			want = want || equalOrEmpty(m.OS, image.OS) && equalOrEmpty(m.Arch, image.Arch) && equalOrEmpty(m.Variant, image.Variant) && distro
		}
		if got := MatchTargets(module, image) == nil; got != want {
			t.Fatalf("%+v on %+v: %t, want %t", module, image, got, want)
		}
	}
}

func TestInferTargets(t *testing.T) {
	const bionic = "io.buildpacks.stacks.bionic"
	onBionic, onLinux, anything := targets("linux/amd64/- ubuntu 18.04"), targets("linux"), targets("-")
	for _, test := range []struct {
		why   string
		kind  Kind
		minor int
		d     Descriptor
		bin   string
		want  []Target
	}{
		{why: "declared targets stand, whatever else there is", kind: KindBuildpack, minor: 10, d: Descriptor{Targets: targets("windows"), Stacks: []string{"*"}}, bin: "build", want: targets("windows")},
		{why: "bionic, from API 0.10 on", kind: KindBuildpack, minor: 10, d: Descriptor{Stacks: []string{"other", bionic}}, bin: "build", want: onBionic},
		{why: "bionic, before that, as the only stack", kind: KindBuildpack, minor: 9, d: Descriptor{Stacks: []string{bionic}}, bin: "build", want: onBionic},
		{why: "bionic, before that, as one of several, says nothing", kind: KindBuildpack, minor: 9, d: Descriptor{Stacks: []string{bionic, "other"}}, bin: "build", want: onLinux},
		{why: "any stack is any target", kind: KindBuildpack, minor: 7, d: Descriptor{Stacks: []string{"*"}}, bin: "", want: anything},
		{why: "both", kind: KindBuildpack, minor: 12, d: Descriptor{Stacks: []string{bionic, "*"}}, want: append(targets("linux/amd64/- ubuntu 18.04"), anything...)},
		{why: "other stacks say nothing; bin/build runs on linux", kind: KindBuildpack, minor: 10, d: Descriptor{Stacks: []string{"heroku-20"}}, bin: "build", want: onLinux},
		{why: "bin/detect alone says nothing of a buildpack", kind: KindBuildpack, minor: 10, bin: "detect", want: nil},
		{why: "other stacks and no bin/build say nothing", kind: KindBuildpack, minor: 10, d: Descriptor{Stacks: []string{"heroku-20"}}, want: nil},
		{why: "an extension with bin/detect", kind: KindExtension, minor: 9, bin: "detect", want: onLinux},
		{why: "an extension with bin/generate", kind: KindExtension, minor: 9, bin: "generate", want: onLinux},
		{why: "an extension with neither says nothing", kind: KindExtension, minor: 9, bin: "build", want: nil},
	} {
		got := test.d.InferTargets(test.kind, api.V(0, test.minor), func(name string) bool { return name == test.bin })
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.why, diff)
		}
	}
}

// Names that others have for the same machine are answered with the one that counts.
func TestMismatchNamesTheRightName(t *testing.T) {
	for _, test := range []struct{ want, found, text string }{
		{"arm64", "amd64", "wants arch arm64, found amd64"},
		{"x86_64", "amd64", "wants arch x86_64, found amd64 (which is how x86_64 has to be written)"},
		{"AMD64", "amd64", "wants arch AMD64, found amd64 (which is how AMD64 has to be written)"},
		{"aarch64", "amd64", "wants arch aarch64, found amd64"},
	} {
		if got := mismatch("arch", test.want, test.found); got != test.text {
			t.Errorf("%s, %s: %q", test.want, test.found, got)
		}
	}
}
