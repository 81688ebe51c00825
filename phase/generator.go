package phase

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/invoke"
	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
)

// Generator runs the generation phase (contract, section 6): it takes the group and the plan as values.
type Generator struct {
	PlatformAPI api.Version
	// GeneratedDir is where the outputs of extensions go, absolute.
	GeneratedDir string
	World        invoke.World
	Timeout      time.Duration
	// LayoutDir is where images lie as OCI layouts; empty without that mode.
	LayoutDir string
	// Output takes what extensions print.
	Output io.Writer
	// Record may be nil.
	Record *Record
	Log    *slog.Logger
}

// Request is what generation starts from.
type Request struct {
	// Extensions of the group, in order.
	Extensions []*buildpack.Module
	Plan       []buildpack.PlanEntry
	Analyzed   platform.Analyzed
	RunImages  platform.RunImages
	// Earlier is the generated.toml of an earlier run, nil if there is none: its results are stale.
	Earlier *platform.Generated
}

// Generation is what came out: the files that later phases read, as values.
type Generation struct {
	// Analyzed is to be written only if the group has extensions.
	Analyzed platform.Analyzed
	// Plan is what remains for the buildpacks.
	Plan     []buildpack.PlanEntry
	Metadata platform.Generated

	outputs *outputs
	// forget removes what an earlier generation has kept because it failed; may be nil.
	forget func()
}

// Keep makes the generated tree final, Discard puts back what was there before.
func (g *Generation) Keep() error {
	if g.forget != nil {
		g.forget()
	}
	return g.outputs.keep()
}

func (g *Generation) Discard() error { return g.outputs.discard() }

// Generate runs the extensions and checks what they leave. On error the generated tree is as it was before. Errors are
// *platform.Exit values with the codes 91 and 92.
func (g *Generator) Generate(ctx context.Context, r Request) (*Generation, error) {
	out := &outputs{dir: g.GeneratedDir}
	generation, err := g.generate(ctx, r, out)
	if err != nil {
		if back := out.discard(); back != nil {
			g.Log.Warn(fmt.Sprintf("could not put back what was in %s: %s", g.GeneratedDir, back))
		}
		return nil, err
	}
	return generation, nil
}

func failed(err error) error {
	return &platform.Exit{Code: platform.CodeGenerate, Action: "generate", Err: err}
}

func (g *Generator) generate(ctx context.Context, r Request, out *outputs) (*Generation, error) {
	if err := distinct(r.Extensions); err != nil {
		return nil, failed(err)
	}
	stale, err := staleDirs(r.Earlier)
	if err != nil {
		return nil, &platform.Exit{Code: platform.CodeFailed, Action: "generate", Err: err}
	}
	if err := out.setAsideAll(stale); err != nil {
		return nil, failed(err)
	}
	all, shared, err := g.extendAll(ctx, r, out)
	if err != nil {
		return nil, err
	}
	generation, err := g.settle(r, all, shared, out)
	var exit *platform.Exit
	if err != nil && !errors.As(err, &exit) {
		err = failed(err)
	}
	return generation, err
}

// distinct refuses extensions whose outputs would share a directory (B35).
func distinct(extensions []*buildpack.Module) error {
	owners := map[string]*buildpack.Module{}
	for _, m := range extensions {
		if other, taken := owners[m.Escaped()]; taken {
			return fmt.Errorf("extensions %s and %s would share the output directory %s: rename one of them", other.Ref, m.Ref, m.Escaped())
		}
		owners[m.Escaped()] = m
	}
	return nil
}

// share is how the build plan is shared out between extensions and buildpacks.
type share struct {
	taken []takenEntry
	rest  []placedEntry
}

// placedEntry is an entry of the plan and its place there, counted from 0.
type placedEntry struct {
	buildpack.PlanEntry
	place int
}

// takenEntry is an entry that an extension was given.
type takenEntry struct {
	placedEntry
	extension string
}

func newShare(plan []buildpack.PlanEntry) share {
	var s share
	for place, entry := range plan {
		s.rest = append(s.rest, placedEntry{entry, place})
	}
	return s
}

// givenTo are the requirements of the remaining entries that list an extension as a provider, and what is left when it
// has taken them.
func (s share) givenTo(m *buildpack.Module) ([]buildpack.Require, share) {
	var given []buildpack.Require
	after := share{taken: slices.Clip(s.taken)} // an extension that fails takes nothing, so s has to stay as it is
	for _, entry := range s.rest {
		if slices.ContainsFunc(entry.Providers, func(p buildpack.Provider) bool { return p.Extension && p.ID == m.ID }) {
			given = append(given, entry.Requires...)
			after.taken = append(after.taken, takenEntry{entry, m.ID})
		} else {
			after.rest = append(after.rest, entry)
		}
	}
	return given, after
}

// extendAll runs all extensions, in the order of the group.
func (g *Generator) extendAll(ctx context.Context, r Request, out *outputs) ([]extended, share, error) {
	shared := newShare(r.Plan)
	var all []extended
	for _, m := range r.Extensions {
		given, after := shared.givenTo(m)
		end := g.Record.extends(m, given)
		e, err := g.extend(ctx, m, given, out)
		end(e, err)
		if err != nil {
			return nil, share{}, err
		}
		all, shared = append(all, e), after
	}
	return all, shared, unchanged(all)
}

// extend runs one extension, or copies its static output, and checks what is there then.
func (g *Generator) extend(ctx context.Context, m *buildpack.Module, given []buildpack.Require, out *outputs) (extended, error) {
	dir, err := out.prepare(m, g.PlatformAPI)
	if err != nil {
		return extended{}, failed(err)
	}
	before := findStrays(g.World.App)
	if err := g.fill(ctx, m, given, dir); err != nil {
		return extended{}, err
	}
	e, err := inspect(m, dir)
	e.strays = findStrays(g.World.App).since(before, g.World.App)
	if err != nil {
		return e, failed(err)
	}
	g.say(e)
	return e, nil
}

// fill has an extension's output made, by its bin/generate or as a copy of what it brings.
func (g *Generator) fill(ctx context.Context, m *buildpack.Module, given []buildpack.Require, dir string) error {
	if !invoke.HasGenerate(m) {
		if err := invoke.CopyStatic(m, dir); err != nil {
			return failed(fmt.Errorf("extension %s: %w", m.Ref, err))
		}
		return nil
	}
	err := g.World.Generate(ctx, m, dir, given, g.Output, g.Timeout)
	if err == nil {
		return nil
	}
	if ended := interrupted(ctx); ended != nil {
		return ended
	}
	return &platform.Exit{Code: platform.CodeGenerateBuildpack, Action: "generate", Err: fmt.Errorf("bin/generate of extension %s: %w", m.Ref, err)}
}

// say tells what the author of an extension should know.
func (g *Generator) say(e extended) {
	notes := slices.Concat(e.notes, e.strays)
	if len(e.contexts) > 0 && !byExtension(g.PlatformAPI) {
		notes = append(notes, buildpack.Note{
			Text: fmt.Sprintf("it left a build context, which Platform API %s has no place for: the app directory will be the context", g.PlatformAPI),
			Hint: "contexts need Platform API 0.13 or newer",
		})
	}
	for _, note := range notes {
		level, text := slog.LevelWarn, fmt.Sprintf("extension %s: %s", e.module.Ref, note.Text)
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
func unchanged(all []extended) error {
	for i, e := range all {
		if i == len(all)-1 {
			break // nothing has run since it was checked
		}
		again, err := inspect(e.module, e.dir)
		if err != nil {
			return failed(err)
		}
		again.strays = e.strays
		if !reflect.DeepEqual(e, again) {
			return failed(fmt.Errorf("extension %s: its output was changed by an extension that came after it", e.module.Ref))
		}
	}
	return nil
}

// interrupted is how a phase ends when it was asked to; nil if it was not.
func interrupted(ctx context.Context) *platform.Exit {
	var exit *platform.Exit
	if ctx.Err() != nil && errors.As(context.Cause(ctx), &exit) {
		return exit
	}
	return nil
}
