package generate

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/platform"
)

// TestRunImageAgainstModel generates from random sets of Dockerfiles, and compares what comes out with a model that says
// the words of docs/reference.md slowly, one after the other.
func TestRunImageAgainstModel(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 60
	}
	for seed := range uint64(rounds) {
		random := rand.New(rand.NewPCG(seed, 5))
		c := randomCase(random)
		got, want := c.generate(t), c.model()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d, Platform API %s, %q with %v (-model +generated):\n%s", seed, c.at, c.analyzed, c.extensions, diff)
		}
	}
}

// runCase is a set of Dockerfiles and what analyzed.toml says of the images.
type runCase struct {
	at         api.Version
	analyzed   string
	extensions []runExtension
}

// runExtension is what one extension leaves: the FROM of its run.Dockerfile, empty for none, and whether it has a
// build.Dockerfile.
type runExtension struct {
	from         string
	instructions int
	build        bool
}

// runResult is what docs/reference.md says about the images.
type runResult struct {
	Image, Reference, Target, SwitchedBy string
	Extend, WritesExtend                 bool
	BuildExtend                          any
	Applied, Ignored                     []string
}

const argument = "${base_image}"

func randomCase(random *rand.Rand) runCase {
	pick := func(choices ...string) string { return choices[random.IntN(len(choices))] }
	c := runCase{at: api.V(0, 10+random.IntN(6))}
	c.analyzed = pick(
		"",
		"[run-image]\nimage = \"one\"\nreference = \"one@sha256:1\"\n[run-image.target]\nos = \"linux\"\n",
		"[run-image]\nimage = \"one\"\nextend = true\n",
		"[run-image]\nreference = \"two\"\n[build-image]\nextend = true\nreference = \"b\"\n",
		"[run-image.target]\nos = \"linux\"\n",
	)
	for range random.IntN(6) {
		c.extensions = append(c.extensions, runExtension{
			from: pick("", argument, argument, "one", "two", "three"), instructions: random.IntN(3), build: random.IntN(3) == 0,
		})
	}
	return c
}

func (c runCase) generate(t *testing.T) runResult {
	b := newWorld(t)
	for i, e := range c.extensions {
		var files []string
		if e.from != "" {
			files = append(files, "run.Dockerfile", "ARG base_image\nFROM "+e.from+"\n"+strings.Repeat("RUN true\n", e.instructions))
		}
		if e.build {
			files = append(files, "build.Dockerfile", extending)
		}
		b.static(fmt.Sprintf("e%d", i), files...)
	}
	before, err := platform.ParseAnalyzed("analyzed.toml", []byte(c.analyzed))
	b.check(err)
	generation, err := b.generate(c.at, Request{Analyzed: before})
	b.check(err)
	text, err := generation.Analyzed.Encode()
	b.check(err)
	after, err := platform.ParseAnalyzed("analyzed.toml", text) // what a later phase reads
	b.check(err)
	r := runResult{SwitchedBy: generation.Metadata.RunImage.SwitchedBy, Extend: generation.Metadata.RunImage.Extend}
	if run, ok := after.Images()["run-image"].(map[string]any); ok {
		r.Image, r.Reference, r.Target = after.RunImage.Image, after.RunImage.Reference, after.RunImage.Target.OS
		r.WritesExtend = run["extend"] == true
	}
	if table, ok := after.Images()["build-image"].(map[string]any); ok {
		r.BuildExtend = table["extend"]
	}
	for _, d := range generation.Metadata.For("run") {
		r.Applied = append(r.Applied, d.Extension)
	}
	for _, d := range generation.Metadata.Ignored {
		r.Ignored = append(r.Ignored, d.Extension)
		if d.OverruledBy != r.SwitchedBy {
			t.Errorf("%s is overruled by %q, not by %q", d.Extension, d.OverruledBy, r.SwitchedBy)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.left(r))) {
		if c.left(r)[name] != strings.Contains(" "+b.names()+" ", " "+name+" ") {
			t.Errorf("Platform API %s, %v: %s is wrongly there or not there: %s", c.at, c.extensions, name, b.names())
		}
	}
	return r
}

// left says which of the possible run.Dockerfiles are to be on disk.
func (c runCase) left(r runResult) map[string]bool {
	names := map[string]bool{}
	for i, e := range c.extensions {
		id := fmt.Sprintf("e%d", i)
		path := filepath.Join("run", id, "Dockerfile")
		if c.at.AtLeast(api.V(0, 13)) {
			path = filepath.Join(id, "run.Dockerfile")
		}
		names[path] = e.from != "" && !slices.Contains(r.Ignored, id)
		names[path+".ignore"] = e.from != "" && slices.Contains(r.Ignored, id)
	}
	return names
}

// model says what docs/reference.md says under "Generation" about the run image, a sentence at a time.
func (c runCase) model() runResult {
	var r runResult
	// What there is before.
	has := func(text string) bool { return strings.Contains(c.analyzed, text) }
	if has("image = \"one\"") {
		r.Image = "one"
	}
	if has("one@sha256:1") {
		r.Reference = "one@sha256:1"
	}
	if has("reference = \"two\"") {
		r.Reference = "two"
	}
	if has("os = ") {
		r.Target = "linux"
	}
	if has("[build-image]\nextend = true") {
		r.BuildExtend = true
	}
	r.WritesExtend = has("extend = true\n") && r.Image == "one"
	if len(c.extensions) == 0 {
		return r // written only when the group has extensions
	}
	// "The last one that switches decides the image; those before it are ignored."
	last := -1
	for i, e := range c.extensions {
		if e.from != "" && e.from != argument {
			last = i
		}
	}
	anyRun := false
	for i, e := range c.extensions {
		id := fmt.Sprintf("e%d", i)
		switch {
		case e.from == "":
		case i < last:
			r.Ignored = append(r.Ignored, id)
		default:
			r.Applied = append(r.Applied, id)
			anyRun = true
			// "extend is true if a run.Dockerfile from the switching one on (or any, when none switches) has an
			// instruction after FROM."
			if e.instructions > 0 {
				r.Extend = true
			}
		}
	}
	if last >= 0 {
		r.SwitchedBy = fmt.Sprintf("e%d", last)
		// "Switched and (Platform API ≥ 0.12: different from run-image.image): image = reference = that text, target
		// removed."
		if text := c.extensions[last].from; !c.at.AtLeast(api.V(0, 12)) || text != r.Image {
			r.Image, r.Reference, r.Target = text, text, ""
		}
	}
	// "analyzed.toml names no run image and none switches it, but a run.Dockerfile extends: nothing about a run image is
	// written there."
	if r.Image != "" || r.Reference != "" {
		r.WritesExtend = r.Extend
	} else if anyRun {
		r.WritesExtend = false
	}
	// "From Platform API 0.13 build-image.extend true or false."
	if c.at.AtLeast(api.V(0, 13)) {
		r.BuildExtend = slices.ContainsFunc(c.extensions, func(e runExtension) bool { return e.build })
	}
	return r
}
