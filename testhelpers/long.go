package testhelpers

import (
	"os"
	"testing"
)

// Long reports whether tests that take long for a reason, or whole sets of cases where otherwise some stand for them, are to run:
// `make long` asks for them, with PRELUDE_LONG=1, and .ci/run calls it.
func Long() bool { return os.Getenv("PRELUDE_LONG") != "" }

// OnlyLong skips a test unless it is for such a run.
func OnlyLong(t testing.TB) {
	t.Helper()
	if !Long() {
		t.Skip("SKIPPED: this takes long; `make long` runs it")
	}
}
