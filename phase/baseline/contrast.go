package baseline

import (
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
)

// Contrast is what differs between the answers of a module for the app and for an empty directory.
type Contrast struct {
	// Differs is true if the exit code or the build plan differs; values of metadata aside.
	Differs bool
	// New are the lines that the module printed for the app only, as they are shown.
	New []string
}

// Compare returns what differs. Paths of directories, digits and hexadecimal numbers in printed lines do not count.
func Compare(here, empty buildpack.Detection, dirs ...string) Contrast {
	c := Contrast{Differs: here.Outcome != empty.Outcome || here.ExitCode != empty.ExitCode || !samePlan(here, empty)}
	known := map[string]bool{}
	for _, line := range Lines(empty.Output) {
		known[masked(line, dirs)] = true
	}
	for _, line := range Lines(here.Output) {
		if m := masked(line, dirs); !known[m] {
			known[m] = true
			c.New = append(c.New, line)
		}
	}
	return c
}

func samePlan(a, b buildpack.Detection) bool {
	return slices.EqualFunc(a.Alternatives, b.Alternatives, func(x, y buildpack.Alternative) bool {
		sameName := func(r, s buildpack.Require) bool { return r.Name == s.Name }
		return slices.Equal(x.Provides, y.Provides) && slices.EqualFunc(x.Requires, y.Requires, sameName)
	})
}

// mostBytes is how many bytes of an output are looked at, from its end.
const mostBytes = 64 << 10

// Lines are those of an output that say something, without control sequences and blanks around them.
func Lines(output []byte) []string {
	var all []string
	output = output[max(0, len(output)-mostBytes):]
	for line := range strings.Lines(tidy.Text(strings.ToValidUTF8(string(output), "\uFFFD"))) {
		if line = strings.Join(strings.Fields(line), " "); line != "" {
			all = append(all, line)
		}
	}
	return all
}

var numbers = tidy.Pattern(`\b[0-9a-f]{7,}\b|[0-9]+`)

// masked is a line with what may differ from run to run taken out.
func masked(line string, dirs []string) string {
	line = tempDirs().ReplaceAllString(line, "<dir>") // first: they end like /platform
	for _, dir := range dirs {
		line = strings.ReplaceAll(line, dir, "<dir>")
	}
	return numbers().ReplaceAllString(line, "#")
}

// tempDirs are the directories that [Run] makes.
var tempDirs = tidy.Pattern(`/\S*prelude-(?:empty|detect)-[0-9]+(?:/[0-9]+/(?:app|platform))?`)
