package dockerfile_test

import (
	"fmt"

	"github.com/cnb-prelude/prelude/buildpack"
	"github.com/cnb-prelude/prelude/buildpack/dockerfile"
)

// A run.Dockerfile that extends the run image, and one that switches to another one.
func ExampleParse() {
	for _, text := range []string{
		"ARG base_image\nFROM ${base_image}\nRUN install-fonts\n",
		"FROM registry.example/run-fonts:1\n",
		"FROM registry.example/run-fonts:${tag}\n",
	} {
		d, err := dockerfile.Parse(buildpack.RunDockerfile, []byte(text))
		if err != nil {
			fmt.Println("error:", err)
			continue
		}
		fmt.Printf("switches: %t %q, instructions: %d\n", d.Switches(), d.From, d.Instructions)
	}
	// Output:
	// switches: false "", instructions: 1
	// switches: true "registry.example/run-fonts:1", instructions: 0
	// error: run.Dockerfile uses the variable tag in FROM, where only base_image is known: line 1: FROM registry.example/run-fonts:${tag}
}
