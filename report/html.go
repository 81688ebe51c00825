package report

import (
	"bytes"
	"cmp"
	_ "embed" // the page's template
	"fmt"
	"html/template"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/platform"
)

// All escaping is html/template's, and the page itself forbids scripts and requests.
//
//go:embed page.tmpl.html
var pageTemplate string

// HTML is the form for people: one page that needs nothing but itself.
func (r Report) HTML() ([]byte, error) {
	t, err := template.New("report").Funcs(template.FuncMap{
		"raw": tidy.Text, "tidy": short, "took": took, "share": share, "count": tidy.Count, "json": inline,
		"inc": func(i int) int { return i + 1 }, "is": func(p *int, i int) bool { return p != nil && *p == i },
		"outcome": outcomeWord, "web": isWeb, "base": path.Base,
		"headline": headline, "verdict": verdict, "details": details, "input": input, "plan": newPlanPicture,
	}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = t.Execute(&text, r)
	return text.Bytes(), err
}

// headline is the page's first line.
func headline(r Report) string {
	switch code := r.Outcome.ExitCode; {
	case code == 0 && r.Phase == platform.Generator:
		return tidy.Count(len(r.Group), "extension") + " generated"
	case code == 0:
		return tidy.Count(len(r.Group), "module") + " " + tidy.Plural(len(r.Group), "takes", "take") + " part"
	case code == platform.CodeNoGroup, code == platform.CodeNoGroupWithError:
		return "No group passed detection"
	case code == platform.CodeHungUp, code == platform.CodeInterrupted, code == platform.CodeTerminated:
		return "Ended before it was done"
	case r.Generation != nil || r.Phase == platform.Generator:
		return "Generation failed"
	}
	return "Detection failed"
}

// verdict is the first line of the explanation or, where there is none, the error.
func verdict(r Report) string {
	if r.Explanation != nil && len(r.Explanation.Text) > 0 {
		return r.Explanation.Text[0]
	}
	return r.Outcome.Error
}

// details are the other lines of the explanation. The verdict is not above them, so they need not be indented.
func details(e Explanation) string {
	lines := slices.Clone(e.Text[1:])
	if !slices.ContainsFunc(lines, func(line string) bool { return !strings.HasPrefix(line, "  ") }) {
		for i := range lines {
			lines[i] = lines[i][2:]
		}
	}
	return strings.Join(lines, "\n")
}

// input is the value of an input; empty if the phase does not have it.
func input(r Report, name string) string {
	for _, in := range r.Inputs {
		if in.Name == name {
			return in.Value
		}
	}
	return ""
}

var digests = tidy.Pattern(`(sha256:[0-9a-f]{12})[0-9a-f]{52}\b`)

// short is a text that is fit to be shown, with short digests.
func short(text string) string { return digests().ReplaceAllString(tidy.Text(text), "$1…") }

// took is a duration for people.
func took(ms float64) string {
	switch d := time.Duration(ms * float64(time.Millisecond)); {
	case d < 10*time.Millisecond:
		return fmt.Sprintf("%.1f ms", ms)
	case d < time.Second:
		return fmt.Sprintf("%.0f ms", ms)
	case d < time.Minute:
		return fmt.Sprintf("%.2f s", d.Seconds())
	default:
		return fmt.Sprintf("%d min %02d s", int(d.Minutes()), int(d.Seconds())%60)
	}
}

// share is a part of a time as a width.
func share(ms, total float64) template.CSS {
	return template.CSS(fmt.Sprintf("%.2f%%", min(100, 100*ms/max(total, 0.001))))
}

// outcomeWord is a module's outcome for people.
func outcomeWord(outcome string) string {
	words := map[string]string{"pass": "passed", "fail": "did not pass", "err": "error", "mismatch": "wrong target"}
	return cmp.Or(words[outcome], "not known")
}

// inline is a value as JSON on one line.
func inline(value any) (string, error) {
	text, err := toJSON(value, "")
	return strings.TrimSpace(string(text)), err
}

func isWeb(url string) bool {
	return strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
}
