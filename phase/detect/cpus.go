package detect

import (
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/internal/process"
)

// slotsPerCPU is how many bin/detect run at the same time for each CPU. Most of them are scripts that wait – for their
// own children, for files – much more than they compute. docs/internals/benchmarks.md has the measurements.
const slotsPerCPU = 16

// availableCPUs is the number of CPUs that this process may use: those that the scheduler grants, or less if the control
// group has a quota of CPU time. limited says whether it has one.
func availableCPUs() (cpus int, limited bool) {
	cpus = runtime.GOMAXPROCS(0)
	for _, read := range []func() (quota, period string){quotaV2, quotaV1} {
		quota, period := read()
		q, err1 := strconv.ParseFloat(quota, 64)
		p, err2 := strconv.ParseFloat(period, 64)
		if err1 == nil && err2 == nil && q > 0 && p > 0 {
			return max(1, min(cpus, int((q+p-1)/p))), true
		}
	}
	return cpus, false
}

func quotaV2() (quota, period string) {
	quota, period, _ = strings.Cut(firstLine("/sys/fs/cgroup/cpu.max"), " ")
	return quota, period
}

func quotaV1() (quota, period string) {
	const dir = "/sys/fs/cgroup/cpu/"
	return firstLine(dir + "cpu.cfs_quota_us"), firstLine(dir + "cpu.cfs_period_us")
}

func firstLine(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return line
}

// recheckChildren is how often this phase's own processes are looked at, at the most; that is more work than to ask for a
// number.
const recheckChildren = 10 * time.Millisecond

// idleMachine returns a function that says whether there is time now for modules that are not needed yet: the machine has a
// CPU without work, or the processes of this phase leave one of its own CPUs unused – other work on a shared machine must
// not keep it from waiting for several modules at once. And the quota has not been used up since the last time. Where none
// of that can be known, there always is.
func idleMachine(cpus int, limited bool) func() bool {
	online, throttled := onlineCPUs(firstLine("/sys/devices/system/cpu/online")), ""
	if limited {
		throttled = throttledTime()
	}
	var looked time.Time
	return func() bool {
		if limited {
			before := throttled
			if throttled = throttledTime(); throttled != before {
				return false
			}
		}
		if running(firstLine("/proc/loadavg")) <= online {
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

// running is how many could run now on the whole machine – in a container, too –, this process included. The line is
// "0.20 0.18 0.12 1/80 11206": the fourth field is what could run, of all that there is.
func running(loadavg string) int {
	fields := strings.Fields(loadavg)
	if len(fields) < 4 {
		return 0
	}
	count, _, _ := strings.Cut(fields[3], "/")
	n, err := strconv.Atoi(count)
	if err != nil {
		return 0
	}
	return n
}

// onlineCPUs is how many the machine has, of which this process may be allowed to use fewer: "0-3,6".
func onlineCPUs(list string) int {
	n := 0
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		first, err := strconv.Atoi(from)
		last := first
		if err == nil && isRange {
			last, err = strconv.Atoi(to)
		}
		if err != nil || last < first {
			return runtime.NumCPU()
		}
		n += last - first + 1
	}
	return n
}

// throttledTime is a number that grows whenever the control group's quota is used up.
func throttledTime() string {
	for _, path := range []string{"/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"} {
		if data, err := os.ReadFile(path); err == nil {
			return throttledOf(string(data))
		}
	}
	return ""
}

// throttledOf finds it: "nr_throttled 3" is in both versions of control groups.
func throttledOf(stat string) string {
	_, rest, _ := strings.Cut(stat, "nr_throttled ")
	number, _, _ := strings.Cut(rest, "\n")
	return number
}
