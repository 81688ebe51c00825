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

// leashFD is the number of the descriptor that each executable gets besides the first three, where there are so many. It is
// above those that scripts name, and within the table that every process has anyway.
const leashFD = 60

// leash is a pipe that nobody writes to. We hold its writing end; the executable gets the reading end, which its
// descendants inherit. That makes two things known that nothing else tells:
//
//   - To the kernel, when we end: it then sends SIGKILL to the executable's process group, also if we were ended by
//     SIGKILL ourselves. The parent-death signal does that for the executable alone, and not for what it started.
//   - To us, whether a descendant is left that has moved to another group or session, and which process it is.
//
// A descendant that closes the descriptor, as some daemons do with all that they do not know, slips this leash; see
// family. Where no descriptor is left for it, an executable runs without.
type leash struct {
	hand   int // the writing end; -1 if it has been cut
	collar int // the reading end; -1 once it is only the executable's
	number int // of the reading end, in the executable
	inode  uint64
}

// newLeash makes a leash whose reading end gets a number in the executable. If there are no descriptors, or no such number,
// it is one that has been cut.
func newLeash(number int) *leash {
	l := &leash{hand: -1, collar: -1, number: number}
	var ends [2]int
	if number < 3 || unix.Pipe2(ends[:], unix.O_CLOEXEC) != nil {
		return l
	}
	l.collar, l.hand = ends[0], ends[1]
	var stat unix.Stat_t
	if unix.Fstat(l.collar, &stat) != nil {
		l.cut()
	}
	l.inode = stat.Ino
	return l
}

func (l *leash) isCut() bool { return l.hand < 0 }

// cut does without the leash.
func (l *leash) cut() {
	l.close()
	l.hand, l.collar = -1, -1
}

// tie asks the kernel for the signal to the group, and leaves the reading end to the executable. A kernel that has no
// such signal leaves us with the rest.
func (l *leash) tie(group int) {
	if l.isCut() {
		return
	}
	for _, request := range [][2]int{{unix.F_SETOWN, -group}, {unix.F_SETSIG, int(unix.SIGKILL)}, {unix.F_SETFL, unix.O_ASYNC}} {
		if _, err := unix.FcntlInt(uintptr(l.collar), request[0], request[1]); err != nil {
			break
		}
	}
	unix.Close(l.collar)
	l.collar = -1
}

func (l *leash) close() {
	for _, fd := range []int{l.hand, l.collar} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// killHolders kills every process that holds the leash, until none does; it gives up after a while, for there may be some
// that we cannot see or that cannot die.
func (l *leash) killHolders() {
	deadline := time.Now().Add(patience)
	for pause := shortPause; l.held() && time.Now().Before(deadline); pause = min(2*pause, longPause) {
		if pause > time.Millisecond { // those of the group, which are the most, have had the time to go by themselves
			l.toHolders(func(int) bool { return true }, unix.SIGKILL)
		}
		time.Sleep(pause)
	}
}

// terminateOutside sends SIGTERM to those that hold the leash, are not of the group and have not been told yet.
func (l *leash) terminateOutside(group int, told map[int]bool) {
	l.toHolders(func(pid int) bool {
		theirs, err := unix.Getpgid(pid)
		first := err == nil && theirs != group && !told[pid]
		told[pid] = true
		return first
	}, unix.SIGTERM, unix.SIGCONT)
}

// toHolders sends signals to those that hold the leash now, and not only until they have become what they are being started
// as, if they are meant.
func (l *leash) toHolders(meant func(pid int) bool, signals ...unix.Signal) {
	children.starting.Lock()
	defer children.starting.Unlock()
	for _, pid := range processes() {
		if pid != os.Getpid() && l.isHolder(pid) && meant(pid) {
			l.signalHolder(pid, signals)
		}
	}
}

// held says whether anybody has the reading end.
func (l *leash) held() bool {
	if l.isCut() {
		return false
	}
	fds := []unix.PollFd{{Fd: int32(l.hand)}}
	for {
		_, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && fds[0].Revents&unix.POLLERR == 0
		}
	}
}

// signalHolder sends signals to a process, but not to another one that has got its number in the meantime.
func (l *leash) signalHolder(pid int, signals []unix.Signal) {
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

func (l *leash) isHolder(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	want := fmt.Sprintf("pipe:[%d]", l.inode)
	if holds(filepath.Join(dir, strconv.Itoa(l.number)), want) {
		return true
	}
	fds, err := os.ReadDir(dir)
	if err != nil {
		return false // gone, or somebody else's
	}
	for _, fd := range fds {
		if holds(filepath.Join(dir, fd.Name()), want) {
			return true
		}
	}
	return false
}

// holds says whether a descriptor, a link below /proc, is the reading end of a pipe. The writing end has the same name;
// each executable that we are just starting has it for a moment, of all leashes that there are.
func holds(descriptor, pipe string) bool {
	target, err := os.Readlink(descriptor)
	if err != nil || target != pipe {
		return false
	}
	info, err := os.Lstat(descriptor)
	return err == nil && info.Mode().Perm()&0o400 != 0
}

// processes lists the numbers of all processes that we can see.
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
