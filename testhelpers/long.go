package testhelpers

import (
	"os"
	"os/exec"
	"testing"
)

// Long reports whether `make long` runs the tests (PRELUDE_LONG): those that take long, whole sets of cases where otherwise
// some stand for them, and those that need programs of others.
func Long() bool { return os.Getenv("PRELUDE_LONG") != "" }

// OnlyLong skips a test unless `make long` runs it.
func OnlyLong(t testing.TB) {
	t.Helper()
	if !Long() {
		t.Skip("SKIPPED: only `make long` runs this")
	}
}

// Peers skips a test that needs programs of others unless `make long` runs it, which installs them (tools/need.sh).
func Peers(t testing.TB, programs ...string) {
	t.Helper()
	OnlyLong(t)
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			Lacking(t, err.Error())
		}
	}
}

// Lacking ends a test that lacks something: it is skipped, but with CI=true in the environment it fails.
func Lacking(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(why)
	}
	t.Skip("SKIPPED: " + why)
}
