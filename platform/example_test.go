package platform_test

import (
	"fmt"
	"log"
	"path"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/platform"
)

// A step that extends images reads generated.toml and builds one Dockerfile after the other, each on the image that the
// one before has made. The file is that of the worked example in docs/generated-toml.md.
func ExampleReadGenerated() {
	generated, err := platform.ReadGenerated("testdata/generated.toml")
	if err != nil {
		log.Fatal(err)
	}
	if generated == nil {
		return // there is no such file: nothing was generated
	}
	for _, kind := range buildpack.DockerfileKinds() {
		image := generated.BuildImage.Reference
		if kind == buildpack.RunDockerfile {
			image = generated.RunImage.Image
		}
		fmt.Printf("%s image: %s\n", kind, image)
		for _, d := range generated.For(kind) {
			if d.Instructions == 0 {
				continue // nothing to apply
			}
			dir := "<app>"
			if d.Context != "" {
				dir = path.Join("<generated>", d.Context)
			}
			fmt.Printf("build %s in %s", path.Join("<generated>", d.Path), dir)
			for _, arg := range d.Args {
				fmt.Printf(" with %s=%s", arg.Name, arg.Value)
			}
			fmt.Println()
		}
	}
	for _, d := range generated.Ignored {
		fmt.Printf("not %s, overruled by %s\n", d.Path, d.OverruledBy)
	}
	// Output:
	// build image: registry.example/build@sha256:5555555555555555555555555555555555555555555555555555555555555555
	// build <generated>/samples_vim/build.Dockerfile in <generated>/samples_vim/context.build with VIM_VERSION=9
	// run image: registry.example/run-curl:1
	// build <generated>/samples_curl/run.Dockerfile in <app>
	// not samples_cowsay/run.Dockerfile.ignore, overruled by samples/curl
}
