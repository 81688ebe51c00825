package generate

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/store"
	"github.com/cnb-prelude/prelude/internal/files"
	"github.com/cnb-prelude/prelude/phase"
	"github.com/cnb-prelude/prelude/platform"
)

// rerun notes what generation changes in its own inputs, so that generator can be run again on what it left: the
// providers of the entries that are listed as provided, and what the images were.
func rerun(result *Result, generation *Generation) (*platform.Rerun, error) {
	plan, err := platform.Plan{Entries: generation.Plan}.Encode()
	if err != nil {
		return nil, err
	}
	analyzed, err := generation.Analyzed.Encode()
	if err != nil {
		return nil, err
	}
	notes := &platform.Rerun{
		Extensions: refs(result.Request.Extensions), Plan: platform.Digest(plan), Analyzed: platform.Digest(analyzed),
		Images: result.Request.Analyzed.Images(),
	}
	for i, entry := range result.Request.Plan {
		if result.Split.Takers[i] != nil {
			notes.Entries = append(notes.Entries, platform.RerunEntry{Providers: entry.Providers})
		}
	}
	return notes, nil
}

func refs(extensions []*buildpack.Module) []string {
	var names []string
	for _, m := range extensions {
		names = append(names, m.Ref.String())
	}
	return names
}

// ReadRequest reads what generator starts from: group.toml, plan.toml and analyzed.toml – as they were before an earlier
// generation changed them, if that is how they are now.
func ReadRequest(in platform.Inputs, log *slog.Logger) (Request, error) {
	var r Request
	group, err := platform.ReadGroup(in.GroupPath)
	if err != nil {
		return r, err
	}
	if r.Extensions, err = lookUp(in, group.Extensions, log); err != nil {
		return r, err
	}
	plan, err := platform.ReadPlan(in.PlanPath)
	if err != nil {
		return r, err
	}
	r.Plan = plan.Entries
	if r.Analyzed, err = platform.ReadAnalyzed(in.AnalyzedPath, log); err != nil {
		return r, err
	}
	if r.Earlier, err = readEarlier(in); err != nil {
		return r, err
	}
	return restored(in, r)
}

// readEarlier reads the generated.toml of an earlier run; nil if there is none.
func readEarlier(in platform.Inputs) (*platform.Generated, error) {
	earlier, err := platform.ReadGenerated(in.GeneratedMetadataPath)
	if err != nil {
		return nil, withRemovalHint(err)
	}
	return earlier, nil
}

// withRemovalHint adds to an error of generated.toml what to do about a file that is not of use.
func withRemovalHint(err error) error {
	return platform.WithHint(err, "remove generated.toml if no run of this project has written it: nothing else depends on it")
}

// lookUp finds the extensions of a group on disk.
func lookUp(in platform.Inputs, elements []platform.GroupElement, log *slog.Logger) ([]*buildpack.Module, error) {
	extensions := store.Store{Extensions: in.ExtensionsDir}
	var found []*buildpack.Module
	for _, e := range elements {
		m, err := extensions.Module(buildpack.Ref{Kind: buildpack.KindExtension, ID: e.ID, Version: e.Version})
		if err != nil {
			return nil, failed(phase.LookupCode(err, platform.CodeFailed), fmt.Errorf("%s: %w", in.GroupPath, err))
		}
		for _, warning := range m.Warnings {
			log.Warn(warning)
		}
		found = append(found, m)
	}
	return found, nil
}

// restored undoes what the earlier generation did to plan and images, where the files are still as it left them. A group
// with other extensions is another detection's: its files are taken as they are.
func restored(in platform.Inputs, r Request) (Request, error) {
	if r.Earlier == nil || r.Earlier.Rerun == nil || !slices.Equal(r.Earlier.Rerun.Extensions, refs(r.Extensions)) {
		return r, nil
	}
	var err error
	notes := r.Earlier.Rerun
	if hasDigest(in.PlanPath, notes.Plan) {
		r.Plan, err = restoredPlan(r.Plan, r.Earlier)
	}
	if err == nil && hasDigest(in.AnalyzedPath, notes.Analyzed) {
		r.Analyzed, err = r.Analyzed.WithImages(notes.Images)
	}
	if err != nil {
		return r, withRemovalHint(fmt.Errorf("%s: %w", in.GeneratedMetadataPath, err))
	}
	return r, nil
}

// hasDigest reports whether a file has the bytes of a digest.
func hasDigest(path, wanted string) bool {
	data, err := files.Read(path, files.Result)
	return err == nil && platform.Digest(data) == wanted
}

// RemoveEarlier removes the results of an earlier generation, and the metadata that lists them: after a detection
// without generation they would be those of another group.
func RemoveEarlier(in platform.Inputs) error {
	forgetRefused(in)
	earlier, err := readEarlier(in)
	if err != nil || earlier == nil {
		return err
	}
	stale, err := staleDirs(earlier)
	if err != nil {
		return err
	}
	out := newOutputs(in)
	if err := out.SetAside(stale...); err != nil {
		return errors.Join(err, out.Discard())
	}
	return errors.Join(out.Keep(), os.Remove(in.GeneratedMetadataPath))
}
