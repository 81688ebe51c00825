package invoke

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/api"
)

// asPhase names the variable that makes the test's executable run a module and wait, like a phase that is to be killed.
const asPhase = "PRELUDE_TEST_MODULE"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "daemon" {
		daemon(os.Args[2])
	}
	if len(os.Args) > 2 && os.Args[1] == "tidy" {
		keepLock(os.Args[2], os.Args[3:])
	}
	if filepath.Base(os.Args[0]) == "detect" { // it has been copied to be a module
		fmt.Println("effective user", os.Geteuid())
		os.Exit(0)
	}
	if dir := os.Getenv(asPhase); dir != "" {
		if number := os.Getenv(untraced); number != "" {
			if err := forbidTracing(number); err != nil {
				fmt.Println(err)
			}
		}
		d := World{App: dir, Platform: dir, Environ: os.Environ()}.RunDetect(context.Background(), at(dir), 0)
		fmt.Println(d.Outcome, d.Cause, string(d.Output))
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// daemon leaves its session, lets go of descriptors, notes its number in a file and stays for a minute. A stubborn one does
// not end on SIGTERM.
func daemon(keep string) {
	syscall.Setsid()
	if keep == "stubborn" {
		signal.Ignore(syscall.SIGTERM)
	}
	for _, fd := range []int{0, 1, 2, lifetimeFD} { // that is all it has, but for the runtime's own
		if keep == "output" && fd == 1 || keep == "pipe" && fd == lifetimeFD {
			continue
		}
		syscall.Close(fd)
	}
	fd, err := syscall.Open("left.tmp", syscall.O_WRONLY|syscall.O_CREAT|syscall.O_CLOEXEC, 0o600)
	if err == nil {
		syscall.Write(fd, strconv.AppendInt(nil, int64(os.Getpid()), 10))
		syscall.Close(fd)
		syscall.Rename("left.tmp", "left.pid")
	}
	time.Sleep(time.Minute)
}

// keepLock does as somebody who keeps a lock: there is a file as long as it runs, and when it is asked to end it needs a moment,
// removes the file and ends. It is in a session of its own and without the lifetime pipe if that is said.
func keepLock(lock string, how []string) {
	if slices.Contains(how, "apart") {
		syscall.Setsid()
	}
	if slices.Contains(how, "slipped") {
		syscall.Close(lifetimeFD)
	}
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	os.WriteFile(lock, nil, 0o600)
	select {
	case <-asked:
		time.Sleep(300 * time.Millisecond)
		os.Remove(lock)
	case <-time.After(time.Minute):
	}
	syscall.Kill(os.Getpid(), syscall.SIGKILL) // at once: the race detector waits for a second before it exits
}

// asPhaseOf is a command that runs the module in a directory, like a phase.
func asPhaseOf(t *testing.T, dir string, command ...string) *exec.Cmd {
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), asPhase+"="+dir, "TMPDIR="+t.TempDir())
	return cmd
}

func at(dir string) *buildpack.Module {
	return &buildpack.Module{
		Ref: buildpack.Ref{Kind: buildpack.KindBuildpack, ID: "some/bp", Version: "1"}, API: api.V(0, 10), Dir: dir,
	}
}

// scripted makes a module whose bin/detect is a script, which can call "note <name>" with a process number to note.
func scripted(t *testing.T, script string) (World, *buildpack.Module) {
	t.Helper()
	dir := t.TempDir()
	tree(t, dir, map[string]string{"bin/detect": "#!/bin/sh\nnote() { echo $2 >$1.tmp; mv $1.tmp $1.pid; }\n" + script})
	check(t, os.Chmod(filepath.Join(dir, "bin/detect"), 0o755))
	return World{App: dir, Platform: dir, Environ: os.Environ()}, at(dir)
}

// noted waits for the number of a process that the module has noted.
func noted(t *testing.T, dir, name string) int {
	t.Helper()
	for range 1000 {
		if text, err := os.ReadFile(filepath.Join(dir, name+".pid")); err == nil {
			pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
			check(t, err)
			return pid
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s was not noted", name)
	return 0
}

// isGone says whether there is no such process any more, not even one that waits to be reaped.
func isGone(pid int) bool { return errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

// gone demands that a process ends within a while, and that somebody reaps it.
func gone(t *testing.T, why string, pid int) {
	t.Helper()
	for range 1000 {
		if isGone(pid) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("%s: process %d is still there", why, pid)
}

func inBackground(all *sync.WaitGroup, what func()) {
	all.Add(1)
	go func() {
		defer all.Done()
		what()
	}()
}

func within(t *testing.T, limit time.Duration, what func()) {
	t.Helper()
	start := time.Now()
	what()
	if took := time.Since(start); took > limit {
		t.Errorf("took %s, want %s at the most", took, limit)
	}
}

// B28, B29: whatever a module leaves behind, it does not keep us waiting, and is gone when the module is done.
func TestNothingOutlivesAModule(t *testing.T) {
	const wait = "while test ! -s left.pid; do sleep 0.01; done"
	for name, script := range map[string]string{
		"a child in the background":       `sleep 60 & note left $!`,
		"one that ignores SIGTERM":        `(trap '' TERM HUP; sleep 60; sleep 60) & note left $!`,
		"one in a session of its own":     `setsid sh -c 'echo $$ >left.pid; exec sleep 60' & ` + wait,
		"one forked twice":                `(setsid sh -c 'sleep 60 & echo $! >left.pid' &); ` + wait,
		"one that moved on and is nested": `setsid sh -c 'setsid sh -c "echo \$\$ >left.pid; exec sleep 60"; sleep 60' & ` + wait,
		"one that keeps just the pipe":    `$self daemon pipe & ` + wait,
		"one that keeps just our pipe":    `$self daemon output & ` + wait,
		"one that let go of everything":   `$self daemon nothing & ` + wait,
	} {
		t.Run(name, func(t *testing.T) { nothingOutlives(t, script, 2) })
		t.Run(name+", without a lifetime pipe", func(t *testing.T) {
			withoutLifetimePipe(t)
			nothingOutlives(t, script, 1)
		})
	}
}

// withoutLifetimePipe makes executables run without a lifetime pipe, as if there were no descriptor for it.
func withoutLifetimePipe(t *testing.T) {
	w, m := scripted(t, "exit 0")
	w.RunDetect(t.Context(), m, 0) // the child tracker begins
	before := children.launcher.lifetimeFD
	children.launcher.lifetimeFD = 2
	t.Cleanup(func() { children.launcher.lifetimeFD = before })
}

// nothingOutlives runs a module that notes what it leaves, and has so many pipes.
func nothingOutlives(t *testing.T, script string, pipes int) {
	self, err := filepath.Abs(os.Args[0])
	check(t, err)
	count := "readlink /proc/$$/fd/* >fds; grep pipe: fds | sort -u | wc -l" // a pipeline would be counted, too
	w, m := scripted(t, "self="+self+"\n"+script+"\n"+count+"\necho done")
	var d buildpack.Detection
	within(t, 20*time.Second, func() { d = w.RunDetect(t.Context(), m, 15*time.Second) })
	if want := fmt.Sprintf("%d\ndone\n", pipes); d.Outcome != buildpack.Passed || string(d.Output) != want {
		t.Errorf("%s %v %q, want %q", d.Outcome, d.Cause, d.Output, want)
	}
	if pid := noted(t, m.Dir, "left"); !isGone(pid) {
		gone(t, "at the end", pid)
		t.Error("it was there for some time")
	}
}

// That there is no lifetime pipe is said, and once is enough.
func TestWithoutLifetimePipe(t *testing.T) {
	withoutLifetimePipe(t)
	children.saidDropped = sync.Once{}
	w, m := scripted(t, "ls /proc/$$/fd")
	var said []string
	w.Debug = func(message string) { said = append(said, message) }
	for range 2 {
		if d := w.RunDetect(t.Context(), m, 0); string(d.Output) != "0\n1\n10\n2\n" { // 10 is the shell's own, for the script
			t.Errorf("descriptors %q", d.Output)
		}
	}
	if len(said) != 1 || !strings.HasPrefix(said[0], "modules run without the descriptor that ties them to this process") {
		t.Errorf("said %q", said)
	}
}

// B28: a descendant that keeps our pipe open does not keep us waiting, not even one that we must not kill.
func TestPipeKeptOpen(t *testing.T) {
	w, m := scripted(t, "exit 0")
	w.RunDetect(t.Context(), m, 0)
	defer func(before bool) { children.ours = before }(children.ours)
	children.ours = false // as if we had been process 1, to which anybody's orphans go
	self, err := filepath.Abs(os.Args[0])
	check(t, err)
	w, m = scripted(t, self+" daemon output &\nwhile test ! -s left.pid; do sleep 0.01; done\necho done")
	var d buildpack.Detection
	within(t, 20*time.Second, func() { d = w.RunDetect(t.Context(), m, 15*time.Second) })
	if d.Outcome != buildpack.Passed || string(d.Output) != "done\n" {
		t.Errorf("%s %v %q", d.Outcome, d.Cause, d.Output)
	}
	pid := noted(t, m.Dir, "left")
	if isGone(pid) {
		t.Error("it was killed")
	}
	syscall.Kill(pid, syscall.SIGKILL)
}

// What a module left that nothing ties to it must not be taken for a sign that a module which still runs is done.
func TestOrphansOfOthersAreLeftAlone(t *testing.T) {
	slow, m1 := scripted(t, "(setsid sleep 60 >/dev/null 2>&1 & note helper $!)\nwhile test ! -e go; do sleep 0.01; done\nkill -0 $(cat helper.pid) && echo helped")
	quick, m2 := scripted(t, "setsid sleep 60 & note left $!")
	var all sync.WaitGroup
	inBackground(&all, func() {
		if d := slow.RunDetect(t.Context(), m1, 0); string(d.Output) != "helped\n" {
			t.Errorf("the other module's helper was ended: %q", d.Output)
		}
	})
	helper := noted(t, m1.Dir, "helper")
	quick.RunDetect(t.Context(), m2, 0)
	ended(t, "what the quick module left", noted(t, m2.Dir, "left"))
	check(t, os.WriteFile(filepath.Join(m1.Dir, "go"), nil, 0o600))
	all.Wait()
	gone(t, "the helper", helper)
}

// Modules that start while others end are not taken for what those have left.
func TestStartingIsNotLeftOver(t *testing.T) {
	w, m := scripted(t, "exit 100")
	var all sync.WaitGroup
	for range 8 {
		inBackground(&all, func() {
			for range 60 {
				if d := w.RunDetect(t.Context(), m, 0); d.Outcome != buildpack.Failed {
					t.Errorf("%s %v", d.Outcome, d.Cause)
				}
			}
		})
	}
	all.Wait()
}

// B29: on timeout, or when the phase is asked to end, the group gets SIGTERM, and SIGKILL two seconds later.
func TestTimeout(t *testing.T) {
	t.Run("it heeds SIGTERM", func(t *testing.T) {
		t.Parallel()
		w, m := scripted(t, "trap 'echo ending; exit 0' TERM\nsleep 60 & note child $!\nwait; wait")
		var d buildpack.Detection
		within(t, 20*time.Second, func() { d = w.RunDetect(t.Context(), m, time.Second) })
		if d.Outcome != buildpack.Errored || d.Cause.Error() != "timed out after 1s" || string(d.Output) != "ending\n" {
			t.Errorf("%s %v %q", d.Outcome, d.Cause, d.Output)
		}
		gone(t, "its child", noted(t, m.Dir, "child"))
	})
	t.Run("it ignores SIGTERM", func(t *testing.T) {
		t.Parallel()
		w, m := scripted(t, "trap '' TERM\nsetsid sleep 60 & note child $!\nnote self $$\nsleep 60; sleep 60")
		ctx, cancel := context.WithCancel(t.Context())
		var asked time.Time
		go func() {
			noted(t, m.Dir, "self")
			asked = time.Now()
			cancel()
		}()
		d := w.RunDetect(ctx, m, 0)
		if took := time.Since(asked); took < grace || d.Cause != context.Canceled {
			t.Errorf("%v after %s", d.Cause, took)
		}
		gone(t, "the module", noted(t, m.Dir, "self"))
		gone(t, "its child", noted(t, m.Dir, "child"))
	})
	t.Run("it is stopped", func(t *testing.T) {
		t.Parallel()
		w, m := scripted(t, "trap 'exit 1' TERM\nkill -STOP $$")
		var d buildpack.Detection
		within(t, 20*time.Second, func() { d = w.RunDetect(t.Context(), m, time.Second) })
		if d.Cause == nil || d.Cause.Error() != "timed out after 1s" {
			t.Errorf("%v", d.Cause)
		}
	})
}

// B29: whoever is ended has the time to tidy up, whether it leads the group, has left it or even closed the lifetime pipe, and
// whether the module is ended or done; and as soon as all have ended, nobody waits.
func TestGrace(t *testing.T) {
	self, err := filepath.Abs(os.Args[0])
	check(t, err)
	for who, start := range map[string]string{
		"the executable itself": "exec $self tidy lock",
		"a shell's trap":        "trap 'sleep 0.3; rm lock; exit 1' TERM; sh -c '>lock; exec sleep 60'", // a command that it starts after the signal, it waits for
		"a child":               "$self tidy lock &",
		"a child that has closed the lifetime pipe": "$self tidy lock slipped &",
		"a child in a session of its own":           "$self tidy lock apart &",
		"one for whom a shell waits in its trap":    "trap 'wait; exit 1' TERM; $self tidy lock apart & wait",
		"one that nothing ties to the module":       "$self tidy lock apart slipped &",
	} {
		t.Run(who+", module ended", func(t *testing.T) { tidiesUp(t, "self="+self+"\n"+start+"\nexec sleep 60", false) })
		if strings.HasSuffix(start, "&") {
			t.Run(who+", module done", func(t *testing.T) {
				tidiesUp(t, "self="+self+"\n"+start+"\nuntil test -e lock; do sleep 0.01; done", true)
			})
		}
	}
}

// tidiesUp runs a module, ends it once there is a lock unless it is done then, and demands that the lock is removed, in time.
func tidiesUp(t *testing.T, script string, done bool) {
	w, m := scripted(t, script)
	lock := filepath.Join(m.Dir, "lock")
	ctx, cancel := context.WithCancel(t.Context())
	locked := make(chan time.Time, 1)
	go func() {
		defer cancel()
		for {
			if _, err := os.Stat(lock); err == nil {
				break
			}
			time.Sleep(time.Millisecond)
		}
		locked <- time.Now()
		if done {
			<-t.Context().Done()
		}
	}()
	w.RunDetect(ctx, m, 0)
	if took := time.Since(<-locked); took >= grace {
		t.Errorf("took %s, though there is nobody who needs longer than 0.3 s", took)
	}
	if _, err := os.Stat(lock); err == nil {
		t.Error("the lock is left")
	}
}

// A process that does not end when asked to is killed after the time of grace, and not before; at once on force.
func TestGraceEnds(t *testing.T) {
	self, err := filepath.Abs(os.Args[0])
	check(t, err)
	for who, start := range map[string]string{
		"a child":                             `sh -c 'trap "" TERM; echo $$ >left.tmp; mv left.tmp left.pid; sleep 60; sleep 60' &`,
		"a child in a session of its own":     `setsid sh -c 'trap "" TERM; echo $$ >left.tmp; mv left.tmp left.pid; sleep 60; sleep 60' &`,
		"one that nothing ties to the module": self + ` daemon stubborn &`,
	} {
		for _, forced := range []bool{false, true} {
			t.Run(fmt.Sprint(who, ", force: ", forced), func(t *testing.T) {
				w, m := scripted(t, start+"\nuntil test -e left.pid; do sleep 0.01; done")
				force, noticed := make(chan struct{}), make(chan time.Time, 1)
				go func() {
					noted(t, m.Dir, "left")
					noticed <- time.Now()
					if forced {
						time.Sleep(100 * time.Millisecond)
						close(force)
					}
				}()
				w.RunDetect(WithForceKill(t.Context(), force), m, 0)
				if took := time.Since(<-noticed); (took < grace-100*time.Millisecond) != forced {
					t.Errorf("had %s", took)
				}
				if pid := noted(t, m.Dir, "left"); !isGone(pid) {
					gone(t, who, pid)
					t.Error("it was there for some time")
				}
			})
		}
	}
}

// On force executables do not have two seconds to end; nothing starts once the context is done.
func TestForceKill(t *testing.T) {
	w, m := scripted(t, "trap '' TERM\nnote self $$\nsleep 60; sleep 60")
	why := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	force := make(chan struct{})
	var d buildpack.Detection
	done := make(chan struct{})
	go func() {
		defer close(done)
		d = w.RunDetect(WithForceKill(ctx, force), m, 0)
	}()
	pid := noted(t, m.Dir, "self")
	cancel(why)
	select {
	case <-done:
		t.Error("it had no time")
	case <-time.After(300 * time.Millisecond):
	}
	close(force)
	within(t, grace-300*time.Millisecond, func() { <-done })
	if d.Cause != why {
		t.Errorf("cause %v", d.Cause)
	}
	gone(t, "the module", pid)

	check(t, os.Remove(filepath.Join(m.Dir, "bin/detect")))
	if d = w.RunDetect(ctx, m, 0); d.Cause != why { // rather than that it could not be started
		t.Errorf("cause %v", d.Cause)
	}
}

// B29: when we are killed by SIGKILL, the module and its children are, too.
func TestOurOwnDeath(t *testing.T) {
	_, m := scripted(t, "trap '' TERM HUP\nnote self $$\nsh -c 'trap \"\" TERM HUP; sleep 60; sleep 60' & note child $!\nsleep 60; sleep 60")
	phase := asPhaseOf(t, m.Dir, os.Args[0])
	check(t, phase.Start())
	self, child := noted(t, m.Dir, "self"), noted(t, m.Dir, "child")
	time.Sleep(50 * time.Millisecond)
	check(t, phase.Process.Kill())
	phase.Wait()
	ended(t, "the module", self)
	ended(t, "its child", child)
}

// ended is like gone, but leaves it to whoever is its parent to reap it, whenever that may be.
func ended(t *testing.T, why string, pid int) {
	t.Helper()
	for range 1000 {
		if state, _ := procStat(statOf(pid)); state == 0 || state == 'Z' {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	syscall.Kill(pid, syscall.SIGKILL)
	t.Errorf("%s: process %d is still there", why, pid)
}

// A module sees three descriptors and the lifetime pipe, whatever else we have open; and none of ours is left open.
func TestDescriptors(t *testing.T) {
	open := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		check(t, err)
		return len(entries)
	}
	inherited, err := syscall.Open("/dev/null", syscall.O_RDONLY, 0) // without O_CLOEXEC
	check(t, err)
	defer syscall.Close(inherited)
	closeOnExec() // as before the first start
	w, m := scripted(t, "ls /proc/$$/fd; readlink /proc/$$/fd/0")
	before, after := 0, 0
	for i := range 20 {
		if t.Failed() {
			return
		}
		var all sync.WaitGroup
		for range 5 {
			inBackground(&all, func() {
				d := w.RunDetect(t.Context(), m, time.Minute)
				// 10 is the shell's own, for the script.
				if want := "0\n1\n10\n2\n60\n/dev/null\n"; string(d.Output) != want {
					t.Errorf("descriptors %q, want %q", d.Output, want)
				}
			})
		}
		all.Wait()
		if after = open(); i == 0 {
			before = after
		}
	}
	if after > before {
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
}

// Executables that start and end at the same time have nothing to do with each other: while one is being started it has
// all descriptors that we have, and must not be taken for what another one has left behind.
func TestManyAtTheSameTime(t *testing.T) {
	w, m := scripted(t, "exit 0")
	var all sync.WaitGroup
	for range 16 {
		inBackground(&all, func() {
			for range 12 {
				if d := w.RunDetect(context.Background(), m, 0); d.Outcome != buildpack.Passed {
					t.Errorf("%s: %v", d.Outcome, d.Cause)
				}
			}
		})
	}
	all.Wait()
}

// An executable that is still being written is waited for, for a while.
func TestBusy(t *testing.T) {
	w, m := scripted(t, "echo ran")
	data, err := os.ReadFile("/bin/true")
	check(t, err)
	path := filepath.Join(m.Dir, "bin/detect")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	check(t, err)
	_, err = f.Write(data)
	check(t, err)
	writing := f
	time.AfterFunc(100*time.Millisecond, func() { writing.Close() })
	if d := w.RunDetect(t.Context(), m, 0); d.Outcome != buildpack.Passed {
		t.Errorf("%s %v", d.Outcome, d.Cause)
	}
	f, err = os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	defer f.Close()
	if d := w.RunDetect(t.Context(), m, 0); d.Cause == nil || !strings.HasSuffix(d.Cause.Error(), "text file busy: somebody is still writing it") {
		t.Errorf("%s %v", d.Outcome, d.Cause)
	}
}

// Temporary directories are removed, also those that a module has made hard to remove.
func TestTemporaryDirectories(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	w, m := scripted(t, "cd ${2%/*}; mkdir -p a/b; echo >a/b/c; chmod 0 a/b a; test $PWD/plan.toml = $2")
	if d := w.RunDetect(t.Context(), m, 0); d.Outcome != buildpack.Passed {
		t.Errorf("%s %v %s", d.Outcome, d.Cause, d.Output)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// Malformed ways to leave a plan: none keeps us waiting or is taken for a plan.
func TestPlanFilesOfEveryKind(t *testing.T) {
	for script, want := range map[string]string{
		"rm $2":                     "",
		"rm $2; mkfifo $2":          "build plan: open",
		"rm $2; mkdir $2":           "build plan: open",
		"ln -sf /dev/zero $2":       "build plan: open",
		"ln -sf nowhere $2":         "",
		"ln -sf plan.toml $2":       "build plan: open",
		"truncate -s 17M $2":        "larger than 16 MiB",
		"printf '[[[' >$2":          "invalid build plan",
		"printf 'a=\\000' >$2":      "invalid build plan",
		"printf 'a=\"\\377\"' >$2":  "invalid build plan",
		"yes [ | head -c 1M >$2":    "nested deeper than 128 levels",
		"printf '\\377\\376a' >$2":  "invalid build plan",
		"head -c 100000 /bin/sh>$2": "invalid build plan",
	} {
		w, m := scripted(t, script)
		within(t, 20*time.Second, func() {
			d := w.RunDetect(t.Context(), m, 0)
			if d.Cause == nil && want != "" || d.Cause != nil && (want == "" || !strings.Contains(d.Cause.Error(), want)) {
				t.Errorf("%s: %s %v, want %q", script, d.Outcome, d.Cause, want)
			}
		})
	}
}

// B30: the first and the last MiB are kept, in the order written, and a line says how much is missing.
func TestCaptureIsBounded(t *testing.T) {
	w, m := scripted(t, "echo first; yes 0123456789 | head -c 64M; echo; echo last >&2")
	d := w.RunDetect(t.Context(), m, 0)
	text := string(d.Output)
	if len(text) > 2<<20+100 || !strings.HasPrefix(text, "first\n0123456789\n") || !strings.HasSuffix(text, "\nlast\n") {
		t.Errorf("%d bytes: %.30q … %q", len(text), text, text[len(text)-30:])
	}
	if want := fmt.Sprintf("\n[… %d bytes left out …]\n", 64<<20+12-2<<20); !strings.Contains(text, want) {
		t.Errorf("there is no line %q", want)
	}
}

// Somebody who stops to read what generate prints does not stop the extension.
func TestReaderGone(t *testing.T) {
	dir := t.TempDir()
	tree(t, dir, map[string]string{"bin/generate": "#!/bin/sh\nyes | head -c 10M && echo >$CNB_OUTPUT_DIR/done\n"})
	check(t, os.Chmod(filepath.Join(dir, "bin/generate"), 0o755))
	w := World{App: dir, Platform: dir, Environ: os.Environ()}
	reader, writer, err := os.Pipe()
	check(t, err)
	reader.Close()
	defer writer.Close()
	check(t, w.RunGenerate(t.Context(), GenerateRun{Module: at(dir), Dir: dir, Output: writer, Timeout: 20 * time.Second}))
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil {
		t.Error(err)
	}
}

// One who has asked us to end does not wait for somebody who reads nothing, whether the module is done or goes on.
func TestReaderStuck(t *testing.T) {
	for script, want := range map[string]string{"echo once": "<nil>", "yes": "timed out after 1s"} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tree(t, dir, map[string]string{"bin/generate": "#!/bin/sh\n" + script + "\n"})
			check(t, os.Chmod(filepath.Join(dir, "bin/generate"), 0o755))
			w := World{App: dir, Platform: dir, Environ: os.Environ()}
			stuck, done := make(chan struct{}), make(chan error)
			defer close(stuck)
			go func() {
				hung := writerFunc(func(p []byte) (int, error) { <-stuck; return len(p), nil })
				done <- w.RunGenerate(t.Context(), GenerateRun{Module: at(dir), Dir: dir, Output: hung, Timeout: time.Second})
			}()
			select {
			case err := <-done:
				if fmt.Sprint(err) != want {
					t.Errorf("%v, want %s", err, want)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it waits for a reader")
			}
		})
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
