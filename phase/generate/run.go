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
		result.Extensions = append(result.Extensions, Extension{
			ExtensionOutput: ExtensionOutput{Module: m}, Static: !invoke.HasGenerate(m), Given: result.Split.Given[i], Started: time.Now(),
		})
		e := &result.Extensions[i]
		e.Err = generationFailed(g.runExtension(ctx, e, out))
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
	exit := &process.ExitError{}
	if errors.As(e.Err, &exit) || e.Err == nil && !e.Static {
		span.Attributes = append(span.Attributes, otlp.Attribute{Key: "cnb.exit_code", Value: exit.Code})
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
		return err
	}
	app := g.Environment.App
	before := findStrays(app)
	if e.Static {
		err = copyStatic(e.Module, dir)
	} else {
		err = g.runGenerate(ctx, e, dir)
	}
	if err != nil {
		return err
	}
	if e.ExtensionOutput, err = inspect(e.Module, dir); err != nil {
		return err
	}
	e.AppNotes = append(strayNotes(app, before, findStrays(app)), e.missingSources(app, g.Inputs.PlatformAPI)...)
	g.logNotes(e.ExtensionOutput)
	return nil
}

// runGenerate has an extension's output made by its bin/generate.
func (g Generator) runGenerate(ctx context.Context, e *Extension, dir string) error {
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
	hinted := platform.WithHint(err, failureHint(e.Module, err))
	return failed(platform.CodeGenerateBuildpack, fmt.Errorf("bin/generate of extension %s: %w", e.Module.Ref, hinted))
}

// copyStatic copies what an extension without bin/generate has in its own generate directory to its output. An extension
// that has none leaves nothing.
func copyStatic(m *buildpack.Module, output string) error {
	from, err := filepath.EvalSymlinks(filepath.Join(m.Dir, "generate"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(from)
	}
	switch {
	case err != nil:
	case !info.IsDir():
		err = platform.WithHint(fmt.Errorf("%s is not a directory", from), hintGenerate)
	default:
		err = files.CopyTree(from, output)
	}
	if err != nil {
		return fmt.Errorf("extension %s: %w", m.Ref, err)
	}
	return nil
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
