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
		files map[string]string
		room  int
	}{
		"processes, version 2": {map[string]string{"pids.max": "60\n", "pids.current": "12\n", "memory.max": "max\n"}, 10},
		"memory, version 2":    {map[string]string{"pids.max": "60\n", "pids.current": "12\n", "memory.max": "33554432\n"}, 4},
		"processes, version 1": {map[string]string{"pids/pids.max": "60\n", "pids/pids.current": "12\n"}, 10},
		"memory, version 1":    {map[string]string{"memory/memory.limit_in_bytes": "67108864\n"}, 12},
		"unlimited":            {map[string]string{"pids.max": "max\n", "pids.current": "12\n", "memory.max": "max\n"}, math.MaxInt},
		"full":                 {map[string]string{"pids.max": "12\n", "pids.current": "12\n"}, -2},
		"absent":               {nil, math.MaxInt},
		"malformed":            {map[string]string{"pids.max": "many", "memory.max": ""}, math.MaxInt},
	} {
		dir := t.TempDir() + "/"
		for file, text := range c.files {
			check(t, os.MkdirAll(filepath.Dir(dir+file), 0o755))
			check(t, os.WriteFile(dir+file, []byte(text), 0o600))
		}
		if room := maxInControlGroup(dir); room != c.room {
			t.Errorf("%s: room for %d, want %d", name, room, c.room)
		}
	}
	if MaxConcurrent() < 1 {
		t.Error("there is no room for even one")
	}
}
