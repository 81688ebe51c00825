package resolve

import (
	"fmt"
	"slices"
	"testing"

	"github.com/cnb-prelude/prelude/buildpack"
)

// TestPassedOver: another version of an id and what the execution environment excludes are told; the same version twice is not.
func TestPassedOver(t *testing.T) {
	for _, test := range []struct {
		why   string
		k     sketch
		group []string
		all   []string
	}{
		{"another version", sketch{order: []string{"x@1 x@2 y@1"}},
			[]string{"x@2, because x@1 comes first and a group has each id once"}, []string{"x@2, because x@1 comes first and a group has each id once"}},
		{"the same version is missed by nothing", sketch{order: []string{"x@1 x@1"}}, nil, nil},
		{
			"only where it stands behind the other: not in the group of the composite that passes",
			sketch{order: []string{"c@1 x@2"}, composites: lists{"c@1": {"x@1 no@1", "y@1"}}, detects: strs{"no@1": "fail"}},
			nil, []string{"x@2, because x@1 comes first and a group has each id once"},
		},
	} {
		w, order, _ := test.k.world(t)
		a, err := Search(order, nil, Limits{}, w)
		if err != nil || a.Resolution == nil {
			t.Fatalf("%s: %v", test.why, err)
		}
		if got := texts(a.Resolution.PassedOver); !slices.Equal(got, test.group) {
			t.Errorf("%s: the group that passed: %q", test.why, got)
		}
		if got := texts(PassedOverIn(a.Candidates(0, 10))); !slices.Equal(got, test.all) {
			t.Errorf("%s: all: %q", test.why, got)
		}
	}
}

// An element's own list comes before that of its module.
func TestPassedOverForTheExecutionEnvironment(t *testing.T) {
	m := &buildpack.Module{}
	m.Descriptor.ExecEnv = []string{"production", "staging"}
	ref := buildpack.Ref{ID: "a", Version: "1"}
	l := Limits{ExecEnv: "test"}
	for want, element := range map[string]buildpack.Element{
		`a@1 is only for the execution environments "production", "staging"; CNB_EXEC_ENV is "test"`: {Ref: ref},
		`a@1 is only for the execution environment "other"; CNB_EXEC_ENV is "test"`:                  {Ref: ref, ExecEnv: []string{"other"}},
	} {
		if got := l.excluded(element, m).String(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

func texts(all []PassedOver) (texts []string) {
	for _, p := range all {
		texts = append(texts, fmt.Sprint(p))
	}
	return texts
}
