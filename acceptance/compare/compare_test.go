package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// ours is our detector, built once.
var ours string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "prelude-compare-test-")
	check(err)
	check(os.Chmod(dir, 0o755))
	ours = build(dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// Beside itself a detector differs in nothing, and nothing has to be explained.
func TestSameDetector(t *testing.T) {
	t.Setenv("PEER_DETECTOR", ours)
	code, out := compared(t, "-orders=8", "-each=1", "-seed=3")
	if code != 0 || out != "8 comparisons: 8 the same, 0 differ as docs/compatibility.md says, 0 differ otherwise\n" {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// An order with all its modules can be compared, without a change to any of its files.
func TestOwnOrder(t *testing.T) {
	const examples = "../../examples"
	before, err := testhelpers.Tree(examples)
	check(err)
	named(t, examples)
	t.Setenv("PEER_DETECTOR", ours)
	code, out := compared(t, "-platform-apis=0.13")
	if code != 0 || out != "1 comparisons: 1 the same, 0 differ as docs/compatibility.md says, 0 differ otherwise\n" {
		t.Errorf("exit code %d\n%s", code, out)
	}
	after, err := testhelpers.Tree(examples)
	check(err)
	if before != after {
		t.Errorf("the order's files are not as they were:\n%s", cmp.Diff(before, after))
	}
}

// Whatever a peer does otherwise is found, and what can be seen is kept.
func TestDoctoredPeer(t *testing.T) {
	ownOrder(t)
	for name, doctor := range map[string]string{
		"exit code":     `exit 20`,
		"group.toml":    `sed -i 's/version = "1"/version = "2"/' "$CNB_LAYERS_DIR/group.toml"`,
		"plan.toml":     `sed -i 's/name = "x"/name = "y"/' "$CNB_LAYERS_DIR/plan.toml"`,
		"analyzed.toml": `echo '[run-image]' >"$CNB_LAYERS_DIR/analyzed.toml"`,
		"generated":     `find "$CNB_LAYERS_DIR/generated" -name 'run.Dockerfile*' -exec sh -c 'echo RUN more >>"$0"' {} \;`,
		"output":        `echo 'ERROR: failed to detect: no buildpacks participating'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PEER_DETECTOR", doctored(t, doctor))
			code, out := compared(t, "-platform-apis=0.13")
			if code != 1 || !strings.Contains(out, "DIFFERS: your order, Platform API 0.13\n") || !strings.Contains(out, name+" (- ours, + peer):\n") ||
				!strings.Contains(out, "1 comparisons: 0 the same, 0 differ as docs/compatibility.md says, 1 differ otherwise\n") {
				t.Errorf("exit code %d\n%s", code, out)
			}
			_, kept, _ := strings.Cut(out, "  your order, Platform API 0.13: ")
			kept = strings.TrimSpace(kept)
			t.Cleanup(func() { os.RemoveAll(filepath.Dir(kept)) })
			for _, file := range []string{"ours-0.13.txt", "peer-0.13.txt", "order.toml", "app"} {
				if _, err := os.Stat(filepath.Join(kept, file)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A difference that docs/compatibility.md names is counted, with its number, and nothing fails.
func TestKnownDifference(t *testing.T) {
	ownOrder(t)
	t.Setenv("PEER_DETECTOR", doctored(t, `sed -i '/^\[build-image\]/,+1d' "$CNB_LAYERS_DIR/analyzed.toml"`))
	code, out := compared(t, "-platform-apis=0.13")
	if code != 0 || !strings.Contains(out, "differs as it should: your order, Platform API 0.13\n  B44: build-image.extend is written\n") ||
		!strings.Contains(out, "1 comparisons: 0 the same, 1 differ as docs/compatibility.md says, 0 differ otherwise\n       1 times B44: ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// What is taken out of a world explains a difference only if both do the same without it.
func TestTakenOut(t *testing.T) {
	world := func(t *testing.T) world {
		w := world{dir: t.TempDir(), platformAPI: "0.15"}
		write := func(name, text string) {
			m := maker{dir: w.dir}
			m.write(name, 0o755, text)
		}
		write("order.toml", "[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n")
		write("system.toml", "[[system.pre.buildpacks]]\nid = \"b\"\nversion = \"1\"\noptional = true\n")
		for id, code := range map[string]string{"a": "0", "b": "100"} {
			write("buildpacks/"+id+"/1/buildpack.toml", "api = \"0.10\"\n[buildpack]\nid = \""+id+"\"\nversion = \"1\"\n")
			write("buildpacks/"+id+"/1/bin/detect", "#!/bin/sh\nexit "+code+"\n")
		}
		write("app/file", "")
		for dir := w.dir; dir != os.TempDir(); dir = filepath.Dir(dir) {
			check(os.Chmod(dir, 0o755))
		}
		return w
	}
	// This peer does not honour optional in system.toml.
	literal := `#!/bin/sh
sed '/optional/d' "$CNB_SYSTEM_PATH" >"$CNB_LAYERS_DIR/system.toml"
CNB_SYSTEM_PATH="$CNB_LAYERS_DIR/system.toml" exec ` + ours + "\n"
	for _, test := range []struct{ name, peer, want string }{
		{"the peer is as the reference", literal, "[B14: optional is honoured in system.toml]"},
		{"the peer always fails", "#!/bin/sh\nexit 21\n", "[]"},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := world(t)
			before, err := testhelpers.Tree(filepath.Join(w.dir, "buildpacks"))
			check(err)
			c := comparison{ours: ours, peer: script(t, test.peer)}
			_, _, why, ok := c.compare(w)
			if got := fmt.Sprint(why); ok != (test.want != "[]") || ok && got != test.want {
				t.Errorf("%v, %v, want %s", got, ok, test.want)
			}
			after, err := testhelpers.Tree(filepath.Join(w.dir, "buildpacks"))
			check(err)
			if before != after {
				t.Errorf("the world is not as it was:\n%s", cmp.Diff(before, after))
			}
			if text, _ := os.ReadFile(filepath.Join(w.dir, "system.toml")); !strings.Contains(string(text), "optional") {
				t.Error("system.toml is not as it was")
			}
		})
	}
}

// Modules that the execution environment excludes are not checked for their target; others are (B48).
func TestExcludedNeeds(t *testing.T) {
	m := maker{dir: t.TempDir()}
	m.write("order.toml", 0o644, "[[order]]\n[[order.group]]\nid = \"b\"\nversion = \"1\"\nexec-env = [\"test\"]\n")
	for id, key := range map[string]string{"a": "exec-env = [\"test\"]\n", "b": "", "c": ""} {
		m.write("buildpacks/"+id+"/1/buildpack.toml", 0o644, "api = \"0.12\"\n[buildpack]\nid = \""+id+"\"\nversion = \"1\"\n"+key+"[[targets]]\nos = \"plan9\"\n")
	}
	var changed []string
	for _, c := range withoutExcludedNeeds(world{dir: m.dir}) {
		changed = append(changed, strings.TrimPrefix(c.place, m.dir+"/buildpacks/"))
	}
	if diff := cmp.Diff([]string{"a/1/buildpack.toml", "b/1/buildpack.toml"}, changed); diff != "" {
		t.Error(diff)
	}
}

// Changes of the same file stand on each other, and go in turn.
func TestChangesOfOneFile(t *testing.T) {
	m := maker{dir: t.TempDir()}
	const script = "FROM $base_image\nname = \"base_image\"\n"
	m.write("extensions/e/1/bin/generate", 0o755, script)
	w := world{dir: m.dir}
	now := func() string {
		text, err := os.ReadFile(filepath.Join(m.dir, "extensions/e/1/bin/generate"))
		check(err)
		return string(text)
	}
	forms := withoutForms(w)
	forms.swap()
	reserved := withoutReserved(w)
	reserved.swap()
	if want := "FROM ${base_image}\nname = \"base\"\n"; now() != want {
		t.Errorf("%q, want %q", now(), want)
	}
	reserved.swap()
	forms.swap()
	if now() != script {
		t.Errorf("%q, want %q", now(), script)
	}
}

// Each known difference in outcomes explains itself, and nothing that looks like it.
func TestAligned(t *testing.T) {
	entry := func(name string, providers ...string) map[string]any {
		var all []map[string]any
		for _, id := range providers {
			all = append(all, map[string]any{"id": id, "version": "1"})
		}
		return map[string]any{"providers": all, "requires": []map[string]any{{"name": name}}}
	}
	plan := func(entries ...map[string]any) outcome { return outcome{plan: map[string]any{"entries": entries}} }
	analyzed := func(table string, values map[string]any) outcome {
		return outcome{analyzed: map[string]any{table: values}}
	}
	group := outcome{group: map[string]any{"group": []map[string]any{{"id": "a"}}}}
	extensions := outcome{group: map[string]any{"group-extensions": []map[string]any{{"id": "a"}}}}
	failed := func(code int, output string) outcome { return outcome{exit: code, output: output} }
	generated := func(code int, text string) outcome {
		return outcome{exit: code, generated: map[string]string{"a/run.Dockerfile": text}}
	}
	silent := world{env: []string{"CNB_EXPERIMENTAL_MODE=silent"}}
	for _, test := range []struct {
		name         string
		w            world
		ours, theirs outcome
		want         string
	}{
		{"B01", silent, outcome{}, outcome{said: []string{requested}}, "B01"},
		{"B01 without silence", world{}, outcome{}, outcome{said: []string{requested}}, ""},
		{"B02", world{}, failed(12, "ERROR: failed to detect: buildpack API version '9'"), failed(22, ""), "B02"},
		{"B02 at the top level", world{}, failed(12, "ERROR: failed to initialize detector: buildpack API version '9'"), failed(22, ""), ""},
		{"B02 the other way", world{}, failed(22, ""), failed(12, "ERROR: failed to detect: buildpack API version '9'"), ""},
		{"B03", world{}, failed(21, "\nerr:  a@1"), failed(20, ""), "B03"},
		{"B03 without an error", world{}, failed(21, "\nfail: a@1"), failed(20, ""), ""},
		{"B03 the other way", world{}, failed(20, "\nerr:  a@1"), failed(21, "\nerr:  a@1"), ""},
		{"B12", world{}, outcome{exit: 91, generated: map[string]string{}}, generated(91, "left"), "B12"},
		{"B12 on success", world{}, outcome{generated: map[string]string{}}, generated(0, "left"), ""},
		{"B15", world{}, analyzed("run-image", map[string]any{"image": "a"}), outcome{analyzed: map[string]any{"run-image": map[string]any{"image": "a"}, "metadata": map[string]any{"sha": ""}}}, "B15"},
		{"B15 another image", world{}, analyzed("run-image", map[string]any{"image": "a"}), analyzed("run-image", map[string]any{"image": "b"}), ""},
		{"B16", world{}, plan(entry("x", "a"), entry("y", "b")), plan(entry("y", "b"), entry("x", "a")), "B16"},
		{"B16 an entry less", world{}, plan(entry("x", "a"), entry("y", "b")), plan(entry("x", "a")), ""},
		{"B16 but not of providers", world{}, plan(entry("x", "a", "b")), plan(entry("x", "b", "a")), ""},
		{"B27", world{}, generated(0, "x\n# CNB_EXEC_ENV=test\n"), generated(0, "x\n"), "B27"},
		{"B27 the target is another thing", world{}, generated(0, "# CNB_TARGET_OS=linux\n"), generated(0, ""), ""},
		{"B27 another value", world{}, generated(0, "# CNB_TARGET_OS=linux\n"), generated(0, "# CNB_TARGET_OS=windows\n"), ""},
		{"B31", world{}, group, extensions, "B31"},
		{"B31 the other way", world{}, extensions, group, ""},
		{"B44", world{}, analyzed("build-image", map[string]any{"extend": false}), outcome{}, "B44"},
		{"B44 another value", world{}, analyzed("build-image", map[string]any{"extend": false}), analyzed("build-image", map[string]any{"extend": true}), ""},
		{"B45", world{}, plan(entry("x", "a")), plan(entry("x", "a", "a")), "B45"},
		{"B47", world{}, analyzed("run-image", map[string]any{"extend": false}), analyzed("run-image", map[string]any{"extend": true}), "B47"},
		{"B47 the other way", world{}, analyzed("run-image", map[string]any{"extend": true}), analyzed("run-image", map[string]any{"extend": false}), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.w.dir = t.TempDir()
			why, ok := aligned(test.w, test.ours, test.theirs)
			if ok != (test.want != "") {
				t.Fatalf("%v, %v, want %q", why, ok, test.want)
			}
			if ok && (len(why) != 1 || why[0].number != test.want) {
				t.Errorf("%v, want %s", why, test.want)
			}
		})
	}
}

// The same seed makes the same worlds, and worlds have all that orders can have.
func TestRandom(t *testing.T) {
	dir := t.TempDir()
	var all strings.Builder
	for n := range uint64(150) {
		place := filepath.Join(dir, fmt.Sprint(n))
		check(os.Mkdir(place, 0o755))
		w := random(place, 5, n)
		fmt.Fprintln(&all, w.env)
		names, err := testhelpers.Names(place)
		check(err)
		for _, name := range names {
			text, _ := os.ReadFile(filepath.Join(place, name))
			fmt.Fprintf(&all, "%s\n%s\n", name, text)
		}
	}
	for _, want := range []string{
		"optional = true", "[[order-extensions]]", "[[system.pre.buildpacks]]", "[[system.post.buildpacks]]", "[[or.requires]]", "[[targets.distros]]", "[[stacks]]",
		"clear-env = true", "exec-env = [", "[[buildpack.exec-env]]", "buildpacks/some_x2/", "buildpacks/a/1/", "buildpacks/a/2/", "exit 100", "exit 255", "[[provide]]",
		"at = 1979-05-27T07:32:00Z", "inner = {", "platform/env/", "build-config/env/", "variant = ", `api = "0.99"`, `version = "missing"`, "/bin/generate", "/generate/run.Dockerfile",
		"FROM registry.example/other:2", "extend-config.toml", "context.run",
	} {
		if !strings.Contains(all.String(), want) {
			t.Errorf("no world has %q", want)
		}
	}
	again := filepath.Join(dir, "again")
	check(os.Mkdir(again, 0o755))
	random(again, 5, 7)
	first, err := testhelpers.Tree(filepath.Join(dir, "7"))
	check(err)
	second, err := testhelpers.Tree(again)
	check(err)
	if first != second {
		t.Errorf("the same seed made another world:\n%s", cmp.Diff(first, second))
	}
}

func TestTurns(t *testing.T) {
	count := map[string]int{}
	at := turns(strings.Fields(platformAPIs), 2)
	for n := range uint64(90) {
		for _, api := range at(n) {
			count[api]++
		}
	}
	for _, api := range strings.Fields(platformAPIs) {
		if count[api] != 20 {
			t.Errorf("Platform API %s has %d turns of 180, want 20", api, count[api])
		}
	}
}

func TestNotRun(t *testing.T) {
	t.Setenv("PEER_DETECTOR", "")
	if code, out := compared(t); code != 2 || out != "not run: there is no detector to compare with; please name one: make compare PEER_DETECTOR=/path/to/detector\n" {
		t.Errorf("exit code %d\n%s", code, out)
	}
	t.Setenv("PEER_DETECTOR", "/no/such/detector")
	if code, out := compared(t); code != 2 || !strings.HasPrefix(out, "not run: PEER_DETECTOR: ") {
		t.Errorf("exit code %d\n%s", code, out)
	}
}

// compared runs the command with our detector.
func compared(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var text bytes.Buffer
	code = run(append([]string{"-detector=" + ours}, args...), &text)
	return code, text.String()
}

// ownOrder is a small order, named in the environment as operators name theirs.
func ownOrder(t *testing.T) {
	t.Helper()
	m := maker{dir: t.TempDir()}
	m.write("order.toml", 0o644, "[[order]]\n[[order.group]]\nid = \"a\"\nversion = \"1\"\n[[order-extensions]]\n[[order-extensions.group]]\nid = \"e\"\nversion = \"1\"\n")
	m.write("buildpacks/a/1/buildpack.toml", 0o644, "api = \"0.10\"\n[buildpack]\nid = \"a\"\nversion = \"1\"\n")
	m.write("buildpacks/a/1/bin/detect", 0o755, "#!/bin/sh\nprintf '[[provides]]\\nname = \"x\"\\n[[requires]]\\nname = \"x\"\\n' >\"$2\"\n")
	m.write("extensions/e/1/extension.toml", 0o644, "api = \"0.10\"\n[extension]\nid = \"e\"\nversion = \"1\"\n")
	m.write("extensions/e/1/bin/generate", 0o755, "#!/bin/sh\nprintf 'ARG base_image\\nFROM ${base_image}\\nRUN true\\n' >\"$1/run.Dockerfile\"\n")
	m.write("app/file", 0o644, "")
	m.write("analyzed.toml", 0o644, "[run-image]\nreference = \"run\"\n[run-image.target]\nos = \"linux\"\n[run-image.target.distro]\nname = \"debian\"\nversion = \"12\"\n")
	t.Setenv("ANALYZED", filepath.Join(m.dir, "analyzed.toml"))
	named(t, m.dir)
}

// named names an order, its modules and its app, below a directory.
func named(t *testing.T, dir string) {
	t.Helper()
	for path := dir; path != os.TempDir() && path != "."; path = filepath.Dir(path) {
		if strings.HasPrefix(path, os.TempDir()) {
			check(os.Chmod(path, 0o755)) // a test's directories are private
		}
	}
	for variable, name := range map[string]string{"ORDER": "order.toml", "BUILDPACKS": "buildpacks", "EXTENSIONS": "extensions", "APP": "app"} {
		t.Setenv(variable, filepath.Join(dir, name))
	}
}

// doctored is a peer that is our detector, and then does something else.
func doctored(t *testing.T, then string) string {
	t.Helper()
	return script(t, "#!/bin/sh\n"+ours+" \"$@\"\ncode=$?\n"+then+"\nexit $code\n")
}

func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(filepath.Dir(ours), strings.ReplaceAll(t.Name(), "/", "-"))
	check(os.WriteFile(path, []byte(text), 0o755))
	return path
}
