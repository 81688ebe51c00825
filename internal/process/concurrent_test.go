package process

import (
	"math"
	"os"
	"path/filepath"
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
		if processes, memory := maxByProcesses(dir), maxByMemory(dir); processes != c.processes || memory != c.memory {
			t.Errorf("%s: room for %d with its processes and %d with its memory, want %d and %d", name, processes, memory, c.processes, c.memory)
		}
	}
	if MaxConcurrent() < 1 {
		t.Error("there is no room for even one")
	}
}
