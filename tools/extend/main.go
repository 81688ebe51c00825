// Command extend applies the Dockerfiles that extensions have generated to the build image or the run image, with buildah or
// BuildKit. It reads what generated.toml lists, and nothing else.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/internal/staged"
	"github.com/cnb-prelude/prelude/platform"
	"github.com/cnb-prelude/prelude/tools/internal/release"
)

const help = `extend applies the Dockerfiles that extensions have generated to the build image or the run image.

It reads <layers>/generated.toml, which detector and generator leave, checks all that it lists, and has buildah or BuildKit
build one Dockerfile on top of the other. A step whose base, Dockerfile, context and arguments are what they were in an earlier
run is not run again, unless it declares the build argument build_id. With -push the result goes to its registry, and
<layers>/analyzed.toml names an extended run image from then on, so that exporter takes that one.

Usage: extend -kind build|run -layers <dir> -app <dir> -to <image> [option]...

Example: extend -kind run -layers /layers -app /workspace -to registry.example/app-run:1 -push

`

// options are what the command line says.
type options struct {
	kind, layers, app, to, engine, generated, metadata, analyzed, network, result string
	push, tlsVerify, version                                                      bool
}

func main() {
	o, err := parseOptions(os.Args[1:], os.Stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return
	case err != nil:
		release.WrongUse("extend", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o, os.Stdout); err != nil {
		fail(err)
	}
}

func fail(err error) {
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted")
	}
	release.Exit("extend", err)
}

// parseOptions reads the command line. Its errors are about that; -help is flag.ErrHelp, and is printed.
func parseOptions(args []string, out io.Writer) (options, error) {
	o := options{}
	set := flag.NewFlagSet("extend", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&o.kind, "kind", "", "which image to extend, `build or run` (required)")
	set.StringVar(&o.layers, "layers", cmp.Or(os.Getenv("CNB_LAYERS_DIR"), "/layers"), "layers `directory`")
	set.StringVar(&o.app, "app", cmp.Or(os.Getenv("CNB_APP_DIR"), "/workspace"), "app `directory`, the build context where an extension has left none")
	set.StringVar(&o.to, "to", "", "`name` of the extended image (required); without a tag: latest")
	set.StringVar(&o.engine, "engine", "buildah", "`buildah or buildkit`; buildkit is that of a Docker daemon, which $DOCKER_HOST names")
	set.StringVar(&o.generated, "generated", os.Getenv("CNB_GENERATED_DIR"), "`directory` with the Dockerfiles (default <layers>/generated)")
	set.StringVar(&o.metadata, "generated-metadata", "", "`path` of generated.toml (default <layers>/generated.toml)")
	set.StringVar(&o.analyzed, "analyzed", os.Getenv("CNB_ANALYZED_PATH"), "`path` of analyzed.toml (default <layers>/analyzed.toml)")
	set.BoolVar(&o.push, "push", false, "push the extended image, and name it in analyzed.toml if it is the run image")
	set.BoolVar(&o.tlsVerify, "tls-verify", true, "whether registries must have a known certificate; only with buildah: a Docker daemon has its own configuration")
	set.StringVar(&o.network, "network", "", "the network of RUN instructions, `host or none` (default: the engine's)")
	set.StringVar(&o.result, "result", "", "`path` of a file for the name of the pushed image, with its digest")
	set.BoolVar(&o.version, "version", false, "print the version")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(out, help)
		set.SetOutput(out)
		set.PrintDefaults()
	}
	if err != nil || o.version {
		return o, err
	}
	o.generated = cmp.Or(o.generated, filepath.Join(o.layers, "generated"))
	o.metadata = cmp.Or(o.metadata, filepath.Join(o.layers, "generated.toml"))
	o.analyzed = cmp.Or(o.analyzed, filepath.Join(o.layers, "analyzed.toml"))
	return o, o.check(set.Args())
}

func (o options) check(rest []string) error {
	switch {
	case len(rest) > 0:
		return fmt.Errorf("unexpected argument %q", rest[0])
	case o.kind != "build" && o.kind != "run":
		return fmt.Errorf("-kind is %q, want build or run", o.kind)
	case o.to == "":
		return errors.New("-to is missing, the name of the extended image")
	case o.engine != "buildah" && o.engine != "buildkit":
		return fmt.Errorf("-engine is %q, want buildah or buildkit", o.engine)
	case o.network != "" && o.network != "host" && o.network != "none":
		return fmt.Errorf("-network is %q, want host or none", o.network)
	case o.result != "" && !o.push:
		return errors.New("-result needs -push: only a registry gives an image its digest")
	case o.engine == "buildkit" && !o.tlsVerify:
		return errors.New("-tls-verify is buildah's; a Docker daemon is told in its own configuration (insecure-registries)")
	}
	if _, err := name.NewTag(o.to); err != nil {
		return fmt.Errorf("-to: %w", err)
	}
	return nil
}

// run does what the command line says.
func run(ctx context.Context, o options, out io.Writer) error {
	if o.version {
		fmt.Fprintln(out, release.Stamp())
		return nil
	}
	g, err := platform.ReadGenerated(o.metadata)
	if err == nil && g == nil {
		err = fmt.Errorf("%s is missing; detector and generator leave it, from Platform API 0.10 on", o.metadata)
	}
	if err != nil {
		return err
	}
	p, err := newPlan(o.metadata, *g, buildpack.DockerfileKind(o.kind))
	if err != nil {
		return err
	}
	next, err := readAnalyzed(o.analyzed, out)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "prelude-extend-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	engine := o.open(dir, out)
	e := extension{engine: engine, generated: o.generated, app: o.app, dir: dir, network: o.network, log: out}
	image, err := e.extend(ctx, p)
	if err == nil {
		err = engine.tag(ctx, image, o.to)
	}
	if err != nil {
		return err
	}
	return o.finish(ctx, engine, p, image, next, out)
}

// open returns the engine that was asked for.
func (o options) open(dir string, log io.Writer) engine {
	if o.engine == "buildkit" {
		return buildkit{tool{"docker", []string{"DOCKER_BUILDKIT=1"}, log}, o.network, dir}
	}
	return buildah{tool{"buildah", nil, log}, o.tlsVerify, o.network, dir}
}

// finish pushes the image, and says where it is: to people, in the result, and in analyzed.toml.
func (o options) finish(ctx context.Context, engine engine, p plan, image picture, next analyzed, out io.Writer) error {
	reference := "sha256:" + strings.TrimPrefix(image.id, "sha256:")
	if o.push {
		digest, err := engine.push(ctx, o.to)
		if err != nil {
			return err
		}
		tag, err := name.NewTag(o.to)
		if err != nil {
			return err
		}
		reference = tag.Context().Name() + "@" + digest
	}
	if o.push && p.kind == buildpack.RunDockerfile && len(p.steps) > 0 {
		if err := next.name(o.to, reference); err != nil {
			return err
		}
	}
	if o.result != "" {
		if err := staged.Write(o.result, []byte(reference)); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "%s: %s, user %s", o.to, reference, cmp.Or(image.user, "root"))
	if p.kind == buildpack.RunDockerfile {
		fmt.Fprintf(out, ", rebasable: %t", image.labels[rebasable] == "true")
	}
	fmt.Fprintln(out)
	return nil
}
