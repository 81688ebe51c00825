//go:build !linux

package main

import (
	"context"
	"errors"
	"io"
)

var errNamespaces = errors.New("-engine rootfs is for Linux only")

func (rootfs) run(context.Context, *world, io.Writer) (int, error) { return 0, errNamespaces }

func tryNamespaces() error { return errNamespaces }
