package report

import (
	"math"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// Values of TOML that JSON does not have become strings, as TOML writes them.
func TestPlain(t *testing.T) {
	var table map[string]any
	_, err := toml.Decode(`offset = 1979-05-27T00:32:00.999999-07:00
local = 1979-05-27T07:32:00
date = 1979-05-27
time = 07:32:00.5
infinite = inf
negative = -inf
none = nan
list = [1, 2.5, "x", true, 1979-05-27]
[[tables]]
day = 1979-05-27`, &table)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"offset": "1979-05-27T00:32:00.999999-07:00", "local": "1979-05-27T07:32:00", "date": "1979-05-27", "time": "07:32:00.5",
		"infinite": "inf", "negative": "-inf", "none": "nan",
		"list":   []any{int64(1), 2.5, "x", true, "1979-05-27"},
		"tables": []any{map[string]any{"day": "1979-05-27"}},
	}
	if diff := cmp.Diff(want, metadata(table)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if plain(math.MaxInt64) != math.MaxInt64 || plain(time.Duration(1)) != time.Duration(1) {
		t.Error("other values are to stay as they are")
	}
}
