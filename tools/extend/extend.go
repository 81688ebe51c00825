package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
)

// extension is one run of this program.
type extension struct {
	engine engine
	// generated and app are the directories that Dockerfiles and contexts come from, dir is ours.
	generated, app, dir string
	network             string
	log                 io.Writer
	appDigest           string // of its copy; empty as long as there is none
}

// ready is a step whose inputs are read, checked, and ours.
type ready struct {
	step
	dockerfile dockerfile
	// file and context are the copies, inputs the digest of the context.
	file, context, inputs string
	notRebasable          bool
	// key names all that the image after this step depends on; empty if that can be another one each time.
	key string
}

// repository is what images are called that are kept for another run. Nothing pushes them.
const repository = "localhost/prelude-extend:"

// extend applies a plan and returns the image that comes out. Of the steps that need not be run again nothing is run.
func (e *extension) extend(ctx context.Context, p plan) (picture, error) {
	image, err := e.engine.pull(ctx, p.base)
	if err != nil {
		return picture{}, fmt.Errorf("the %s image cannot be had: %w", p.kind, err)
	}
	steps, err := e.prepare(p)
	if err != nil {
		return picture{}, err
	}
	e.setKeys(steps, image.id)
	image, name, done := e.remembered(ctx, steps, image)
	for _, s := range steps[:done] {
		fmt.Fprintf(e.log, "%s: from the cache\n", s)
	}
	if image, err = e.applyAll(ctx, steps[done:], image, name); err != nil {
		return picture{}, err
	}
	return image, e.judge(p, image)
}

// applyAll runs steps on an image, which has that name or none. Images in between get a name only if a later run looks for it, or
// if the engine needs one.
func (e *extension) applyAll(ctx context.Context, steps []ready, image picture, name string) (picture, error) {
	names, named := e.engine.(namer)
	temporary := []string{}
	defer func() {
		for _, name := range temporary {
			names.untag(context.WithoutCancel(ctx), name) //nolint:errcheck // it is only a name too many
		}
	}()
	for i, s := range steps {
		base, as := cmp.Or(name, image.id), ""
		if name == "" && named {
			base = repository + "base-" + sum(image.id)
			if err := e.engine.tag(ctx, image, base); err != nil {
				return picture{}, err
			}
		}
		switch {
		case s.key != "":
			as = repository + s.key
		case i < len(steps)-1 && named:
			as = repository + "once-" + uuid()
			temporary = append(temporary, as)
		}
		var err error
		if image, err = e.apply(ctx, s, image, base, as); err != nil {
			return picture{}, fmt.Errorf("%s: %w", s, err)
		}
		name = as
	}
	return image, nil
}

// judge demands what the Image Extension specification does.
func (e *extension) judge(p plan, image picture) error {
	a, err := accountOf(image.user, func() (string, error) { return "", nil })
	if err == nil && p.kind == buildpack.RunDockerfile && a.root() {
		return errors.New(`the run image's user would be root; the last Dockerfile with a USER should end with "ARG user_id", "ARG group_id" and "USER ${user_id}:${group_id}"`)
	}
	return err
}

// prepare reads and checks the inputs of all steps before anything is run.
func (e *extension) prepare(p plan) ([]ready, error) {
	if len(p.steps) == 0 {
		return nil, nil
	}
	root, err := openBelow(e.generated)
	if err != nil {
		return nil, fmt.Errorf("the generated directory %s: %w", e.generated, err)
	}
	defer root.Close()
	var steps []ready
	rebasable := true
	for i, s := range p.steps {
		r := ready{step: s}
		if r.dockerfile, err = e.readDockerfile(root, p.kind, s); err == nil {
			err = e.copyInputs(root, i, &r)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", s, err)
		}
		rebasable = rebasable && r.dockerfile.rebasable()
		r.notRebasable = p.kind == buildpack.RunDockerfile && !rebasable
		steps = append(steps, r)
	}
	return steps, nil
}

func (e *extension) readDockerfile(root *os.Root, kind buildpack.DockerfileKind, s step) (dockerfile, error) {
	text, err := readVerified(root, s.path, s.digest)
	if err != nil {
		return dockerfile{}, err
	}
	d, err := parse(kind, text)
	if err == nil && d.switches != s.replaces {
		err = errors.New("the key from of generated.toml and its FROM do not fit; please generate again")
	}
	return d, err
}

// copyInputs copies the context to a place of ours, and says where the Dockerfile will be.
func (e *extension) copyInputs(root *os.Root, number int, r *ready) error {
	dir := filepath.Join(e.dir, fmt.Sprint(number))
	r.file, r.context = filepath.Join(dir, "Dockerfile"), filepath.Join(dir, "context")
	if err := os.MkdirAll(r.context, 0o755); err != nil {
		return err
	}
	if !r.dockerfile.needsContext() {
		return nil
	}
	if r.step.context == "" {
		return e.copyApp(r)
	}
	from, err := descend(root, r.step.context)
	if err != nil {
		return fmt.Errorf("the build context: %w", err)
	}
	defer from.Close()
	r.inputs, err = copyContext(from, r.context, true)
	return err
}

// copyApp makes the app directory the context of a step; it is copied once.
func (e *extension) copyApp(r *ready) error {
	r.context = filepath.Join(e.dir, "app")
	if e.appDigest == "" {
		from, err := os.OpenRoot(e.app)
		if err != nil {
			return fmt.Errorf("the app directory, which is the build context: %w", err)
		}
		defer from.Close()
		if e.appDigest, err = copyContext(from, r.context, false); err != nil {
			return fmt.Errorf("the app directory, which is the build context: %w", err)
		}
	}
	r.inputs = e.appDigest
	return nil
}

// setKeys names what each step's image depends on, up to the first that can be another one each time.
func (e *extension) setKeys(steps []ready, base string) {
	key := "1 " + base
	for i := range steps {
		s := &steps[i]
		if s.dockerfile.newEachTime() >= 0 || s.dockerfile.elsewhere() {
			return
		}
		s.key = sum(fmt.Sprintf("%q %q %q %q %t %q", key, s.dockerfile.text, s.inputs, s.args, s.notRebasable, e.network))
		key = s.key
	}
}

// remembered returns the image after as many steps as possible, its name, and their number.
func (e *extension) remembered(ctx context.Context, steps []ready, base picture) (image picture, name string, done int) {
	for i := len(steps) - 1; i >= 0; i-- {
		if steps[i].key == "" {
			continue
		}
		if image, err := e.engine.find(ctx, repository+steps[i].key); err == nil {
			return image, repository + steps[i].key, i + 1
		}
	}
	return base, "", 0
}

// apply runs a step on an image, which has that name; what comes of it is called as, unless that is empty.
func (e *extension) apply(ctx context.Context, s ready, image picture, name, as string) (picture, error) {
	a, err := accountOf(image.user, func() (string, error) {
		if s.dockerfile.declares("group_id") < 0 {
			return "", nil
		}
		return e.engine.passwd(ctx, image)
	})
	if err != nil {
		return picture{}, fmt.Errorf("the group of the image's user cannot be found out: %w", err)
	}
	if err := os.WriteFile(s.file, s.dockerfile.on(name), 0o644); err != nil {
		return picture{}, err
	}
	began := time.Now()
	fmt.Fprintf(e.log, "%s: applying\n", s)
	next, cached, err := e.engine.build(ctx, build{
		file: s.file, context: s.context, dockerfile: s.dockerfile, base: name, as: as,
		args: buildArgs(s.step, s.dockerfile, a, uuid()), notRebasable: s.notRebasable,
	})
	if err != nil {
		return picture{}, err
	}
	note := ""
	if cached > 0 {
		note = fmt.Sprintf(", %d of %d instructions from the cache", cached, len(s.dockerfile.commands))
	}
	fmt.Fprintf(e.log, "%s: applied in %.1fs%s\n", s, time.Since(began).Seconds(), note)
	return next, nil
}

// sum is a short name for much text.
func sum(text string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(text))) }

// uuid is a new one, of version 4.
func uuid() string {
	var b [16]byte
	rand.Read(b[:]) //nolint:errcheck // it never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
