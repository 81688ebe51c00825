package generate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/dockerfile"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/internal/otlp"
	"github.com/cnb-prelude/prelude/internal/process"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/platform"
)

// Extension is one extension that was run, and what came of it.
type Extension struct {
	ExtensionOutput
	// Static is true if it has no bin/generate, but brings its output as files.
	Static bool
	// Given are the requirements that it was to provide.
	Given []buildpack.Require
	// Printed is what its bin/generate printed, of long outputs the beginning and the end.
	Printed string
	// Err says what went wrong, if something did.
	Err error
	// Started and Ended are when it did.
	Started, Ended time.Time
}

// printedKept is how many bytes of what an extension prints are kept from the beginning, and how many from the end.
const printedKept = 16 << 10

// runExtensions runs all extensions, in the order of the group.
func (g Generator) runExtensions(ctx context.Context, result *Result, out *outputs) error {
	for i, m := range result.Request.Extensions {
		result.Extensions = append(result.Extensions, Extension{Static: !invoke.HasGenerate(m), Given: result.Split.Given[i], Started: time.Now()})
		e := &result.Extensions[i]
		e.Module = m
		e.Err = g.runExtension(ctx, e, out)
		e.Ended = time.Now()
		g.Tracing.Ran(e.traced())
		if e.Err != nil {
			return e.Err
		}
	}
	return unchanged(result.Extensions)
}

// traced is what a trace tells of an extension.
func (e *Extension) traced() phase.Executable {
	span := phase.Executable{Name: "bin/generate", Module: e.Module, Start: e.Started, End: e.Ended, Attributes: []otlp.Attribute{
		{Key: "cnb.static", Value: e.Static}, {Key: "cnb.output_bytes", Value: len(e.Printed)},
	}}
	var exit *process.ExitError
	switch {
	case errors.As(e.Err, &exit):
		span.Attributes = append(span.Attributes, otlp.Attribute{Key: "cnb.exit_code", Value: exit.Code})
	case e.Err == nil && !e.Static:
		span.Attributes = append(span.Attributes, otlp.Attribute{Key: "cnb.exit_code", Value: 0})
	}
	if e.Err != nil {
		span.Failed = "the extension failed, or left what is not allowed"
	}
	return span
}

// runExtension runs one extension, or copies its static output, and checks the output.
func (g Generator) runExtension(ctx context.Context, e *Extension, out *outputs) error {
	dir, err := out.prepare(e.Module)
	if err != nil {
		return generationFailed(err)
	}
	before := findStrays(g.Environment.App)
	if err := g.makeOutput(ctx, e, dir); err != nil {
		return err
	}
	e.ExtensionOutput, err = inspect(e.Module, dir)
	e.AppNotes = findStrays(g.Environment.App).since(before, g.Environment.App)
	if err != nil {
		return generationFailed(err)
	}
	e.AppNotes = append(e.AppNotes, e.missingSources(g.Environment.App, g.Inputs.PlatformAPI)...)
	g.logFound(e.ExtensionOutput)
	g.logNotes(e.ExtensionOutput)
	return nil
}

// makeOutput has an extension's output made, by its bin/generate or as a copy of its own files.
func (g Generator) makeOutput(ctx context.Context, e *Extension, dir string) error {
	if e.Static {
		if err := copyStatic(e.Module, dir); err != nil {
			err = fmt.Errorf("extension %s: %w", e.Module.Ref, err)
			if info, other := os.Stat(filepath.Join(e.Module.Dir, "generate")); other == nil && info.Mode().IsRegular() {
				err = platform.WithHint(err, "the directory generate has files to copy; an executable is called bin/generate")
			}
			return generationFailed(err)
		}
		return nil
	}
	printed := tidy.Excerpt{Keep: printedKept}
	err := g.Environment.RunGenerate(ctx, invoke.GenerateRun{
		Module: e.Module, Dir: dir, Requires: e.Given, Output: io.MultiWriter(&printed, g.Output), Timeout: g.Inputs.GenerateTimeout,
	})
	e.Printed = printed.Text()
	if last := e.Printed[strings.LastIndexByte(e.Printed, '\n')+1:]; tidy.Text(last) != "" {
		io.WriteString(g.Output, "\n") //nolint:errcheck // what is said next must not continue its line
	}
	if err == nil {
		return nil
	}
	if ended := platform.Interrupted(ctx); ended != nil {
		return ended
	}
	err = fmt.Errorf("bin/generate of extension %s: %w", e.Module.Ref, err)
	if hint := failureHint(e.Module, err); hint != "" {
		err = platform.WithHint(err, hint)
	}
	return &platform.Exit{Code: platform.CodeGenerateBuildpack, Action: "generate", Err: err}
}

// copyStatic copies what an extension without bin/generate brings in its own generate directory to its output. The
// extension's directory is only read. An extension that brings nothing leaves nothing.
func copyStatic(m *buildpack.Module, output string) error {
	from := filepath.Join(m.Dir, "generate")
	info, err := os.Stat(from)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", from)
	}
	if from, err = filepath.EvalSymlinks(from); err != nil {
		return err
	}
	return files.CopyTree(from, output)
}

// logNotes logs the notes for the author of an extension.
func (g Generator) logNotes(e ExtensionOutput) {
	notes := slices.Concat(e.Notes, e.AppNotes)
	if len(e.Contexts) > 0 && !byExtension(g.Inputs.PlatformAPI) {
		notes = append(notes, dockerfile.Note{
			Text: fmt.Sprintf("it left a build context, which Platform API %s has no place for: the app directory will be the context", g.Inputs.PlatformAPI),
			Hint: "contexts need Platform API 0.13 or newer",
		})
	}
	for _, note := range notes {
		level, text := slog.LevelWarn, fmt.Sprintf("extension %s: %s", e.Module.Ref, note.Text)
		if note.Minor {
			level = slog.LevelDebug
		}
		if note.Hint != "" {
			text += "\nhint: " + note.Hint
		}
		g.Log.Log(context.Background(), level, text)
	}
}

// unchanged demands that no extension has touched the output of one that came before it.
func unchanged(all []Extension) error {
	for _, e := range all[:max(0, len(all)-1)] { // nothing has run since the last one was checked
		again, err := inspect(e.Module, e.Dir)
		if err != nil {
			return err
		}
		again.AppNotes = e.AppNotes
		if !reflect.DeepEqual(e.ExtensionOutput, again) {
			return fmt.Errorf("extension %s: its output was changed by an extension that came after it", e.Module.Ref)
		}
	}
	return nil
}
