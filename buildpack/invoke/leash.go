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

// leashFD is the number of the descriptor that each executable gets besides the first three. It is above those that
// scripts name, and within the table that every process has anyway.
const leashFD = 60

// leash is a pipe that nobody writes to. We hold its writing end; the executable gets the reading end, which its
// descendants inherit. That makes two things known that nothing else tells:
//
//   - To the kernel, when we end: it then sends SIGKILL to the executable's process group, also if we were ended by
//     SIGKILL ourselves. The parent-death signal does that for the executable alone, and not for what it started.
//   - To us, whether a descendant is left that has moved to another group or session, and which process it is.
//
// A descendant that closes the descriptor, as some daemons do with all that they do not know, slips this leash; see
// family.
type leash struct {
	hand   int // the writing end
	collar int // the reading end; -1 once it is only the executable's
	inode  uint64
}

func newLeash() (*leash, error) {
	var ends [2]int
	if err := unix.Pipe2(ends[:], unix.O_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("pipe2", err)
	}
	var stat unix.Stat_t
	if err := unix.Fstat(ends[0], &stat); err != nil {
		unix.Close(ends[0])
		unix.Close(ends[1])
		return nil, os.NewSyscallError("fstat", err)
	}
	return &leash{hand: ends[1], collar: ends[0], inode: stat.Ino}, nil
}

// tie asks the kernel for the signal to the group, and leaves the reading end to the executable. A kernel that has no
// such signal leaves us with the rest.
func (l *leash) tie(group int) {
	for _, request := range [][2]int{{unix.F_SETOWN, -group}, {unix.F_SETSIG, int(unix.SIGKILL)}, {unix.F_SETFL, unix.O_ASYNC}} {
		if _, err := unix.FcntlInt(uintptr(l.collar), request[0], request[1]); err != nil {
			break
		}
	}
	unix.Close(l.collar)
	l.collar = -1
}

func (l *leash) close() {
	unix.Close(l.hand)
	if l.collar >= 0 {
		unix.Close(l.collar)
	}
}

// killHolders kills every process that holds the leash, until none does; it gives up after a while, for there may be some
// that we cannot see or that cannot die.
func (l *leash) killHolders() {
	deadline := time.Now().Add(patience)
	for pause := 100 * time.Microsecond; l.held() && time.Now().Before(deadline); pause = min(2*pause, 20*time.Millisecond) {
		if pause > time.Millisecond { // those of the group, which are the most, have had the time to go by themselves
			l.killEach()
		}
		time.Sleep(pause)
	}
}

// killEach kills those that hold the leash now, and not only until they have become what they are being started as.
func (l *leash) killEach() {
	children.starting.Lock()
	defer children.starting.Unlock()
	for _, pid := range processes() {
		l.killIfHolder(pid)
	}
}

// held says whether anybody has the reading end.
func (l *leash) held() bool {
	fds := []unix.PollFd{{Fd: int32(l.hand)}}
	for {
		_, err := unix.Poll(fds, 0)
		if err != unix.EINTR {
			return err == nil && fds[0].Revents&unix.POLLERR == 0
		}
	}
}

// killIfHolder kills a process, but not another one that has got its number in the meantime.
func (l *leash) killIfHolder(pid int) {
	if pid == os.Getpid() || !l.isHolder(pid) {
		return
	}
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		if err == unix.ENOSYS {
			unix.Kill(pid, unix.SIGKILL)
		}
		return
	}
	defer unix.Close(fd)
	if l.isHolder(pid) {
		unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
	}
}

func (l *leash) isHolder(pid int) bool {
	dir := filepath.Join("/proc", strconv.Itoa(pid), "fd")
	want := fmt.Sprintf("pipe:[%d]", l.inode)
	if holds(filepath.Join(dir, strconv.Itoa(leashFD)), want) {
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
