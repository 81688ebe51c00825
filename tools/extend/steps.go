package main

import (
	"cmp"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cnb-prelude/prelude/buildpack"
	rules "github.com/cnb-prelude/prelude/buildpack/dockerfile"
	"github.com/cnb-prelude/prelude/internal/tidy"
	"github.com/cnb-prelude/prelude/platform"
)

// plan is the work for one image: which one to start from, and what to apply to it. It is a value without secrets and
// without doubts: what generated.toml says, checked.
type plan struct {
	kind buildpack.DockerfileKind
	// base is a name of an image, by tag or by digest, or an absolute path of an OCI layout.
	base  string
	steps []step
}

// step is a Dockerfile to apply.
type step struct {
	extension string
	// path and context are relative to the generated directory. Without a context the app directory is it.
	path, context string
	digest        string
	args          []buildpack.Arg
	// replaces says that the Dockerfile names its base itself, and that the plan's base is to stand there.
	replaces bool
}

// String names the step in messages.
func (s step) String() string { return s.extension + ": " + s.path }

var digests = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// reserved are the build arguments that only we may set.
var reserved = []string{"base_image", "build_id", "user_id", "group_id"}

// newPlan applies the rules of docs/extend.md to what generated.toml says; file is its name, for messages. Its errors name
// the extension, the Dockerfile and the key.
func newPlan(file string, g platform.Generated, kind buildpack.DockerfileKind) (plan, error) {
	p := plan{kind: kind, base: g.RunImage.Image}
	key := "run-image.image"
	if kind == buildpack.BuildDockerfile {
		p.base, key = g.BuildImage.Reference, "build-image.reference"
	}
	if p.base == "" {
		return plan{}, fmt.Errorf("%s: %s is missing, the image to extend; does analyzed.toml name it?", file, key)
	}
	if err := checkImage(p.base); err != nil {
		return plan{}, fmt.Errorf("%s: %s: %w", file, key, err)
	}
	for _, d := range g.For(kind) {
		if err := check(d); err != nil {
			return plan{}, fmt.Errorf("%s: dockerfiles: %s: %s: %w", file, shown(d.Extension), shown(d.Path), err)
		}
		if d.Instructions == 0 {
			continue // a switch, and the base is that image already
		}
		p.steps = append(p.steps, step{
			extension: d.Extension, path: d.Path, context: d.Context, digest: d.Digest, args: d.Args, replaces: d.From != "",
		})
	}
	if len(p.steps) > 0 && slices.ContainsFunc(p.steps[1:], func(s step) bool { return s.replaces }) {
		return plan{}, fmt.Errorf("%s: dockerfiles: a Dockerfile that is not the first to be applied has the key from; what is before it should be in ignored", file)
	}
	return p, nil
}

// check refuses what generation never writes.
func check(d platform.GeneratedDockerfile) error {
	switch {
	case !plain(d.Extension):
		return fmt.Errorf("extension: %q is no id", d.Extension)
	case !plain(d.Path):
		return fmt.Errorf("path: %q has characters that cannot be shown", d.Path)
	case !digests.MatchString(d.Digest):
		return fmt.Errorf("digest: %q is no digest, which is sha256: and 64 hexadecimal digits", d.Digest)
	case d.Instructions < 0:
		return fmt.Errorf("instructions: %d", d.Instructions)
	case d.From != "" && d.Kind == buildpack.BuildDockerfile:
		return fmt.Errorf("from: a build image cannot be switched")
	}
	if d.From != "" { // an extension's word: never a path
		if err := rules.CheckImageName(d.From); err != nil {
			return fmt.Errorf("from: %q is not the name of an image: %w", d.From, err)
		}
	}
	for _, arg := range d.Args {
		switch {
		case !plain(arg.Name) || strings.ContainsRune(arg.Name, '='):
			return fmt.Errorf("args: %q is no name of a build argument", arg.Name)
		case slices.Contains(reserved, arg.Name):
			return fmt.Errorf("args: %s is the extend step's to set", arg.Name)
		case strings.HasPrefix(arg.Name, "BUILDKIT_"):
			return fmt.Errorf("args: %s would change how BuildKit works", arg.Name)
		case strings.ContainsRune(arg.Value, 0):
			return fmt.Errorf("args: the value of %s has a byte 0", arg.Name)
		}
	}
	return nil
}

// checkImage demands a name of an image or an absolute path; so it is never taken for an option.
func checkImage(image string) error {
	if !plain(image) || strings.HasPrefix(image, "-") {
		return fmt.Errorf("%q is no image", image)
	}
	if filepath.IsAbs(image) { // a layout, as platforms name images in that mode
		return nil
	}
	if err := rules.CheckImageName(image); err != nil {
		return fmt.Errorf("%q is not the name of an image: %w", image, err)
	}
	return nil
}

// plain reports whether text is some, and can be printed as it is.
func plain(text string) bool {
	return text != "" && utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) })
}

// shown is text as it can be put into a message: without control characters, and not too long.
func shown(text string) string { return tidy.Shown(text) }

// account is a user as build arguments name it.
type account struct{ user, group string }

// accountOf reads the User of an image. A user without a group has that of the image's /etc/passwd, else 0; passwd is only
// called if that is needed.
func accountOf(user string, passwd func() (string, error)) (account, error) {
	id, group, ok := strings.Cut(user, ":")
	if ok && group != "" {
		return account{cmp.Or(id, "0"), group}, nil
	}
	if id == "" {
		return account{"0", "0"}, nil
	}
	text, err := passwd()
	if err != nil {
		return account{}, err
	}
	for line := range strings.Lines(text) {
		if f := strings.Split(line, ":"); len(f) > 3 && (f[0] == id || f[2] == id) {
			return account{id, f[3]}, nil
		}
	}
	return account{id, "0"}, nil
}

// root reports whether it is, by name or by number.
func (a account) root() bool {
	return a.user == "root" || strings.Trim(a.user, "0") == ""
}

// buildArgs are the arguments of a step, but base_image: of ours and of the Dockerfile's own those that it declares.
func buildArgs(s step, d dockerfile, a account, buildID string) []buildpack.Arg {
	all := append([]buildpack.Arg{{Name: "build_id", Value: buildID}, {Name: "user_id", Value: a.user}, {Name: "group_id", Value: a.group}}, s.args...)
	return slices.DeleteFunc(all, func(arg buildpack.Arg) bool { return d.declares(arg.Name) < 0 })
}
