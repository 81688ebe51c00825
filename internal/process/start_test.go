package process

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// One that somebody else has reaped has not passed: nobody knows how it ended.
func TestEndUnknown(t *testing.T) {
	c := scripted(t, "note self $$; while test ! -e go; do sleep 0.01; done")
	done := make(chan result)
	go func() { done <- c.run(t.Context(), 0) }()
	pid := noted(t, c.Dir, "self")
	children.mu.Lock() // nobody of ours reaps it now
	check(t, os.WriteFile(filepath.Join(c.Dir, "go"), nil, 0o600))
	_, err := reapOne(pid)
	children.mu.Unlock()
	check(t, err)
	if d := <-done; d.err == nil || !strings.Contains(d.err.Error(), "could not get its exit status") {
		t.Error(d.err)
	}
}

// A module is kept from our terminal, by a session of its own. Where we have none, it is the leader of a process group.
func TestTerminal(t *testing.T) {
	run := func(attr *syscall.SysProcAttr, stdin *os.File) (pid, group, session, terminal int) {
		t.Helper()
		c := scripted(t, "read -r stat </proc/$$/stat; echo ${stat##*) }; echo $$; (exec 3</dev/tty) 2>/dev/null && echo opened; exit 0")
		phase := asPhaseOf(c.Path)
		phase.SysProcAttr, phase.Stdin = attr, stdin
		out, err := phase.CombinedOutput()
		check(t, err)
		var state string
		var parent int
		if _, err := fmt.Sscanf(string(out), "<nil> %s %d %d %d %d", &state, &parent, &group, &session, &terminal); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		lines := strings.Split(string(out), "\n")
		if pid, err = strconv.Atoi(lines[1]); err != nil || strings.Contains(string(out), "opened") {
			t.Fatalf("%v: %s", err, out)
		}
		return pid, group, session, terminal
	}
	pid, group, session, terminal := run(&syscall.SysProcAttr{Setsid: true}, nil)
	if group != pid || session == pid || terminal != 0 {
		t.Errorf("without a terminal: process %d, group %d, session %d, terminal %d", pid, group, session, terminal)
	}
	ours, theirs := newTerminal(t)
	defer ours.Close()
	defer theirs.Close()
	pid, group, session, terminal = run(&syscall.SysProcAttr{Setsid: true, Setctty: true}, theirs)
	if group != pid || session != pid || terminal != 0 {
		t.Errorf("with one: process %d, group %d, session %d, terminal %d", pid, group, session, terminal)
	}
}

func newTerminal(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal can be made here: %v", err)
	}
	check(t, unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	check(t, err)
	theirs, err = os.OpenFile(fmt.Sprint("/dev/pts/", number), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	return ours, theirs
}
