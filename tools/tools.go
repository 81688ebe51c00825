//go:build tools

// Package tools pins the linters, apart from what the executables depend on.
package tools

import _ "honnef.co/go/tools/cmd/staticcheck"
