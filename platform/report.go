package platform

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ReportVersion is the version of the shape of reports that this package writes. It grows when something that was there
// changes its meaning or is gone; new keys alone don't make a new version.
const ReportVersion = 2

// Report says what happened in one run of a phase: -report writes it, as JSON or as a page for people. The JSON form is
// described by docs/report.schema.json, and what each key means by docs/report.md.
//
// Everything in it but what Timings, the fields that end in MS and what modules themselves print say is the same each
// time for the same inputs. Lists are in the order in which things stand in the order or in the group.
type Report struct {
	// Version is ReportVersion.
	Version int `json:"version"`
	// Phase that ran.
	Phase Phase `json:"phase"`
	// Prelude is the version of the executable.
	Prelude     string `json:"prelude"`
	PlatformAPI string `json:"platformAPI"`
	// Outcome is how the phase ended.
	Outcome ReportOutcome `json:"outcome"`
	// Target is what modules are told of the run image; nil if the phase ended before that was known.
	Target *ReportTarget `json:"target,omitempty"`
	// ExecEnv is the execution environment.
	ExecEnv string `json:"execEnv"`
	// Order is what was resolved, system buildpacks included; nil if it was not read.
	Order *ReportOrder `json:"order,omitempty"`
	// Evaluated is how many candidates were evaluated. Only the first of very many are in Candidates.
	Evaluated int `json:"evaluated"`
	// Candidates are those evaluated, in the order in which they were tried. Those that were bound to fail for the reason
	// of an earlier one are not evaluated.
	Candidates []ReportCandidate `json:"candidates"`
	// Explanation says why candidates failed; nil if none did.
	Explanation *ReportExplanation `json:"explanation,omitempty"`
	// Modules of the candidates, in the order in which they were reached.
	Modules []ReportModule `json:"modules"`
	// Group is who takes part, extensions first.
	Group []ReportMember `json:"group"`
	// Dropped are the members of the group's candidate that don't take part.
	Dropped []ReportDropped `json:"dropped"`
	// Plan is the build plan before generation.
	Plan []ReportEntry `json:"plan"`
	// Generation is nil if none was begun, or there are no extensions.
	Generation *ReportGeneration `json:"generation,omitempty"`
	// Warnings are those of the log, in its order.
	Warnings []string      `json:"warnings"`
	Timings  ReportTimings `json:"timings"`
}

// ReportOutcome is how a phase ended.
type ReportOutcome struct {
	// ExitCode of the phase.
	ExitCode int `json:"exitCode"`
	// Error is the last line of the log; empty after a success.
	Error string `json:"error,omitempty"`
	// Hint is what to try; empty if nothing comes to mind.
	Hint string `json:"hint,omitempty"`
}

// ReportTarget is the operating system, the architecture and the distribution of an image. What is empty is not known.
type ReportTarget struct {
	OS            string `json:"os,omitempty"`
	Arch          string `json:"arch,omitempty"`
	Variant       string `json:"variant,omitempty"`
	Distro        string `json:"distro,omitempty"`
	DistroVersion string `json:"distroVersion,omitempty"`
}

// ReportOrder is the order: each group of buildpacks is tried with each group of extensions, and last with none.
type ReportOrder struct {
	Extensions [][]ReportElement `json:"extensions"`
	Buildpacks [][]ReportElement `json:"buildpacks"`
}

// ReportElement is an element of the order.
type ReportElement struct {
	ID       string   `json:"id"`
	Version  string   `json:"version"`
	Optional bool     `json:"optional"`
	ExecEnv  []string `json:"execEnv,omitempty"`
}

// ReportRef names a module.
type ReportRef struct {
	// Kind is "buildpack" or "extension".
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Version string `json:"version"`
}

// String is "<id>@<version>".
func (r ReportRef) String() string { return r.ID + "@" + r.Version }

// ReportCandidate is a candidate group that was evaluated.
type ReportCandidate struct {
	// Number of the candidate, from 1: how many had been evaluated by then.
	Number int `json:"number"`
	// Group is the number of the group of the order that it came from, from 1.
	Group int `json:"group"`
	// Passed is true for the last one, if there is a group.
	Passed  bool                    `json:"passed"`
	Members []ReportCandidateMember `json:"members"`
	// Failure is the index in Explanation.Failures of why it failed; nil if it passed.
	Failure *int `json:"failure,omitempty"`
}

// ReportCandidateMember is a module as it stands in a candidate.
type ReportCandidateMember struct {
	ReportRef
	Optional bool `json:"optional"`
	// Outcome is that of the module.
	Outcome string `json:"outcome"`
}

// ReportExplanation says why candidates failed, by groups of the order.
type ReportExplanation struct {
	// Groups is how many groups the order has.
	Groups int `json:"groups"`
	// Recognised is true if some group recognised the app: then the first of Failures is the closest one.
	Recognised bool `json:"recognised"`
	// Failures are the groups, in each of the variants that their composites make of them, the closest first.
	Failures []ReportFailure `json:"failures"`
	// Advice is for whoever composes the builder, in words; none if a group passed.
	Advice []string `json:"advice"`
	// Text is the explanation in the words of the log, line by line; empty if a group passed.
	Text []string `json:"text"`
}

// ReportFailure is a group of the order that failed, or several that failed for the same reason.
type ReportFailure struct {
	// Where in words: "group 2, samples/nodejs@5.0.0, with samples/npm-install".
	Where  string        `json:"where"`
	Places []ReportPlace `json:"places"`
	// Recognised is true if the group recognised the app.
	Recognised bool `json:"recognised"`
	// Members of the candidate that is told of, in order.
	Members []ReportFailureMember `json:"members"`
	// Facts are why the build plan does not work out, if all required members passed.
	Facts []ReportFact `json:"facts"`
	// Reasons in the words of the log, line by line.
	Reasons []string `json:"reasons"`
	// Candidates are indexes of Report.Candidates: those that it stands for.
	Candidates []int `json:"candidates"`
}

// ReportPlace is a group of the order, in one of its variants.
type ReportPlace struct {
	// Group is its number in the order, from 1.
	Group      int         `json:"group"`
	Composites []ReportRef `json:"composites"`
	// With are the members that not every variant of the group has, Without those that only other variants have.
	With    []ReportRef `json:"with,omitempty"`
	Without []ReportRef `json:"without,omitempty"`
	// EachExtensions is true if it failed with several groups of extensions, or with one and with none.
	EachExtensions bool `json:"eachExtensions,omitempty"`
}

// ReportFailureMember is a module of a group that failed, and what it said.
type ReportFailureMember struct {
	ReportCandidateMember
	ExitCode *int `json:"exitCode,omitempty"`
	// Words are why it did not pass, in its own: the last line that it printed, or the cause.
	Words string `json:"words,omitempty"`
}

// ReportFact is one reason why a build plan does not work out: a chain – in general a tree – from a module that cannot take
// part to the culprits. Which keys there are depends on Kind.
type ReportFact struct {
	// Kind is "unprovided", "unrequired", "no alternative", "no buildpack", "incompatible" or "offer".
	Kind string `json:"kind"`
	// Text is the fact and its chain in the words of the log.
	Text   string     `json:"text"`
	Module *ReportRef `json:"module,omitempty"`
	// Optional is true if the module is free to drop out.
	Optional bool `json:"optional,omitempty"`
	// Names of the dependencies that the fact is about.
	Names []string `json:"names,omitempty"`
	// Others speak of the names in the role that is wanted, or could, but do not count.
	Others []ReportOther `json:"others,omitempty"`
	// Near is a module that speaks of a name that looks like it.
	Near *ReportNear `json:"near,omitempty"`
	// Loose are modules with what they offer in the role that is wanted and no module takes.
	Loose []ReportLoose `json:"loose,omitempty"`
	// Alternatives of the module's build plan, as far as they matter.
	Alternatives []ReportAlternative `json:"alternatives,omitempty"`
	// Because are the next links of the chain.
	Because []ReportFact `json:"because,omitempty"`
	// Cut is true if there are more links than are in the report.
	Cut bool `json:"cut,omitempty"`
}

// ReportOther is a module that does not count although it speaks of a name, or could.
type ReportOther struct {
	Module ReportRef `json:"module"`
	// Fate is why: "misplaced", "dropped out", "bound", "undetected", "presumed", "possible" or "elsewhere".
	Fate     string `json:"fate"`
	Outcome  string `json:"outcome,omitempty"`
	ExitCode *int   `json:"exitCode,omitempty"`
	// Words are why it did not pass, if it did not, in its own.
	Words string `json:"words,omitempty"`
}

// ReportNear is a name that looks like another.
type ReportNear struct {
	Module ReportRef `json:"module"`
	Name   string    `json:"name"`
}

// ReportLoose is what a module offers that no module takes.
type ReportLoose struct {
	Module ReportRef `json:"module"`
	// Names are none if its build plan is empty.
	Names []string `json:"names"`
	// Printed is true if its build plan is empty and it printed one.
	Printed bool `json:"printed,omitempty"`
}

// ReportModule is a module and what became of its bin/detect.
type ReportModule struct {
	ReportRef
	// Name is that of the descriptor.
	Name     string `json:"name,omitempty"`
	API      string `json:"api"`
	Homepage string `json:"homepage,omitempty"`
	// Target says whether the module supports the run image.
	Target ReportVerdict `json:"target"`
	// Outcome is "pass", "fail" (exit code 100), "err" or "mismatch" (not run: it does not support the run image). It is
	// empty if the phase was ended before that was known.
	Outcome string `json:"outcome"`
	// ExitCode is nil if the module was not run, was not started or was ended by a signal.
	ExitCode *int `json:"exitCode,omitempty"`
	// Cause says what went wrong, if something did.
	Cause string `json:"cause,omitempty"`
	// Alternatives of its build plan, at least one if it passed.
	Alternatives []ReportAlternative `json:"alternatives"`
	// Chosen is the index of the alternative with which it takes part; nil if it does not.
	Chosen   *int     `json:"chosen,omitempty"`
	Warnings []string `json:"warnings,omitempty"`
	// Output is what it printed; of long ones the beginning and the end.
	Output string `json:"output,omitempty"`
	// Time is nil if bin/detect was not run.
	Time *ReportSpan `json:"time,omitempty"`
}

// ReportVerdict says whether a module supports the run image.
type ReportVerdict struct {
	// Verdict is "match", "mismatch", or "not judged" where the Platform API does not have targets yet.
	Verdict string `json:"verdict"`
	// Reason of a mismatch.
	Reason string `json:"reason,omitempty"`
}

// ReportAlternative is one way in which a module can take part.
type ReportAlternative struct {
	Provides []string        `json:"provides"`
	Requires []ReportRequire `json:"requires"`
}

// ReportRequire is a requirement. Dates and times of the metadata are strings, as are numbers that JSON does not have.
type ReportRequire struct {
	Name     string         `json:"name"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// ReportMember is a module of the group.
type ReportMember struct {
	ReportRef
	API      string `json:"api"`
	Homepage string `json:"homepage,omitempty"`
}

// ReportDropped is a member of the group's candidate that does not take part.
type ReportDropped struct {
	ReportRef
	// Reason in words.
	Reason string `json:"reason"`
	// Fact is the reason as a chain of facts; nil if the module did not pass detection.
	Fact *ReportFact `json:"fact,omitempty"`
}

// ReportEntry is a dependency of the build plan.
type ReportEntry struct {
	Name      string               `json:"name"`
	Providers []ReportRef          `json:"providers"`
	Requires  []ReportPlanRequires `json:"requires"`
	// GivenTo is the extension that was given the entry, so that it is not in plan.toml; nil if the buildpacks have it.
	GivenTo *ReportRef `json:"givenTo,omitempty"`
}

// ReportPlanRequires is a requirement of an entry.
type ReportPlanRequires struct {
	// By is nil where only the plan is known: in the generator.
	By       *ReportRef     `json:"by,omitempty"`
	Metadata map[string]any `json:"metadata,omitempty"`
}

// ReportGeneration is what the extensions of the group generated.
type ReportGeneration struct {
	// Extensions that were run, in order. After a failure the last one is the one that failed.
	Extensions []ReportExtension `json:"extensions"`
	// RunImage is nil if generation failed.
	RunImage *ReportRunImage `json:"runImage,omitempty"`
	// BuildImage is nil if generation failed.
	BuildImage *ReportBuildImage `json:"buildImage,omitempty"`
}

// ReportExtension is what one extension generated.
type ReportExtension struct {
	ReportRef
	// Static is true if it has no bin/generate, but brings what it leaves.
	Static bool `json:"static"`
	// Given are the names of the plan's entries that it is to provide.
	Given []string `json:"given"`
	// Checks are what was found and looked at; only the last one may have failed.
	Checks      []ReportCheck      `json:"checks"`
	Dockerfiles []ReportDockerfile `json:"dockerfiles"`
	Contexts    []ReportContext    `json:"contexts"`
	Warnings    []ReportNote       `json:"warnings"`
	// Error says what went wrong, if something did.
	Error string `json:"error,omitempty"`
	// Output is what it printed; of long ones the beginning and the end.
	Output string      `json:"output,omitempty"`
	Time   *ReportSpan `json:"time,omitempty"`
}

// ReportCheck is something of an extension's output that was looked at.
type ReportCheck struct {
	// What was looked at: "build.Dockerfile", "run.Dockerfile", "extend-config.toml", "context", "context.build",
	// "context.run", or "output" for the whole.
	What   string `json:"what"`
	Passed bool   `json:"passed"`
	// Text is what was found, in words.
	Text string `json:"text"`
}

// ReportNote is something that the author of an extension should know.
type ReportNote struct {
	Text string `json:"text"`
	Hint string `json:"hint,omitempty"`
	// Minor ones are said at debug level only.
	Minor bool `json:"minor,omitempty"`
}

// ReportDockerfile is a generated Dockerfile.
type ReportDockerfile struct {
	// Kind is "build" or "run".
	Kind string `json:"kind"`
	// Path is relative to the generated directory; empty if generation failed.
	Path   string `json:"path,omitempty"`
	Digest string `json:"digest"`
	// From is the image that it switches to; empty if it extends.
	From string `json:"from,omitempty"`
	// Instructions is the number of instructions after FROM.
	Instructions int         `json:"instructions"`
	Args         []ReportArg `json:"args"`
	// Context is relative to the generated directory; empty if the app directory is the context.
	Context string `json:"context,omitempty"`
	// IgnoredFor is the id of the extension because of whose switch this Dockerfile is ignored.
	IgnoredFor string `json:"ignoredFor,omitempty"`
	// Refused is true if generation failed because of it.
	Refused bool `json:"refused,omitempty"`
	// Text of the file; of a long one the beginning and the end.
	Text string `json:"text"`
}

// ReportArg is a build argument.
type ReportArg struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// ReportContext is a build context that an extension left.
type ReportContext struct {
	// Kind of Dockerfile that it is for.
	Kind string `json:"kind"`
	// Directory is its name in the extension's output.
	Directory string `json:"directory"`
}

// ReportRunImage is which run image the extensions ask for.
type ReportRunImage struct {
	// Before is the run image of analyzed.toml; empty if it names none.
	Before string `json:"before,omitempty"`
	// Image is the run image now; empty if nobody knows.
	Image string `json:"image,omitempty"`
	// SwitchedBy is the id of the extension that switched it; empty if none did.
	SwitchedBy string `json:"switchedBy,omitempty"`
	Extend     bool   `json:"extend"`
	// Known says whether run.toml has the image that was switched to; nil if none was.
	Known *bool `json:"known,omitempty"`
	// Reasons in words, a sentence each.
	Reasons []string `json:"reasons"`
}

// ReportBuildImage is what is to become of the build image.
type ReportBuildImage struct {
	// Image is empty if nobody knows.
	Image  string `json:"image,omitempty"`
	Extend bool   `json:"extend"`
}

// ReportTimings are when the phase and its steps ran.
type ReportTimings struct {
	// Started is a time of day.
	Started time.Time `json:"started"`
	// TotalMS is how long the phase took until the report was put together.
	TotalMS float64 `json:"totalMS"`
	// Detect and Generate are the two steps; nil for one that was not begun.
	Detect   *ReportSpan `json:"detect,omitempty"`
	Generate *ReportSpan `json:"generate,omitempty"`
}

// ReportSpan is when something ran, in milliseconds.
type ReportSpan struct {
	// StartMS is counted from the start of the phase.
	StartMS    float64 `json:"startMS"`
	DurationMS float64 `json:"durationMS"`
}

// SpanOf is the time from one moment to another, in a phase that started at a third.
func SpanOf(phase, from, to time.Time) *ReportSpan {
	return &ReportSpan{StartMS: Millis(from.Sub(phase)), DurationMS: Millis(to.Sub(from))}
}

// Millis is a duration in milliseconds, to a thousandth.
func Millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

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

// checkReport refuses a place where no report can be.
func (in Inputs) checkReport() error {
	if in.ReportPath == "" {
		return nil
	}
	if ext := strings.ToLower(filepath.Ext(in.ReportPath)); ext != ".json" && ext != ".html" {
		return fmt.Errorf("-report: %q ends neither in .json nor in .html, which says what form it is to have", in.ReportPath)
	}
	outputs := []string{in.AnalyzedPath, in.GeneratedMetadataPath, in.GroupPath, in.PlanPath}
	if slices.ContainsFunc(outputs, func(path string) bool { return path != "" && sameName(path, in.ReportPath) }) {
		return fmt.Errorf("-report: %q is the path of another output", in.ReportPath)
	}
	return nil
}

func sameName(a, b string) bool {
	a, errA := filepath.Abs(a)
	b, errB := filepath.Abs(b)
	return errA == nil && errB == nil && a == b
}
