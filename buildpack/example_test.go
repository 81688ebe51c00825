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
