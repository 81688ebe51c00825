package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/cnb-prelude/prelude/internal/tidy"
)

// This file lays out the two pictures of a report's page. What they look like is the template's business.

// planPicture is the build plan: a column for each module, extensions first, in the order of the group; a lane for each
// dependency, from its providers to its requirers.
type planPicture struct {
	Width, Height int
	// Top is where lanes begin, Bottom where they end.
	Top, Bottom int
	Columns     []planColumn
	Lanes       []planLane
	// Bands are the columns of extensions and of buildpacks.
	Bands []planBand
	// Notes say why members were dropped.
	Notes []Dropped
	Label string
}

type planColumn struct {
	X         int
	ID, Label string
	Dropped   bool
	// Failed is true for a required module that did not pass.
	Failed     bool
	Extension  bool
	Note       int // number of the note, from 1
	LabelY     int
	Full, Role string
}

type planLane struct {
	Name, Title   string
	Y, From, To   int
	full          string
	TextX, TextY  int
	Providers     []int
	Arrows, Rings []int
	// OnBand says that the name stands on the first band, which is shaded.
	OnBand bool
	// Missing says that nothing answers the name, or what does stands in the wrong place. Where nothing does, Open is the
	// end at which it is missed; 0 otherwise.
	Missing bool
	Open    int
}

type planBand struct {
	X, Width int
	Label    string
}

// Measures of the picture, in pixels; its labels stand at an angle of 45 degrees.
const (
	planWidth      = 1060 // what the columns may take of a wide screen
	planColumnMin  = 54
	planColumnMax  = 110
	planLaneHeight = 38
	planMargin     = 26
	planLabelMax   = 30 // characters
	planCharWidth  = 7.9
)

// newPlanPicture lays out the plan; nil if there is none.
func newPlanPicture(r Report) *planPicture {
	columns := planColumns(r)
	if len(columns) == 0 || len(r.Plan) == 0 && len(r.Dropped) == 0 {
		return nil
	}
	p := &planPicture{Columns: columns, Notes: r.Dropped}
	longest := 0
	for _, c := range columns {
		length := len([]rune(c.Label))
		if c.Dropped {
			length += 3 + len(fmt.Sprint(c.Note))
		}
		longest = max(longest, length)
	}
	slant := int(math.Ceil(float64(longest) * planCharWidth * math.Sqrt2 / 2))
	p.Top = slant + 40
	width := min(planColumnMax, max(planColumnMin, (planWidth-2*planMargin-slant)/len(columns)))
	for i := range p.Columns {
		p.Columns[i].X = planMargin + i*width + width/2
		p.Columns[i].LabelY = p.Top - 22
	}
	p.bands(width)
	at := map[string]int{}
	for _, c := range p.Columns {
		at[c.ID] = c.X
	}
	y := p.Top + 30
	right := p.Columns[len(p.Columns)-1].X
	for _, entry := range r.Plan {
		lane := newPlanLane(entry, at)
		if lane.Y, lane.TextY = y, y-8; lane.To > 0 {
			lane.OnBand = lane.From < p.Bands[0].X+p.Bands[0].Width
			p.Lanes = append(p.Lanes, lane)
			right = max(right, lane.TextX+int(planCharWidth*float64(len([]rune(lane.Name)))))
			y += planLaneHeight
		}
	}
	p.Bottom = y - 8
	p.Height = p.Bottom + 14
	p.Width = max(right, p.Columns[len(p.Columns)-1].X+slant) + planMargin
	p.Label = fmt.Sprintf("The build plan: %s in the order of the group, %s from provider to requirer", tidy.Count(len(p.Columns), "module"), tidy.Count(len(p.Lanes), "arrow"))
	return p
}

// planColumns are the members of the candidate that passed or, in generator, the extensions and the other modules of the plan.
func planColumns(r Report) []planColumn {
	var columns []planColumn
	add := func(ref Ref, note int) {
		c := planColumn{ID: ref.Kind + " " + ref.String(), Full: ref.String(), Role: ref.Kind, Label: clip(tidy.Text(ref.ID), planLabelMax), Dropped: note > 0, Note: note, Extension: ref.Kind == "extension"}
		if !slices.ContainsFunc(columns, func(o planColumn) bool { return o.ID == c.ID }) {
			columns = append(columns, c)
		}
	}
	for _, c := range r.Candidates {
		if !c.Passed {
			continue
		}
		for _, m := range c.Members {
			add(m.Ref, 1+slices.IndexFunc(r.Dropped, func(d Dropped) bool { return d.Ref == m.Ref }))
		}
		return columns
	}
	for _, m := range r.Group {
		add(m.Ref, 0)
	}
	for _, entry := range r.Plan {
		for _, provider := range entry.Providers {
			add(provider, 0)
		}
	}
	return columns
}

// clip keeps the end of a long text: the beginning of an id is its namespace.
func clip(text string, n int) string {
	if runes := []rune(strings.ReplaceAll(text, "\n", " ")); len(runes) > n {
		return "…" + string(runes[len(runes)-n+1:])
	}
	return text
}

func (p *planPicture) bands(width int) {
	for i, c := range p.Columns {
		label := "buildpacks"
		if c.Extension {
			label = "extensions"
		}
		if i == 0 || p.Bands[len(p.Bands)-1].Label != label {
			p.Bands = append(p.Bands, planBand{X: c.X - width/2, Label: label})
		}
		p.Bands[len(p.Bands)-1].Width += width
	}
}

// newPlanLane is the lane of an entry; at are the places of the modules. A lane to nowhere ends at 0.
func newPlanLane(entry Entry, at map[string]int) planLane {
	lane := planLane{Name: clip(tidy.Text(entry.Name), 2*planLabelMax), full: entry.Name}
	var providers, requirers []string
	for _, p := range entry.Providers {
		if x, known := at[p.Kind+" "+p.String()]; known {
			lane.Providers = append(lane.Providers, x)
		}
		providers = append(providers, p.String())
	}
	for _, r := range entry.Requires {
		if r.By == nil {
			continue
		}
		name := r.By.String()
		x, known := at[r.By.Kind+" "+name]
		switch {
		case slices.Contains(requirers, name) || !known:
			continue
		case slices.Contains(lane.Providers, x):
			lane.Rings = append(lane.Rings, x)
		default:
			lane.Arrows = append(lane.Arrows, x)
		}
		requirers = append(requirers, name)
	}
	ends := slices.Concat(lane.Providers, lane.Arrows)
	if len(ends) == 0 {
		return lane
	}
	lane.From, lane.To = slices.Min(ends), slices.Max(ends)
	switch {
	case len(lane.Providers) == 0:
		lane.Open = max(planMargin/2, lane.From-planColumnMin+10)
		lane.From = lane.Open
	case len(requirers) == 0:
		lane.Open = lane.To + planColumnMin - 10
		lane.To = lane.Open
	}
	lane.TextX = lane.From + 11
	lane.Title = entry.Name + ": " + parts("provided by ", providers) + ", " + parts("required by ", requirers)
	lane.Title = tidy.Text(lane.Title)
	return lane
}

// parts lists the modules that do something to a dependency.
func parts(what string, who []string) string {
	if len(who) == 0 {
		return what + "nothing"
	}
	return what + strings.Join(who, ", ")
}

// timePicture is when each module ran.
type timePicture struct {
	Width, Height int
	Rows          []timeRow
	Ticks         []timeTick
	// Left is where time begins, Top and Bottom where rows do and end.
	Left, Top, Bottom int
	Label             string
}

type timeRow struct {
	Y, TextY    int
	X, Width    float64
	EndX        float64
	Name, Title string
	Took        string
	// Class is detect or generate, and the outcome.
	Class string
}

type timeTick struct {
	X     float64
	Label string
}

const (
	timeWidth    = 1040
	timeLeft     = 250
	timeRight    = 90
	timeRowSpace = 24
)

// newTimePicture lays out the time line; nil if nothing ran.
func newTimePicture(r Report) *timePicture {
	runs := timedRuns(r)
	if len(runs) == 0 {
		return nil
	}
	end := 1.0
	for _, run := range runs {
		end = max(end, run.span.StartMS+run.span.DurationMS)
	}
	p := &timePicture{Width: timeWidth, Left: timeLeft, Top: 30}
	scale := float64(timeWidth-timeLeft-timeRight) / end
	p.Bottom = p.Top + 6
	for _, run := range runs {
		p.Rows = append(p.Rows, run.row(p.Bottom, scale))
		p.Bottom += timeRowSpace
	}
	p.Height = p.Bottom + 8
	for at := 0.0; at <= end; at += tickStep(end) {
		label := "0"
		if at > 0 {
			label = took(at)
		}
		p.Ticks = append(p.Ticks, timeTick{X: timeLeft + at*scale, Label: label})
	}
	p.Label = fmt.Sprintf("Time line of %s of bin/detect and bin/generate, %s in all", tidy.Count(len(runs), "run"), took(end))
	return p
}

// timedRun is a run of bin/detect or bin/generate.
type timedRun struct {
	ref   Ref
	span  Span
	class string // "detect" or "generate", and the outcome
}

// timedRuns are all runs whose time is known, in the order in which they began.
func timedRuns(r Report) []timedRun {
	var all []timedRun
	for _, m := range r.Modules {
		if m.Time != nil {
			all = append(all, timedRun{m.Ref, *m.Time, "detect " + m.Outcome})
		}
	}
	if r.Generation != nil {
		for _, e := range r.Generation.Extensions {
			class := "generate pass"
			if e.Error != "" {
				class = "generate err"
			}
			if e.Time != nil {
				all = append(all, timedRun{e.Ref, *e.Time, class})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b timedRun) int { return cmp.Compare(a.span.StartMS, b.span.StartMS) })
	return all
}

// row is a run's row of the picture, at a height and with so many units for each millisecond.
func (run timedRun) row(y int, scale float64) timeRow {
	row := timeRow{
		Y: y, TextY: y + 12, X: timeLeft + run.span.StartMS*scale, Width: max(2, run.span.DurationMS*scale),
		Name: clip(tidy.Text(run.ref.String()), 30), Took: took(run.span.DurationMS), Class: run.class,
	}
	row.EndX = row.X + row.Width + 7
	what, outcome, _ := strings.Cut(run.class, " ")
	row.Title = tidy.Text(fmt.Sprintf("bin/%s of %s %s: %s, from %s on", what, run.ref.Kind, run.ref, outcomeWord(outcome), took(run.span.StartMS)))
	row.Title += ", took " + row.Took
	return row
}

// tickStep is a round number of milliseconds of which four to nine fit into a time.
func tickStep(end float64) float64 {
	step := math.Pow(10, math.Floor(math.Log10(end/4)))
	for _, factor := range []float64{5, 2} {
		if end/(step*factor) >= 4 {
			return step * factor
		}
	}
	return step
}
