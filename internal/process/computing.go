package process

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

// Starting reports whether an executable is about to run, so that its load does not show yet.
func Starting() bool {
	children.mu.Lock()
	defer children.mu.Unlock()
	return children.coming > 0
}

// Computing counts, up to limit, the threads of all executables and their descendants that are running or waiting for a CPU.
// known is false where the kernel does not list the children of a thread.
func Computing(limit int) (n int, known bool) {
	if _, err := os.Stat("/proc/thread-self/children"); err != nil {
		return 0, false
	}
	children.mu.Lock()
	pids := slices.Collect(maps.Keys(children.running))
	children.mu.Unlock()
	for _, pid := range pids {
		if n = addComputing(strconv.Itoa(pid), n, limit); n >= limit {
			break
		}
	}
	return n, true
}

// addComputing adds to n the threads of a process and of its descendants. Any of them may have ended.
func addComputing(pid string, n, limit int) int {
	dir := "/proc/" + pid + "/task/"
	threads, _ := os.ReadDir(dir)
	for _, thread := range threads {
		if state, _ := readStat(dir + thread.Name() + "/stat"); state == 'R' {
			n++
		}
		pids, _ := os.ReadFile(dir + thread.Name() + "/children")
		for child := range strings.FieldsSeq(string(pids)) {
			if n >= limit {
				return n
			}
			n = addComputing(child, n, limit)
		}
	}
	return n
}
