package release

import (
	"os"
	"os/exec"
)

// Need makes sure that a test has a command from the Debian package of that name. Where it cannot be installed the test is
// skipped, but never in CI.
func Need(t interface {
	Helper()
	Skipf(string, ...any)
	Fatalf(string, ...any)
}, command string) {
	t.Helper()
	if out, err := exec.Command("../need.sh", command).CombinedOutput(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
		t.Skipf("%s: %v\n%s", command, err, out)
	}
}
