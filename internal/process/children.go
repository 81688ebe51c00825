package process

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// children are the child processes of this process, which has one set of them.
var children tracker

// tracker starts executables and knows which children of this process they are. The others are orphans: as the "child
// subreaper", this process adopts descendants whose parents have ended. An orphan that has ended is reaped. One that is alive
// holds no lifetime pipe, so its executable is unknown, and it is ended when no executable runs or is about to.
type tracker struct {
	prepared sync.Once
	// hasTerminal is true if this process has a terminal. Executables then get a session, so that they cannot ask there for a
	// password; else a process group, which costs less.
	hasTerminal bool
	// null is the descriptor of /dev/null, the input of executables; noNull is why there is none.
	null   int
	noNull error
	// pipeNumber is the number of the lifetime pipe in executables.
	pipeNumber    int
	noDeathSignal atomic.Bool
	// work goes to the threads that start executables; threads counts them, and attempts to have more.
	work    chan func()
	threads atomic.Int32

	// starting is held for reading while an executable is started, when the new process holds all descriptors of this one
	// and is not in running. It is locked to look for orphans and for holders of a pipe, before mu if both are needed.
	starting sync.RWMutex

	mu sync.Mutex
	// coming counts the executables that are about to run; running has those that do, until they are reaped.
	coming  int
	running map[int]bool
	// ours is true if all orphans descend from an executable. Process 1 adopts unrelated ones, and a process that had children
	// before it started any has them from the program that it was before exec.
	ours bool
}

// start starts an executable that prints to a descriptor, with a lifetime pipe, and returns its process number.
func (t *tracker) start(c Command, output int) (pid int, pipe *lifetimePipe, err error) {
	t.prepared.Do(func() { t.prepare(c) })
	if pipe, err = newLifetimePipe(); err != nil {
		return 0, nil, err
	}
	t.mu.Lock()
	t.coming++
	t.mu.Unlock()
	t.onThread(func() {
		t.starting.RLock()
		defer t.starting.RUnlock()
		pid, err = t.fork(c, output, pipe)
		t.mu.Lock()
		defer t.mu.Unlock()
		t.coming--
		if err == nil {
			t.running[pid] = true
		}
	})
	if err != nil {
		pipe.close()
		t.clean(c.Kill) // no other start or end may follow that does
		return 0, nil, err
	}
	return pid, pipe, nil
}

// reap reaps an executable that has ended, and orphans that have; after the last executable it ends those that have not.
func (t *tracker) reap(pid int, kill <-chan struct{}) (unix.WaitStatus, error) {
	t.mu.Lock()
	status, err := reapOne(pid)
	delete(t.running, pid)
	more := t.idle() || t.orphan() != 0
	t.mu.Unlock()
	if more {
		t.clean(kill)
	}
	return status, err
}

func (t *tracker) anyRunning() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.running) > 0
}

// idle reports whether no executable runs or is about to.
func (t *tracker) idle() bool { return len(t.running) == 0 && t.coming == 0 }

// clean reaps the orphans that have ended, and ends the others if no executable runs.
func (t *tracker) clean(kill <-chan struct{}) {
	t.starting.Lock()
	defer t.starting.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	for pid := t.orphan(); pid != 0; pid = t.orphan() {
		reapOne(pid)
	}
	if t.idle() && t.ours && !endOrphans(Grace, kill, unix.SIGTERM, unix.SIGCONT) {
		endOrphans(killTimeout, nil, unix.SIGKILL)
	}
}

// orphan returns the number of an orphan that waits to be reaped, 0 if none does. While an executable waits as well, the
// kernel may report that one only; orphans are reaped after it.
func (t *tracker) orphan() int {
	pid, _ := ended(unix.P_ALL, 0, unix.WEXITED)
	if t.running[pid] {
		return 0
	}
	return pid
}

// endOrphans sends signals to each child once and reaps those that end, until there are no children, the time is over or
// kill is closed. It reports whether no child is left.
func endOrphans(limit time.Duration, kill <-chan struct{}, signals ...unix.Signal) bool {
	signalled := map[int]bool{}
	over := time.After(limit)
	for pause := time.Millisecond; ; {
		switch pid, err := ended(unix.P_ALL, 0, unix.WEXITED); {
		case err != nil:
			return true
		case pid != 0:
			reapOne(pid)
			delete(signalled, pid)
			continue
		}
		for _, pid := range childNumbers() {
			if !signalled[pid] { // only this process reaps it, so no other can have its number
				signalled[pid] = true
				for _, signal := range signals {
					unix.Kill(pid, signal)
				}
			}
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, longPause)
		case <-over:
			return false
		case <-kill:
			return false
		}
	}
}

// childNumbers returns the numbers of all children.
func childNumbers() []int {
	return slices.DeleteFunc(processes(), func(pid int) bool {
		_, parent := readStat("/proc/" + strconv.Itoa(pid) + "/stat")
		return parent != os.Getpid()
	})
}

// reapOne reaps a child that has ended.
func reapOne(pid int) (status unix.WaitStatus, err error) {
	for err = unix.EINTR; err == unix.EINTR; {
		_, err = unix.Wait4(pid, &status, 0, nil)
	}
	return status, os.NewSyscallError("wait4", err)
}

// ended returns the number of a child that waits to be reaped, 0 if none does. It is an error if there are no such children.
func ended(which, id, options int) (pid int, err error) {
	// In C a union follows three ints, aligned like a pointer; the process number is its first field.
	var info unix.Siginfo
	const ints, align = 3 * unsafe.Sizeof(info.Signo), unsafe.Alignof(uintptr(0))
	for err = unix.EINTR; err == unix.EINTR; {
		err = unix.Waitid(which, id, &info, options|unix.WNOHANG|unix.WNOWAIT, nil)
	}
	return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), (ints+align-1)&^(align-1)))), err
}

// readStat returns from a stat file below /proc the letter of the state of a process or a thread, and the number of its
// parent. Both are 0 if it has ended.
func readStat(path string) (state byte, parent int) {
	stat, _ := os.ReadFile(path)
	// The name, in brackets, may have anything in it: "12 (a b) c) S 1 …".
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1]))
	return fields[0][0], parent
}
