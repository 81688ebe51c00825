// Package containers runs the executables in real containers that are allowed little. It needs root and Docker's packages; where
// they are not, it is skipped and says why. With LIFECYCLE=<archive of a lifecycle> its detector goes the same way, beside ours.
package containers

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/testhelpers"
	"github.com/cnb-prelude/prelude/testhelpers/docker"
)

// refused are system calls that a container's rules may forbid.
var refused = []string{"prctl", "pidfd_open", "pidfd_send_signal", "renameat2", "linkat", "statx", "close_range", "clone3"}

// constraint is what a container is not allowed, or how it is unusual.
type constraint struct {
	name string
	// docker are the options of docker run, and detector the arguments of detector.
	docker   []string
	detector []string
	// first says that detector is process 1. The kernel then ends what it leaves.
	first bool
	// before is a command that goes before all others, with them as arguments.
	before string
	// owner of the layers directory, and its mode; anybody may write there if there is none.
	owner [2]int
	mode  fs.FileMode
	// said is what detector says at debug level of what it does without.
	said string
}

func constraints(dir string) []constraint {
	locked := []string{"--cap-drop", "ALL", "--security-opt", "no-new-privileges"}
	rules := func(errno string) []string {
		return append(slices.Clone(locked), "--security-opt", "seccomp="+filepath.Join(dir, errno+".json"))
	}
	small := []string{"--memory", "32m", "--memory-swap", "32m"}
	return []constraint{
		{name: "none"},
		{name: "a tenth of a CPU", docker: []string{"--cpus", "0.1"}},
		{name: "no capabilities, no new privileges", docker: locked},
		{name: "system calls refused (EPERM)", docker: rules("EPERM"), said: "modules do not end with this process by themselves"},
		{name: "system calls refused (ENOSYS)", docker: rules("ENOSYS"), said: "processes that modules leave go to process 1"},
		{name: "read-only root, /tmp noexec", docker: []string{"--read-only", "--tmpfs", "/tmp:rw,noexec,nosuid,nodev"}},
		{name: "16 processes and threads", docker: []string{"--pids-limit", "16"}},
		{name: "32 MiB of memory", docker: small},
		{name: "32 MiB of memory, 24 modules of 4 MiB", docker: small, detector: []string{"-order", "/cnb/many.toml"}},
		{name: "a user without an entry in passwd", docker: []string{"--user", "4242:4242"}},
		{name: "a volume of a foreign group", docker: []string{"--group-add", "5000"}, owner: [2]int{0, 5000}, mode: 0o775 | fs.ModeSetgid},
		{name: "umask 077", before: "/umask-077"},
		{name: "process 1", first: true},
		{name: "below docker-init", docker: []string{"--init"}},
		{name: "all that a hardened pod has", docker: append(rules("EPERM"), append(small, "--read-only", "--tmpfs", "/tmp:rw,noexec", "--pids-limit", "32", "--user", "4242:4242")...)},
	}
}

// TestConstrained: in every one of these containers detection and generation work, with the same results as outside, and no
// process is left of those that modules leave behind.
func TestConstrained(t *testing.T) {
	docker.Need(t)
	dir := t.TempDir()
	check(t, os.Chmod(filepath.Dir(dir), 0o755), os.Chmod(dir, 0o755))
	root := filepath.Join(dir, "root")
	makeRoot(t, root)
	check(t, testhelpers.Executables("../..", root+"/cnb/lifecycle", "./cmd/detector", "./cmd/generator"))
	peer := lifecycle(t, root)
	for errno, number := range map[string]int{"EPERM": 1, "ENOSYS": 38} {
		writeRules(t, filepath.Join(dir, errno+".json"), number)
	}
	want := outside(t, dir, root)
	d := docker.Start(t)
	archive := filepath.Join(dir, "root.tar")
	must(t, exec.Command("tar", "-C", root, "-cf", archive, "."))
	d.Run(t, "import", archive, "constrained")

	lines := &table{}
	t.Cleanup(func() { t.Log("\n" + lines.String()) })
	t.Run("all", func(t *testing.T) {
		for i, c := range constraints(dir) {
			layers := filepath.Join(dir, fmt.Sprint("layers", i))
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				ours := run(t, d, c, layers, "/cnb/lifecycle/detector")
				lines.add(c.name, "ours", ours)
				ours.expect(t, c, want)
				if peer {
					lines.add(c.name, "theirs", run(t, d, c, layers+"-peer", "/cnb/peer/lifecycle/detector"))
				}
			})
		}
	})
}

// result is what came out of a container.
type result struct {
	code, left string
	said       string
	files      map[string]string
	took       time.Duration
}

func run(t *testing.T, d *docker.Daemon, c constraint, layers, detector string) result {
	t.Helper()
	mode := c.mode
	if mode == 0 {
		mode = 0o777
	}
	check(t, os.Mkdir(layers, 0o777), os.Chown(layers, c.owner[0], c.owner[1]), os.Chmod(layers, mode))
	command := []string{detector}
	if !strings.Contains(detector, "peer") {
		command = append(command, "-log-level", "debug")
	}
	command = append(command, c.detector...)
	if !c.first {
		command = append([]string{"/try"}, command...)
	}
	if c.before != "" {
		command = append([]string{c.before}, command...)
	}
	args := append([]string{"run", "--rm", "--network", "none", "--user", "1000:1000", "-e", "CNB_PLATFORM_API=0.13", "-v", layers + ":/layers", "--entrypoint", command[0]}, c.docker...)
	args = append(append(args, "constrained"), command[1:]...)
	begun := time.Now()
	out, err := d.Command(args...).CombinedOutput()
	r := result{said: string(out), took: time.Since(begun), files: contents(t, layers)}
	if c.first {
		r.code = "0"
		if err != nil {
			r.code = err.Error()
		}
		return r
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	r.code, r.left = strings.TrimSpace(r.files["try/code"]), strings.TrimSpace(r.files["try/left"])
	r.said = r.files["try/out"]
	maps.DeleteFunc(r.files, func(name, _ string) bool { return strings.HasPrefix(name, "try/") })
	return r
}

func (r result) expect(t *testing.T, c constraint, want map[string]string) {
	t.Helper()
	if r.code != "0" || r.left != "" {
		t.Errorf("exit code %s, processes left: %q\n%s", r.code, r.left, r.said)
	}
	if !maps.Equal(r.files, want) {
		t.Errorf("results are not those from outside:\n%v\n%v", r.files, want)
	}
	if !strings.Contains(r.said, c.said) {
		t.Errorf("it does not say %q:\n%s", c.said, r.said)
	}
}

// outside is what detector leaves without any container.
func outside(t *testing.T, dir, root string) map[string]string {
	t.Helper()
	layers := filepath.Join(dir, "outside")
	check(t, os.Mkdir(layers, 0o777), os.Chmod(layers, 0o777))
	cnb := root + "/cnb"
	detector := exec.Command(cnb+"/lifecycle/detector", "-layers", layers, "-order", cnb+"/order.toml", "-buildpacks", cnb+"/buildpacks",
		"-extensions", cnb+"/extensions", "-app", root+"/workspace", "-platform", root+"/platform")
	detector.Env = append(os.Environ(), "CNB_PLATFORM_API=0.13")
	testhelpers.Unprivileged(detector)
	must(t, detector)
	want := contents(t, layers)
	if want["generated/b/run.Dockerfile"] == "" || want["group.toml"] == "" {
		t.Fatalf("nothing was generated: %v", want)
	}
	return want
}

// lifecycle unpacks LIFECYCLE, if it is given, as a peer.
func lifecycle(t *testing.T, root string) bool {
	t.Helper()
	archive := os.Getenv("LIFECYCLE")
	if archive == "" {
		return false
	}
	check(t, os.Mkdir(root+"/cnb/peer", 0o755))
	must(t, exec.Command("tar", "-C", root+"/cnb/peer", "-xzf", archive))
	return true
}

func writeRules(t *testing.T, path string, errno int) {
	t.Helper()
	rules, err := json.Marshal(map[string]any{
		"defaultAction": "SCMP_ACT_ALLOW",
		"syscalls":      []map[string]any{{"names": refused, "action": "SCMP_ACT_ERRNO", "errnoRet": errno}},
	})
	check(t, err, os.WriteFile(path, rules, 0o644))
}

// contents are those of all files below a directory.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	check(t, filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir+"/")] = string(data)
		return err
	}))
	return files
}

// table is what came out, for people.
type table struct {
	mu    sync.Mutex
	lines []string
}

func (l *table) add(constraint, whose string, r result) {
	l.mu.Lock()
	defer l.mu.Unlock()
	left := "none"
	if r.left != "" {
		left = fmt.Sprint(len(strings.Fields(r.left)))
	}
	l.lines = append(l.lines, fmt.Sprintf("%-40s %-7s exit code %-4s processes left: %-5s %.1fs", constraint, whose, r.code, left, r.took.Seconds()))
}

func (l *table) String() string {
	slices.Sort(l.lines)
	return strings.Join(l.lines, "\n")
}

func check(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func must(t *testing.T, command *exec.Cmd) {
	t.Helper()
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	if err := command.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command.Args, " "), err, &out)
	}
}
