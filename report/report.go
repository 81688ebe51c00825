// Package report writes what happened in one run of a phase, as JSON for machines or as a page for people.
//
// record.go collects the results of a phase; with detection.go and generation.go it makes a [Report] of them. JSON and page
// show that value alone: html.go and page.tmpl.html make the page, and plan.go the picture of the build plan in it.
package report

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/platform"
)

// Version is the version of the shape of reports that this package writes. It grows when a key changes its meaning or is
// gone; new keys alone don't make a new version.
const Version = 3

// Report is what happened in one run of a phase. docs/report.schema.json describes its JSON form. Times and what modules print
// aside, it is the same each time for the same inputs. Lists are in the order of the order or of the group.
type Report struct {
	Version     int            `json:"version"`
	Phase       platform.Phase `json:"phase"`
	Prelude     string         `json:"prelude"` // the version of the executable
	PlatformAPI string         `json:"platformAPI"`
	Outcome     Outcome        `json:"outcome"`
	Inputs      []Setting      `json:"inputs"` // arguments and variables as they are in force
	// BuildImage is the reference of the build image in analyzed.toml; empty if that is not known.
	BuildImage string `json:"buildImage,omitempty"`
	// Target is what modules are told of the run image; nil if the phase ended before that was known.
	Target  *Target `json:"target,omitempty"`
	ExecEnv string  `json:"execEnv"`
	// Order is what was resolved, system buildpacks included; nil if it was not read.
	Order *Order `json:"order,omitempty"`
	// Judged is how many candidates were judged. Only the first of very many are in Candidates.
	Judged int `json:"judged"`
	// Candidates are those judged, in the order in which they were tried. Those that surely failed are not judged.
	Candidates []Candidate `json:"candidates"`
	// TraceID is the id of the trace that the phase wrote; empty if it wrote none.
	TraceID string `json:"traceID,omitempty"`
	// Alternatives are the groups behind the one that passed that fit as well, if they were asked for.
	Alternatives []AlsoFits `json:"alternatives,omitempty"`
	// Explanation is why no group passed; nil if one did.
	Explanation *Explanation `json:"explanation,omitempty"`
	// Modules of the candidates, in the order in which they were reached.
	Modules []Module  `json:"modules"`
	Group   []Ref     `json:"group"`   // the modules that take part, extensions first
	Dropped []Dropped `json:"dropped"` // the members of the group's candidate that do not
	Plan    []Entry   `json:"plan"`    // before generation
	// Generation is nil if none was begun, or there are no extensions.
	Generation *Generation `json:"generation,omitempty"`
	Warnings   []string    `json:"warnings"` // those of the log, in its order
	Timings    Timings     `json:"timings"`
}

// Outcome is how a phase ended. After a success, Error is empty; Hint, which is what to try, may always be.
type Outcome struct {
	ExitCode int    `json:"exitCode"`
	Error    string `json:"error,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// Setting is an input of a phase, by the name of its flag or, where it has no flag, of its variable; or a build argument.
type Setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Target is the operating system, the architecture and the distribution of an image. An empty field is not known.
type Target struct {
	OS            string `json:"os,omitempty"`
	Arch          string `json:"arch,omitempty"`
	Variant       string `json:"variant,omitempty"`
	Distro        string `json:"distro,omitempty"`
	DistroVersion string `json:"distroVersion,omitempty"`
}

// Order is the order: each group of buildpacks is tried with each group of extensions, and last with none.
type Order struct {
	Extensions [][]Element `json:"extensions"`
	Buildpacks [][]Element `json:"buildpacks"`
}

// Element is an element of the order.
type Element struct {
	ID       string   `json:"id"`
	Version  string   `json:"version"`
	Optional bool     `json:"optional"`
	ExecEnv  []string `json:"execEnv,omitempty"`
}

// Ref names a module.
type Ref struct {
	Kind    buildpack.Kind `json:"kind"`
	ID      string         `json:"id"`
	Version string         `json:"version"`
}

// String is "<id>@<version>".
func (r Ref) String() string { return r.ID + "@" + r.Version }

// Candidate is a candidate group that was judged.
type Candidate struct {
	Group   int               `json:"group"`  // the number of the group of the order that it came from, from 1
	Passed  bool              `json:"passed"` // true for the last one, if there is a group
	Members []CandidateMember `json:"members"`
	Reason  string            `json:"reason,omitempty"` // why it failed, in words; empty if it passed
}

// CandidateMember is a module as it stands in a candidate. Outcome is that of the module.
type CandidateMember struct {
	Ref
	Optional bool   `json:"optional"`
	Outcome  string `json:"outcome"`
}

// AlsoFits is a group that fits as well.
type AlsoFits struct {
	Group   int      `json:"group"` // its number in the order, from 1
	Modules []Ref    `json:"modules"`
	Files   []string `json:"files"` // names at the top of the app that its modules speak of
}

// Explanation is why no group passed.
type Explanation struct {
	// Text is the explanation in the words of the log, line by line; the first line is the verdict.
	Text []string `json:"text"`
	// Failed are the modules that errored because of the app, those with the same words together.
	Failed []Saying `json:"failed"`
	// Closest are the groups that recognised the most of the app and lack the least.
	Closest []Closest `json:"closest"`
}

// Saying is what some modules say, with equal words.
type Saying struct {
	Modules []Ref  `json:"modules"`
	Words   string `json:"words"`
}

// Closest is a group that is as close as any other.
type Closest struct {
	Group int    `json:"group"` // its number in the order, from 1
	Name  string `json:"name"`
	// Members are those of its first variant, which need not be among the candidates that were judged.
	Members []CandidateMember `json:"members"`
	// Recognised are the modules that recognised the app, with what they complain of.
	Recognised []Saying `json:"recognised"`
	// Lacks are the required modules that did not pass, for each of its equally close variants.
	Lacks [][]Saying `json:"lacks"`
}

// Contrast is what differs between the answers of a module for the app and for an empty directory.
type Contrast struct {
	Differs bool     `json:"differs"` // whether exit code or build plan differ
	New     []string `json:"new"`     // lines that it printed for the app only
}

// Module is a module and what became of its bin/detect.
type Module struct {
	Ref
	Name     string  `json:"name,omitempty"` // that of the descriptor
	API      string  `json:"api"`
	Homepage string  `json:"homepage,omitempty"`
	Target   Verdict `json:"target"`
	// Outcome is "pass", "fail" (exit code 100), "err" or "mismatch" (not run: it does not support the run image). It is
	// empty if the phase was ended before that was known.
	Outcome string `json:"outcome"`
	// ExitCode is nil if the module was not run, was not started or was ended by a signal.
	ExitCode *int   `json:"exitCode,omitempty"`
	Cause    string `json:"cause,omitempty"` // what went wrong, if something did
	// Alternatives of its build plan, at least one if it passed.
	Alternatives []Alternative `json:"alternatives"`
	// Chosen is the index of the alternative with which it takes part; nil if it does not.
	Chosen   *int     `json:"chosen,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Output is what it printed; of long ones the beginning and the end.
	Output string `json:"output,omitempty"`
	Time   *Span  `json:"time,omitempty"` // nil if bin/detect was not run
	// Contrast is nil if a group passed, or the module was not run in an empty directory.
	Contrast *Contrast `json:"contrast,omitempty"`
}

// Verdict is "match", "mismatch" with the reason, or "not judged" where the Platform API does not have targets yet.
type Verdict struct {
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`
}

// Alternative is one way in which a module can take part.
type Alternative struct {
	Provides []string  `json:"provides"`
	Requires []Require `json:"requires"`
}

// Require is a requirement. Dates and times of the metadata are strings, as are numbers that JSON does not have.
type Require struct {
	Name     string         `json:"name"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// Dropped is a member of the group's candidate that does not take part, and why, in words.
type Dropped struct {
	Ref
	Reason string `json:"reason"`
}

// Entry is a dependency of the build plan.
type Entry struct {
	Name      string         `json:"name"`
	Providers []Ref          `json:"providers"`
	Requires  []PlanRequires `json:"requires"`
	// GivenTo is the extension that was given the entry, so that it is not in plan.toml; nil if the buildpacks have it.
	GivenTo *Ref `json:"givenTo,omitempty"`
}

// PlanRequires is a requirement of an entry. By is nil where only the plan is known: in the generator.
type PlanRequires struct {
	By       *Ref           `json:"by,omitempty"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// Generation is what the extensions of the group generated. The images are nil if it failed.
type Generation struct {
	// Extensions that were run, in order. After a failure the last one is the one that failed.
	Extensions []Extension `json:"extensions"`
	RunImage   *RunImage   `json:"runImage,omitempty"`
	BuildImage *BuildImage `json:"buildImage,omitempty"`
}

// Extension is what one extension generated.
type Extension struct {
	Ref
	Static      bool         `json:"static"` // it has no bin/generate, but brings what it leaves
	Given       []string     `json:"given"`  // names of the plan's entries that it provides
	Dockerfiles []Dockerfile `json:"dockerfiles"`
	Contexts    []Context    `json:"contexts"`
	Warnings    []Note       `json:"warnings"`
	Error       string       `json:"error,omitempty"`  // what went wrong, if something did
	Output      string       `json:"output,omitempty"` // what it printed; of long ones the beginning and the end
	Time        *Span        `json:"time,omitempty"`
}

// Note is something that the author of an extension should know. Minor ones are logged at debug level.
type Note struct {
	Text  string `json:"text"`
	Hint  string `json:"hint,omitempty"`
	Minor bool   `json:"minor,omitempty"`
}

// Dockerfile is a generated Dockerfile. Path and Context are relative to the generated directory.
type Dockerfile struct {
	Kind         string    `json:"kind"`           // "build" or "run"
	Path         string    `json:"path,omitempty"` // empty if generation failed
	Digest       string    `json:"digest"`
	From         string    `json:"from,omitempty"` // the image that it switches to; empty if it extends
	Instructions int       `json:"instructions"`   // after FROM
	Args         []Setting `json:"args"`
	Context      string    `json:"context,omitempty"` // empty if the app directory is the context
	// IgnoredFor is the id of the extension because of whose switch this Dockerfile is ignored.
	IgnoredFor string `json:"ignoredFor,omitempty"`
	Refused    bool   `json:"refused,omitempty"` // generation failed because of it
	Text       string `json:"text"`              // of a long one the beginning and the end
}

// Context is a build context that an extension left: the kind of Dockerfile and the name in the extension's output.
type Context struct {
	Kind      string `json:"kind"`
	Directory string `json:"directory"`
}

// RunImage is which run image the extensions ask for.
type RunImage struct {
	Before string `json:"before,omitempty"` // the run image of analyzed.toml; empty if it names none
	Image  string `json:"image,omitempty"`  // the run image now; empty if it is not known
	// SwitchedBy is the id of the extension that switched it; empty if none did.
	SwitchedBy string `json:"switchedBy,omitempty"`
	Extend     bool   `json:"extend"`
	// Known reports whether run.toml has the image that was switched to; nil if none was.
	Known   *bool    `json:"known,omitempty"`
	Reasons []string `json:"reasons"` // in words, a sentence each
}

// BuildImage is the build image, empty if it is not known, and whether Dockerfiles extend it.
type BuildImage struct {
	Image  string `json:"image,omitempty"`
	Extend bool   `json:"extend"`
}

// Timings are when the phase and its steps ran; nil for a step that was not begun.
type Timings struct {
	Started  time.Time `json:"started"`
	TotalMS  float64   `json:"totalMS"` // until the report was put together
	Detect   *Span     `json:"detect,omitempty"`
	Generate *Span     `json:"generate,omitempty"`
}

// Span is when something ran, in milliseconds from the start of the phase.
type Span struct {
	StartMS    float64 `json:"startMS"`
	DurationMS float64 `json:"durationMS"`
}

// spanOf is the time from one moment to another, in a phase that started at a third.
func spanOf(phase, from, to time.Time) *Span {
	return &Span{StartMS: millis(from.Sub(phase)), DurationMS: millis(to.Sub(from))}
}

// millis is a duration in milliseconds, to a thousandth.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// Encode is the report in the form that the name of its file asks for: *.json or *.html.
func (r Report) Encode(path string) ([]byte, error) {
	if strings.EqualFold(filepath.Ext(path), ".html") {
		return r.HTML()
	}
	return r.JSON()
}

// JSON is the form for machines.
func (r Report) JSON() ([]byte, error) { return toJSON(r, "  ") }

func toJSON(value any, indent string) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", indent)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(value)
	return text.Bytes(), err
}
