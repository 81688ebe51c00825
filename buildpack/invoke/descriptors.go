package invoke

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// How many descriptors are needed, besides those that are open at the start.
const (
	// least is for Go's runtime, and to start one executable, without a lifetime pipe.
	least = 6
	// spare is for Go's runtime, to start several executables and to look what becomes of them.
	spare = 16
	// most is how many there are for each executable while it is started; later there is one less.
	most = 4
	// above is how many numbers above the lifetime pipe's a child uses, that one included, while it sorts its descriptors.
	above = 4
)

// CheckDescriptors is an error if there are too few for even one executable. It is to be asked before any file is opened:
// Go's runtime takes what it needs with the first, and ends the process if there is none.
func CheckDescriptors() error {
	for range least {
		fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
		if errors.Is(err, unix.EMFILE) || errors.Is(err, unix.EINVAL) { // no number is left, or none above 2 is allowed
			return fmt.Errorf("too few file descriptors: %s, and %d are needed besides those that it has open", allowed(), least)
		}
		if err == nil {
			defer unix.Close(fd)
		}
	}
	return nil
}

// limit is how many descriptors this process may have open. Go's runtime has raised the soft limit to the hard one.
func limit() int {
	var rlimit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &rlimit); err != nil {
		return 1 << 10 // what nearly everybody has at least
	}
	return int(min(rlimit.Cur, 1<<30))
}

func allowed() string { return fmt.Sprintf("this process may have %d (ulimit -n)", limit()) }

// noDescriptor says whether an executable could not be started for want of descriptors: there is none, or none with the
// number that is wanted.
func noDescriptor(err error) bool { return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.EBADF) }

// withLimit says of an error that there are too few descriptors how many there may be.
func withLimit(err error) error {
	if noDescriptor(err) {
		return fmt.Errorf("%w: %s", err, allowed())
	}
	return err
}
