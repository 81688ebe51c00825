package api

import "testing"

func TestParse(t *testing.T) {
	for _, test := range []struct {
		text string
		want Version
	}{
		{"0.7", V(0, 7)}, {"0.15", V(0, 15)}, {"1", V(1, 0)}, {"0", V(0, 0)}, {"12.345", V(12, 345)},
	} {
		if got, err := Parse(test.text); err != nil || got != test.want {
			t.Errorf("Parse(%q) = %v, %v; want %v", test.text, got, err, test.want)
		}
	}
	for _, text := range []string{"", ".", "0.", ".7", "0.7.1", "v0.7", "-1", "+0.7", "0.x", " 0.7", "0.7 ", "0,7", "0.9999999"} {
		if got, err := Parse(text); err == nil {
			t.Errorf("Parse(%q) = %v, want an error", text, got)
		}
	}
}

// The two tables of supported versions, end to end, and what lies just outside.
func TestSupported(t *testing.T) {
	for _, test := range []struct {
		name   string
		table  Supported
		newest int
	}{{"platform", PlatformAPIs(), 15}, {"buildpack", BuildpackAPIs(), 12}} {
		for minor := range 20 {
			if got, want := test.table.Has(V(0, minor)), minor >= 7 && minor <= test.newest; got != want {
				t.Errorf("%s API 0.%d: supported %t, want %t", test.name, minor, got, want)
			}
		}
		for _, v := range []Version{V(1, 0), V(1, 7), V(1, 10)} {
			if test.table.Has(v) {
				t.Errorf("%s API %s is supported", test.name, v)
			}
		}
	}
}

func TestOrderOfVersions(t *testing.T) {
	// Numbers, not text: 0.10 comes after 0.9.
	ascending := []Version{V(0, 7), V(0, 9), V(0, 10), V(0, 15), V(1, 0), V(1, 2)}
	for i, a := range ascending {
		for j, b := range ascending {
			if a.AtLeast(b) != (i >= j) {
				t.Errorf("%s compared with %s", a, b)
			}
		}
	}
}
