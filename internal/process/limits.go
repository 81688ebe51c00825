package process

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// How many descriptors are needed besides those that are open at the start.
const (
	// leastDescriptors is enough to start one executable at a time.
	leastDescriptors = 8
	// spareDescriptors is for Go's runtime and for starting several executables at the same time.
	spareDescriptors = 16
	// descriptorsEach is for one executable while it runs.
	descriptorsEach = 4
	// descriptorsAbove is how many numbers from that of the lifetime pipe on a child uses while it sorts its descriptors.
	descriptorsAbove = 4
)

// What an executable is assumed to need, and what Go's runtime may still take.
const (
	processesEach = 4 // a shell and a pipeline
	processesOwn  = 8 // threads: the runtime ends the process if it cannot start one
	memoryEach    = 4 << 20
	memoryOwn     = 16 << 20
)

// CheckDescriptors returns an error if there are too few descriptors for even one executable. Call it before any file is
// opened: Go's runtime takes what it needs with the first one, and ends the process if there is none.
func CheckDescriptors() error {
	for range leastDescriptors {
		fd, err := unix.FcntlInt(2, unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return fmt.Errorf("too few file descriptors: this process may have %d (ulimit -n), and %d are needed besides those that "+
				"it has open", maxDescriptors(), leastDescriptors)
		}
		defer unix.Close(fd)
	}
	return nil
}

// MaxConcurrent returns how many executables can run at the same time with the descriptors that this process may have and
// with the processes and the memory of its control group; at least one.
func MaxConcurrent() int {
	open, _ := os.ReadDir("/proc/self/fd")
	descriptors := (maxDescriptors() - len(open) - spareDescriptors) / descriptorsEach
	return max(1, min(descriptors, maxInControlGroup("/sys/fs/cgroup/")))
}

// maxInControlGroup reads the limits of a control group of version 2, or of one of version 1. How much memory is used does
// not count: most of that is cached files.
func maxInControlGroup(dir string) int {
	most := math.MaxInt
	for _, of := range []struct {
		limit, used string
		own, each   int
	}{
		{"pids.max", "pids.current", processesOwn, processesEach},
		{"pids/pids.max", "pids/pids.current", processesOwn, processesEach},
		{"memory.max", "", memoryOwn, memoryEach},
		{"memory/memory.limit_in_bytes", "", memoryOwn, memoryEach},
	} {
		if limit, limited := readNumber(dir + of.limit); limited {
			used, _ := readNumber(dir + of.used)
			most = min(most, (limit-used-of.own)/of.each)
		}
	}
	return most
}

func readNumber(file string) (n int, found bool) {
	data, err := os.ReadFile(file)
	if err == nil {
		n, err = strconv.Atoi(string(bytes.TrimSpace(data)))
	}
	return n, err == nil
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
