package dockerfile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cnb-prelude/prelude/internal/tidy"
)

// Note is something worth saying about a file that passed its checks.
type Note struct {
	Text string
	// Hint is what to try; empty if nothing comes to mind.
	Hint string
	// Minor notes are said at debug level only.
	Minor bool
}

// MostNotes is how many notes there are about one file; then one more says how many others there would be.
const MostNotes = 20

// notebook collects notes about a file. Those beyond the first ones are only counted.
type notebook struct {
	notes []Note
	more  int
}

func (b *notebook) add(note Note) {
	if !b.full() {
		b.notes = append(b.notes, note)
	}
}

// full reports whether there are enough notes, and counts one more then.
func (b *notebook) full() bool {
	if len(b.notes) < MostNotes {
		return false
	}
	b.more++
	return true
}

// all returns the notes, with a last one for those that were only counted.
func (b *notebook) all(file string) []Note {
	if b.more == 0 {
		return b.notes
	}
	return append(b.notes, Note{Text: fmt.Sprintf("%s: and %d more", file, b.more), Minor: b.notes[0].Minor})
}

// longest is how many bytes of a name are shown.
const longest = 100

// short returns a name as a message shows it: shortened, and without what a terminal would obey.
func short(name string) string {
	if len(name) > longest {
		name = name[:longest] + "…"
	}
	return tidy.Text(strings.ToValidUTF8(name, "\uFFFD"))
}

// quoted returns a name in quotes, as a message shows it.
func quoted(name string) string { return strconv.Quote(short(name)) }
