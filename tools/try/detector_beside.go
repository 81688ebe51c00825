//go:build !embedded

package main

import "embed"

// embedded is empty: on Linux the detector is beside this program.
var embedded embed.FS
