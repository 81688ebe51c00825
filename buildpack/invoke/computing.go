package invoke

import (
	"os"
	"strconv"
	"strings"
)

// Computing counts, up to limit, what could use a CPU now of the executables that run and all that they have started: the
// threads that are running or waiting for a CPU, rather than for anything else. It is not known where the kernel does not
// list the children of a thread.
func Computing(limit int) (n int, known bool) {
	if _, err := os.Stat("/proc/self/task/" + strconv.Itoa(os.Getpid()) + "/children"); err != nil {
		return 0, false
	}
	for _, pid := range children.pids() {
		if n = computing(strconv.Itoa(pid), n, limit); n >= limit {
			break
		}
	}
	return n, true
}

func (f *childTracker) pids() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	pids := make([]int, 0, len(f.running))
	for pid := range f.running {
		pids = append(pids, pid)
	}
	return pids
}

// computing adds what could use a CPU of a process and its descendants. Any of them may be gone by now.
func computing(pid string, n, limit int) int {
	dir := "/proc/" + pid + "/task/"
	tasks, _ := os.ReadDir(dir)
	for _, task := range tasks {
		if state, _ := procStat(dir + task.Name() + "/stat"); state == 'R' {
			n++
		}
		theirs, _ := os.ReadFile(dir + task.Name() + "/children")
		for child := range strings.FieldsSeq(string(theirs)) {
			if n >= limit {
				return n
			}
			n = computing(child, n, limit)
		}
	}
	return n
}
