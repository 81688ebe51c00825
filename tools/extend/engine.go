package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/cnb-prelude/prelude/buildpack"
)

// engine is what builds Dockerfiles and keeps images. Its images are known by the id that it gave them, or by a name.
type engine interface {
	// pull makes sure that an image is there, and up to date if its name may mean another one by now.
	pull(ctx context.Context, image string) (picture, error)
	// find returns an image that is there.
	find(ctx context.Context, image string) (picture, error)
	// build applies a Dockerfile and returns the image, and how many instructions the engine's own cache had. What an
	// instruction does wrong is a *buildError.
	build(ctx context.Context, b build) (image picture, cached int, err error)
	// passwd is an image's /etc/passwd; empty if it has none.
	passwd(ctx context.Context, image picture) (string, error)
	tag(ctx context.Context, image picture, name string) error
	// push brings an image that has that name to its registry, and returns its digest there.
	push(ctx context.Context, name string) (digest string, err error)
}

// namer is an engine that builds on images with a name only, not on those that it knows by their id.
type namer interface {
	untag(ctx context.Context, name string) error
}

// picture is what has to be known of an image.
type picture struct {
	id     string
	user   string
	labels map[string]string
}

// earlier returns an image that could not be pulled as it is there, with a warning on log; or, if it is not there, err, which is why
// it could not be pulled.
func earlier(ctx context.Context, e engine, log io.Writer, image string, err error) (picture, error) {
	if found, there := e.find(ctx, image); there == nil && ctx.Err() == nil {
		fmt.Fprintf(log, "Warning: %s is as it was pulled earlier, or made here: %v\n", image, err)
		return found, nil
	}
	return picture{}, err
}

// build is what an engine needs to know for a build.
type build struct {
	// file is the Dockerfile, context a directory; both are ours.
	file, context string
	dockerfile    dockerfile
	// base is a name that the engine knows the base by.
	base string
	// as is a name for the image; empty if it needs none.
	as   string
	args []buildpack.Arg
	// notRebasable sets the label to false, whatever the Dockerfile says.
	notRebasable bool
}

// buildError says where a build failed.
type buildError struct {
	// place is "line 3: RUN false"; empty if the engine does not say.
	place string
	// reason is the engine's last word.
	reason string
}

func (e *buildError) Error() string {
	if e.place == "" {
		return e.reason
	}
	return e.place + ": " + e.reason
}

// tool is an executable that is called with lists of arguments, never through a shell.
type tool struct {
	name string
	env  []string
	// log gets what a build prints.
	log io.Writer
}

// failure is a call that ended badly.
type failure struct {
	call   string
	err    error
	output string
}

// Error is the last thing that the executable said.
func (f *failure) Error() string {
	if errors.Is(f.err, exec.ErrNotFound) {
		return fmt.Sprintf("%s is not installed here, or not in $PATH; -engine chooses another engine", f.call)
	}
	return fmt.Sprintf("%s: %v: %s", f.call, f.err, lastLine(f.output))
}

func (f *failure) Unwrap() error { return f.err }

// lastLine is the line that says what went wrong: the one that is marked as an error, or else the last.
func lastLine(text string) string {
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		for _, mark := range []string{"Error: ", "ERROR: "} {
			if reason, marked := strings.CutPrefix(line, mark); marked {
				return shown(reason)
			}
		}
		if line != "" && !strings.HasPrefix(line, "subprocess exited") {
			last = line
		}
	}
	return shown(cmp.Or(last, "it does not say why"))
}

// quiet calls the executable and returns its standard output.
func (t tool) quiet(ctx context.Context, args ...string) (string, error) {
	out, errs := tail{limit: 16 << 20}, tail{limit: 64 << 10}
	err := t.start(ctx, &out, &errs, args)
	if err != nil {
		return "", &failure{t.name + " " + args[0], err, errs.String()}
	}
	return strings.TrimSpace(out.String()), nil
}

// aloud calls the executable and shows what it prints; it returns the end of that.
func (t tool) aloud(ctx context.Context, args ...string) (string, error) {
	said := tail{limit: 64 << 10}
	both := io.MultiWriter(t.log, &said)
	err := t.start(ctx, both, both, args)
	if err != nil {
		err = &failure{t.name + " " + args[0], err, said.String()}
	}
	return said.String(), err
}

func (t tool) start(ctx context.Context, stdout, stderr io.Writer, args []string) error {
	cmd := exec.CommandContext(ctx, t.name, args...)
	cmd.Env = append(os.Environ(), t.env...)
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	data  []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.data = append(t.data, p...)
	if over := len(t.data) - t.limit; over > 0 {
		t.data = t.data[over:]
	}
	return len(p), nil
}

func (t *tail) String() string { return string(t.data) }

// argOptions are the options of a build that both engines have under the same names.
func argOptions(b build) []string {
	options := []string{"--file", b.file, "--build-arg", "base_image=" + b.base}
	for _, arg := range b.args {
		options = append(options, "--build-arg", arg.Name+"="+arg.Value)
	}
	if b.as != "" {
		options = append(options, "--tag", b.as)
	}
	if b.notRebasable {
		options = append(options, "--label", rebasable+"=false")
	}
	return options
}
