// Package soak runs the built executables a few hundred times while it does to them what platforms, disks and modules
// do, and looks each time at what is left. It runs with SOAK=short or SOAK=full; docs/internals/benchmarks.md has its figures.
package soak

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/cnb-prelude/prelude/testhelpers"
)

// What a run may need at the most.
const (
	memory = 64 << 10 // KiB
	longer = 20 * time.Second
)

// nobody is the user as whom the executables run if the test runs as root; they refuse root.
const nobody = 65534

// fault is something that is done to a run, or with it.
type fault struct {
	name string
	// short and full are how many runs there are.
	short, full int
	// order names the modules of the world that take part; empty means those of the plain run.
	order []string
	args  []string
	// generator runs that one rather than detector.
	generator bool
	// before is called before each run, to set the stage; what it returns is called after it.
	before func(w *world, i int) (after func())
	// during is called once the run has started.
	during func(w *world, p *os.Process)
	// stdout is where the output goes, if not to a buffer.
	stdout func() (*os.File, func())
	// codes are the exit codes that may be; -1 is the end by a signal.
	codes []int
	// killed says that temporary directories and files beside outputs may be left, and that outputs may be old and new.
	killed bool
	// mounts says that the fault needs a file system of its own, which only root can have.
	mounts bool
}

// delay is a moment within the time that a plain run takes.
func delay() { time.Sleep(time.Duration(rand.Int63n(int64(130 * time.Millisecond)))) }

func signals(list ...syscall.Signal) func(*world, *os.Process) {
	return func(_ *world, p *os.Process) {
		for i, s := range list {
			if i == 0 {
				delay()
			} else {
				time.Sleep(time.Duration(rand.Int63n(int64(200 * time.Millisecond))))
			}
			p.Signal(s)
		}
	}
}

func faults() []fault {
	interrupted, terminated := []int{0, 130, -1}, []int{0, 143, -1} // -1: before the program has begun
	return []fault{
		{name: "none", short: 10, full: 20, codes: []int{0}},
		{name: "SIGINT", short: 40, full: 100, during: signals(syscall.SIGINT), codes: interrupted},
		{name: "SIGTERM", short: 40, full: 100, during: signals(syscall.SIGTERM), codes: terminated},
		{name: "SIGTERM twice", short: 20, full: 40, during: signals(syscall.SIGTERM, syscall.SIGTERM), codes: terminated},
		{name: "SIGTERM to generator", short: 15, full: 40, generator: true, during: signals(syscall.SIGTERM), codes: terminated},
		{name: "SIGKILL", short: 40, full: 100, during: signals(syscall.SIGKILL), codes: []int{0, -1}, killed: true},
		{name: "SIGTERM, modules ignore it", short: 2, full: 6, order: []string{"stubborn"}, during: signals(syscall.SIGTERM), codes: []int{143, -1}},
		{name: "time limit, modules ignore SIGTERM", short: 2, full: 6, order: []string{"stubborn"}, args: []string{"-detect-timeout", "100ms"}, codes: []int{21}},
		{name: "full disk", short: 25, full: 60, mounts: true, before: fill, codes: []int{0, 1, 91, 92}},
		{name: "read-only targets", short: 9, full: 30, before: close3, codes: []int{1, 92}},
		{name: "children in the background", short: 10, full: 40, order: []string{"forks"}, codes: []int{0}},
		{name: "a child that ignores SIGTERM", short: 2, full: 6, order: []string{"leaves"}, codes: []int{0}},
		{name: "a gigabyte printed by bin/detect", short: 1, full: 3, order: []string{"loud"}, codes: []int{20}},
		{name: "a gigabyte printed by bin/generate", short: 1, full: 3, order: []string{"loudext", "quiet"}, codes: []int{0}, stdout: null},
		{name: "malformed build plans", short: len(malformed()), full: 3 * len(malformed()), order: []string{"badplan"}, before: writeBadPlan, codes: []int{21}},
		{name: "modules that end by a signal", short: 8, full: 24, order: []string{"dies"}, before: chooseDeath, codes: []int{21}},
		{name: "the output has no reader", short: 5, full: 20, stdout: unread, codes: []int{0}},
	}
}

// close3 makes, in turn, the directory of the outputs read-only, an output a directory, and an output's parent a file.
func close3(w *world, i int) func() {
	switch i % 3 {
	case 0:
		must(os.Chmod(w.at("layers"), 0o555))
		return func() { must(os.Chmod(w.at("layers"), 0o777)) }
	case 1:
		w.extra = []string{"-plan", w.at("app")}
	default:
		w.extra = []string{"-group", w.at("order.toml/group.toml")}
	}
	return func() { w.extra = nil }
}

// fill leaves a few pages of the file system with the outputs.
func fill(w *world, _ int) func() {
	ballast := w.at("layers/.ballast")
	f, err := os.Create(ballast)
	must(err)
	page := make([]byte, 4096)
	for {
		if _, err := f.Write(page); err != nil {
			break
		}
	}
	end, err := f.Seek(0, 1)
	must(err)
	must(f.Truncate(max(0, end-int64(rand.Intn(12))*4096)))
	must(f.Close())
	return func() { must(os.Remove(ballast)) }
}

func null() (*os.File, func()) {
	f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	must(err)
	return f, func() { f.Close() }
}

// unread is a pipe whose reader goes away at some time.
func unread() (*os.File, func()) {
	r, w, err := os.Pipe()
	must(err)
	go func() {
		delay()
		r.Close()
	}()
	return w, func() { w.Close() }
}

func malformed() []string {
	return []string{
		"rm $2; mkfifo $2", "rm $2; mkdir $2", "ln -sf /dev/zero $2", "ln -sf plan.toml $2", "truncate -s 17M $2", "echo a = >$2; chmod 0 $2",
		"printf '[[[' >$2", "yes [ | head -c 8M | tr -d '\\n' >$2", "yes a. | head -c 8M | tr -d '\\n' >$2; echo a=1 >>$2",
		"printf 'a = \"\\377\"' >$2", "printf 'a = \"\\000\"' >$2", "printf '\\377\\376a\\000' >$2", "head -c 1M /dev/urandom >$2",
		"printf '[[requires]]\\nname = 1' >$2", "printf '[[requires]]\\nname = \"x\"\\nversion = \"1\"' >$2", "printf 'provides = 3' >$2",
		"printf '[[provides]]\\nname = \"x' >$2", "printf 'a = 1\\na = 2' >$2", "printf '[a]\\n[a]' >$2", "printf 'a = 99999999999999999999' >$2",
	}
}

func writeBadPlan(w *world, i int) func() {
	all := malformed()
	w.write("app/bad.sh", all[i%len(all)]+"\n")
	return func() {}
}

func chooseDeath(w *world, i int) func() {
	w.write("app/death", []string{"KILL", "TERM", "SEGV", "HUP", "INT", "PIPE", "QUIT", "USR1"}[i%8])
	return func() {}
}

// world is a platform with modules, and what has been written there.
type world struct {
	dir, bin string
	extra    []string
	// detected has, by variant of the application, group.toml and plan.toml as detection leaves them.
	detected map[string]map[string]string
}

// detect runs a detection without generation, for its two files.
func (w *world) detect(variant string) error {
	dir := "detected/" + variant
	group, plan := w.at(dir+"/group.toml"), w.at(dir+"/plan.toml")
	r := w.run(fault{args: []string{"-skip-generate", "-group", group, "-plan", plan, "-generated-metadata", w.at(dir + "/generated.toml")}})
	if r.code != 0 {
		return fmt.Errorf("detection exits with %d: %s", r.code, r.stderr)
	}
	w.detected[variant] = map[string]string{}
	for _, path := range []string{group, plan} {
		text, err := os.ReadFile(path)
		must(err)
		w.detected[variant][filepath.Base(path)] = string(text)
	}
	return nil
}

func (w *world) at(path string) string { return filepath.Join(w.dir, path) }

func (w *world) write(path, text string) {
	must(os.MkdirAll(filepath.Dir(w.at(path)), 0o777))
	must(os.WriteFile(w.at(path), []byte(text), 0o777))
}

const (
	background = `sleep 60 &
setsid sleep 60 &
setsid sh -c 'setsid sleep 60 & sleep 60' >/dev/null 2>&1 </dev/null &
`
	stubborn = `(setsid sh -c 'sleep 60 >/dev/null 2>&1 & trap "" TERM HUP; sleep 60; sleep 60' &)
`
)

func newWorld(dir, bin string) *world {
	w := &world{dir: dir, bin: bin, detected: map[string]map[string]string{}}
	module := func(id, detect string) {
		w.write("bps/"+id+"/1/buildpack.toml", fmt.Sprintf("api = \"0.10\"\n[buildpack]\nid = %q\nversion = \"1\"\n[[targets]]\nos = \"linux\"\n", id))
		w.write("bps/"+id+"/1/bin/detect", "#!/bin/sh\n"+detect)
	}
	extension := func(id, generate string) {
		w.write("exts/"+id+"/1/extension.toml", fmt.Sprintf("api = \"0.10\"\n[extension]\nid = %q\nversion = \"1\"\n", id))
		w.write("exts/"+id+"/1/bin/generate", "#!/bin/sh\n"+generate)
	}
	module("plain1", `sleep 60 & sleep 0.0$(($$ % 5)); printf '[[provides]]\nname = "x"\n[[requires]]\nname = "ext"\n[requires.metadata]\nvariant = "%s"\n' "$(cat variant)" >$2`)
	module("plain2", `(sleep 60; echo) & sleep 0.0$(($$ % 4)); printf '[[requires]]\nname = "x"\n[requires.metadata]\nvariant = "%s"\n' "$(cat variant)" >$2`)
	w.write("exts/ext/1/bin/detect", "#!/bin/sh\nprintf '[[provides]]\\nname = \"ext\"\\n' >$2\n")
	extension("ext", `sleep 60 & printf 'ARG base_image\nFROM ${base_image}\nRUN echo %s\n' "$(cat variant)" >$CNB_OUTPUT_DIR/build.Dockerfile; sleep 0.0$(($$ % 5))`)
	module("quiet", "")
	module("stubborn", "trap '' TERM HUP INT\n"+background+stubborn+"sleep 60\nsleep 60\n")
	module("forks", background+"sleep 0.05\n")
	module("leaves", stubborn+"sleep 0.05\n")
	module("loud", "echo first; yes | head -c 1G; exit 100\n")
	extension("loudext", "yes | head -c 1G; printf 'ARG base_image\\nFROM ${base_image}\\nRUN true\\n' >$CNB_OUTPUT_DIR/build.Dockerfile\n")
	module("badplan", ". ./bad.sh\nexit 0\n")
	module("dies", "kill -$(cat death) $$\nsleep 1\n")
	w.write("app/variant", "A")
	w.order([]string{"ext", "plain1", "plain2"})
	for _, name := range []string{"layers", "tmp", "detected"} {
		must(os.MkdirAll(w.at(name), 0o777))
	}
	return w
}

func (w *world) order(modules []string) {
	text := map[bool]string{}
	for _, id := range modules {
		isExtension := strings.Contains(id, "ext")
		key := map[bool]string{true: "order-extensions", false: "order"}[isExtension]
		if text[isExtension] == "" {
			text[isExtension] = "[[" + key + "]]\n"
		}
		text[isExtension] += fmt.Sprintf("[[%s.group]]\nid = %q\nversion = \"1\"\n", key, id)
	}
	w.write("order.toml", text[false]+text[true])
}

// result is how a run went.
type result struct {
	code   int
	stderr string
	peak   int64 // KiB
	took   time.Duration
}

func (w *world) run(f fault) result {
	name, args := "detector", []string{"-buildpacks", w.at("bps"), "-order", w.at("order.toml")}
	if f.generator {
		name, args = "generator", nil
	}
	args = append(args, "-app", w.at("app"), "-extensions", w.at("exts"), "-layers", w.at("layers"), "-platform", w.at("platform"),
		"-build-config", w.at("config"), "-run", w.at("run.toml"))
	cmd := exec.Command(filepath.Join(w.bin, name), slices.Concat(args, f.args, w.extra)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + w.at("tmp"), "CNB_PLATFORM_API=0.15"}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	stderr := &tail{}
	cmd.Stderr, cmd.Stdout = stderr, stderr
	if f.stdout != nil {
		out, done := f.stdout()
		defer done()
		cmd.Stdout = out
	}
	start := time.Now()
	must(cmd.Start())
	if f.during != nil {
		f.during(w, cmd.Process)
	}
	timer := time.AfterFunc(longer, func() { cmd.Process.Signal(syscall.SIGQUIT) })
	cmd.WaitDelay = longer
	cmd.Wait()
	timer.Stop()
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return result{code: cmd.ProcessState.ExitCode(), stderr: stderr.String(), peak: usage.Maxrss, took: time.Since(start)}
}

// tail keeps the last of what is written to it.
type tail struct{ bytes.Buffer }

func (t *tail) Write(p []byte) (int, error) {
	if t.Len() > 1<<16 {
		t.Reset()
	}
	return t.Buffer.Write(p)
}

// outputs are the files of the phase, and the generated tree, by name.
func (w *world) outputs() map[string]string {
	files := map[string]string{}
	must(filepath.WalkDir(w.at("layers"), func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		name, _ := filepath.Rel(w.at("layers"), path)
		files[name] = string(data)
		return err
	}))
	return files
}

// left are the processes that work in the world's directories, with what they are.
func (w *world) left() []string {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []string
	for _, dir := range dirs {
		cwd, err := os.Readlink(dir + "/cwd")
		if err != nil || !strings.HasPrefix(cwd, w.dir) {
			continue
		}
		command, _ := os.ReadFile(dir + "/cmdline")
		found = append(found, fmt.Sprintf("%s: %s(%s)", filepath.Base(dir), bytes.ReplaceAll(command, []byte{0}, []byte(" ")), pipeOf(dir)))
	}
	return found
}

// pipeOf says of a process whether it has the lifetime pipe (descriptor 60, docs/internals/processes.md), and whether that was armed, which is
// from when on the kernel sends the signal (O_ASYNC).
func pipeOf(dir string) string {
	info, err := os.ReadFile(dir + "/fdinfo/60")
	if err != nil {
		return "no lifetime pipe"
	}
	_, rest, _ := strings.Cut(string(info), "flags:")
	line, _, _ := strings.Cut(rest, "\n")
	flags, err := strconv.ParseInt(strings.TrimSpace(line), 8, 64)
	if err != nil || flags&syscall.O_ASYNC == 0 {
		return "lifetime pipe not armed"
	}
	return "lifetime pipe armed"
}

// row is a line of the table.
type row struct {
	fault string
	runs  int
	codes map[int]int
	peak  int64
	took  time.Duration
	// left counts the processes that were left.
	left       int
	violations []string
}

func TestSoak(t *testing.T) {
	mode := os.Getenv("SOAK")
	if mode != "short" && mode != "full" {
		t.Skip("SKIPPED: `make soak` runs this; SOAK must be short or full")
	}
	testhelpers.TakeHangup()
	syscall.Umask(0)
	root, err := os.MkdirTemp("", "prelude-soak-")
	must(err)
	defer os.RemoveAll(root)
	must(os.Chmod(root, 0o777))
	bin := filepath.Join(root, "bin")
	build := exec.Command("go", "build", "-trimpath", "-o", bin+"/", "./cmd/detector", "./cmd/generator")
	build.Dir, build.Stderr = "../..", os.Stderr
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	must(build.Run())

	var rows []row
	start := time.Now()
	for i, f := range faults() {
		if only := os.Getenv("SOAK_ONLY"); only != "" && only != f.name {
			continue
		}
		runs := f.short
		if mode == "full" {
			runs = f.full
		}
		done := make(chan struct{})
		go func() { // its thread may get a view of the file systems of its own, and ends with it
			defer close(done)
			runtime.LockOSThread()
			dir := filepath.Join(root, fmt.Sprint("world", i))
			if f.mounts {
				if why := mount(filepath.Join(dir, "layers")); why != nil {
					if os.Getenv("CI") == "true" {
						t.Errorf("%s: no small file system can be mounted: %v", f.name, why)
					}
					fmt.Printf("%s: skipped, no small file system can be mounted: %v\n", f.name, why)
					return
				}
			}
			rows = append(rows, soak(newWorld(dir, bin), f, runs))
		}()
		<-done
	}
	report(t, rows, mode, time.Since(start))
}

// mount mounts a small file system that only this thread and its children see.
func mount(dir string) error {
	if err := syscall.Unshare(syscall.CLONE_NEWNS); err != nil {
		return err
	}
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	must(os.MkdirAll(dir, 0o777))
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=160k,mode=777")
}

// soak runs a fault's runs. The runs alternate between two variants of the application, whose outputs are known.
func soak(w *world, f fault, runs int) row {
	r := row{fault: f.name, codes: map[int]int{}}
	known := map[string]map[string]string{}
	plain := fault{}
	for _, variant := range []string{"A", "B", "A", "B"} { // the second time analyzed.toml is as the first has left it
		w.write("app/variant", variant)
		if first := w.run(plain); first.code != 0 {
			r.violations = append(r.violations, fmt.Sprintf("the plain run exits with %d: %s", first.code, first.stderr))
			return r
		}
		known[variant] = w.outputs()
		if err := w.detect(variant); err != nil {
			r.violations = append(r.violations, err.Error())
			return r
		}
	}
	if len(f.order) > 0 {
		w.order(f.order)
	}
	for i := range runs {
		variant := string("AB"[i%2])
		if f.generator { // it takes the plan as it is
			variant = "B"
		}
		w.write("app/variant", variant)
		before := w.outputs()
		after := func() {}
		if f.before != nil {
			after = f.before(w, i)
		}
		result := w.run(f)
		after()
		r.runs++
		r.codes[result.code]++
		r.peak = max(r.peak, result.peak)
		r.took = max(r.took, result.took)
		left := w.endLeft(f.killed)
		r.left += len(left)
		if f.killed { // measured, not promised: platforms end the whole container
			left = nil
		}
		for _, v := range append(left, w.violations(f, result, before, known, variant)...) {
			r.violations = append(r.violations, fmt.Sprintf("run %d: %s", i, v))
		}
		if f.killed { // what may be left is not for the next run to find
			w.clean()
		}
	}
	return r
}

// endLeft kills the processes that are left, so that they are not found again, and returns what they are. After SIGKILL to
// the phase, the kernel gets time to end them.
func (w *world) endLeft(killed bool) []string {
	left := w.left()
	for deadline := time.Now().Add(longer / 2); killed && len(left) > 0 && time.Now().Before(deadline); left = w.left() {
		time.Sleep(time.Millisecond)
	}
	for i, process := range left {
		end(process)
		left[i] = "left: process " + process
	}
	return left
}

// end kills a process that was found left.
func end(process string) {
	number, _, _ := strings.Cut(process, ":")
	if pid, err := strconv.Atoi(number); err == nil {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// clean removes what a killed run may leave.
func (w *world) clean() {
	for _, pattern := range []string{"tmp/*", "layers/.prelude-*", "layers/generated/.earlier-*"} {
		paths, _ := filepath.Glob(w.at(pattern))
		for _, path := range paths {
			must(os.RemoveAll(path))
		}
	}
}

// isOutput reports whether a path below the layers directory is one of the files that a phase writes itself.
func isOutput(name string) bool { return !strings.Contains(name, "/") }

// violations are what is not as it must be after a run.
func (w *world) violations(f fault, r result, before map[string]string, known map[string]map[string]string, variant string) []string {
	var found []string
	bad := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if !slices.Contains(f.codes, r.code) {
		bad("exit code %d: %s", r.code, r.stderr)
	}
	for _, word := range []string{"panic:", "fatal error:", "goroutine ", "DATA RACE"} {
		if strings.Contains(r.stderr, word) {
			bad("%s in %s", word, r.stderr)
		}
	}
	if r.took > longer {
		bad("took %s", r.took)
	}
	if r.peak > memory {
		bad("needed %d KiB", r.peak)
	}
	if names, err := os.ReadDir(w.at("tmp")); err != nil || len(names) > 0 && !f.killed {
		bad("left: %v, %v", names, err)
	}
	now := w.outputs()
	switch {
	case f.killed:
		for name, text := range now {
			if isOutput(name) && !strings.HasPrefix(name, ".prelude-") && text != known["A"][name] && text != known["B"][name] {
				bad("%s is neither old nor new:\n%s", name, text)
			}
		}
		for name := range known["A"] {
			if _, there := now[name]; isOutput(name) && !there {
				bad("%s is gone", name)
			}
		}
	case r.code == 0 && len(f.order) == 0:
		if !maps.Equal(now, known[variant]) {
			bad("the outputs are not the new ones: %s", difference(known[variant], now))
		}
	case r.code == 91 || r.code == 92: // what detection has found is written, unless that failed as well
		for _, files := range []map[string]string{before, now} {
			delete(files, "prelude-refused.txt") // the text that the error is about
		}
		later := maps.Clone(before)
		maps.Copy(later, w.detected[variant])
		if !maps.Equal(now, later) && !maps.Equal(now, before) {
			bad("generation failed (%d), but the outputs are not the old ones with what detection found: %s", r.code, difference(later, now))
		}
	case r.code != 0:
		if !maps.Equal(now, before) {
			bad("the run failed (%d), but the outputs are not the old ones: %s", r.code, difference(before, now))
		}
	}
	return found
}

func difference(want, got map[string]string) string {
	var text []string
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if other, there := got[name]; !there {
			text = append(text, name+" is missing")
		} else if other != want[name] {
			text = append(text, fmt.Sprintf("%s is\n%s\nwant\n%s", name, other, want[name]))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(got)) {
		if _, there := want[name]; !there {
			text = append(text, name+" is new")
		}
	}
	return strings.Join(text, "; ")
}

func report(t *testing.T, rows []row, mode string, took time.Duration) {
	runs := 0
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "fault\truns\texit codes\tpeak MiB\tlongest s\tleft\tviolations")
	for _, r := range rows {
		runs += r.runs
		var codes []string
		for _, code := range slices.Sorted(maps.Keys(r.codes)) {
			name := fmt.Sprint(code)
			if code == -1 {
				name = "signal"
			}
			codes = append(codes, fmt.Sprintf("%s×%d", name, r.codes[code]))
		}
		fmt.Fprintf(out, "%s\t%d\t%s\t%.1f\t%.2f\t%d\t%d\n", r.fault, r.runs, strings.Join(codes, " "), float64(r.peak)/1024, r.took.Seconds(), r.left, len(r.violations))
		for i, v := range r.violations {
			if i < 3 {
				t.Errorf("%s: %s", r.fault, v)
			}
		}
	}
	out.Flush()
	fmt.Printf("%s: %d runs in %s\n", mode, runs, took.Round(time.Second))
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
