package process

import (
	"bytes"
	"math"
	"os"
	"strconv"
)

// What an executable is assumed to need, and what this process needs besides what it has. Most executables are shell scripts.
const (
	// processesEach is a shell and a pipeline.
	processesEach = 4
	// threadsOwn is how many threads Go's runtime may still start. It ends the process if it cannot.
	threadsOwn = 8
	// memoryEach and memoryOwn are bytes.
	memoryEach = 4 << 20
	memoryOwn  = 16 << 20
)

// MaxConcurrent returns how many executables can run at the same time with the descriptors that this process may have and
// with the processes and the memory of its control group; at least one.
func MaxConcurrent() int {
	open, _ := os.ReadDir("/proc/self/fd")
	descriptors := (maxDescriptors() - len(open) - spare) / each
	return max(1, min(descriptors, maxByProcesses(controlGroup), maxByMemory(controlGroup)))
}

// controlGroup is where a container sees its own.
const controlGroup = "/sys/fs/cgroup/"

// maxByProcesses reads the limit of processes of a control group of version 2, or of one of version 1. The kernel counts
// threads.
func maxByProcesses(dir string) int {
	for _, dir := range []string{dir, dir + "pids/"} {
		if limit, limited := readNumber(dir + "pids.max"); limited {
			now, _ := readNumber(dir + "pids.current")
			return (limit - now - threadsOwn) / processesEach
		}
	}
	return math.MaxInt
}

// maxByMemory reads the limit of memory. How much is used does not count: most of that is cached files.
func maxByMemory(dir string) int {
	for _, file := range []string{dir + "memory.max", dir + "memory/memory.limit_in_bytes"} {
		if limit, limited := readNumber(file); limited {
			return (limit - memoryOwn) / memoryEach
		}
	}
	return math.MaxInt
}

// readNumber reads a file of a control group. There is no limit if there is no file, or no number in it.
func readNumber(file string) (n int, limited bool) {
	data, err := os.ReadFile(file)
	if err == nil {
		n, err = strconv.Atoi(string(bytes.TrimSpace(data)))
	}
	return n, err == nil
}
