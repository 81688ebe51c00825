// Package dist shows that releases can be used as the documentation says: it runs every command of the documents for people.
package dist

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
	"github.com/cnb-prelude/prelude/testhelpers/layouts"
)

// nobody is the user as whom commands run if the tests run as root.
const nobody = 65534

// bin is a directory with detector, generator, overlay and the compiled example.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "prelude-dist-")
	if err == nil {
		bin = filepath.Join(dir, "bin")
		err = errors.Join(os.Chmod(dir, 0o755),
			testhelpers.Executables("../..", bin, "./cmd/detector", "./cmd/generator", "./examples/src/entrypoint"),
			testhelpers.Executables("../../tools", bin, "./overlay"))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// world is an empty directory, and commands in it run as a user without privileges.
type world struct {
	*testing.T
	dir string
}

func newWorld(t *testing.T) world {
	t.Helper()
	dir, err := os.MkdirTemp("", "prelude-docs-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return world{t, dir}
}

func (s world) check(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// sh runs commands in the world, and returns all that they print.
func (s world) sh(script string) (string, error) {
	s.Helper()
	command := exec.Command("sh", "-eu")
	command.Stdin = strings.NewReader(script)
	command.Dir = s.dir
	command.Env = []string{"PATH=" + bin + ":" + os.Getenv("PATH"), "HOME=" + s.dir, "TMPDIR=" + s.dir, "LC_ALL=C"}
	if os.Geteuid() == 0 {
		s.check(filepath.WalkDir(s.dir, func(path string, _ os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, nobody, nobody)
		}))
		testhelpers.Unprivileged(command)
	}
	out, err := command.CombinedOutput()
	return string(out), err
}

// examples puts a copy of the examples into the world, with the compiled one, and an empty layers directory.
func (s world) examples() {
	s.Helper()
	s.check(testhelpers.CopyTree("../../examples", filepath.Join(s.dir, "examples")))
	program, err := os.ReadFile(filepath.Join(bin, "entrypoint"))
	s.check(err)
	for _, name := range []string{"detect", "generate"} {
		path := filepath.Join(s.dir, "examples/extensions/samples_entrypoint/1.1.0/bin", name)
		s.check(os.MkdirAll(filepath.Dir(path), 0o755))
		os.Remove(path)
		s.check(os.WriteFile(path, program, 0o755))
	}
}

// lifecycle puts the archive of a lifecycle into the world, in which all executables are links to one, as in the reference's.
func (s world) lifecycle() {
	s.Helper()
	var out bytes.Buffer
	packed := gzip.NewWriter(&out)
	w := tar.NewWriter(packed)
	file := func(name, data string, mode int64) {
		s.check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(data))}))
		_, err := w.Write([]byte(data))
		s.check(err)
	}
	file("lifecycle.toml", "[apis.buildpack]\nsupported = [\"0.7\", \"0.12\"]\n[apis.platform]\nsupported = [\"0.7\", \"0.15\"]\n[lifecycle]\nversion = \"0.0.1\"\n", 0o644)
	s.check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "lifecycle/", Mode: 0o755}))
	for _, name := range []string{"analyzer", "builder", "creator", "detector", "exporter", "extender", "rebaser", "restorer"} {
		s.check(w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "lifecycle/" + name, Linkname: "lifecycle"}))
	}
	file("lifecycle/launcher", "#!/bin/sh\n", 0o755)
	file("lifecycle/lifecycle", "#!/bin/sh\necho the lifecycle as \"${0##*/}\"\n", 0o755)
	s.check(w.Close())
	s.check(packed.Close())
	s.check(os.WriteFile(filepath.Join(s.dir, "lifecycle.tgz"), out.Bytes(), 0o644))
}

// builder puts the image of a builder into the world, as an OCI layout, with the lifecycle of an archive that is there.
func (s world) builder() {
	s.Helper()
	if out, err := s.sh("mkdir cnb && tar xzf lifecycle.tgz -C cnb lifecycle && tar cf layer.tar cnb && rm -r cnb"); err != nil {
		s.Fatalf("%v\n%s", err, out)
	}
	const metadata = `{"lifecycle":{"apis":{"buildpack":{"supported":["0.7","0.12"]},"platform":{"supported":["0.7","0.15"]}}}}`
	layer := filepath.Join(s.dir, "layer.tar")
	layouts.SaveBuilder(s.T, filepath.Join(s.dir, "noble"), runtime.GOARCH, metadata, layer)
	s.check(os.Remove(layer))
}

// run types all commands of a document into one shell, one block after the other, and compares what each block prints with what the
// document shows, or with nothing if it shows nothing; "…" stands for any text. UPDATE=1 puts what is printed into the document.
// A block with a mark is not run here:
//   - untried: nothing runs it, and the line before it says so (TestUntried);
//   - registry: it needs a registry or a whole release; tests of the tools run the like;
//   - platforms: make platforms runs it;
//   - needs=<command>: it is run if there is a command of that name, or a Debian package that can be installed;
//   - root: it is for readers who are root, and ends in a shell for another user (TestAsRoot).
func (s world) run(document string) {
	s.Helper()
	text, err := os.ReadFile(document)
	s.check(err)
	fences, err := parseFences(string(text))
	if err != nil {
		s.Fatalf("%s: %v", document, err)
	}
	commands := slices.DeleteFunc(commandsOf(fences), func(c command) bool { return !s.toRun(document, c) })
	if len(commands) == 0 {
		s.Fatalf("%s has no commands that can be run", document)
	}
	printed := s.typeIn(document, commands)
	changed, moved := string(text), 0
	for i, out := range printed {
		c := commands[i]
		if c.shown.matches(out) {
			continue
		}
		if os.Getenv("UPDATE") == "" || c.shown.end == 0 {
			s.Errorf("%s:%d: these commands print something else:\n%s\n--- shown\n%s\n--- printed\n%s", document, c.line, c.body, c.shown.body, out)
			continue
		}
		changed = changed[:c.shown.start+moved] + out + changed[c.shown.end+moved:]
		moved += len(out) - len(c.shown.body)
	}
	if changed != string(text) {
		s.check(os.WriteFile(document, []byte(changed), 0o644))
	}
}

// toRun reports whether to run commands, by their mark.
func (s world) toRun(document string, c command) bool {
	s.Helper()
	needed, needs := strings.CutPrefix(c.mark, "needs=")
	switch {
	case c.mark == "":
		return true
	case slices.Contains([]string{"root", "registry", "platforms", "untried"}, c.mark):
		return false
	case !needs:
		s.Fatalf("%s:%d: unknown mark %q", document, c.line, c.mark)
	}
	_, err := exec.LookPath(needed)
	if err != nil && testhelpers.Long() && os.Getenv("CI") == "true" {
		s.Fatal(err)
	}
	return err == nil && testhelpers.Long()
}

// typeIn runs commands in one shell, and returns what each block of them has printed. A command that fails ends the test.
func (s world) typeIn(document string, commands []command) []string {
	s.Helper()
	const mark = "--8<-- end of block --8<--\n"
	var script strings.Builder
	for _, c := range commands {
		fmt.Fprintf(&script, "%secho '%s'\n", strings.ReplaceAll(c.body, "linux-amd64", "linux-"+runtime.GOARCH), strings.TrimSpace(mark))
	}
	out, err := s.sh(script.String())
	out = strings.ReplaceAll(out, "linux-"+runtime.GOARCH, "linux-amd64")
	printed := strings.Split(out, mark)
	if err != nil {
		c := commands[min(len(printed), len(commands))-1]
		s.Fatalf("%s:%d: %v\n%s\n--- printed\n%s", document, c.line, err, c.body, printed[len(printed)-1])
	}
	return printed[:len(printed)-1]
}

func TestGettingStarted(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	s.examples()
	s.run("../../docs/getting-started.md")
}

func TestRecipes(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	s.examples()
	s.run("../../docs/extensions.md")
}

// TestAsRoot: the command for readers who are root gives them a shell in which the page can be followed.
func TestAsRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		testhelpers.Lacking(t, "only root can follow what the page says for root")
	}
	text, err := os.ReadFile("../../docs/getting-started.md")
	if err != nil {
		t.Fatal(err)
	}
	fences, err := parseFences(string(text))
	if err != nil {
		t.Fatal(err)
	}
	commands := slices.DeleteFunc(commandsOf(fences), func(c command) bool { return c.mark != "root" })
	if len(commands) != 1 {
		t.Fatalf("there are %d blocks for root", len(commands))
	}
	shell := exec.Command("sh", "-c", commands[0].body)
	shell.Dir = t.TempDir()
	if err := testhelpers.CopyTree("../../examples", filepath.Join(shell.Dir, "examples")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(shell.Dir), 0o755); err != nil { // others may go where the reader is
		t.Fatal(err)
	}
	shell.Stdin = strings.NewReader("id -un\ncp -R examples/minimal my-extension\necho it can be written > my-extension/file\ncat my-extension/file\n")
	out, err := shell.CombinedOutput()
	if want := "nobody\nit can be written\n"; err != nil || string(out) != want {
		t.Errorf("%v\n%s\nwant\n%s", err, out, want)
	}
}

func TestPlatforms(t *testing.T) {
	t.Parallel()
	s := newWorld(t)
	s.examples()
	s.run("../../docs/platforms.md")
}

// TestReleases makes a release for this machine's architecture: archive, checksums, image.
func TestReleases(t *testing.T) {
	testhelpers.OnlyLong(t)
	dist := t.TempDir()
	release := exec.Command("sh", "-euc", "go run ./dist -o $D -arch $ARCH && go run ./image -dist $D -o $D/image -arch $ARCH")
	release.Dir = "../../tools"
	release.Env = append(os.Environ(), "D="+dist, "ARCH="+runtime.GOARCH, "SOURCE_DATE_EPOCH=1000000000")
	if out, err := release.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Run("for operators", func(t *testing.T) { operators(t, dist) })
	t.Run("an archive alone", func(t *testing.T) { archive(t, dist) })
}

func operators(t *testing.T, dist string) {
	s := newWorld(t)
	s.check(testhelpers.CopyTree(dist, filepath.Join(s.dir, "dist")))
	s.lifecycle()
	s.builder()
	s.examples()
	s.run("../../docs/operators/install.md")
}

// archive shows that a new directory with nothing in it but an archive's content – and the archive of a lifecycle, which everybody
// brings along – is enough for what the archive's own README says, up to pack.
func archive(t *testing.T, dist string) {
	s := newWorld(t)
	archives, err := filepath.Glob(filepath.Join(dist, "*.tgz"))
	s.check(err)
	if out, err := exec.Command("tar", "xzf", archives[0], "-C", s.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s.lifecycle()
	s.run("../../tools/dist/README.md")
	out, err := s.sh("mkdir made && tar xzf lifecycle-prelude.tgz -C made && made/lifecycle/detector -version && made/lifecycle/generator -version && made/lifecycle/analyzer && cat README.md")
	readme, _ := os.ReadFile("../../tools/dist/README.md")
	if want := "0.0.0\n0.0.0\nthe lifecycle as analyzer\n" + string(readme); err != nil || out != want {
		t.Errorf("%v\n%s", err, out)
	}
}

// pages are the documents for people, below docs and elsewhere.
func pages(t *testing.T) []string {
	t.Helper()
	found := []string{"../../README.md", "../../CONTRIBUTING.md", "../../tools/dist/README.md"}
	for _, pattern := range []string{"../../docs/*.md", "../../docs/*/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil || len(more) == 0 {
			t.Fatal(pattern, err)
		}
		found = append(found, more...)
	}
	return found
}

// TestUntried: readers are told which commands nothing has run.
func TestUntried(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for i, line := range lines {
			if line == "```sh untried" && !strings.Contains(strings.ToLower(lines[max(i-2, 0)]), "untried") {
				t.Errorf("%s:%d: these commands are not run, and the line before them does not say untried", page, i+1)
			}
		}
	}
}

// TestLinks: links between the documents lead somewhere.
func TestLinks(t *testing.T) {
	s := world{t, ""}
	for _, name := range pages(t) {
		if strings.HasPrefix(name, "../../tools/") { // it is read in an archive
			continue
		}
		text, err := os.ReadFile(name)
		s.check(err)
		for _, link := range regexp.MustCompile(`\]\(([^)#]*)(?:#([^)]*))?\)`).FindAllStringSubmatch(string(text), -1) {
			if strings.HasPrefix(link[1], "https://") {
				continue
			}
			path := filepath.Join(filepath.Dir(name), link[1])
			if link[1] == "" {
				path = name
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			} else if !info.IsDir() && link[2] != "" && !slices.Contains(anchors(s, path), link[2]) {
				t.Errorf("%s: %s has no #%s", name, path, link[2])
			}
		}
	}
}

// anchors are the names by which links lead to the titles of a page.
func anchors(s world, path string) []string {
	text, err := os.ReadFile(path)
	s.check(err)
	var found []string
	for _, title := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
		plain := regexp.MustCompile(`[^a-z0-9 _-]`).ReplaceAllString(strings.ToLower(title[1]), "")
		found = append(found, strings.ReplaceAll(plain, " ", "-"))
	}
	return found
}
