package detect

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/internal/process"
)

// slotsPerCPU is how many bin/detect run at the same time for each CPU. Most are scripts that wait much more than they
// compute.
const slotsPerCPU = 16

// availableCPUs returns how many CPUs this process may use: those that the scheduler grants, or the quota of its control group,
// of version 2 or 1, if that is less. (Go's runtime would keep descriptors open for the quota; see go.mod.)
func availableCPUs() int {
	cpus := runtime.GOMAXPROCS(0)
	for _, files := range [][]string{{"cpu.max"}, {"cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us"}} {
		var text []byte
		for _, name := range files {
			data, _ := os.ReadFile("/sys/fs/cgroup/" + name)
			text = append(text, data...)
		}
		var quota, period float64
		if fmt.Sscan(string(text), &quota, &period); quota > 0 && period > 0 { //nolint:errcheck // "max 100000" is no quota
			return max(1, min(cpus, int(math.Ceil(quota/period))))
		}
	}
	return cpus
}

// recheckChildren is how often the processes of this phase are looked at, at the most: that takes time.
const recheckChildren = 10 * time.Millisecond

// idleMachine returns a function that reports whether there is time for modules that are not needed yet: the quota of the
// control group has not been used up since the last call, and no more threads of the machine can run than
// this process has CPUs or, on a shared machine, the processes of this phase leave one of them unused. It reports true where none of that is known.
func idleMachine(cpus int) func() bool {
	throttled := throttledTimes(cpuStat())
	var looked time.Time
	return func() bool {
		if process.Starting() {
			return false
		}
		before := throttled
		if throttled = throttledTimes(cpuStat()); throttled != before {
			return false
		}
		loadavg, _ := os.ReadFile("/proc/loadavg")
		if runnable(string(loadavg)) <= runtime.NumCPU() {
			return true
		}
		if time.Since(looked) < recheckChildren {
			return false
		}
		computing, known := process.Computing(cpus)
		looked = time.Now()
		return known && computing < cpus
	}
}

// runnable returns how many threads of the whole machine could run now, this one included: the 2 of
// "0.20 0.18 0.12 2/80 11206".
func runnable(loadavg string) (n int) {
	var load float64
	fmt.Sscanf(loadavg, "%f %f %f %d/", &load, &load, &load, &n) //nolint:errcheck // then it is 0
	return n
}

// cpuStat returns the statistics of a control group of version 2, or of one of version 1.
func cpuStat() string {
	for _, path := range []string{"/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"} {
		if data, err := os.ReadFile(path); err == nil {
			return string(data)
		}
	}
	return ""
}

// throttledTimes returns how often the quota of CPU time was used up: the 3 of "nr_throttled 3".
func throttledTimes(stat string) string {
	_, rest, _ := strings.Cut(stat, "nr_throttled ")
	number, _, _ := strings.Cut(rest, "\n")
	return number
}
