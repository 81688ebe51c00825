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
// entries of the plan that are gone stand in the metadata anyway, here is where they were; and what the images were.
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
	for _, entry := range result.Split.Taken {
		notes.Entries = append(notes.Entries, platform.RerunEntry{Place: entry.Place, Providers: entry.Providers})
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
	if r.Earlier, err = platform.ReadGenerated(in.GeneratedMetadataPath); err != nil {
		return r, withRemovalHint(err)
	}
	return restored(in, r)
}

// lookUp finds the extensions of a group on disk.
func lookUp(in platform.Inputs, elements []platform.GroupElement, log *slog.Logger) ([]*buildpack.Module, error) {
	extensions := store.Store{Extensions: in.ExtensionsDir}
	var found []*buildpack.Module
	for _, e := range elements {
		m, err := extensions.Module(buildpack.Ref{Kind: buildpack.KindExtension, ID: e.ID, Version: e.Version})
		if err != nil {
			return nil, &platform.Exit{Code: phase.LookupCode(err, platform.CodeFailed), Action: "generate", Err: fmt.Errorf("%s: %w", in.GroupPath, err)}
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
	if r.Earlier == nil || r.Earlier.Rerun == nil {
		return r, nil
	}
	notes := r.Earlier.Rerun
	if !slices.Equal(notes.Extensions, refs(r.Extensions)) {
		return r, nil
	}
	var err error
	if hasDigest(in.PlanPath, notes.Plan) {
		if r.Plan, err = restoredPlan(r.Plan, r.Earlier); err != nil {
			return r, withRemovalHint(fmt.Errorf("%s: %w", in.GeneratedMetadataPath, err))
		}
	}
	if hasDigest(in.AnalyzedPath, notes.Analyzed) {
		if r.Analyzed, err = r.Analyzed.WithImages(notes.Images); err != nil {
			return r, withRemovalHint(fmt.Errorf("%s: %w", in.GeneratedMetadataPath, err))
		}
	}
	return r, nil
}

// restoredPlan puts the entries that extensions took back to their places.
func restoredPlan(rest []buildpack.PlanEntry, earlier *platform.Generated) ([]buildpack.PlanEntry, error) {
	taken := earlier.Rerun.Entries
	if len(taken) != len(earlier.Provided) {
		return nil, fmt.Errorf("rerun has %d entries, provided has %d", len(taken), len(earlier.Provided))
	}
	plan := make([]buildpack.PlanEntry, len(rest)+len(taken))
	filled := make([]bool, len(plan))
	for i, entry := range taken {
		if entry.Place < 0 || entry.Place >= len(plan) || filled[entry.Place] {
			return nil, fmt.Errorf("rerun has an entry whose place cannot be %d", entry.Place)
		}
		plan[entry.Place] = buildpack.PlanEntry{Providers: entry.Providers, Requires: earlier.Provided[i].Requires}
		filled[entry.Place] = true
	}
	for i := range plan {
		if !filled[i] {
			plan[i], rest = rest[0], rest[1:]
		}
	}
	return plan, nil
}

// DetectedPlan is the text of plan.toml that detection leaves when generation has failed. The generated.toml of an earlier
// generation is still there then. generator must not take this plan for the one which that has left (see restored): if
// both happen to be the same text, a comment makes the difference.
func DetectedPlan(in platform.Inputs, r Request) ([]byte, error) {
	text, err := platform.Plan{Entries: r.Plan}.Encode()
	if err != nil {
		return nil, err
	}
	earlier, err := platform.ReadGenerated(in.GeneratedMetadataPath)
	if err != nil || earlier == nil || earlier.Rerun == nil {
		return text, nil // what cannot be read is an error where it is needed
	}
	notes := earlier.Rerun
	if len(notes.Entries) > 0 && notes.Plan == platform.Digest(text) && slices.Equal(notes.Extensions, refs(r.Extensions)) {
		text = append([]byte("# as detection left it\n"), text...)
	}
	return text, nil
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
	earlier, err := platform.ReadGenerated(in.GeneratedMetadataPath)
	if err != nil {
		return withRemovalHint(err)
	}
	if earlier == nil {
		return nil
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
