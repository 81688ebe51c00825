package explain

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase/baseline"
	"github.com/cnb-prelude/prelude/phase/resolve"
)

// longest is how many characters of a module's words are quoted.
const longest = 160

// saying is what a module says: the lines that are new against an empty directory, or its last line.
func (w *why) saying(m resolve.Member) Saying {
	return Saying{By: []buildpack.Ref{m.Module.Ref}, Words: words(m, w.Contrasts[m.Module.Ref])}
}

// Words is what a module says that did not pass: the last line that it printed, or what went wrong.
func Words(m resolve.Member) string { return words(m, baseline.Contrast{}) }

func words(m resolve.Member, c baseline.Contrast) string {
	d := m.Detection
	if d.Cause != nil && d.ExitCode == buildpack.NoExitCode {
		line, _, _ := strings.Cut(d.Cause.Error(), "\n")
		return tidy.LastLine([]byte(line), longest)
	}
	lines := slices.DeleteFunc(slices.Clone(c.New), isSetting)
	if len(lines) == 0 {
		lines = slices.DeleteFunc(baseline.Lines(d.Output), isSetting)
		lines = lines[max(0, len(lines)-1):]
	}
	text := complaint(lines)
	switch {
	case text == "" && len(lines) > 0:
		text = lines[len(lines)-1]
	case text == "" && d.Outcome == buildpack.Failed:
		text = "it printed nothing"
	case text == "":
		text = fmt.Sprintf("it printed nothing; exit code %d", d.ExitCode)
	}
	return tidy.LastLine([]byte(text), longest)
}

// isSetting reports whether a line is a row of a table of variables.
func isSetting(line string) bool {
	return strings.HasPrefix(line, "$") || strings.HasSuffix(line, "Configuration:")
}

var (
	complains = regexp.MustCompile(`(?i)\b(no|not|must|missing|invalid|fail(ed|s|ure)?|cannot|can't|could|unable|unknown|unexpected|expect(ed|s)?|error|unsupported|requires?|required|neither|only|exactly)\b`)
	warns     = regexp.MustCompile(`(?i)^(passed: *)?(warn(ing)?|debug|info)\b`)
)

// complaint joins the lines that say what is wrong: two at most.
func complaint(lines []string) string {
	var all []string
	for _, line := range lines {
		if complains.MatchString(line) && !warns.MatchString(line) && !isSetting(line) {
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

// refused are the files at the top that bear the name of a module that said no.
func (w *why) refused() []Refused {
	var all []Refused
	for _, m := range w.Answer.Members {
		own := m.Module.ID[strings.LastIndexAny(m.Module.ID, "/.")+1:]
		i := slices.IndexFunc(w.App.Top, func(name string) bool { return strings.EqualFold(name, own) })
		if i >= 0 && m.Detection.Outcome == buildpack.Failed {
			all = append(all, Refused{File: w.App.Top[i], By: w.saying(m)})
		}
	}
	return all
}

// builds are what the groups of the order look for, each name once.
func (w *why) builds() []Build {
	var all []Build
	for i, variants := range w.variants {
		if len(variants) == 0 {
			continue
		}
		sorted := slices.Clone(variants)
		slices.SortStableFunc(sorted, func(a, b variant) int { return cmp.Compare(a.lacking, b.lacking) })
		family, _, _ := strings.Cut(w.groupName(i, nil), ".") // of nodejs.runtime
		b := Build{Name: family}
		for _, v := range sorted {
			for _, m := range v.Members {
				if lacking(m) {
					b.Related = b.Related || w.related(m.Module.Ref)
					b.Words = appendNew(b.Words, w.saying(m).Words)
					b.Files = w.lookedFor(b.Files, m.Module.Ref)
				}
			}
		}
		i := slices.IndexFunc(all, func(other Build) bool { return other.Name == b.Name })
		if i < 0 {
			all = append(all, b)
			continue
		}
		all[i].Related = all[i].Related || b.Related
		all[i].Files = append(all[i].Files, b.Files...)
	}
	return telling(all)
}

// telling leaves the files that tell groups apart: those that at most two of them look for, those first that the most
// modules name.
func telling(all []Build) []Build {
	groups := map[string]int{}
	for _, b := range all {
		for _, name := range slices.Compact(slices.Sorted(slices.Values(b.Files))) {
			groups[name]++
		}
	}
	for i := range all {
		modules := map[string]int{}
		for _, name := range all[i].Files {
			modules[name]++
		}
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(modules)), func(name string) bool { return groups[name] > 2 })
		slices.SortStableFunc(names, func(a, b string) int { return cmp.Or(modules[b]-modules[a], groups[a]-groups[b]) })
		all[i].Files = names
	}
	return all
}

// lookedFor adds the names of files that a module looks for at the top.
func (w *why) lookedFor(all []string, ref buildpack.Ref) []string {
	for _, want := range w.wants[ref] {
		if !want.IsPattern() && !strings.Contains(want.Name, "/") {
			all = append(all, want.Name)
		}
	}
	return all
}

// related reports whether a module speaks of a name, or of the ending of a name, that the app has at its top.
func (w *why) related(ref buildpack.Ref) bool {
	return slices.ContainsFunc(w.wants[ref], func(want baseline.Want) bool {
		return w.App.Has(want) || slices.ContainsFunc(w.App.Top, func(name string) bool {
			at := strings.LastIndexByte(want.Name, '.')
			return at >= 0 && strings.HasSuffix(name, want.Name[at:]) && isSource(want.Name[at:])
		})
	})
}

// isSource reports whether an ending tells anything: files of data and settings are in every app.
func isSource(ending string) bool {
	return !slices.Contains([]string{".json", ".toml", ".yml", ".yaml", ".txt", ".md", ".lock", ".xml"}, ending)
}

func appendNew[T comparable](all []T, one T) []T {
	if slices.Contains(all, one) {
		return all
	}
	return append(all, one)
}
