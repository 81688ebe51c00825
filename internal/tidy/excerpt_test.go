package tidy

import (
	"bytes"
	"math/rand"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// Long texts lose their middle, never half a character, and all that is left out is counted.
func TestShorten(t *testing.T) {
	const shown = 32 << 10
	for _, text := range []string{
		"", "short", strings.Repeat("x", shown), strings.Repeat("x", shown+1), strings.Repeat("ä", shown),
		"x" + strings.Repeat("ä", shown), strings.Repeat("xäö€", shown), "xx" + strings.Repeat("😀", shown),
	} {
		short := Shorten([]byte(text), shown/2)
		switch {
		case len(text) <= shown && short != text:
			t.Errorf("a text of %d bytes is not to be changed", len(text))
		case len(short) > shown+100:
			t.Errorf("a text of %d bytes still has %d", len(text), len(short))
		case !utf8.ValidString(short), strings.ContainsRune(short, utf8.RuneError):
			t.Errorf("a text of %d bytes has lost half a character", len(text))
		case len(text) > shown:
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
	if got := Shorten([]byte("a\xffb"), shown/2); got != "a\uFFFDb" {
		t.Errorf("%q", got)
	}
}

// FuzzExcerpt compares with what was written. At the cut, up to three bytes may be half a character.
func FuzzExcerpt(f *testing.F) {
	const keep = 1 << 10
	f.Add(int64(1), 10)
	f.Add(int64(2), keep)
	f.Add(int64(3), 3*keep)
	f.Fuzz(func(t *testing.T, seed int64, largest int) {
		if largest < 1 || largest > 4*keep {
			t.Skip("not a size that a write can have here")
		}
		e := Excerpt{Keep: keep}
		var all []byte
		random := rand.New(rand.NewSource(seed))
		for range 1 + random.Intn(8) {
			piece := make([]byte, random.Intn(largest))
			random.Read(piece)
			if n, err := e.Write(piece); n != len(piece) || err != nil {
				t.Fatal(n, err)
			}
			all = append(all, piece...)
		}
		head, rest, cut := bytes.Cut(e.Bytes(), []byte("\n[… "))
		if !cut {
			if len(all) > 2*keep || !bytes.Equal(head, all) {
				t.Errorf("%d bytes written, %d kept", len(all), len(head))
			}
			return
		}
		number, tail, _ := bytes.Cut(rest, []byte(" bytes left out …]\n"))
		left, err := strconv.Atoi(string(number))
		if err != nil || len(head)+left+len(tail) != len(all) || !bytes.HasPrefix(all, head) || !bytes.HasSuffix(all, tail) {
			t.Errorf("%d bytes written: %d, %s left out, %d", len(all), len(head), number, len(tail))
		}
		if least := keep - utf8.UTFMax + 1; min(len(head), len(tail)) < least || max(len(head), len(tail)) > keep {
			t.Errorf("%d and %d bytes kept of %d", len(head), len(tail), len(all))
		}
	})
}
