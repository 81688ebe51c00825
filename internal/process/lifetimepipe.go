package process

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// pipeNumber is the number of the lifetime pipe in executables, if so many descriptors are allowed: scripts use lower ones, and
// every process has a table of 64.
const pipeNumber = 60

// lifetimePipe is a pipe that is never written to. This process holds its write end; the executable gets the read end, which
// its descendants inherit. When this process ends, even by SIGKILL, the kernel sends SIGKILL to the executable's process group;
// the parent-death signal ends the executable alone. The pipe also shows this process which descendants are left that have
// moved to another group or session. One that closes it is found as an orphan; see [tracker].
type lifetimePipe struct {
	writeEnd int
	readEnd  int    // -1 once only the executable has it
	name     string // of both ends in /proc
}

func newLifetimePipe() (*lifetimePipe, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	l := &lifetimePipe{readEnd: ends[0], writeEnd: ends[1]}
	var stat unix.Stat_t
	if err := unix.Fstat(l.readEnd, &stat); err != nil {
		l.close()
		return nil, os.NewSyscallError("fstat", err)
	}
	l.name = fmt.Sprintf("pipe:[%d]", stat.Ino)
	return l, nil
}

// arm asks the kernel for the signal to the group, and leaves the read end to the executable.
func (l *lifetimePipe) arm(group int) {
	for _, request := range [][2]int{{unix.F_SETOWN, -group}, {unix.F_SETSIG, int(unix.SIGKILL)}, {unix.F_SETFL, unix.O_ASYNC}} {
		if _, err := unix.FcntlInt(uintptr(l.readEnd), request[0], request[1]); err != nil {
			break // then the pipe still shows which descendants are left
		}
	}
	unix.Close(l.readEnd)
	l.readEnd = -1
}

func (l *lifetimePipe) close() {
	unix.Close(l.writeEnd)
	if l.readEnd >= 0 {
		unix.Close(l.readEnd)
	}
}

// held reports whether a process has the read end.
func (l *lifetimePipe) held() bool {
	fds := []unix.PollFd{{Fd: int32(l.writeEnd)}}
	err := error(unix.EINTR)
	for err == unix.EINTR {
		_, err = unix.Poll(fds, 0)
	}
	return err == nil && fds[0].Revents&unix.POLLERR == 0
}

// killHolders kills every process that holds the pipe, until none does or the time is over: some may be another user's, or
// waiting in the kernel.
func (l *lifetimePipe) killHolders() {
	deadline := time.Now().Add(killTimeout)
	for pause := shortPause; l.held() && time.Now().Before(deadline); pause = min(2*pause, longPause) {
		if pause > time.Millisecond { // looking is expensive, and those of the killed group have ended by now
			l.signal(func(int) bool { return true }, unix.SIGKILL)
		}
		time.Sleep(pause)
	}
}

// terminateOutside sends SIGTERM to the processes that hold the pipe, are not of the group and have not been signalled yet.
func (l *lifetimePipe) terminateOutside(group int, signalled map[int]bool) {
	l.signal(func(pid int) bool {
		theirs, err := unix.Getpgid(pid)
		first := err == nil && theirs != group && !signalled[pid]
		signalled[pid] = true
		return first
	}, unix.SIGTERM, unix.SIGCONT)
}

// signal sends signals to the chosen ones of the processes that hold the pipe, except between fork and exec.
func (l *lifetimePipe) signal(chosen func(pid int) bool, signals ...unix.Signal) {
	children.starting.Lock()
	defer children.starting.Unlock()
	for _, pid := range processes() {
		if pid != os.Getpid() && l.isHolder(pid) && chosen(pid) {
			for _, signal := range signals {
				unix.Kill(pid, signal)
			}
		}
	}
}

func (l *lifetimePipe) isHolder(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	descriptors, _ := os.ReadDir(dir) // none if it has ended or is another user's
	return slices.ContainsFunc(descriptors, func(d os.DirEntry) bool {
		target, _ := os.Readlink(filepath.Join(dir, d.Name()))
		return target == l.name
	})
}

// processes returns the numbers of all processes that this one can see.
func processes() (pids []int) {
	entries, _ := os.ReadDir("/proc")
	for _, entry := range entries {
		if pid, err := strconv.Atoi(entry.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
