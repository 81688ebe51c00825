package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/buildpacks/imgutil"
	"github.com/buildpacks/imgutil/layout"
	"github.com/buildpacks/imgutil/local"
	"github.com/buildpacks/imgutil/remote"
	"github.com/google/go-containerregistry/pkg/authn"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/moby/moby/client"

	"github.com/cnb-prelude/prelude/internal/api"
	"github.com/cnb-prelude/prelude/tools/internal/release"
)

// image is one that was found: a builder, a run image, or one to run modules in.
type image struct {
	imgutil.Image
	// given is how it was named; kind is "remote", "local" or "layout", and name what it is there.
	given, kind, name string
	config            *v1.ConfigFile
}

// openImage finds an image in a registry, with the usual credentials, in Docker (daemon:<name>), or in an OCI layout
// (layout:<directory>). Only what describes it is read.
func openImage(given string) (*image, error) {
	i := &image{given: given, kind: "remote", name: given}
	if name, ok := strings.CutPrefix(given, "daemon:"); ok {
		i.kind, i.name = "local", name
	} else if dir, ok := strings.CutPrefix(given, "layout:"); ok {
		i.kind, i.name = "layout", dir
	}
	var err error
	if i.Image, err = i.find(); err != nil {
		return nil, fmt.Errorf("%s: %w", given, err)
	}
	if !i.Found() {
		return nil, fmt.Errorf("%s: there is no such image for linux/%s, or it may not be read; an image is <name> in a registry, daemon:<name> or layout:<directory>", given, runtime.GOARCH)
	}
	i.config, err = i.UnderlyingImage().ConfigFile()
	return i, err
}

func (i *image) find() (imgutil.Image, error) {
	machine := imgutil.Platform{OS: "linux", Architecture: runtime.GOARCH}
	switch i.kind {
	case "local":
		daemon, err := connect()
		if err != nil {
			return nil, err
		}
		return local.NewImage(i.name, daemon, imgutil.WithDefaultPlatform(machine), imgutil.FromBaseImage(i.name))
	case "layout":
		if !isDir(i.name) {
			return nil, fmt.Errorf("%s is no directory", i.name)
		}
		return layout.NewImage(i.name, imgutil.WithDefaultPlatform(machine), imgutil.FromBaseImage(i.name))
	}
	return remote.NewImage(i.name, authn.DefaultKeychain, imgutil.WithDefaultPlatform(machine), imgutil.FromBaseImage(i.name))
}

// connect is a connection to the daemon that the client docker uses.
func connect() (*client.Client, error) {
	options := []client.Opt{client.FromEnv}
	if os.Getenv("DOCKER_HOST") == "" {
		host, err := exec.Command("docker", "context", "inspect", "-f", "{{.Endpoints.docker.Host}}").Output()
		if text := strings.TrimSpace(string(host)); err == nil && text != "" {
			options = append(options, client.WithHost(text))
		}
	}
	return client.New(options...)
}

// id is the image's digest, or its id in Docker.
func (i *image) id() (string, error) {
	if i.kind == "layout" {
		digest, err := i.UnderlyingImage().ConfigName()
		return digest.String(), err
	}
	id, err := i.Identifier()
	if err != nil {
		return "", err
	}
	return id.String(), nil
}

// env is a variable of the image's configuration.
func (i *image) env(name string) string {
	for _, variable := range i.config.Config.Env {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// user is the user and the group as whom modules run.
func (i *image) user() (uid, gid int) {
	user, group, _ := strings.Cut(i.config.Config.User, ":")
	for _, pair := range []struct {
		texts []string
		id    *int
	}{{[]string{i.env("CNB_USER_ID"), user}, &uid}, {[]string{i.env("CNB_GROUP_ID"), group}, &gid}} {
		*pair.id = somebody
		for _, text := range slices.Backward(pair.texts) {
			if id, err := strconv.Atoi(text); err == nil && id > 0 {
				*pair.id = id
			}
		}
	}
	return uid, gid
}

// target is what an image says that it is for.
func (i *image) target() target {
	t := target{OS: i.config.OS, Arch: i.config.Architecture, Variant: i.config.Variant}
	labels := i.config.Config.Labels
	if name := labels["io.buildpacks.base.distro.name"]; name != "" {
		t.Distro = &distro{name, labels["io.buildpacks.base.distro.version"]}
	}
	return t
}

// metadata is what a builder's labels say.
type metadata struct {
	Buildpacks, Extensions []ref
	Lifecycle              struct{ APIs release.Lists }
	Images                 []runImage
	Stack                  struct{ RunImage runImage }
	order                  order
}

type runImage struct {
	Image   string
	Mirrors []string
}

// builder reads the labels of a builder.
func (i *image) builder() (metadata, error) {
	var m metadata
	labels := i.config.Config.Labels
	for name, into := range map[string]any{
		"io.buildpacks.builder.metadata": &m, "io.buildpacks.buildpack.order": &m.order.Buildpacks, "io.buildpacks.buildpack.order-extensions": &m.order.Extensions,
	} {
		if labels[name] == "" && into == any(&m) {
			return m, fmt.Errorf("%s is no builder: it has no label %s", i.given, name)
		}
		if labels[name] == "" {
			continue
		}
		if err := json.Unmarshal([]byte(labels[name]), into); err != nil {
			return m, fmt.Errorf("%s: label %s: %w", i.given, name, err)
		}
	}
	if len(m.Images) == 0 && m.Stack.RunImage.Image != "" {
		m.Images = []runImage{m.Stack.RunImage}
	}
	return m, nil
}

// platformAPI is the newest Platform API that the builder's lifecycle and Prelude have, as platforms choose it.
func (m metadata) platformAPI() string {
	newest := api.V(0, 0)
	for _, text := range slices.Concat(m.Lifecycle.APIs.Platform.Deprecated, m.Lifecycle.APIs.Platform.Supported) {
		if v, err := api.Parse(text); err == nil && api.PlatformAPIs().Has(v) && v.AtLeast(newest) {
			newest = v
		}
	}
	if newest == api.V(0, 0) {
		return defaultAPI
	}
	return newest.String()
}

// has finds a module of the builder by its id and, if there is one, its version.
func (m metadata) has(kind, id, version string) (ref, error) {
	list := m.Buildpacks
	if kind == "extension" {
		list = m.Extensions
	}
	var found []string
	for _, r := range list {
		if r.ID == id && (version == "" || r.Version == version) {
			found = append(found, r.Version)
		}
	}
	switch len(found) {
	case 0:
		return ref{}, fmt.Errorf("%s is no directory, and the builder has no %s of that name", strings.TrimSuffix(id+"@"+version, "@"), kind)
	case 1:
		return ref{Kind: kind, ID: id, Version: found[0]}, nil
	}
	return ref{}, fmt.Errorf("the builder has several versions of %s: %s; say which, as in %s@%s", id, strings.Join(found, ", "), id, found[0])
}

// findRunImage finds the run image: the one that is named or the builder's first, where the builder is or else in a registry.
func findRunImage(ctx context.Context, named string, builder *image, m metadata) (*image, error) {
	if named != "" {
		return openImage(named)
	}
	if len(m.Images) == 0 {
		return nil, fmt.Errorf("%s names no run image; say with -run-image which one there is", builder.given)
	}
	name := m.Images[0].Image
	if builder.kind == "local" {
		if i, err := openImage("daemon:" + name); err == nil {
			return i, nil
		}
	}
	i, err := openImage(name)
	if err != nil {
		return nil, fmt.Errorf("the builder's run image: %w; say with -run-image where there is one", err)
	}
	return i, ctx.Err()
}
