package buildpack_test

import (
	"fmt"

	"github.com/cnb-prelude/prelude/buildpack"
)

// An order has groups; extensions have groups of their own. What is not known is a warning, with its line.
func ExampleParseOrder() {
	order, warnings, err := buildpack.ParseOrder([]byte(`
[[order]]
[[order.group]]
id = "samples/npm-install"
version = "1.4.0"
optinal = true
`))
	fmt.Println(err, len(order.Buildpacks), len(order.Extensions))
	for _, w := range warnings {
		fmt.Println(w)
	}
	// Output:
	// <nil> 1 0
	// line 6: unknown key "order.group.optinal" (did you mean "optional"?)
}

// A run.Dockerfile that extends the run image, and one that switches to another one.
func ExampleParseDockerfile() {
	for _, text := range []string{
		"ARG base_image\nFROM ${base_image}\nRUN install-fonts\n",
		"FROM registry.example/run-fonts:1\n",
		"FROM registry.example/run-fonts:${tag}\n",
	} {
		d, err := buildpack.ParseDockerfile(buildpack.RunDockerfile, []byte(text))
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
