package process

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// How many descriptors are needed besides those that are open at the start.
const (
	// least is enough to start one executable at a time.
	least = 8
	// spare is for Go's runtime and for starting several executables at the same time.
	spare = 16
	// each is for one executable while it runs.
	each = 4
	// above is how many numbers above the lifetime pipe's a child uses, that one included, while it sorts its descriptors.
	above = 4
)

// CheckDescriptors returns an error if there are too few descriptors for even one executable. Call it before any file is
// opened: Go's runtime takes what it needs with the first one, and ends the process if there is none.
func CheckDescriptors() error {
	for range least {
		fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
		if isDescriptorLimit(err) || errors.Is(err, unix.EINVAL) { // no number above 2 is allowed
			return fmt.Errorf("too few file descriptors: %s, and %d are needed besides those that it has open", allowed(), least)
		}
		if err == nil {
			defer unix.Close(fd)
		}
	}
	return nil
}

// maxDescriptors returns how many descriptors this process may have open. Go's runtime has raised the soft limit to the hard
// one.
func maxDescriptors() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 1 << 10 // what most systems allow at least
	}
	return int(min(limit.Cur, 1<<30))
}

func allowed() string {
	return fmt.Sprintf("this process may have %d (ulimit -n)", maxDescriptors())
}

// isDescriptorLimit reports whether there is no descriptor left, or none with the wanted number.
func isDescriptorLimit(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.EBADF)
}

// withLimit adds to an error that there are too few descriptors how many are allowed.
func withLimit(err error) error {
	if isDescriptorLimit(err) {
		return fmt.Errorf("%w: %s", err, allowed())
	}
	return err
}
