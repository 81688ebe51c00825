// Command try shows what Prelude's detector makes of an app and modules: of directories as their authors have them, or of a builder
// image. It runs the detector in a world that it puts together, and changes neither the app nor the modules nor the builder.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/cnb-prelude/prelude/tools/internal/release"
)

const usage = `try shows what modules do with an app: which of them take part, and the Dockerfiles that extensions generate.

Usage:
  try [-app <directory>] <module directory>...    buildpacks and extensions, as they lie in their repositories
  try -builder <image> [-app <directory>]         the modules of a builder, in its root file system
  try -test [-update] <module directory>...       the test cases of modules, in <module directory>/test

An image is <name> in a registry, daemon:<name> in Docker, or layout:<directory>, an OCI layout on disk.
If no buildpack requires what an extension provides, and there is no builder, one that does is put in.

`

const example = `
Examples:
  try ./my-extension
  try -builder registry.example/builder:noble -app ./my-app -env BP_JVM_VERSION=21
  try -test ./my-extension

The exit code is the detector's, 1 if a test case failed, or 2 if the arguments are wrong.
Documentation: https://github.com/cnb-prelude/prelude/tree/main/docs/try.md
`

// options are what the command line asks for.
type options struct {
	modules                                    []string
	app, order, runImage, platformAPI, execEnv string
	builder, image, engine                     string
	report, output, detector                   string
	env, envFiles, buildpacks, extensions      list
	test, update, debug, version, compare      bool
}

// list is a flag that can be given several times.
type list []string

func (l *list) String() string { return strings.Join(*l, ",") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func main() {
	o, err := parseOptions(os.Args[1:], os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		release.WrongUse("try", err)
	}
	if o.version {
		fmt.Println(release.Stamp())
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code, err := o.run(ctx, os.Stdout)
	stop()
	if err != nil {
		release.Exit("try", err)
	}
	os.Exit(code)
}

// parseOptions reads the command line. Help goes to say.
func parseOptions(args []string, say io.Writer) (options, error) {
	var o options
	set := flag.NewFlagSet("try", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	o.defineImages(set)
	set.StringVar(&o.app, "app", "", "the app's `directory`; it is not changed (default: an empty one)")
	set.StringVar(&o.order, "order", "", "a `file` like order.toml, in place of the order that try makes of the modules")
	set.StringVar(&o.platformAPI, "platform-api", "", "the Platform API `version` (default: the builder's newest that Prelude has, or "+defaultAPI+")")
	set.StringVar(&o.execEnv, "exec-env", "", "the execution `environment`, such as test (default production)")
	set.Var(&o.env, "env", "a `variable` for the modules: NAME=value, or NAME for the value that it has here; repeatable")
	set.Var(&o.envFiles, "env-file", "a `file` with a variable in each line; repeatable")
	set.StringVar(&o.report, "report", "", "write a report of the run to this `file`, .html or .json")
	set.StringVar(&o.output, "output", "", "put group.toml, plan.toml, the Dockerfiles and the rest into this new `directory`")
	set.StringVar(&o.detector, "detector", "", "Prelude's `detector` (default: lifecycle/detector beside this program)")
	set.BoolVar(&o.test, "test", false, "run the test cases of the modules")
	set.BoolVar(&o.update, "update", false, "with -test: write what came out to the cases as what they expect")
	set.BoolVar(&o.debug, "debug", false, "show the output of every module, and each decision")
	set.BoolVar(&o.version, "version", false, "print the version and exit")
	err := set.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		set.SetOutput(say)
		fmt.Fprint(say, usage)
		set.PrintDefaults()
		fmt.Fprint(say, example)
	}
	if err != nil {
		return o, err
	}
	o.modules = set.Args()
	return o, o.check()
}

// defaultAPI is the Platform API where there is no builder.
const defaultAPI = "0.13"

// defineImages defines the flags that are about images.
func (o *options) defineImages(set *flag.FlagSet) {
	set.StringVar(&o.builder, "builder", "", "the builder, an `image`")
	set.StringVar(&o.image, "image", "", "run the modules of directories in the root file system of this `image`, and not in this machine's")
	set.StringVar(&o.runImage, "run-image", "", "the run image, an `image` (default: the builder's first)")
	set.StringVar(&o.engine, "engine", "", "who runs modules in an image: docker, or rootfs, in namespaces and without a daemon (default: what there is)")
	set.Var(&o.buildpacks, "buildpack", "a buildpack's directory, or `id[@version]` of the builder; repeatable. They replace the builder's order")
	set.Var(&o.extensions, "extension", "an extension's directory, or `id[@version]` of the builder; repeatable")
	set.BoolVar(&o.compare, "compare", false, "also run the builder's own detector, and compare the results; exit code 1 if they differ")
}

// check returns what is wrong with the options together.
func (o options) check() error {
	switch {
	case o.version:
		return nil
	case len(o.modules)+len(o.buildpacks)+len(o.extensions) == 0 && o.builder == "":
		return errors.New("name the directory of a module, or a builder with -builder")
	case o.builder != "" && o.image != "":
		return errors.New("-builder and -image exclude each other")
	case o.compare && o.builder == "":
		return errors.New("-compare needs -builder")
	case o.engine != "" && o.engine != "docker" && o.engine != "rootfs":
		return fmt.Errorf("-engine %s: known are docker and rootfs", o.engine)
	case o.update && !o.test:
		return errors.New("-update needs -test")
	case o.test && (o.builder != "" || o.app != "" || len(o.env)+len(o.envFiles) > 0 || o.report != "" || o.output != ""):
		return errors.New("-test takes the app and the variables from the test cases, and has no -builder, -report and -output")
	case o.report != "" && !strings.HasSuffix(o.report, ".html") && !strings.HasSuffix(o.report, ".json"):
		return fmt.Errorf("-report %s: the name ends in neither .html nor .json", o.report)
	}
	return nil
}
