package process

import (
	"bytes"
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
)

// asPhase names the variable that makes the test's executable run another one and wait, like a phase that is to be killed.
const asPhase = "PRELUDE_TEST_MODULE"

func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "daemon" {
		daemon(os.Args[2])
	}
	if len(os.Args) > 2 && os.Args[1] == "tidy" {
		keepLock(os.Args[2], os.Args[3:])
	}
	if path := os.Getenv(asPhase); path != "" {
		d := at(path).run(context.Background(), 0)
		fmt.Println(d.err, d.output)
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
	for _, fd := range []int{0, 1, 2, pipeNumber} { // that is all it has, but for the runtime's own
		if keep == "output" && fd == 1 || keep == "pipe" && fd == pipeNumber {
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
		syscall.Close(pipeNumber)
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

// asPhaseOf is a command that runs an executable, like a phase.
func asPhaseOf(path string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asPhase+"="+path)
	return cmd
}

// executable is a script in a directory of its own, where it is run.
type executable struct{ Command }

// scripted makes an executable from a shell script, which can call "note <name>" with a process number to note.
func scripted(t *testing.T, script string) executable {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "script")
	check(t, os.WriteFile(path, []byte("#!/bin/sh\nnote() { echo $2 >$1.tmp; mv $1.tmp $1.pid; }\n"+script), 0o755))
	return at(path)
}

func at(path string) executable {
	return executable{Command{Path: path, Dir: filepath.Dir(path), Env: os.Environ()}}
}

// result is how a run went.
type result struct {
	output string
	err    error
}

// run runs the executable for no longer than a time; 0 means no limit.
func (e executable) run(ctx context.Context, limit time.Duration) result {
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, limit, errTime)
		defer cancel()
	}
	var output bytes.Buffer
	e.Output = &output
	err := e.Run(ctx)
	return result{output.String(), err}
}

var errTime = errors.New("its time is over")

func exitCode(err error) int {
	var exit *ExitError
	if errors.As(err, &exit) {
		return exit.Code
	}
	return 0
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
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

// isGone reports whether there is no such process any more, not even one that waits to be reaped.
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
		t.Run(name, func(t *testing.T) { nothingOutlives(t, script) })
	}
}

// nothingOutlives runs a module that notes what it leaves, and has two pipes.
func nothingOutlives(t *testing.T, script string) {
	self, err := filepath.Abs(os.Args[0])
	check(t, err)
	count := "readlink /proc/$$/fd/* >fds; grep pipe: fds | sort -u | wc -l" // a pipeline would be counted, too
	c := scripted(t, "self="+self+"\n"+script+"\n"+count+"\necho done")
	var d result
	within(t, 20*time.Second, func() { d = c.run(t.Context(), 15*time.Second) })
	if want := "2\ndone\n"; d.err != nil || d.output != want {
		t.Errorf("%v %q, want %q", d.err, d.output, want)
	}
	if pid := noted(t, c.Dir, "left"); !isGone(pid) {
		gone(t, "at the end", pid)
		t.Error("it was there for some time")
	}
}

// B28: a descendant that keeps our pipe open does not keep us waiting, not even one that we must not kill.
func TestPipeKeptOpen(t *testing.T) {
	c := scripted(t, "exit 0")
	c.run(t.Context(), 0)
	defer func(before bool) { children.ours = before }(children.ours)
	children.ours = false // as if we had been process 1, to which anybody's orphans go
	self, err := filepath.Abs(os.Args[0])
	check(t, err)
	c = scripted(t, self+" daemon output &\nwhile test ! -s left.pid; do sleep 0.01; done\necho done")
	var d result
	within(t, 20*time.Second, func() { d = c.run(t.Context(), 15*time.Second) })
	if d.err != nil || d.output != "done\n" {
		t.Errorf("%v %q", d.err, d.output)
	}
	pid := noted(t, c.Dir, "left")
	if isGone(pid) {
		t.Error("it was killed")
	}
	syscall.Kill(pid, syscall.SIGKILL)
}

// What a module left that nothing ties to it must not be taken for a sign that a module which still runs is done.
func TestOrphansOfOthersAreLeftAlone(t *testing.T) {
	slow := scripted(t, "(setsid sleep 60 >/dev/null 2>&1 & note helper $!)\nwhile test ! -e go; do sleep 0.01; done\nkill -0 $(cat helper.pid) && echo helped")
	quick := scripted(t, "setsid sleep 60 & note left $!")
	var all sync.WaitGroup
	inBackground(&all, func() {
		if d := slow.run(t.Context(), 0); d.output != "helped\n" {
			t.Errorf("the other module's helper was ended: %q", d.output)
		}
	})
	helper := noted(t, slow.Dir, "helper")
	quick.run(t.Context(), 0)
	hasGone(t, "what the quick module left", noted(t, quick.Dir, "left"))
	check(t, os.WriteFile(filepath.Join(slow.Dir, "go"), nil, 0o600))
	all.Wait()
	gone(t, "the helper", helper)
}

// Modules that start while others end are not taken for what those have left.
func TestStartingIsNotLeftOver(t *testing.T) {
	c := scripted(t, "exit 100")
	var all sync.WaitGroup
	for range 8 {
		inBackground(&all, func() {
			for range 60 {
				if d := c.run(t.Context(), 0); exitCode(d.err) != 100 {
					t.Error(d.err)
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
		c := scripted(t, "trap 'echo ending; exit 0' TERM\nsleep 60 & note child $!\nwait; wait")
		var d result
		within(t, 20*time.Second, func() { d = c.run(t.Context(), time.Second) })
		if d.err.Error() != errTime.Error() || d.output != "ending\n" {
			t.Errorf("%v %q", d.err, d.output)
		}
		gone(t, "its child", noted(t, c.Dir, "child"))
	})
	t.Run("it ignores SIGTERM", func(t *testing.T) {
		t.Parallel()
		c := scripted(t, "trap '' TERM\nsetsid sleep 60 & note child $!\nnote self $$\nsleep 60; sleep 60")
		ctx, cancel := context.WithCancel(t.Context())
		var asked time.Time
		go func() {
			noted(t, c.Dir, "self")
			asked = time.Now()
			cancel()
		}()
		d := c.run(ctx, 0)
		if took := time.Since(asked); took < Grace || d.err != context.Canceled {
			t.Errorf("%v after %s", d.err, took)
		}
		gone(t, "the module", noted(t, c.Dir, "self"))
		gone(t, "its child", noted(t, c.Dir, "child"))
	})
	t.Run("it is stopped", func(t *testing.T) {
		t.Parallel()
		c := scripted(t, "trap 'exit 1' TERM\nkill -STOP $$")
		var d result
		within(t, 20*time.Second, func() { d = c.run(t.Context(), time.Second) })
		if d.err == nil || d.err.Error() != errTime.Error() {
			t.Errorf("%v", d.err)
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
	c := scripted(t, script)
	lock := filepath.Join(c.Dir, "lock")
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
	c.run(ctx, 0)
	if took := time.Since(<-locked); took >= Grace {
		t.Errorf("took %s, though there is nobody who needs longer than 0.3 s", took)
	}
	if _, err := os.Stat(lock); err == nil {
		t.Error("the lock is left")
	}
}

// A process that does not end when asked to is killed after the time of Grace, and not before; at once on force.
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
				c := scripted(t, start+"\nuntil test -e left.pid; do sleep 0.01; done")
				force, noticed := make(chan struct{}), make(chan time.Time, 1)
				go func() {
					noted(t, c.Dir, "left")
					noticed <- time.Now()
					if forced {
						time.Sleep(100 * time.Millisecond)
						close(force)
					}
				}()
				c.Kill = force
				c.run(t.Context(), 0)
				if took := time.Since(<-noticed); (took < Grace-100*time.Millisecond) != forced {
					t.Errorf("had %s", took)
				}
				if pid := noted(t, c.Dir, "left"); !isGone(pid) {
					gone(t, who, pid)
					t.Error("it was there for some time")
				}
			})
		}
	}
}

// On force executables do not have two seconds to end; nothing starts once the context is done.
func TestForceKill(t *testing.T) {
	c := scripted(t, "trap '' TERM\nnote self $$\nsleep 60; sleep 60")
	why := errors.New("the reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	force := make(chan struct{})
	c.Kill = force
	var d result
	done := make(chan struct{})
	go func() {
		defer close(done)
		d = c.run(ctx, 0)
	}()
	pid := noted(t, c.Dir, "self")
	cancel(why)
	select {
	case <-done:
		t.Error("it had no time")
	case <-time.After(300 * time.Millisecond):
	}
	close(force)
	within(t, Grace-300*time.Millisecond, func() { <-done })
	if d.err != why {
		t.Errorf("cause %v", d.err)
	}
	gone(t, "the module", pid)

	check(t, os.Remove(c.Path))
	if d = c.run(ctx, 0); d.err != why { // rather than that it could not be started
		t.Errorf("cause %v", d.err)
	}
}

// B29: when we are killed by SIGKILL, the module and its children are, too.
func TestOurOwnDeath(t *testing.T) {
	c := scripted(t, "trap '' TERM HUP\nnote self $$\nsh -c 'trap \"\" TERM HUP; sleep 60; sleep 60' & note child $!\nsleep 60; sleep 60")
	phase := asPhaseOf(c.Path)
	check(t, phase.Start())
	self, child := noted(t, c.Dir, "self"), noted(t, c.Dir, "child")
	time.Sleep(50 * time.Millisecond)
	check(t, phase.Process.Kill())
	phase.Wait()
	hasGone(t, "the module", self)
	hasGone(t, "its child", child)
}

// hasGone is like gone, but leaves it to whoever is its parent to reap it, whenever that may be.
func hasGone(t *testing.T, why string, pid int) {
	t.Helper()
	for range 1000 {
		if state, _ := readStat(fmt.Sprintf("/proc/%d/stat", pid)); state == 0 || state == 'Z' {
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
	c := scripted(t, "ls /proc/$$/fd; readlink /proc/$$/fd/0")
	before, after := 0, 0
	for i := range 20 {
		if t.Failed() {
			return
		}
		var all sync.WaitGroup
		for range 5 {
			inBackground(&all, func() {
				d := c.run(t.Context(), time.Minute)
				// 10 is the shell's own, for the script.
				if want := "0\n1\n10\n2\n60\n/dev/null\n"; d.output != want {
					t.Errorf("descriptors %q, want %q", d.output, want)
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
	c := scripted(t, "exit 0")
	var all sync.WaitGroup
	for range 16 {
		inBackground(&all, func() {
			for range 12 {
				if d := c.run(context.Background(), 0); d.err != nil {
					t.Error(d.err)
				}
			}
		})
	}
	all.Wait()
}

// An executable that is still being written is waited for, for a while.
func TestBusy(t *testing.T) {
	c := scripted(t, "echo ran")
	data, err := os.ReadFile("/bin/true")
	check(t, err)
	path := c.Path
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	check(t, err)
	_, err = f.Write(data)
	check(t, err)
	writing := f
	time.AfterFunc(100*time.Millisecond, func() { writing.Close() })
	if d := c.run(t.Context(), 0); d.err != nil {
		t.Error(d.err)
	}
	f, err = os.OpenFile(path, os.O_WRONLY, 0)
	check(t, err)
	defer f.Close()
	if d := c.run(t.Context(), 0); d.err == nil || !errors.Is(d.err, syscall.ETXTBSY) {
		t.Error(d.err)
	}
}

// Somebody who stops to read what generate prints does not stop the extension.
func TestReaderGone(t *testing.T) {
	c := scripted(t, "yes | head -c 10M && echo >done")
	reader, writer, err := os.Pipe()
	check(t, err)
	reader.Close()
	defer writer.Close()
	c.Output, c.Live = writer, true
	check(t, c.Run(t.Context()))
	if _, err := os.Stat(filepath.Join(c.Dir, "done")); err != nil {
		t.Error(err)
	}
}

// One who has asked us to end does not wait for somebody who reads nothing, whether the module is done or goes on.
func TestReaderStuck(t *testing.T) {
	for script, want := range map[string]error{"echo once": nil, "yes": errTime} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			c := scripted(t, script)
			stuck, done := make(chan struct{}), make(chan error)
			defer close(stuck)
			go func() {
				hung := writerFunc(func(p []byte) (int, error) { <-stuck; return len(p), nil })
				ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errTime)
				defer cancel()
				c.Output, c.Live = hung, true
				done <- c.Run(ctx)
			}()
			select {
			case err := <-done:
				if err != want {
					t.Errorf("%v, want %v", err, want)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("it waits for a reader")
			}
		})
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
