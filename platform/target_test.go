package platform

import (
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/buildpack"
)

// B23: quotes are removed, malformed lines and comments skipped.
func TestParseOSRelease(t *testing.T) {
	for _, test := range []struct {
		why, text string
		want      buildpack.Distro
	}{
		{"Debian's", "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\nHOME_URL=\"https://www.debian.org/\"\n", buildpack.Distro{Name: "debian", Version: "12"}},
		{"Alpine's", "NAME=\"Alpine Linux\"\nID=alpine\nVERSION_ID=3.20.1\n", buildpack.Distro{Name: "alpine", Version: "3.20.1"}},
		{"single quotes", "ID='fedora'\nVERSION_ID='40'\n", buildpack.Distro{Name: "fedora", Version: "40"}},
		{"Windows line ends, blanks around", " ID=debian \r\n\tVERSION_ID=\"12\"\r\n", buildpack.Distro{Name: "debian", Version: "12"}},
		{"comments and empty lines", "# ID=no\n\n#VERSION_ID=0\nID=debian\n", buildpack.Distro{Name: "debian"}},
		{"lines without an equals sign", "ID\nnonsense\nVERSION_ID=12\n=\n", buildpack.Distro{Version: "12"}},
		{"a quote that is not closed", "ID=\"debian\nVERSION_ID='12\n", buildpack.Distro{}},
		{"quotes that do not match", "ID=\"debian'\nVERSION_ID=12\n", buildpack.Distro{Version: "12"}},
		{"a lone quote", "ID=\"\nVERSION_ID='\n", buildpack.Distro{}},
		{"an equals sign in a value", "ID=\"a=b\"\n", buildpack.Distro{Name: "a=b"}},
		{"other keys that look alike", "ID_LIKE=debian\nMY_ID=x\nVERSION=12\nid=x\n", buildpack.Distro{}},
		{"repeated: the last counts, as in a shell", "ID=a\nID=b\n", buildpack.Distro{Name: "b"}},
		{"no newline at the end", "ID=debian", buildpack.Distro{Name: "debian"}},
		{"nothing", "", buildpack.Distro{}},
	} {
		if diff := cmp.Diff(test.want, ParseOSRelease([]byte(test.text))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.why, diff)
		}
	}
}

func TestTargetOf(t *testing.T) {
	const debian = "ID=debian\nVERSION_ID=12\n"
	here := buildpack.Distro{Name: "debian", Version: "12"}
	for _, test := range []struct {
		why, analyzed, osRelease string
		want                     buildpack.Target
	}{
		{"nothing known: this system", "", debian, buildpack.Target{OS: "linux", Arch: runtime.GOARCH, Distros: []buildpack.Distro{here}}},
		{"no /etc/os-release either", "", "", buildpack.Target{OS: "linux", Arch: runtime.GOARCH}},
		{"a run image without a target", "[run-image]\nreference = \"x\"\n", debian, buildpack.Target{OS: "linux", Arch: runtime.GOARCH, Distros: []buildpack.Distro{here}}},
		{"all of it", "[run-image.target]\nos = \"linux\"\narch = \"arm\"\narch-variant = \"v7\"\n[run-image.target.distro]\nname = \"ubuntu\"\nversion = \"24.04\"\n", "-", buildpack.Target{OS: "linux", Arch: "arm", Variant: "v7", Distros: []buildpack.Distro{{Name: "ubuntu", Version: "24.04"}}}},
		{"no distribution: this system's", "[run-image.target]\nos = \"linux\"\narch = \"arm\"\nvariant = \"v7\"\n", debian, buildpack.Target{OS: "linux", Arch: "arm", Variant: "v7", Distros: []buildpack.Distro{here}}},
		{"a distribution without a version", "[run-image.target]\nos = \"linux\"\narch = \"arm64\"\n[run-image.target.distro]\nname = \"ubuntu\"\n", "-", buildpack.Target{OS: "linux", Arch: "arm64", Distros: []buildpack.Distro{{Name: "ubuntu"}}}},
	} {
		analyzed, err := ParseAnalyzed("analyzed.toml", []byte(test.analyzed))
		if err != nil {
			t.Fatal(err)
		}
		asked := false
		got := TargetOf(analyzed, func() []byte { asked = true; return []byte(test.osRelease) })
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.why, diff)
		}
		if asked == (test.osRelease == "-") {
			t.Errorf("%s: looked at /etc/os-release: %t", test.why, asked)
		}
	}
}

func FuzzOSRelease(f *testing.F) {
	f.Add("ID=debian\nVERSION_ID=\"12\"\n")
	f.Add("ID='\n=\n#\nID")
	f.Fuzz(func(t *testing.T, text string) {
		distro := ParseOSRelease([]byte(text))
		if distro == (buildpack.Distro{}) || !utf8.ValidString(text) {
			return
		}
		// What was read and is written again reads the same, and it stood in the text.
		again := ParseOSRelease([]byte("ID=\"" + distro.Name + "\"\nVERSION_ID=\"" + distro.Version + "\"\n"))
		if again != distro || !strings.Contains(text, distro.Name) || !strings.Contains(text, distro.Version) {
			t.Errorf("%q: %+v, then %+v", text, distro, again)
		}
	})
}
