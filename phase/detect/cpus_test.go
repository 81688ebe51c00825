package detect

import (
	"runtime"
	"testing"
)

// However small the quota is, there is at least one CPU, and no more than the scheduler grants.
func TestAvailableCPUs(t *testing.T) {
	if n := availableCPUs(); n < 1 || n > runtime.GOMAXPROCS(0) {
		t.Errorf("%d", n)
	}
}

func TestRunnable(t *testing.T) {
	for line, want := range map[string]int{"0.20 0.18 0.12 1/80 11206\n": 1, "9.1 9.0 8.0 17/880 1": 17, "": 0, "a b c d e": 0} {
		if got := runnable(line); got != want {
			t.Errorf("%q is %d, want %d", line, got, want)
		}
	}
}

func TestThrottledTimes(t *testing.T) {
	for stat, want := range map[string]string{
		"usage_usec 5\nnr_periods 4\nnr_throttled 3\nthrottled_usec 100\n": "3",
		"nr_periods 4\nnr_throttled 12\nthrottled_time 100\n":              "12",
		"usage_usec 5\n": "", "": "",
	} {
		if got := throttledTimes(stat); got != want {
			t.Errorf("%q gives %q, want %q", stat, got, want)
		}
	}
}
