package detect

import (
	"runtime"
	"testing"
)

func TestOnlineCPUs(t *testing.T) {
	for list, want := range map[string]int{
		"0": 1, "0-3": 4, "0-3,6": 5, "0,2,4-7": 6,
		"": runtime.NumCPU(), "none": runtime.NumCPU(), "3-0": runtime.NumCPU(), "0-": runtime.NumCPU(),
	} {
		if got := onlineCPUs(list); got != want {
			t.Errorf("%q are %d, want %d", list, got, want)
		}
	}
}

func TestRunning(t *testing.T) {
	for line, want := range map[string]int{"0.20 0.18 0.12 1/80 11206": 1, "9.1 9.0 8.0 17/880 1": 17, "": 0, "a b c d e": 0} {
		if got := running(line); got != want {
			t.Errorf("%q is %d, want %d", line, got, want)
		}
	}
}

func TestThrottled(t *testing.T) {
	for stat, want := range map[string]string{
		"usage_usec 5\nnr_periods 4\nnr_throttled 3\nthrottled_usec 100\n": "3",
		"nr_periods 4\nnr_throttled 12\nthrottled_time 100\n":              "12",
		"usage_usec 5\n": "", "": "",
	} {
		if got := throttledOf(stat); got != want {
			t.Errorf("%q gives %q, want %q", stat, got, want)
		}
	}
}

// However many CPUs there are, there is at least one for us, and no more than the scheduler grants.
func TestAvailableCPUs(t *testing.T) {
	if n, _ := availableCPUs(); n < 1 || n > runtime.GOMAXPROCS(0) {
		t.Errorf("%d", n)
	}
	idleMachine(1, true)()
	idleMachine(1, false)()
}
