package invoke

import (
	"bytes"
	"context"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// children are the child processes of this process. A process has one set of them, so there is one variable.
var children childTracker

// childTracker knows which child processes this process started, and takes care of those that became its children because
// their parents ended: this process is the "child subreaper" of all that it starts, so a process that outlives its parent
// becomes its child.
//
// Such an orphan is reaped when it has ended. If it has not, it holds no lifetime pipe – or it would be dead – and nothing
// says which executable it belongs to; so it is killed as soon as none runs or is about to. It is not touched where it may
// have another origin: if this process is process 1, to which foreign orphans go as well (and with which all others end),
// or if it had children before it started any, from the program that it was before exec.
type childTracker struct {
	begun sync.Once
	// saidDropped is for saying once that an executable has no lifetime pipe.
	saidDropped sync.Once
	// saidMissing is for saying once what else is missing.
	saidMissing sync.Once
	launcher    *launcher
	// noProc says that there is no /proc, and noSubreaper that orphans do not become children of this process.
	noProc, noSubreaper bool
	// work is what the threads that start executables are to do.
	work chan func()

	// starting is held for reading while an executable is being started. Until exec a child is not in running, and it holds
	// all descriptors of this process, those of other executables' lifetime pipes too; if exec fails, it is reaped where it
	// was started. So a search for leftovers takes this lock first, so that nothing is being started.
	starting sync.RWMutex

	// mu is for what follows. Where both locks are needed, starting is taken first.
	mu sync.Mutex
	// threads counts those that start executables.
	threads int
	// coming counts the executables that are to be started; running are those that have been, and are not reaped yet.
	coming  int
	running map[int]bool
	// last is the number of the one that was started last.
	last int
	// ours says that this tracker has started all children of the process.
	ours bool
}

// maxThreads is how many threads start executables at the most: one is kept waiting by each start.
const maxThreads = 4

// start starts an executable that prints to a descriptor, with a lifetime pipe, and returns its process number.
func (f *childTracker) start(ctx context.Context, c command, output int) (pid int, l *lifetimePipe, err error) {
	f.begun.Do(f.begin)
	if c.debug != nil {
		f.saidMissing.Do(func() { f.sayMissing(c.debug) })
	}
	l = newLifetimePipe(f.launcher.lifetimeFD)
	f.mu.Lock()
	f.coming++
	f.mu.Unlock()
	started := make(chan struct{})
	f.dispatch(func() {
		defer close(started)
		f.starting.RLock()
		defer f.starting.RUnlock()
		pid, err = f.startOnThread(c, output, l)
	})
	<-started
	if err != nil {
		l.close()
		f.clean(ctx) // no other start or end may follow that does
		return 0, nil, err
	}
	if l.isDropped() && c.debug != nil {
		f.saidDropped.Do(func() {
			c.debug("modules run without the descriptor that ties them to this process, for none is left: " + allowed() +
				"; should it be killed by SIGKILL, what they have started may be left")
		})
	}
	return pid, l, nil
}

// startOnThread starts an executable, on this thread, and adds it to those that run before it can end.
func (f *childTracker) startOnThread(c command, output int, l *lifetimePipe) (pid int, err error) {
	pid, held, err := f.launcher.launch(c, output, l)
	f.mu.Lock()
	f.coming--
	if err == nil {
		f.running[pid], f.last = true, pid
	}
	f.mu.Unlock()
	if held {
		release(pid)
	}
	return pid, err
}

// begin prepares the process, before the first executable is started.
func (f *childTracker) begin() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.launcher = newLauncher()
	f.work = make(chan func())
	f.running = map[int]bool{}
	f.noSubreaper = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil // then orphans go to process 1, as ever
	_, err := os.Stat("/proc/self/fd")
	f.noProc = err != nil
	closeOnExec()
	_, any := f.ended()
	f.ours = os.Getpid() != 1 && !any
}

// sayMissing says what this process does without.
func (f *childTracker) sayMissing(debug func(string)) {
	if f.noProc {
		debug("there is no /proc: what a module leaves running outside of its process group is ended when no module runs any more")
	}
	if f.noSubreaper {
		debug("what modules leave running goes to process 1, for the system refuses that it comes to this one (prctl)")
	}
}

// dispatch gives work to a thread that has none, to a new one if there are few, or else to the first that is done.
func (f *childTracker) dispatch(work func()) {
	select {
	case f.work <- work:
		return
	default:
	}
	f.mu.Lock()
	if f.threads < min(maxThreads, runtime.GOMAXPROCS(0)) {
		f.threads++
		go f.worker()
	}
	f.mu.Unlock()
	f.work <- work
}

// worker starts executables, on a thread of its own that does not end before this process: the kernel kills children when
// the thread that started them ends, and lets no other thread hold them.
func (f *childTracker) worker() {
	runtime.LockOSThread()
	for do := range f.work {
		do()
	}
}

// closeOnExec keeps from children the descriptors that this process has inherited: whatever the platform had open when it
// started it. The descriptors that this process has opened are marked already.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	open, _ := os.ReadDir("/proc/self/fd") // a kernel before 5.11
	for _, entry := range open {
		if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}

// reap reaps an executable that has ended, and orphans that have; if it was the last, it ends those that have not. An error
// says that how the executable ended is not known.
func (f *childTracker) reap(ctx context.Context, pid int) (unix.WaitStatus, error) {
	f.mu.Lock()
	status, err := reapOne(pid)
	delete(f.running, pid)
	more := f.idle() || f.orphan() != 0
	f.mu.Unlock()
	if more {
		f.clean(ctx)
	}
	return status, err
}

func (f *childTracker) anyRunning() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.running) > 0
}

// idle says that no executable runs, or is about to.
func (f *childTracker) idle() bool { return len(f.running) == 0 && f.coming == 0 }

// clean reaps the orphans that have ended, and ends all that have not if no executable runs.
func (f *childTracker) clean(ctx context.Context) {
	f.starting.Lock()
	defer f.starting.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	for pid := f.orphan(); pid != 0; pid = f.orphan() {
		reapOne(pid)
	}
	if f.idle() && f.ours {
		f.endAll(forceKill(ctx))
	}
}

// orphan is the number of a child that waits to be reaped and is none of the executables, unless one of those waits before
// it: then the kernel keeps telling of that one, until its own turn comes.
func (f *childTracker) orphan() int {
	pid, _ := f.ended()
	if f.running[pid] {
		return 0
	}
	return pid
}

// ended is the number of a child that waits to be reaped, 0 if none does, and whether there are children at all.
func (f *childTracker) ended() (pid int, any bool) {
	state, err := look(unix.P_ALL, 0, unix.WEXITED|unix.WNOHANG)
	return state.pid, err == nil
}

// endAll ends all children, and gives up after a while.
func (f *childTracker) endAll(force <-chan struct{}) {
	if !f.untilNone(grace, force, unix.SIGTERM, unix.SIGCONT) {
		f.untilNone(killTimeout, nil, unix.SIGKILL)
	}
}

// untilNone sends signals to each child and reaps those that end, until there are none – it says whether that is so –, the
// time is over or force is closed.
func (f *childTracker) untilNone(limit time.Duration, force <-chan struct{}, signals ...unix.Signal) bool {
	told := map[int]bool{}
	over := time.After(limit)
	for pause := time.Millisecond; ; {
		switch pid, any := f.ended(); {
		case !any:
			return true
		case pid != 0:
			reapOne(pid)
			delete(told, pid)
			continue
		}
		for _, pid := range f.pidsOfAll() {
			if told[pid] { // no other process reaps it: its number is its own
				continue
			}
			told[pid] = true
			for _, signal := range signals {
				unix.Kill(pid, signal)
			}
		}
		select {
		case <-time.After(pause):
			pause = min(2*pause, longPause)
		case <-over:
			return false
		case <-force:
			return false
		}
	}
}

// pidsOfAll are the numbers of all children.
func (f *childTracker) pidsOfAll() []int {
	if f.noProc {
		return probe(os.Getpid(), f.last)
	}
	return slices.DeleteFunc(processes(), func(pid int) bool {
		_, parent := procStat(statOf(pid))
		return parent != os.Getpid()
	})
}

// probed is how many numbers behind those that are known are asked for.
const probed = 1 << 14

// probe finds children by asking for the numbers that they may have: the kernel counts on from our own, over those of the
// executables to the last that was started and what came after it, and begins again when it is at its end.
func probe(own, last int) (pids []int) {
	spans := [][2]int{{own, last + probed}, {1, probed}}
	if last < own {
		spans = [][2]int{{own, own + probed}, {1, last + probed}}
	}
	for _, span := range spans {
		for pid := span[0] + 1; pid < span[1]; pid++ {
			if isChild(pid) && !slices.Contains(pids, pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// isChild says whether a process is a child of ours, alive or waiting to be reaped.
func isChild(pid int) bool {
	return unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == nil
}

// reapOne reaps a child that has ended.
func reapOne(pid int) (status unix.WaitStatus, err error) {
	for {
		if _, err = unix.Wait4(pid, &status, 0, nil); err != unix.EINTR {
			return status, os.NewSyscallError("wait4", err)
		}
	}
}

// state is that of a child that has ended or is stopped.
type state struct {
	pid int
	// signal is the one that it is stopped for, as one that is traced; 0 if it has ended.
	signal unix.Signal
}

// look waits until a child has ended or is stopped, as the options say, and leaves it as it is.
func look(which, id, options int) (state, error) {
	// In C there is a union after three ints, aligned to a pointer: the process number, the user's, the status.
	var info unix.Siginfo
	const ints = 3 * unsafe.Sizeof(info.Signo)
	for {
		err := unix.Waitid(which, id, &info, options|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		at := (ints + unsafe.Alignof(uintptr(0)) - 1) &^ (unsafe.Alignof(uintptr(0)) - 1)
		union := (*[3]int32)(unsafe.Add(unsafe.Pointer(&info), at))
		s := state{pid: int(union[0])}
		if info.Code == cldTrapped {
			s.signal = unix.Signal(union[2])
		}
		return s, err
	}
}

// cldTrapped is Linux's CLD_TRAPPED: a traced child is stopped.
const cldTrapped = 4

// procStat is what a stat file below /proc says of a process or a thread: the letter of its state and the number of its parent.
// Both are 0 if it is gone.
func procStat(path string) (state byte, parent int) {
	stat, err := os.ReadFile(path)
	if err != nil {
		return 0, 0
	}
	// The name, in brackets, may have anything in it: "12 (a b) c) S 1 …".
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1]))
	return fields[0][0], parent
}

func statOf(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/stat" }
