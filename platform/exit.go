package platform

import (
	"context"
	"errors"
	"fmt"
)

// The exit codes of both phases.
const (
	CodeFailed                = 1
	CodeUsage                 = 2
	CodeArguments             = 3
	CodeIncompatiblePlatform  = 11
	CodeIncompatibleBuildpack = 12
	CodeNoGroup               = 20  // every group failed, none because of an error
	CodeNoGroupWithError      = 21  // every group failed, and a module errored
	CodeDetect                = 22  // another error in detection
	CodeGenerateBuildpack     = 91  // a bin/generate failed
	CodeGenerate              = 92  // another error in generation
	CodeHungUp                = 129 // and the next two: 128 + the number of the signal
	CodeInterrupted           = 130
	CodeTerminated            = 143
)

// Exit is how a phase ends when it does not end well: the exit code and the message derive from it.
type Exit struct {
	Code   int
	Action string // completes "failed to …"; empty if Err says it all
	Err    error  // the cause; nil if everything has been said already
}

// Error is "failed to <action>: <cause>".
func (e *Exit) Error() string {
	switch {
	case e.Err == nil:
		return fmt.Sprintf("exit code %d", e.Code)
	case e.Action == "":
		return e.Err.Error()
	}
	return fmt.Sprintf("failed to %s: %s", e.Action, e.Err)
}

// Unwrap is the cause.
func (e *Exit) Unwrap() error { return e.Err }

// Hint is what to try, on lines of its own; see [HintOf].
func (e *Exit) Hint() string { return HintOf(e.Err) }

// HintOf is the hint of the first error in the chain that has a method Hint() string; empty if none has.
func HintOf(err error) string {
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) {
		return hinted.Hint()
	}
	return ""
}

// WithHint is the same end with one more line of what to try.
func (e *Exit) WithHint(hint string) *Exit {
	if before := e.Hint(); before != "" {
		hint = before + "\n" + hint
	}
	return &Exit{Code: e.Code, Action: e.Action, Err: WithHint(e.Err, hint)}
}

// InGeneration reports whether the phase ends because of extensions: their bin/generate, or what that left.
func (e *Exit) InGeneration() bool { return e.Code == CodeGenerateBuildpack || e.Code == CodeGenerate }

// ExitOf is how a phase ends with an error: the first Exit in its chain, or one with the error and exit code 1. It is nil if
// there is no error.
func ExitOf(err error) *Exit {
	var exit *Exit
	if err != nil && !errors.As(err, &exit) {
		exit = &Exit{Code: CodeFailed, Err: err}
	}
	return exit
}

// Interrupted is the Exit because of which a context was cancelled, as on a signal; nil if it was not.
func Interrupted(ctx context.Context) *Exit {
	var exit *Exit
	if ctx.Err() != nil && errors.As(context.Cause(ctx), &exit) {
		return exit
	}
	return nil
}

// WithHint adds to an error what to try; nothing if the hint is empty.
func WithHint(err error, hint string) error {
	if hint == "" {
		return err
	}
	return &hintedError{err, hint}
}

type hintedError struct {
	error
	hint string
}

func (e *hintedError) Hint() string  { return e.hint }
func (e *hintedError) Unwrap() error { return e.error }
