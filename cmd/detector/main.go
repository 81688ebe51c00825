// Command detector is the detector phase of a Cloud Native Buildpacks lifecycle with image extensions.
package main

import (
	"os"

	"github.com/cnb-prelude/prelude/cmd"
	"github.com/cnb-prelude/prelude/platform"
)

func main() { os.Exit(cmd.Main(platform.Detector)) }
