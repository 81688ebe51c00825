package phase

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

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

// Long texts lose their middle, never half a character, and all that is left out is counted.
func TestShorten(t *testing.T) {
	for _, text := range []string{
		"", "short", strings.Repeat("x", outputShown), strings.Repeat("x", outputShown+1), strings.Repeat("ä", outputShown),
		"x" + strings.Repeat("ä", outputShown), strings.Repeat("xäö€", outputShown), "xx" + strings.Repeat("😀", outputShown),
	} {
		short := shorten([]byte(text))
		switch {
		case len(text) <= outputShown && short != text:
			t.Errorf("a text of %d bytes is not to be changed", len(text))
		case len(short) > outputShown+100:
			t.Errorf("a text of %d bytes still has %d", len(text), len(short))
		case !utf8.ValidString(short), strings.ContainsRune(short, utf8.RuneError):
			t.Errorf("a text of %d bytes has lost half a character", len(text))
		case len(text) > outputShown:
			head, rest, _ := strings.Cut(short, "\n[… ")
			number, tail, _ := strings.Cut(rest, " bytes left out …]\n")
			left := 0
			for _, digit := range number {
				left = 10*left + int(digit-'0')
			}
			if len(head)+left+len(tail) != len(text) || !strings.HasPrefix(text, head) || !strings.HasSuffix(text, tail) {
				t.Errorf("a text of %d bytes: %d, %d left out, %d", len(text), len(head), left, len(tail))
			}
		}
	}
	if got := shorten([]byte("a\xffb")); got != "a\uFFFDb" {
		t.Errorf("%q", got)
	}
}
