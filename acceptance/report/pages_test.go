package report

import (
	"cmp"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// world is a directory in which the unprivileged user may do what it likes.
type world struct {
	t   *testing.T
	dir string
}

// bin is where the executables are, which all stages share.
var bin string

// build makes them, when the first world needs them.
var build = sync.OnceValue(func() error {
	return testhelpers.Executables("../..", bin, "./cmd/detector", "./examples/src/entrypoint")
})

func TestMain(m *testing.M) {
	os.Exit(func() int {
		var err error
		if bin, err = os.MkdirTemp("", "prelude-report-"); err == nil {
			defer os.RemoveAll(bin)
			err = os.Chmod(bin, 0o755)
		}
		if err != nil {
			panic(err)
		}
		return m.Run()
	}())
}

func newWorld(t *testing.T) world {
	t.Helper()
	s := world{t, t.TempDir()}
	s.check(build())
	for path := s.dir; path != os.TempDir() && path != "/"; path = filepath.Dir(path) {
		s.check(os.Chmod(path, 0o777))
	}
	return s
}

func (s world) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s world) write(name, text string) {
	s.t.Helper()
	path, mode := filepath.Join(s.dir, name), os.FileMode(0o644)
	if filepath.Base(filepath.Dir(path)) == "bin" {
		mode = 0o755
	}
	s.check(os.MkdirAll(filepath.Dir(path), 0o755))
	s.check(os.WriteFile(path, []byte(text), mode))
}

// detect runs detector with a report, demands its exit code and returns the page.
func (s world) detect(code int, api string, arguments ...string) string {
	s.t.Helper()
	s.check(os.MkdirAll(filepath.Join(s.dir, "layers"), 0o777))
	s.check(os.Chmod(filepath.Join(s.dir, "layers"), 0o777))
	page := filepath.Join(s.dir, "report.html")
	command := exec.Command(filepath.Join(bin, "detector"), append(arguments, "-layers", "layers", "-report", page)...)
	command.Dir = s.dir
	command.Env = []string{"CNB_PLATFORM_API=" + api, "PATH=" + os.Getenv("PATH")}
	testhelpers.Unprivileged(command)
	out, _ := command.CombinedOutput() //nolint:errcheck // the code is looked at
	if got := command.ProcessState.ExitCode(); got != code {
		s.t.Fatalf("exit code %d, want %d\n%s", got, code, out)
	}
	text, err := os.ReadFile(page)
	s.check(err)
	return string(text)
}

// demo is the page of the project's examples.
func demo(t *testing.T) string {
	t.Helper()
	s := newWorld(t)
	s.check(testhelpers.CopyTree("../../examples", filepath.Join(s.dir, "examples")))
	for _, name := range []string{"detect", "generate"} {
		link := filepath.Join(s.dir, "examples/extensions/samples_entrypoint/1.1.0/bin", name)
		s.check(os.MkdirAll(filepath.Dir(link), 0o755))
		os.Remove(link)
		s.check(os.Symlink(filepath.Join(bin, "entrypoint"), link))
	}
	analyzed, err := os.ReadFile("../../examples/analyzed.toml")
	s.check(err)
	s.write("layers/analyzed.toml", string(analyzed))
	return s.detect(0, "0.13", "-app", "examples/app", "-buildpacks", "examples/buildpacks", "-extensions", "examples/extensions",
		"-order", "examples/order.toml", "-run", "examples/run.toml", "-platform", "examples/platform", "-build-config", "examples/build-config")
}

const analyzed = `[run-image]
image = "registry.example/run:1"
[run-image.target]
os = "linux"
arch = "amd64"
[run-image.target.distro]
name = "debian"
version = "12"
`

// buildpack makes a module whose bin/detect is a line of shell.
func (s world) buildpack(id, script, extra string) {
	s.t.Helper()
	dir := filepath.Join("buildpacks", strings.ReplaceAll(id, "/", "_"), "1")
	s.write(filepath.Join(dir, "buildpack.toml"), fmt.Sprintf("api = \"0.10\"\n[buildpack]\nid = %q\nversion = \"1\"\n%s", id, extra))
	s.write(filepath.Join(dir, "bin/detect"), "#!/bin/sh\n"+script+"\n")
	s.write(filepath.Join(dir, "bin/build"), "#!/bin/sh\n")
}

// order writes an order of groups; a "?" makes a module optional.
func (s world) order(groups ...[]string) {
	s.t.Helper()
	var text strings.Builder
	for _, group := range groups {
		text.WriteString("[[order]]\n")
		for _, id := range group {
			id, optional := strings.CutSuffix(id, "?")
			fmt.Fprintf(&text, "[[order.group]]\nid = %q\nversion = \"1\"\noptional = %t\n", id, optional)
		}
	}
	s.write("order.toml", text.String())
	s.write("layers/analyzed.toml", analyzed)
	s.write("app/.keep", "")
}

var arguments = []string{"-app", "app", "-buildpacks", "buildpacks", "-extensions", "extensions", "-order", "order.toml", "-platform", "platform", "-run", "run.toml"}

// failing is the page of a detection that failed.
func failing(t *testing.T) string {
	t.Helper()
	s := newWorld(t)
	s.write("app/server.js", "")
	s.buildpack("some/app", `[ -e server.js ] || exit 100; printf '[[requires]]\nname = "node"\n' > $2`, "")
	s.buildpack("some/node", `printf '[[provides]]\nname = "node"\n[[requires]]\nname = "engine"\n' > $2`, "")
	s.buildpack("some/engine", `printf '[[provides]]\nname = "engine"\n' > $2`, "")
	s.buildpack("some/broken", `echo "Traceback (most recent call last):"; echo "  KeyError: 'packages'"; exit 7`, "")
	s.buildpack("some/arm", "exit 0", "[[targets]]\nos = \"linux\"\narch = \"arm64\"\n")
	s.buildpack("some/no", "echo no Gemfile; exit 100", "")
	s.order([]string{"some/node?", "some/app", "some/engine"}, []string{"some/broken", "some/app"}, []string{"some/arm"}, []string{"some/no"})
	return s.detect(21, "0.15", arguments...)
}

// attack is what a hostile module would like a browser to do.
const attack = `<script>window.pwned=1;document.title="pwned"</script><img src="http://WHERE/img" onerror="window.pwned=2"><svg onload="window.pwned=3"></svg></pre></title></style><style>@import "http://WHERE/css";*{background:url(http://WHERE/bg)}</style><link rel=stylesheet href=http://WHERE/link><iframe src=http://WHERE/frame></iframe><meta http-equiv=refresh content="0;url=http://WHERE/refresh"><a href="javascript:window.pwned=4" autofocus onfocus="window.pwned=5">x</a>`

// hostile is the page of 150 modules that are up to no good.
func hostile(t *testing.T, where string) string {
	t.Helper()
	s := newWorld(t)
	text := strings.ReplaceAll(attack, "WHERE", where)
	s.write("attack.txt", text+"\n"+strings.Repeat("A", 5000)+"\n\x1b[31mred\x1b[0m \u202etxet\n")
	var group []string
	for i := range 150 {
		id := fmt.Sprintf(`evil/"><b onclick=alert(%d)>%s`, i, strings.Repeat("x", i%60))
		plan := fmt.Sprintf(`[[provides]]\nname = "<script>window.pwned=6</script>%d"\n[[requires]]\nname = "<script>window.pwned=6</script>%d"\n[[requires]]\nname = "<script>window.pwned=6</script>0"\n[requires.metadata]\n"<img src=x onerror=alert(1)>" = "</code><script>window.pwned=7</script>"\n`, i, i)
		script := "cat " + filepath.Join(s.dir, "attack.txt") + "\nprintf '" + plan + "' > $2"
		switch i % 25 {
		case 7:
			script = "cat " + filepath.Join(s.dir, "attack.txt") + "; exit 3"
		case 8:
			script = "echo '[[\"<script>window.pwned=8</script>' > $2"
		}
		s.buildpack(id, script, fmt.Sprintf("name = %q\nhomepage = %q\n%q = 1\n", text, "javascript:window.pwned=9", text[:20]))
		group = append(group, id+"?")
	}
	s.order(group)
	return s.detect(0, "0.15", arguments...)
}

// TestPages opens three pages: nothing runs, nothing is asked for, and nothing sticks out at the side.
func TestPages(t *testing.T) {
	b := newBrowser(t)
	b.open("about:blank", 360, false)
	b.requests() // those of the page with which the browser starts
	var mu sync.Mutex
	var page string
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		asked = append(asked, r.URL.Path)
		if r.URL.Path == "/report" {
			w.Header().Set("Content-Type", "text/html")
			fmt.Fprint(w, page)
			return
		}
		http.NotFound(w, r)
	}))
	defer server.Close()
	for name, made := range map[string]string{
		"success": demo(t), "failure": failing(t), "hostile": hostile(t, strings.TrimPrefix(server.URL, "http://")),
	} {
		t.Run(name, func(t *testing.T) {
			b := &browser{t: t, base: b.base, session: b.session}
			mu.Lock()
			page, asked = made, nil
			mu.Unlock()
			t.Logf("%d bytes", len(made))
			for _, width := range []int{360, 1440} {
				for _, dark := range []bool{false, true} {
					if dark != (width == 1440) && !testhelpers.Long() {
						continue
					}
					look(t, b, server.URL+"/report", fmt.Sprintf("%s-%d", name, width), width, dark)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			for _, path := range asked {
				if path != "/report" && path != "/favicon.ico" { // the browser's own
					t.Errorf("the page asked for %s", path)
				}
			}
		})
	}
}

func look(t *testing.T, b *browser, url, name string, width int, dark bool) {
	t.Helper()
	b.open(url, width, dark)
	var seen struct {
		Scripts, Handlers, Scroll, Width, Headings, Images int
		Pwned                                              *int
		Title, Background                                  string
		Outside, Unnamed                                   []string
	}
	b.eval(`
		document.querySelectorAll("details").forEach((d, i) => { if (i < 40) d.open = true });
		const all = [...document.querySelectorAll("*")];
		const boxed = e => e.parentElement && (e.parentElement.closest(".scroll, pre, svg") !== null);
		return {
			Scripts: document.scripts.length,
			Handlers: all.filter(e => [...e.attributes].some(a => a.name.startsWith("on") || a.value.trim().startsWith("javascript:"))).length,
			Images: document.querySelectorAll("img, iframe, link, object, embed, video, audio, base, form").length,
			Scroll: document.documentElement.scrollWidth, Width: document.documentElement.clientWidth,
			Headings: document.querySelectorAll("h1").length,
			Pwned: window.pwned === undefined ? null : window.pwned,
			Title: document.title, Background: getComputedStyle(document.body).backgroundColor,
			Outside: all.filter(e => !boxed(e) && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1).slice(0, 5).map(e => e.outerHTML.slice(0, 200)),
			Unnamed: [...document.querySelectorAll("svg[role=img], [role=region], nav, section")].filter(e => !e.getAttribute("aria-label") && !e.getAttribute("aria-labelledby")).map(e => e.outerHTML.slice(0, 200)),
		}`, &seen)
	if seen.Scripts > 0 || seen.Handlers > 0 || seen.Images > 0 || seen.Pwned != nil || strings.Contains(seen.Title, "pwned") {
		t.Errorf("%s: something of a module's has become part of the page: %+v", name, seen)
	}
	if seen.Scroll > seen.Width || len(seen.Outside) > 0 {
		t.Errorf("%s: the page is %d wide, of %d: %q", name, seen.Scroll, seen.Width, seen.Outside)
	}
	if seen.Headings != 1 || len(seen.Unnamed) > 0 {
		t.Errorf("%s: %d main headings, without a name: %q", name, seen.Headings, seen.Unnamed)
	}
	if bright := strings.HasPrefix(seen.Background, "rgb(2"); bright == dark {
		t.Errorf("%s: background %s, dark: %t", name, seen.Background, dark)
	}
	for _, address := range b.requests() {
		if address != url && !strings.HasSuffix(address, "/favicon.ico") {
			t.Errorf("%s: %s was asked for", name, address)
		}
	}
	if complaints := slices.DeleteFunc(b.complaints(), func(text string) bool { return strings.Contains(text, "favicon.ico") }); len(complaints) > 0 {
		t.Errorf("%s: the browser complains: %q", name, complaints)
	}
	if dir := os.Getenv("SCREENSHOTS"); dir != "" {
		b.open(url, width, dark)
		if dark {
			name += "-dark"
		}
		b.screenshot(filepath.Join(dir, name+".png"), width, 2400)
	}
}

// TestPicture makes the picture of the demo's report for the docs, at the path PICTURE if `make docs` asks for it.
func TestPicture(t *testing.T) {
	path := cmp.Or(os.Getenv("PICTURE"), filepath.Join(t.TempDir(), "report.png"))
	b := newBrowser(t)
	file := filepath.Join(t.TempDir(), "report.html")
	if err := os.WriteFile(file, []byte(demo(t)), 0o644); err != nil {
		t.Fatal(err)
	}
	b.open("file://"+file, 1200, false)
	b.screenshot(path, 1200, 1440)
}
