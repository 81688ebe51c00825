//go:build embedded

package main

import "embed"

// embedded has a detector for Linux for each architecture, in releases for other systems: `make dist` puts them here.
//
//go:embed detector-amd64 detector-arm64
var embedded embed.FS
