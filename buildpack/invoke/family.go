package invoke

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// children are the child processes of this process. There is one set of them per process, so there is one variable.
var children family

// family knows which child processes we started, and takes care of those that became ours because their parents ended:
// we are the "child subreaper" of all that we start, so whatever outlives its parent becomes our child.
//
// Such an orphan is reaped when it has ended. If it has not, it holds no leash – or it would be dead – and nothing says
// which executable it belongs to; so it is killed as soon as none runs. It is left alone where it might not be of our
// making: if we are process 1, to which foreign orphans go as well (and with which all others end), or if we had
// children before we started any, from whatever we were before we were this program.
type family struct {
	mu sync.Mutex
	// running are the executables that are not reaped yet.
	running map[int]bool
	// ours says that all children are our own making.
	ours bool
	// work is what the thread that starts executables is to do; nil until there is something.
	work chan func()
}

// start starts a command on a leash. One at a time: while it does, nobody is reaped, for a child that fails to start is
// reaped by os/exec; and no other child is made, which until it becomes its executable would hold this one's leash.
func (f *family) start(cmd *exec.Cmd) (*leash, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.running == nil {
		f.running = map[int]bool{}
		unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) //nolint:errcheck // without it orphans go to process 1, as ever
		closeOnExec()
		_, any := f.ended()
		f.ours = os.Getpid() != 1 && !any
	}
	leash, err := newLeash()
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = leash.extraFiles()
	if err := f.onThread(cmd.Start); err != nil {
		leash.close()
		return nil, err
	}
	f.running[cmd.Process.Pid] = true
	leash.tie(cmd.Process.Pid)
	return leash, nil
}

// onThread does something on a thread of the family's own, which does not end before we do: the kernel kills children
// when the thread that started them ends. One for all of them is less work than if each kept its own.
func (f *family) onThread(do func() error) error {
	if f.work == nil {
		f.work = make(chan func())
		go func() {
			runtime.LockOSThread()
			for do := range f.work {
				do()
			}
		}()
	}
	done := make(chan error)
	f.work <- func() { done <- do() }
	return <-done
}

// closeOnExec keeps from our children what we have inherited ourselves without asking for it: whatever the platform had
// open when it started us. Our own descriptors are marked already.
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

// reap reaps an executable that has ended, and orphans that have; if it was the last, it ends those that have not.
func (f *family) reap(cmd *exec.Cmd) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	err := cmd.Wait()
	delete(f.running, cmd.Process.Pid)
	for {
		pid, _ := f.ended()
		if pid == 0 || f.running[pid] {
			break // the kernel keeps telling of that one, until its own turn comes
		}
		reapOne(pid)
	}
	if len(f.running) == 0 && f.ours {
		f.killAll()
	}
	return err
}

// ended is the number of a child that waits to be reaped, 0 if none does, and whether there are children at all.
func (f *family) ended() (pid int, any bool) {
	// In C, the process number stands in a union after three ints, aligned to a pointer.
	var info unix.Siginfo
	const ints = 3 * unsafe.Sizeof(info.Signo)
	for {
		err := unix.Waitid(unix.P_ALL, 0, &info, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		if err == unix.EINTR {
			continue
		}
		at := (ints + unsafe.Alignof(uintptr(0)) - 1) &^ (unsafe.Alignof(uintptr(0)) - 1)
		return int(*(*int32)(unsafe.Add(unsafe.Pointer(&info), at))), err == nil
	}
}

// killAll kills all children until there are none, and gives up after a while.
func (f *family) killAll() {
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		pid, any := f.ended()
		switch {
		case !any:
			return
		case pid != 0:
			reapOne(pid)
			continue
		}
		for _, pid := range processes() {
			if parentOf(pid) == os.Getpid() { // nobody else reaps it: its number is its own
				unix.Kill(pid, unix.SIGKILL)
			}
		}
		time.Sleep(time.Millisecond)
	}
}

func reapOne(pid int) {
	for {
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != unix.EINTR {
			return
		}
	}
}

// parentOf is the number of a process's parent, 0 if it is not to be had.
func parentOf(pid int) int {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	// The name, in brackets, may have anything in it: "12 (a b) c) S 1 …".
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return 0
	}
	parent, _ := strconv.Atoi(string(fields[1]))
	return parent
}
