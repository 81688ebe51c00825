package buildpack

// Outcome is how a module answered detection.
type Outcome string

// The outcomes of detection.
const (
	// Passed: exit code 0 and a valid build plan.
	Passed Outcome = "pass"
	// Failed: exit code 100, the module does not want to take part.
	Failed Outcome = "fail"
	// Errored: any other exit code, or it could not be started, timed out or left a bad build plan.
	Errored Outcome = "err"
	// Mismatched: it was not run, because it does not support the run image's target.
	Mismatched Outcome = "mismatch"
)

// NoExitCode stands for the exit code of a module that did not exit by itself.
const NoExitCode = -1

// Detection is what became of one module's bin/detect, once and for all.
type Detection struct {
	Outcome Outcome
	// ExitCode of bin/detect; NoExitCode if it was not run, not started or ended by a signal.
	ExitCode int
	// Alternatives of its build plan, at least one if it passed: the top level of the file first, then each "or".
	Alternatives []Alternative
	// Output is all that it printed, stdout and stderr as they came.
	Output []byte
	// Cause says what went wrong if it errored or mismatched; nil otherwise.
	Cause error
	// Warnings are worth saying: unknown keys of the build plan.
	Warnings []string
}
