package main

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"debug/buildinfo"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	cdx "github.com/CycloneDX/cyclonedx-go"

	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/testhelpers"
	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// checkout makes a commit of the work tree as it is, in another directory: the same commit each time.
func checkout(t *testing.T, dir string) {
	t.Helper()
	command := exec.Command("sh", "-euc", `
		mkdir -p "$1"
		(cd ../.. && git ls-files -z --cached --others --exclude-standard --deduplicate | while IFS= read -r -d "" f; do [ ! -f "$f" ] || printf "%s\0" "$f"; done | tar cf - --null --no-recursion -T -) | tar xf - -C "$1"
		cd "$1"
		git init -q . && git add -A && git -c user.name=x -c user.email=x@x.invalid commit -q -m x`, "sh", dir)
	command.Args[0] = "bash"
	command.Path, _ = exec.LookPath("bash")
	command.Env = append(os.Environ(), "GIT_AUTHOR_DATE=2001-09-09T01:46:40Z", "GIT_COMMITTER_DATE=2001-09-09T01:46:40Z", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1")
	if out, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestRelease runs `make dist image` for the same commit in two directories, in other surroundings, and demands the same bytes.
// Then it looks at what came out.
func TestRelease(t *testing.T) {
	testhelpers.OnlyLong(t)
	top := t.TempDir()
	dirs := []string{filepath.Join(top, "a"), filepath.Join(top, "another", "much", "deeper")}
	var digests []string
	for i, dir := range dirs {
		checkout(t, dir)
		command := exec.Command("make", "dist", "image")
		command.Dir = dir
		for _, variable := range os.Environ() {
			if !strings.HasPrefix(variable, "MAKE") && !strings.HasPrefix(variable, "SOURCE_DATE_EPOCH=") {
				command.Env = append(command.Env, variable)
			}
		}
		if i == 1 {
			command.Env = append(command.Env, "TZ=Asia/Tokyo", "LC_ALL=C", "GOAMD64=v3", "USER=somebody", "TMPDIR="+t.TempDir())
		}
		if out, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		} else if strings.Contains(string(out), "Warning") {
			t.Errorf("%s", out)
		}
		digests = append(digests, digestsOf(t, filepath.Join(dir, "dist")))
	}
	if digests[0] != digests[1] {
		t.Errorf("the same commit made other bytes:\n%s\n%s", digests[0], digests[1])
	}
	dist := filepath.Join(dirs[0], "dist")
	check := exec.Command("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS")
	check.Dir = dist
	if out, err := check.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, system := range release.Elsewhere {
		elsewhere(t, filepath.Join(dist, "prelude-try-0.0.0-"+strings.ReplaceAll(system, "/", "-")+".tgz"), files(t, dist))
	}
	archives, err := filepath.Glob(filepath.Join(dist, "prelude-0*.tgz"))
	if err != nil || len(archives) != len(release.Architectures) {
		t.Fatalf("%q, %v", archives, err)
	}
	for _, path := range archives {
		t.Run(filepath.Base(path), func(t *testing.T) { inspect(t, path) })
	}
	// What `make build` makes and what is released are the same.
	build := exec.Command("make", "build")
	build.Dir = dirs[0]
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	files := unpacked(t, filepath.Join(dist, "prelude-0.0.0-linux-"+runtime.GOARCH+".tgz"))
	for _, name := range release.Executables {
		built, err := os.ReadFile(filepath.Join(dirs[0], "bin", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(built, files["lifecycle/"+name].Data) {
			t.Errorf("%s: `make build` and `make dist` make different ones", name)
		}
	}
	// With a tag, the version is the tag's.
	tagged := exec.Command("sh", "-euc", "git tag v1.2.3; make build >&2; bin/detector -version; git rev-parse --short=12 HEAD")
	tagged.Dir = dirs[0]
	out, err := tagged.Output()
	if lines := strings.Fields(string(out)); err != nil || len(lines) != 2 || lines[0] != "1.2.3+"+lines[1] {
		t.Errorf("%v: version and commit are %q", err, out)
	}
}

// TestChangelog: each version that has a tag has an entry, with a date.
func TestChangelog(t *testing.T) {
	log, err := os.ReadFile("../../CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^## \d+\.\d+\.\d+, `).Match(log) {
		t.Error("there is no entry for any version")
	}
	tags, err := exec.Command("git", "tag", "--list", "v*").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range strings.Fields(string(tags)) {
		if !regexp.MustCompile(`(?m)^## ` + regexp.QuoteMeta(tag[1:]) + `, \d{4}-\d\d-\d\d$`).Match(log) {
			t.Errorf("there is no entry for %s with a date", tag)
		}
	}
}

func digestsOf(t *testing.T, dir string) string {
	t.Helper()
	var sums strings.Builder
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(dir, path)
		fmt.Fprintf(&sums, "%x %s\n", sha256.Sum256(data), name)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return sums.String()
}

func unpacked(t *testing.T, path string) map[string]release.File {
	t.Helper()
	packed, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(packed[3:8], make([]byte, 5)) {
		t.Errorf("gzip's header has a name, a time or more: %x", packed[:10])
	}
	plain, err := release.Gunzip(packed)
	if err != nil {
		t.Fatal(err)
	}
	last := ""
	for r := tar.NewReader(bytes.NewReader(plain)); ; {
		header, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if header.Name <= last {
			t.Errorf("%s comes after %s", header.Name, last)
		}
		last = header.Name
		if header.ModTime.Unix() != 1e9 || header.Uid != 0 || header.Gid != 0 || header.Uname != "" || header.Gname != "" {
			t.Errorf("%s: time %s, owner %d:%d %s:%s", header.Name, header.ModTime, header.Uid, header.Gid, header.Uname, header.Gname)
		}
	}
	files, err := release.Untar(plain)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// files are those of the archives for Linux, by architecture, of which there are detectors in other archives.
func files(t *testing.T, dist string) map[string]map[string]release.File {
	t.Helper()
	all := map[string]map[string]release.File{}
	for _, arch := range []string{"amd64", "arm64"} {
		all[arch] = unpacked(t, filepath.Join(dist, "prelude-0.0.0-linux-"+arch+".tgz"))
	}
	return all
}

// elsewhere looks at the archive of try for another system: the released detectors are in it.
func elsewhere(t *testing.T, path string, linux map[string]map[string]release.File) {
	t.Helper()
	files := unpacked(t, path)
	program := files["try"]
	if strings.Contains(path, "windows") {
		program = files["try.exe"]
	}
	if len(files["LICENSE"].Data) == 0 || len(files["licenses/std/LICENSE"].Data) == 0 || !program.Executable {
		t.Errorf("%s lacks a licence or the program", path)
	}
	for arch, archive := range linux {
		if !bytes.Contains(program.Data, archive["lifecycle/detector"].Data) {
			t.Errorf("%s has not the detector for %s", path, arch)
		}
	}
	bill(t, program, files[program.Name+".sbom.cdx.json"].Data)
}

// inspect looks at an archive before it is installed.
func inspect(t *testing.T, path string) {
	files := unpacked(t, path)
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64, "ppc64le": elf.EM_PPC64, "s390x": elf.EM_S390}
	arch := strings.TrimSuffix(path[strings.LastIndex(path, "-")+1:], ".tgz")
	for _, name := range []string{"LICENSE", "README.md", "lifecycle.toml", "licenses/github.com/BurntSushi/toml/COPYING", "licenses/std/LICENSE"} {
		if len(files[name].Data) == 0 {
			t.Errorf("it has no %s", name)
		}
	}
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	if goLicence, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "LICENSE")); err == nil && !bytes.Equal(goLicence, files["licenses/std/LICENSE"].Data) {
		t.Error("the licence of Go's standard library has changed")
	}
	for _, name := range append([]string{"lifecycle/detector", "lifecycle/generator"}, release.Tools...) {
		program := files[name]
		if !program.Executable {
			t.Errorf("%s is not executable", name)
		}
		parsed, err := elf.NewFile(bytes.NewReader(program.Data))
		if err != nil {
			t.Fatal(err)
		}
		if parsed.Machine != machines[arch] {
			t.Errorf("%s is for %s", name, parsed.Machine)
		}
		if slices.ContainsFunc(parsed.Progs, func(p *elf.Prog) bool { return p.Type == elf.PT_INTERP }) {
			t.Errorf("%s is not static", name)
		}
		bill(t, program, files[name+".sbom.cdx.json"].Data)
	}
	var descriptor release.Descriptor
	meta, err := toml.Decode(string(files["lifecycle.toml"].Data), &descriptor)
	if err != nil || len(meta.Undecoded()) > 0 {
		t.Errorf("lifecycle.toml: %v %v", err, meta.Undecoded())
	}
	if descriptor.Lifecycle.Version != "0.0.0" {
		t.Errorf("lifecycle.toml: version %s", descriptor.Lifecycle.Version)
	}
	for _, list := range []struct {
		versions []string
		table    api.Supported
	}{{descriptor.APIs.Platform.Supported, api.PlatformAPIs()}, {descriptor.APIs.Buildpack.Supported, api.BuildpackAPIs()}} {
		for minor := range 100 {
			if v := api.V(0, minor); slices.Contains(list.versions, v.String()) != list.table.Has(v) {
				t.Errorf("lifecycle.toml: %s is among %q: want %t", v, list.versions, list.table.Has(v))
			}
		}
	}
	if arch != runtime.GOARCH {
		return
	}
	for _, name := range append([]string{"lifecycle/detector", "lifecycle/generator"}, release.Tools...) {
		program := filepath.Join(t.TempDir(), filepath.Base(name))
		if err := os.WriteFile(program, files[name].Data, 0o755); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(program, "-version").Output(); err != nil || !strings.HasPrefix(string(out), "0.0.0+") {
			t.Errorf("%s -version: %q %v", name, out, err)
		}
	}
}

// bill compares a bill of materials with the executable that it is of.
func bill(t *testing.T, program release.File, text []byte) {
	t.Helper()
	var b cdx.BOM
	if err := cdx.NewBOMDecoder(bytes.NewReader(text), cdx.BOMFileFormatJSON).Decode(&b); err != nil {
		t.Fatalf("%s: %v", program.Name, err)
	}
	info, err := buildinfo.Read(bytes.NewReader(program.Data))
	if err != nil {
		t.Fatal(err)
	}
	if b.Metadata.Timestamp != "2001-09-09T01:46:40Z" {
		t.Errorf("%s: made %s", program.Name, b.Metadata.Timestamp)
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(program.Data)); (*b.Metadata.Component.Hashes)[0].Value != sum {
		t.Errorf("%s: it is of another executable", program.Name)
	}
	has := map[string]string{}
	for _, c := range *b.Components {
		has[c.Name] = c.Version
		if c.Licenses == nil || len(*c.Licenses) == 0 || (*c.Licenses)[0].License.ID == "" {
			t.Errorf("%s: %s has no licence", program.Name, c.Name)
		}
	}
	if has["std"] != info.GoVersion || len(has) != len(info.Deps)+1 {
		t.Errorf("%s: %v", program.Name, has)
	}
	for _, dep := range info.Deps {
		want := dep.Version
		if dep.Path == "github.com/cnb-prelude/prelude" {
			want = "v0.0.0"
		}
		if has[dep.Path] != want {
			t.Errorf("%s: %s is %q, want %q", program.Name, dep.Path, has[dep.Path], want)
		}
	}
}
