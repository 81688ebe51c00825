package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase/baseline"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// longest is how many characters of a module's words are quoted.
const longest = 160

// Words is what a module says that did not pass: the last line that it printed, or what went wrong.
func Words(m resolve.Member) string { return (&why{}).words(m) }

func (w *why) saying(m resolve.Member) Saying {
	return Saying{By: []buildpack.Ref{m.Module.Ref}, Words: w.words(m)}
}

// words are those that are new against an empty directory, or the last line.
func (w *why) words(m resolve.Member) string {
	d := m.Detection
	if d.Cause != nil && d.ExitCode == buildpack.NoExitCode {
		line, _, _ := strings.Cut(d.Cause.Error(), "\n")
		return tidy.LastLine([]byte(line), longest)
	}
	silent := fmt.Sprintf("exit code %d, no output", d.ExitCode)
	lines := slices.DeleteFunc(baseline.Lines(d.Output), isSetting)
	last := strings.Join(lines[max(0, len(lines)-1):], "")
	return tidy.LastLine([]byte(cmp.Or(gist(w.Contrasts[m.Module.Ref].New), last, silent)), longest)
}

// isSetting reports whether a line is a row of a table of variables.
func isSetting(line string) bool {
	return strings.HasPrefix(line, "$") || strings.HasSuffix(line, "Configuration:")
}

var (
	complains = tidy.Pattern(`(?i)\b(no|not|must|missing|invalid|fail(ed|s|ure)?|cannot|can't|could|unable|unknown|unexpected|expect(ed|s)?|error|unsupported|requires?|required|neither|only|exactly)\b`)
	warns     = tidy.Pattern(`(?i)^(passed: *)?(warn(ing)?|debug|info)\b`)
)

// gist is what lines complain of, or the last one that is no warning and no row of a table.
func gist(lines []string) string {
	text := complaint(lines)
	for _, line := range slices.Backward(lines) {
		if text == "" && !warns().MatchString(line) && !isSetting(line) {
			text = line
		}
	}
	return tidy.LastLine([]byte(text), longest)
}

// complaint joins the lines that say what is wrong: two at most.
func complaint(lines []string) string {
	var all []string
	for _, line := range lines {
		if complains().MatchString(line) && !warns().MatchString(line) && !isSetting(line) {
			all = append(all, line)
		}
	}
	if all = all[max(0, len(all)-2):]; len(all) == 2 {
		all[0] = tidy.LastLine([]byte(all[0]), longest/2)
	}
	return strings.Join(all, "; ")
}

// addSaying adds a saying, or its module to one with the same words. Words that contain shorter ones say the same.
func addSaying(all []Saying, s Saying) []Saying {
	for i := range all {
		if strings.Contains(all[i].Words, s.Words) || strings.Contains(s.Words, all[i].Words) {
			all[i].By = append(all[i].By, s.By...)
			return all
		}
	}
	return append(all, s)
}
