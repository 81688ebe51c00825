package extend

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// looks is an image as it can be compared: its files, "<mode> <owner> <content>", and what of its configuration an app sees.
type looks struct {
	Files                map[string]string
	User, WorkingDir     string
	Labels               map[string]string
	Env, Entrypoint, Cmd []string
}

// engine is one of both, with the images that it has.
type engine struct {
	name    string
	options []string
	env     []string
	looks   func(image string) looks
}

// engines are both, or only buildah where there can be no Docker daemon. The images that have been made are in both.
func (w *world) engines(images ...string) []engine {
	w.t.Helper()
	list := []engine{{"buildah", []string{"-engine", "buildah"}, nil, w.looks}}
	if why := docker.Missing(); why != "" && os.Getenv("CI") != "true" {
		w.t.Logf("SKIPPED, nothing is built with BuildKit: %s", why)
		return list
	}
	d := docker.Start(w.t)
	for _, image := range images {
		archive := w.dir + "/image.tar"
		w.buildah("push", "-q", image, "docker-archive:"+archive+":"+image)
		d.Run(w.t, "load", "-q", "-i", archive)
		w.check(os.Remove(archive))
	}
	client := d.Command() // as the helper calls it
	env := append(client.Env, "PATH="+filepath.Dir(client.Path)+":"+os.Getenv("PATH"))
	return append(list, engine{"buildkit", []string{"-engine", "buildkit", "-network", "none"}, env, func(image string) looks { return dockerLooks(w, d, image) }})
}

// extend is a call of the tool with an engine.
func (e engine) extend(w *world, kind, layers, name string, options ...string) (string, error) {
	command := w.extend(kind, layers, name, append(e.options, options...)...)
	if e.env != nil {
		command = exec.Command(command.Args[2], command.Args[3:]...) // the daemon is reached by a socket, and has no network
		command.Dir, command.Env = w.dir, e.env
	}
	out, err := command.CombinedOutput()
	return string(out), err
}

func (e engine) must(w *world, kind, layers, name string) string {
	w.t.Helper()
	out, err := e.extend(w, kind, layers, name)
	if err != nil {
		w.t.Fatalf("%s: %v\n%s", e.name, err, out)
	}
	return out
}

// config is what of a configuration is compared.
func (l *looks) config(text []byte) error {
	var c struct {
		User, WorkingDir     string
		Labels               map[string]string
		Env, Entrypoint, Cmd []string
	}
	err := json.Unmarshal(text, &c)
	l.User, l.WorkingDir, l.Labels, l.Env, l.Entrypoint, l.Cmd = c.User, c.WorkingDir, c.Labels, c.Env, c.Entrypoint, c.Cmd
	if l.WorkingDir == "" {
		l.WorkingDir = "/" // which is the same
	}
	return err
}

// volatile are files that the engines mount while they run an instruction, and leave as empty ones or not at all.
var volatile = regexp.MustCompile(`^(dev|proc|sys|run|etc/(hosts|hostname|resolv\.conf|mtab))(/|$)|^\.dockerenv$`)

var buildIDs = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)

func describe(mode fs.FileMode, uid, gid int, content string) string {
	return fmt.Sprintf("%v %d:%d %s", mode, uid, gid, buildIDs.ReplaceAllString(content, "UUID"))
}

func (w *world) looks(image string) looks {
	w.t.Helper()
	l := looks{Files: map[string]string{}}
	var about struct {
		OCIv1 struct {
			Config json.RawMessage `json:"config"`
		}
	}
	w.check(json.Unmarshal([]byte(w.buildah("inspect", "--type", "image", image)), &about))
	w.check(l.config(about.OCIv1.Config))
	root := w.result(image).root
	w.check(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		name, _ := filepath.Rel(root, path)
		if err != nil || name == "." || volatile.MatchString(name) {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		content := ""
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			content, err = os.Readlink(path)
		case info.Mode().IsRegular():
			var data []byte
			data, err = os.ReadFile(path)
			content = string(data)
		}
		owner := info.Sys().(*syscall.Stat_t)
		l.Files[name] = describe(info.Mode(), int(owner.Uid), int(owner.Gid), content)
		return err
	}))
	return l
}

func dockerLooks(w *world, d *docker.Daemon, image string) looks {
	w.t.Helper()
	l := looks{Files: map[string]string{}}
	w.check(l.config([]byte(d.Run(w.t, "image", "inspect", "--format", "{{json .Config}}", image))))
	container := d.Run(w.t, "create", "--network", "none", image, "/none")
	defer d.Run(w.t, "rm", container)
	archive := w.dir + "/root.tar"
	d.Run(w.t, "export", "-o", archive, container)
	f, err := os.Open(archive)
	w.check(err)
	defer f.Close()
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return l
		}
		w.check(err)
		name := filepath.Clean(h.Name)
		if name == "." || volatile.MatchString(name) {
			continue
		}
		content := h.Linkname
		if h.Typeflag == tar.TypeReg {
			data, err := io.ReadAll(r)
			w.check(err)
			content = string(data)
		}
		l.Files[name] = describe(h.FileInfo().Mode(), h.Uid, h.Gid, content)
	}
}

// compare demands that all engines make the same image of one kind.
func (w *world) compare(engines []engine, kind, layers string) {
	w.t.Helper()
	var first looks
	for i, e := range engines {
		name := "extended/" + kind
		if i > 0 || w.buildah("images", "-q", "--filter", "reference="+name) == "" {
			began := time.Now()
			e.must(w, kind, layers, name)
			w.t.Logf("%s, %s image: %.2fs", e.name, kind, time.Since(began).Seconds())
		}
		got := e.looks(name)
		if i == 0 {
			first = got
		} else if difference := cmp.Diff(first, got); difference != "" {
			w.t.Errorf("%s makes another %s image (+) than %s (-):\n%s", e.name, kind, engines[0].name, difference)
		}
	}
}

// leave writes a generated.toml for Dockerfiles of the run image, with the app as their context.
func (w *world) leave(layers, image string, dockerfiles ...string) {
	w.t.Helper()
	text := fmt.Sprintf("version = 1\n\n[run-image]\n  image = %q\n  extend = true\n", image)
	for i, dockerfile := range dockerfiles {
		path := w.write(fmt.Sprintf("%s/generated/some_%d/run.Dockerfile", layers, i), dockerfile)
		sum, _, _ := strings.Cut(w.must(exec.Command("sha256sum", path)), " ")
		text += fmt.Sprintf("\n[[dockerfiles]]\n  kind = \"run\"\n  extension = \"some/%d\"\n  path = \"some_%d/run.Dockerfile\"\n  digest = \"sha256:%s\"\n  instructions = 1\n", i, i, sum)
	}
	w.write(layers+"/generated.toml", text)
}

// TestEngines: what both engines have to do alike beyond what the examples show.
func TestEngines(t *testing.T) {
	const head, foot = "ARG base_image\nFROM ${base_image}\nUSER root\n", "ARG user_id\nARG group_id\nUSER ${user_id}:${group_id}\n"
	w := newWorld(t)
	w.image("registry.example/run:1", "cnb", "--label", "io.buildpacks.rebasable=true")
	w.write("examples/app/note", "of the app\n")
	w.check(os.Symlink("/etc/shadow", w.dir+"/examples/app/outside"))
	w.leave("plain", "registry.example/run:1", head+"COPY note /etc/\nWORKDIR /srv\nRUN id -u > /etc/who\nLABEL io.buildpacks.rebasable=true\n"+foot, "FROM ${base_image}\nENV a=b\n")
	w.leave("fresh", "registry.example/run:1", head+"RUN cat /proc/sys/kernel/random/uuid | tr -d - > /etc/above\nARG build_id=0\nRUN echo $build_id | tr -d - > /etc/below\n"+foot)
	w.leave("fails", "registry.example/run:1", head+"\nENV a=b\nRUN true\nRUN echo said && \\\n  exit 3\n")
	w.leave("lacks", "registry.example/run:1", head+"COPY nothing /\n")
	w.leave("curious", "registry.example/run:1", head+"COPY outside /etc/copied\n"+foot)
	engines := w.engines("registry.example/run:1")
	w.compare(engines, "run", "plain")
	for _, e := range engines {
		t.Run(e.name, func(t *testing.T) {
			w := &world{t, w.dir}
			began := time.Now()
			if out := e.must(w, "run", "plain", "extended/again"); strings.Count(out, ": from the cache\n") != 2 || strings.Contains(out, "applied in") {
				t.Errorf("a second run:\n%s", out)
			}
			t.Logf("two extensions, second run: %.2fs", time.Since(began).Seconds())
			if l := e.looks("extended/again"); l.User != "cnb:1001" || l.Labels["io.buildpacks.rebasable"] != "false" || l.WorkingDir != "/srv" {
				t.Errorf("user %q, labels %v, directory %q", l.User, l.Labels, l.WorkingDir)
			}

			e.must(w, "run", "fresh", "extended/one")
			out := e.must(w, "run", "fresh", "extended/two")
			one, two := e.looks("extended/one").Files, e.looks("extended/two").Files
			if one["etc/above"] != two["etc/above"] || one["etc/below"] == two["etc/below"] {
				t.Errorf("above build_id %q and %q, below %q and %q\n%s", one["etc/above"], two["etc/above"], one["etc/below"], two["etc/below"], out)
			}
			if !regexp.MustCompile(`applied in [0-9.]+s, \d of 7 instructions from the cache`).MatchString(out) {
				t.Errorf("it does not say what was in the cache:\n%s", out)
			}

			for layers, words := range map[string]string{
				"fails": "ERROR: extend: some/0: some_0/run.Dockerfile: line 7: RUN echo said && \\: ",
				"lacks": "ERROR: extend: some/0: some_0/run.Dockerfile: line 4: COPY nothing /: ",
			} {
				if out, err := e.extend(w, "run", layers, "extended/refused"); err == nil || !strings.Contains(out, words) {
					t.Errorf("%v, want %q in\n%s", err, words, out)
				}
			}

			byHand(w, e)

			// The link is in the context, but what it leads to is not.
			if out, err := e.extend(w, "run", "curious", "extended/curious"); err == nil {
				if secret, err := os.ReadFile("/etc/shadow"); err == nil && strings.Contains(e.looks("extended/curious").Files["etc/copied"], string(secret)) {
					t.Errorf("a file of this machine was copied\n%s", out)
				}
			}
		})
	}
}

// byHand types what docs/extend.md shows for an engine, with the first Dockerfile of "plain".
func byHand(w *world, e engine) {
	w.t.Helper()
	page, err := os.ReadFile("../../docs/extend.md")
	w.check(err)
	tool := map[string]string{"buildah": "buildah", "buildkit": "docker"}[e.name]
	_, rest, _ := strings.Cut(string(page), "<!-- by hand: "+tool+" -->\n```sh\n")
	script, _, found := strings.Cut(rest, "```\n")
	if !found {
		w.t.Fatalf("docs/extend.md has nothing for %s", tool)
	}
	shell := w.command("sh", "-euc", script)
	if e.env != nil { // the instructions have the daemon's network, which is none
		shell = exec.Command("sh", "-euc", strings.Replace(script, "docker build", "docker build --network none", 1))
		shell.Dir, shell.Env = w.dir, e.env
	}
	shell.Env = append(shell.Env, "image=registry.example/run:1", "next=extended/hand", "path=some_0/run.Dockerfile", "context=../../examples/app", "user_id=cnb", "group_id=1001")
	w.check(os.MkdirAll(w.dir+"/layers", 0o755))
	w.check(os.RemoveAll(w.dir + "/layers/generated"))
	w.check(os.CopyFS(w.dir+"/layers/generated", os.DirFS(w.dir+"/plain/generated")))
	w.must(shell)
	if got := e.looks("extended/hand"); got.Files["etc/who"] == "" || got.User != "cnb:1001" {
		w.t.Errorf("by hand: user %q, %q", got.User, got.Files["etc/who"])
	}
}
