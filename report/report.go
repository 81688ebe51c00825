// Package report puts together what happened in one run of a phase and writes it, as JSON for machines or as a page for people.
//
// record.go collects the results of a phase; build.go, detection.go and generation.go make a [Report] of them. JSON and page show
// that value and nothing else: html.go and page.tmpl.html make the page, and plan.go the picture of the build plan in it.
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

// Version is the version of the shape of reports that this package writes. It grows when something that was there
// changes its meaning or is gone; new keys alone don't make a new version.
const Version = 3

// Report says what happened in one run of a phase: -report writes it, as JSON or as a page for people. The JSON form is
// described by docs/report.schema.json, and what each key means by docs/report.md.
//
// Everything in it but what Timings, the fields that end in MS and what modules themselves print say is the same each
// time for the same inputs. Lists are in the order in which things stand in the order or in the group.
type Report struct {
	// Version of its shape: the constant of that name.
	Version int `json:"version"`
	// Phase that ran.
	Phase platform.Phase `json:"phase"`
	// Prelude is the version of the executable.
	Prelude     string `json:"prelude"`
	PlatformAPI string `json:"platformAPI"`
	// Outcome is how the phase ended.
	Outcome Outcome `json:"outcome"`
	// Inputs are the arguments and variables of the phase as they are in force.
	Inputs []Setting `json:"inputs"`
	// BuildImage is the reference of the build image in analyzed.toml; empty if that is not known.
	BuildImage string `json:"buildImage,omitempty"`
	// Target is what modules are told of the run image; nil if the phase ended before that was known.
	Target *Target `json:"target,omitempty"`
	// ExecEnv is the execution environment.
	ExecEnv string `json:"execEnv"`
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
	Modules []Module `json:"modules"`
	// Group are the modules that take part, extensions first.
	Group []Ref `json:"group"`
	// Dropped are the members of the group's candidate that don't take part.
	Dropped []Dropped `json:"dropped"`
	// Plan is the build plan before generation.
	Plan []Entry `json:"plan"`
	// Generation is nil if none was begun, or there are no extensions.
	Generation *Generation `json:"generation,omitempty"`
	// Warnings are those of the log, in its order.
	Warnings []string `json:"warnings"`
	Timings  Timings  `json:"timings"`
}

// Outcome is how a phase ended.
type Outcome struct {
	// ExitCode of the phase.
	ExitCode int `json:"exitCode"`
	// Error is the last line of the log; empty after a success.
	Error string `json:"error,omitempty"`
	// Hint is what to try; empty if nothing comes to mind.
	Hint string `json:"hint,omitempty"`
}

// Setting is an input of a phase or a build argument.
type Setting struct {
	// Name of an input is that of its flag, or of its variable where it has no flag.
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
	// Kind is "buildpack" or "extension".
	Kind    buildpack.Kind `json:"kind"`
	ID      string         `json:"id"`
	Version string         `json:"version"`
}

// String is "<id>@<version>".
func (r Ref) String() string { return r.ID + "@" + r.Version }

// Candidate is a candidate group that was judged.
type Candidate struct {
	// Group is the number of the group of the order that it came from, from 1.
	Group int `json:"group"`
	// Passed is true for the last one, if there is a group.
	Passed  bool              `json:"passed"`
	Members []CandidateMember `json:"members"`
	// Reason is why it failed, in words; empty if it passed.
	Reason string `json:"reason,omitempty"`
}

// CandidateMember is a module as it stands in a candidate.
type CandidateMember struct {
	Ref
	Optional bool `json:"optional"`
	// Outcome is that of the module.
	Outcome string `json:"outcome"`
}

// AlsoFits is a group that fits as well.
type AlsoFits struct {
	// Group is its number in the order, from 1.
	Group   int   `json:"group"`
	Modules []Ref `json:"modules"`
	// Files are names at the top of the app that its modules speak of.
	Files []string `json:"files"`
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
	// Group is its number in the order, from 1.
	Group int    `json:"group"`
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
	// Differs is true if the exit code or the build plan differs.
	Differs bool `json:"differs"`
	// New are the lines that it printed for the app only.
	New []string `json:"new"`
}

// Module is a module and what became of its bin/detect.
type Module struct {
	Ref
	// Name is that of the descriptor.
	Name     string `json:"name,omitempty"`
	API      string `json:"api"`
	Homepage string `json:"homepage,omitempty"`
	// Target says whether the module supports the run image.
	Target Verdict `json:"target"`
	// Outcome is "pass", "fail" (exit code 100), "err" or "mismatch" (not run: it does not support the run image). It is
	// empty if the phase was ended before that was known.
	Outcome string `json:"outcome"`
	// ExitCode is nil if the module was not run, was not started or was ended by a signal.
	ExitCode *int `json:"exitCode,omitempty"`
	// Cause says what went wrong, if something did.
	Cause string `json:"cause,omitempty"`
	// Alternatives of its build plan, at least one if it passed.
	Alternatives []Alternative `json:"alternatives"`
	// Chosen is the index of the alternative with which it takes part; nil if it does not.
	Chosen   *int     `json:"chosen,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Output is what it printed; of long ones the beginning and the end.
	Output string `json:"output,omitempty"`
	// Time is nil if bin/detect was not run.
	Time *Span `json:"time,omitempty"`
	// Contrast is nil if a group passed, or the module was not run in an empty directory.
	Contrast *Contrast `json:"contrast,omitempty"`
}

// Verdict says whether a module supports the run image.
type Verdict struct {
	// Verdict is "match", "mismatch", or "not judged" where the Platform API does not have targets yet.
	Verdict string `json:"verdict"`
	// Reason of a mismatch.
	Reason string `json:"reason,omitempty"`
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

// Dropped is a member of the group's candidate that does not take part.
type Dropped struct {
	Ref
	// Reason in words.
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

// PlanRequires is a requirement of an entry.
type PlanRequires struct {
	// By is nil where only the plan is known: in the generator.
	By       *Ref           `json:"by,omitempty"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// Generation is what the extensions of the group generated.
type Generation struct {
	// Extensions that were run, in order. After a failure the last one is the one that failed.
	Extensions []Extension `json:"extensions"`
	// RunImage is nil if generation failed.
	RunImage *RunImage `json:"runImage,omitempty"`
	// BuildImage is nil if generation failed.
	BuildImage *BuildImage `json:"buildImage,omitempty"`
}

// Extension is what one extension generated.
type Extension struct {
	Ref
	// Static is true if it has no bin/generate, but brings what it leaves.
	Static bool `json:"static"`
	// Given are the names of the plan's entries that it is to provide.
	Given       []string     `json:"given"`
	Dockerfiles []Dockerfile `json:"dockerfiles"`
	Contexts    []Context    `json:"contexts"`
	Warnings    []Note       `json:"warnings"`
	// Error says what went wrong, if something did.
	Error string `json:"error,omitempty"`
	// Output is what it printed; of long ones the beginning and the end.
	Output string `json:"output,omitempty"`
	Time   *Span  `json:"time,omitempty"`
}

// Note is something that the author of an extension should know.
type Note struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	// Minor ones are said at debug level only.
	Minor bool `json:"minor,omitempty"`
}

// Dockerfile is a generated Dockerfile.
type Dockerfile struct {
	// Kind is "build" or "run".
	Kind string `json:"kind"`
	// Path is relative to the generated directory; empty if generation failed.
	Path   string `json:"path,omitempty"`
	Digest string `json:"digest"`
	// From is the image that it switches to; empty if it extends.
	From string `json:"from,omitempty"`
	// Instructions is the number of instructions after FROM.
	Instructions int       `json:"instructions"`
	Args         []Setting `json:"args"`
	// Context is relative to the generated directory; empty if the app directory is the context.
	Context string `json:"context,omitempty"`
	// IgnoredFor is the id of the extension because of whose switch this Dockerfile is ignored.
	IgnoredFor string `json:"ignoredFor,omitempty"`
	// Refused is true if generation failed because of it.
	Refused bool `json:"refused,omitempty"`
	// Text of the file; of a long one the beginning and the end.
	Text string `json:"text"`
}

// Context is a build context that an extension left.
type Context struct {
	// Kind of Dockerfile that it is for.
	Kind string `json:"kind"`
	// Directory is its name in the extension's output.
	Directory string `json:"directory"`
}

// RunImage is which run image the extensions ask for.
type RunImage struct {
	// Before is the run image of analyzed.toml; empty if it names none.
	Before string `json:"before,omitempty"`
	// Image is the run image now; empty if it is not known.
	Image string `json:"image,omitempty"`
	// SwitchedBy is the id of the extension that switched it; empty if none did.
	SwitchedBy string `json:"switchedBy,omitempty"`
	Extend     bool   `json:"extend"`
	// Known says whether run.toml has the image that was switched to; nil if none was.
	Known *bool `json:"known,omitempty"`
	// Reasons in words, a sentence each.
	Reasons []string `json:"reasons"`
}

// BuildImage is the build image, and whether it is to be extended.
type BuildImage struct {
	// Image is empty if it is not known.
	Image  string `json:"image,omitempty"`
	Extend bool   `json:"extend"`
}

// Timings are when the phase and its steps ran.
type Timings struct {
	// Started is a time of day.
	Started time.Time `json:"started"`
	// TotalMS is how long the phase took until the report was put together.
	TotalMS float64 `json:"totalMS"`
	// Detect and Generate are the two steps; nil for one that was not begun.
	Detect   *Span `json:"detect,omitempty"`
	Generate *Span `json:"generate,omitempty"`
}

// Span is when something ran, in milliseconds.
type Span struct {
	// StartMS is counted from the start of the phase.
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
func (r Report) JSON() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(r)
	return text.Bytes(), err
}
