package invoke

import (
	"bytes"
	"math"
	"os"
	"strconv"
)

// What an executable is reckoned to need, and what this process needs beside what it has when it asks. Most executables are
// shell scripts.
const (
	// processesEach is a shell and a pipeline.
	processesEach = 4
	// threads is how many Go's runtime may still make. It ends the process if it cannot.
	threads = 8
	// memoryEach and memoryOwn are bytes.
	memoryEach = 4 << 20
	memoryOwn  = 16 << 20
)

// MaxConcurrent is how many executables can run at the same time with the descriptors that this process may have and with the
// processes and the memory of its control group, one at least.
func MaxConcurrent() int {
	return max(1, min(slotsFor(limit(), openDescriptors()+spare, most), slotsByProcesses(controlGroup), slotsByMemory(controlGroup)))
}

func slotsFor(limit, taken, each int) int { return (limit - taken) / each }

func openDescriptors() int {
	open, _ := os.ReadDir("/proc/self/fd")
	return len(open)
}

// controlGroup is where a container sees its own.
const controlGroup = "/sys/fs/cgroup/"

// slotsByProcesses is for the processes, below a directory with a control group of version 2, or with those of version 1. The kernel
// counts threads.
func slotsByProcesses(dir string) int {
	for _, dir := range []string{dir, dir + "pids/"} {
		if most, limited := number(dir + "pids.max"); limited {
			now, _ := number(dir + "pids.current")
			return slotsFor(most, now+threads, processesEach)
		}
	}
	return math.MaxInt
}

// slotsByMemory is for the memory. What is taken of it is not asked for: most of that is files, which go when there is need.
func slotsByMemory(dir string) int {
	for _, file := range []string{dir + "memory.max", dir + "memory/memory.limit_in_bytes"} {
		if most, limited := number(file); limited {
			return slotsFor(most, memoryOwn, memoryEach)
		}
	}
	return math.MaxInt
}

// number is that in a file of a control group. It is not limited if there is no file, or no number in it.
func number(file string) (n int, limited bool) {
	data, err := os.ReadFile(file)
	if err == nil {
		n, err = strconv.Atoi(string(bytes.TrimSpace(data)))
	}
	return n, err == nil
}
