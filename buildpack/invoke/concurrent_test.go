package invoke

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// What a control group allows, in the files of both versions, is room for so many executables. Where there is no limit, or none
// that can be read, there is room for any number.
func TestRoomOfControlGroup(t *testing.T) {
	for name, c := range map[string]struct {
		files             map[string]string
		processes, memory int
	}{
		"version 2": {map[string]string{"pids.max": "60\n", "pids.current": "12\n", "memory.max": "33554432\n"}, 10, 4},
		"version 1": {map[string]string{"pids/pids.max": "60\n", "pids/pids.current": "12\n", "memory/memory.limit_in_bytes": "67108864\n"}, 10, 12},
		"unlimited": {map[string]string{"pids.max": "max\n", "pids.current": "12\n", "memory.max": "max\n"}, math.MaxInt, math.MaxInt},
		"full":      {map[string]string{"pids.max": "12\n", "pids.current": "12\n", "memory.max": "1048576\n"}, -2, -3},
		"absent":    {nil, math.MaxInt, math.MaxInt},
		"malformed": {map[string]string{"pids.max": "many", "memory.max": ""}, math.MaxInt, math.MaxInt},
	} {
		dir := t.TempDir() + "/"
		for file, text := range c.files {
			if err := os.MkdirAll(filepath.Dir(dir+file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(dir+file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if processes, memory := slotsByProcesses(dir), slotsByMemory(dir); processes != c.processes || memory != c.memory {
			t.Errorf("%s: room for %d with its processes and %d with its memory, want %d and %d", name, processes, memory, c.processes, c.memory)
		}
	}
	if MaxConcurrent() < 1 {
		t.Error("there is no room for even one")
	}
}

// A child is found by its number, without /proc, as long as it is not reaped; nobody else is.
func TestProbe(t *testing.T) {
	launched(t, "exit 0", func(l *launcher, c command, pipe *lifetimePipe) {
		pid, err := c.fork(l.null, l.null, pipe, l.attributes(startMode{}))
		if err != nil {
			t.Error(err)
			return
		}
		if !isChild(pid) || isChild(os.Getppid()) || isChild(1) {
			t.Errorf("of %d, our parent and process 1 the first is a child of ours: %v %v %v", pid, isChild(pid), isChild(os.Getppid()), isChild(1))
		}
		for name, span := range map[string][2]int{"counted on": {pid - 1, pid - 1}, "the last one": {1, pid}, "begun again": {pid + 9, pid - 1}} {
			if found := probe(span[0], span[1]); !slices.Contains(found, pid) {
				t.Errorf("%s: probe%v finds %v, not %d", name, span, found, pid)
			}
		}
		reapOne(pid)
		if isChild(pid) {
			t.Error("it is a child of ours although it is reaped")
		}
	})
}

// An executable for which there is no process says what allows how many.
func TestNoProcessLeft(t *testing.T) {
	err := command{path: os.DevNull, dir: t.TempDir()}.notStarted(syscall.EAGAIN)
	want := fmt.Sprintf("could not start %s: %v: no process is left for it, by the limit of a user (ulimit -u) or of a container (pids.max)", os.DevNull, syscall.EAGAIN)
	if err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
