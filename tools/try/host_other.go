//go:build !unix

package main

import "syscall"

func as(uint32) *syscall.SysProcAttr { return nil }
