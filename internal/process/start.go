package process

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxStarting is how many executables are started at the same time. Each start keeps a thread waiting until exec.
const maxStarting = 4

// prepare makes this process ready to start executables.
func (t *tracker) prepare(c Command) {
	if fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0); err == nil {
		t.hasTerminal = true
		unix.Close(fd)
	}
	t.null, t.noNull = unix.Open(os.DevNull, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	t.pipeNumber = min(pipeNumber, maxDescriptors()-descriptorsAbove)
	if unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != nil {
		c.debug("processes that modules leave go to process 1, because the system refuses that this process adopts them (prctl)")
	}
	closeOnExec()
	_, err := ended(unix.P_ALL, 0, unix.WEXITED)
	t.mu.Lock()
	t.ours = os.Getpid() != 1 && err != nil
	t.running = map[int]bool{}
	t.mu.Unlock()
	t.work = make(chan func())
}

// onThread runs start on a thread that lives as long as this process: the kernel sends the parent-death signal when the
// thread ends that started the child. There are no more threads than starts at the same time, for they count as processes.
func (t *tracker) onThread(start func()) {
	done := make(chan struct{})
	work := func() {
		defer close(done)
		start()
	}
	select {
	case t.work <- work:
	default:
		if int(t.threads.Add(1)) <= min(maxStarting, runtime.GOMAXPROCS(0)) {
			go t.starts()
		}
		t.work <- work
	}
	<-done
}

// starts is a thread that starts executables.
func (t *tracker) starts() {
	runtime.LockOSThread()
	for start := range t.work {
		start()
	}
}

// fork makes a process of the executable and arms its lifetime pipe.
func (t *tracker) fork(c Command, output int, pipe *lifetimePipe) (pid int, err error) {
	if t.noNull != nil {
		return 0, &fs.PathError{Op: "open", Path: os.DevNull, Err: t.noNull}
	}
	files := []uintptr{uintptr(t.null), uintptr(output), uintptr(output)}
	for len(files) < t.pipeNumber {
		files = append(files, ^uintptr(0)) // none
	}
	attributes := &syscall.SysProcAttr{Setsid: t.hasTerminal, Setpgid: !t.hasTerminal}
	if !t.noDeathSignal.Load() {
		attributes.Pdeathsig = syscall.SIGKILL
	}
	start := &syscall.ProcAttr{Dir: c.Dir, Env: c.Env, Files: append(files, uintptr(pipe.readEnd)), Sys: attributes}
	args := append([]string{c.Path}, c.Args...)
	pid, err = syscall.ForkExec(c.Path, args, start)
	refused := errors.Is(err, fs.ErrPermission) || errors.Is(err, errors.ErrUnsupported)
	if refused && attributes.Pdeathsig != 0 { // the parent-death signal, or the executable?
		attributes.Pdeathsig = 0
		if pid, err = syscall.ForkExec(c.Path, args, start); err == nil && !t.noDeathSignal.Swap(true) {
			c.debug("modules do not end with this process by themselves, because the system refuses that (prctl); after SIGKILL to this process, what they have started may be left")
		}
	}
	if err != nil {
		return 0, &fs.PathError{Op: "fork/exec", Path: c.Path, Err: err}
	}
	pipe.arm(pid)
	return pid, nil
}

// closeOnExec keeps children from inheriting the descriptors that this process has inherited.
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
