package invoke

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// lifetimeFD is the number of the descriptor that each executable gets besides the first three, where there are so many. It is
// above those that scripts name, and within the table that every process has anyway.
const lifetimeFD = 60

// lifetimePipe is a pipe that is never written to. This process holds its write end; the executable gets the read end, which
// its descendants inherit. That makes two things known that nothing else tells:
//
//   - To the kernel, when this process ends: it then sends SIGKILL to the executable's process group, also if this process
//     was ended by SIGKILL. The parent-death signal does that for the executable alone, and not for what it started.
//   - To this process, whether a descendant is left that has moved to another group or session, and which process it is.
//
// A descendant that closes the descriptor, as some daemons do with all that they do not know, is found in another way; see
// childTracker. Where no descriptor is left for it, an executable runs without: its pipe is dropped.
type lifetimePipe struct {
	writeEnd int // -1 if the pipe is dropped
	readEnd  int // -1 once it is only the executable's
	number   int // of the read end, in the executable
	inode    uint64
}

// newLifetimePipe makes a pipe whose read end gets a number in the executable. If there are no descriptors, or no such number,
// it is dropped.
func newLifetimePipe(number int) *lifetimePipe {
	l := &lifetimePipe{writeEnd: -1, readEnd: -1, number: number}
	var ends [2]int
	if number < 3 || unix.Pipe2(ends[:], unix.O_CLOEXEC) != nil {
		return l
	}
	l.readEnd, l.writeEnd = ends[0], ends[1]
	var stat unix.Stat_t
	if unix.Fstat(l.readEnd, &stat) != nil {
		l.drop()
	}
	l.inode = stat.Ino
	return l
}

func (l *lifetimePipe) isDropped() bool { return l.writeEnd < 0 }

// drop does without the pipe.
func (l *lifetimePipe) drop() {
	l.close()
	l.writeEnd, l.readEnd = -1, -1
}

// arm asks the kernel for the signal to the group, and leaves the read end to the executable. Where the kernel has no such
// signal, the rest still holds.
func (l *lifetimePipe) arm(group int) {
	if l.isDropped() {
		return
	}
	for _, request := range [][2]int{{unix.F_SETOWN, -group}, {unix.F_SETSIG, int(unix.SIGKILL)}, {unix.F_SETFL, unix.O_ASYNC}} {
		if _, err := unix.FcntlInt(uintptr(l.readEnd), request[0], request[1]); err != nil {
			break
		}
	}
	unix.Close(l.readEnd)
	l.readEnd = -1
}

func (l *lifetimePipe) close() {
	for _, fd := range []int{l.writeEnd, l.readEnd} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// killHolders kills every process that holds the pipe, until none does; it gives up after a while, for there may be some
// that this process cannot see or that cannot die.
func (l *lifetimePipe) killHolders() {
	if children.noProc {
		return // they end as orphans do
	}
	deadline := time.Now().Add(killTimeout)
	for pause := shortPause; l.held() && time.Now().Before(deadline); pause = min(2*pause, longPause) {
		if pause > time.Millisecond { // those of the group, which are the most, have had the time to go by themselves
			l.toHolders(func(int) bool { return true }, unix.SIGKILL)
		}
		time.Sleep(pause)
	}
}

// terminateOutside sends SIGTERM to the processes that hold the pipe, are not of the group and have not been told yet.
func (l *lifetimePipe) terminateOutside(group int, told map[int]bool) {
	l.toHolders(func(pid int) bool {
		theirs, err := unix.Getpgid(pid)
		first := err == nil && theirs != group && !told[pid]
		told[pid] = true
		return first
	}, unix.SIGTERM, unix.SIGCONT)
}

// toHolders sends signals to the processes that hold the pipe now and are meant. A process that holds it only between fork
// and exec does not count.
func (l *lifetimePipe) toHolders(meant func(pid int) bool, signals ...unix.Signal) {
	children.starting.Lock()
	defer children.starting.Unlock()
	for _, pid := range processes() {
		if pid != os.Getpid() && l.isHolder(pid) && meant(pid) {
			l.signalHolder(pid, signals)
		}
	}
}

// held says whether a process has the read end.
func (l *lifetimePipe) held() bool {
	if l.isDropped() {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(l.writeEnd)}}
	for {
		_, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && fds[0].Revents&unix.POLLERR == 0
		}
	}
}

// signalHolder sends signals to a process, but not to another one that has got its number in the meantime.
func (l *lifetimePipe) signalHolder(pid int, signals []unix.Signal) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err == nil {
		defer unix.Close(fd)
	}
	for _, signal := range signals {
		switch {
		case err == unix.ESRCH || !l.isHolder(pid):
			return
		case err == nil:
			unix.PidfdSendSignal(fd, signal, nil, 0)
		default: // there are no descriptors of processes here, or none is left
			unix.Kill(pid, signal)
		}
	}
}

func (l *lifetimePipe) isHolder(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	want := fmt.Sprintf("pipe:[%d]", l.inode)
	if holds(filepath.Join(dir, strconv.Itoa(l.number)), want) {
		return true
	}
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false // gone, or another user's
	}
	for _, fd := range fds {
		if holds(filepath.Join(dir, fd.Name()), want) {
			return true
		}
	}
	return false
}

// holds says whether a descriptor, a link below /proc, is the read end of a pipe. The write end has the same name; each
// executable that is just being started has it for a moment, of all lifetime pipes that there are.
func holds(descriptor, pipe string) bool {
	target, err := os.Readlink(descriptor)
	if err != nil || target != pipe {
		return false
	}
	info, err := os.Lstat(descriptor)
	return err == nil && info.Mode().Perm()&0o400 != 0
}

// processes lists the numbers of all processes that this one can see.
func processes() []int {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if strings.Trim(name, "0123456789") == "" {
			if pid, err := strconv.Atoi(name); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}
