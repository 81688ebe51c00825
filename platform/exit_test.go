package platform

import (
	"errors"
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
