package platform

import (
	"errors"
	"fmt"
	"testing"
)

// Hints add up, one a line, and neither code nor message changes.
func TestExitWithHint(t *testing.T) {
	first := &Exit{Code: CodeGenerate, Action: "generate", Err: errors.New("no")}
	second := first.WithHint("one")
	third := second.WithHint("two")
	if first.Hint() != "" || second.Hint() != "one" || third.Hint() != "one\ntwo" {
		t.Errorf("%q, %q, %q", first.Hint(), second.Hint(), third.Hint())
	}
	if third.Code != CodeGenerate || third.Error() != "failed to generate: no" || !errors.Is(third, first.Err) {
		t.Errorf("%+v", third)
	}
}

// An empty hint does not hide one that there is.
func TestWithEmptyHint(t *testing.T) {
	if hint := HintOf(WithHint(WithHint(errors.New("no"), "try"), "")); hint != "try" {
		t.Errorf("%q", hint)
	}
}

// Every error has an exit: its own, or one with exit code 1.
func TestExitOf(t *testing.T) {
	own := &Exit{Code: CodeGenerate, Err: errors.New("no")}
	if ExitOf(nil) != nil || ExitOf(fmt.Errorf("late: %w", own)) != own || ExitOf(own.Err).Code != CodeFailed {
		t.Errorf("%v, %v, %v", ExitOf(nil), ExitOf(fmt.Errorf("late: %w", own)), ExitOf(own.Err))
	}
}
