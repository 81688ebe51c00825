package testhelpers

import (
	"fmt"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

var refusable = map[string]uintptr{
	"renameat2": unix.SYS_RENAMEAT2, "linkat": unix.SYS_LINKAT, "prctl": unix.SYS_PRCTL, "pidfd_open": unix.SYS_PIDFD_OPEN,
	"pidfd_send_signal": unix.SYS_PIDFD_SEND_SIGNAL, "close_range": unix.SYS_CLOSE_RANGE, "waitid": unix.SYS_WAITID,
}

// Refuse makes system calls fail from now on in this process and in all that it starts, as file systems and containers
// that do not have them do. The calls are given as "renameat2=EINVAL,linkat=EPERM". There is no way back.
func Refuse(calls string) error {
	filter := []unix.SockFilter{{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}} // the number of the call
	for _, one := range strings.Split(calls, ",") {
		name, reason, _ := strings.Cut(one, "=")
		number, errno := refusable[name], errnoNamed(reason)
		if number == 0 || errno == 0 {
			return fmt.Errorf("cannot refuse %q", one)
		}
		filter = append(filter,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: 1, K: uint32(number)},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		)
	}
	filter = append(filter, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW})
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	// TSYNC: for all threads, and what they may gain is synchronised along.
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}

func errnoNamed(name string) syscall.Errno {
	for errno := syscall.Errno(1); errno < 200; errno++ {
		if unix.ErrnoName(errno) == name {
			return errno
		}
	}
	return 0
}
