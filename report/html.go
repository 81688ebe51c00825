package report

import (
	"bytes"
	"cmp"
	_ "embed" // the page's template
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/platform"
)

// This file makes the page for people. The page shows the report and nothing else; all escaping is html/template's,
// and the page itself forbids scripts and requests. The pictures are laid out in svg.go.

//go:embed page.tmpl.html
var pageTemplate string

// HTML is the form for people: one page that needs nothing but itself.
func (r Report) HTML() ([]byte, error) {
	t, err := template.New("report").Funcs(template.FuncMap{
		"tidy": tidy.Text, "took": took, "count": tidy.Count, "json": inline, "inc": func(i int) int { return i + 1 },
		"outcome": outcomeWord, "web": isWeb, "at": func(p *int) int { return *p }, "is": func(p *int, i int) bool { return p != nil && *p == i },
	}).Parse(pageTemplate)
	if err != nil {
		return nil, err
	}
	var text bytes.Buffer
	err = t.Execute(&text, newPage(r))
	return text.Bytes(), err
}

// page is what the template shows.
type page struct {
	Report
	Failed    bool
	Headline  string
	Decisions []decision
	// Verdict is the first line of the explanation, or the error; Why are the other lines.
	Verdict  string
	Why      []string
	Failures []Candidate // candidates that failed, the first ones
	More     int         // how many failed candidates are not among these
	Members  bool        // whether candidates show their members
	Plan     *planPicture
	Entries  []Entry
	Times    *timePicture
	Started  string
}

// decision is what was decided, and what from.
type decision struct {
	Term, Text, Note string
}

// How many are shown of many candidates.
const (
	candidatesShown       = 50
	candidateMembersShown = 3000
)

func newPage(r Report) page {
	p := page{
		Report: r, Failed: r.Outcome.ExitCode != 0, Headline: headline(r), Decisions: decisions(r),
		Plan: newPlanPicture(r), Entries: r.Plan, Times: newTimePicture(r), Started: r.Timings.Started.UTC().Format("2 January 2006, 15:04:05 MST"),
	}
	members := 0
	for _, c := range r.Candidates {
		if c.Passed {
			continue
		}
		members += len(c.Members)
		if len(p.Failures) < candidatesShown {
			p.Failures = append(p.Failures, c)
		}
	}
	p.Verdict = r.Outcome.Error
	if e := r.Explanation; e != nil {
		p.Verdict, p.Why = e.Text[0], e.Text[1:]
	}
	p.Members = members <= candidateMembersShown
	p.More = r.failedCandidates() - len(p.Failures)
	return p
}

// failedCandidates is how many were judged and failed.
func (r Report) failedCandidates() int {
	if len(r.Group) > 0 && r.Judged > 0 {
		return r.Judged - 1
	}
	return r.Judged
}

// headline says in one line what was decided.
func headline(r Report) string {
	switch code := r.Outcome.ExitCode; {
	case code == 0 && r.Phase == platform.Generator:
		return tidy.Count(len(r.Group), "extension") + " generated"
	case code == 0 && len(r.Dropped) > 0:
		return fmt.Sprintf("%d of %s take part", len(r.Group), tidy.Count(len(r.Group)+len(r.Dropped), "module"))
	case code == 0:
		return tidy.Count(len(r.Group), "module") + " " + tidy.Plural(len(r.Group), "takes", "take") + " part"
	case code == platform.CodeNoGroup:
		return "No group passed detection"
	case code == platform.CodeNoGroupWithError:
		return "No group passed detection, and a module ended with an error"
	case code == platform.CodeIncompatibleBuildpack:
		return "A module cannot be used"
	case code == platform.CodeGenerateBuildpack, code == platform.CodeGenerate:
		return "Generation failed"
	case code == platform.CodeHungUp, code == platform.CodeInterrupted, code == platform.CodeTerminated:
		return "Ended before it was done"
	case r.Phase == platform.Generator:
		return "Generation failed"
	}
	return "Detection failed"
}

// decisions are what was decided, what from, and how long it took: the lines at the top of the page.
func decisions(r Report) []decision {
	return slices.Concat(groupDecision(r), planDecision(r), imageDecisions(r.Generation), targetDecision(r.Target), []decision{times(r.Timings)})
}

func groupDecision(r Report) []decision {
	failed := r.failedCandidates()
	switch {
	case r.Judged == 0:
		return nil
	case len(r.Group) == 0:
		return []decision{{"Group", "none", tidy.Count(failed, "candidate") + " failed"}}
	case failed == 0:
		return []decision{{"Group", "the first candidate", "nothing had to be tried before it"}}
	}
	return []decision{{"Group", fmt.Sprintf("candidate %d", r.Judged), tidy.Count(failed, "candidate") + " failed before it"}}
}

func planDecision(r Report) []decision {
	if len(r.Plan) == 0 {
		return nil
	}
	given := 0
	for _, entry := range r.Plan {
		if entry.GivenTo != nil {
			given++
		}
	}
	return []decision{{
		"Build plan", tidy.Plural(len(r.Plan), "1 dependency", fmt.Sprintf("%d dependencies", len(r.Plan))),
		fmt.Sprintf("%d given to extensions, %d left for buildpacks", given, len(r.Plan)-given),
	}}
}

func imageDecisions(g *Generation) []decision {
	if g == nil || g.RunImage == nil {
		return nil
	}
	run := decision{"Run image", cmp.Or(g.RunImage.Image, "not known"), "as it was"}
	if g.RunImage.SwitchedBy != "" {
		run.Note = "switched by " + g.RunImage.SwitchedBy
	}
	if g.RunImage.Extend {
		run.Note += ", to be extended"
	}
	build := decision{"Build image", "as it is", "no build.Dockerfile"}
	if g.BuildImage.Extend {
		n := 0
		for _, e := range g.Extensions {
			for _, d := range e.Dockerfiles {
				if d.Kind == "build" {
					n++
				}
			}
		}
		build.Text, build.Note = "to be extended", "by "+tidy.Count(n, "Dockerfile")
	}
	return []decision{run, build}
}

func targetDecision(t *Target) []decision {
	if t == nil {
		return nil
	}
	return []decision{{"Target", strings.Join(words(t.OS, t.Arch, t.Variant), "/"), strings.Join(words(t.Distro, t.DistroVersion), " ")}}
}

func times(t Timings) decision {
	var steps []string
	if s := t.Detect; s != nil {
		steps = append(steps, "detection "+took(s.DurationMS))
	}
	if s := t.Generate; s != nil {
		steps = append(steps, "generation "+took(s.DurationMS))
	}
	return decision{"Took", took(t.TotalMS), strings.Join(steps, ", ")}
}

func words(all ...string) []string {
	return slices.DeleteFunc(all, func(word string) bool { return word == "" })
}

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

// outcomeWord is a module's outcome for people.
func outcomeWord(outcome string) string {
	switch outcome {
	case "pass":
		return "passed"
	case "fail":
		return "did not pass"
	case "err":
		return "error"
	case "mismatch":
		return "wrong target"
	}
	return "not known"
}

// inline is a value as JSON on one line.
func inline(value any) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}

func isWeb(url string) bool {
	return strings.HasPrefix(url, "https://") || strings.HasPrefix(url, "http://")
}
