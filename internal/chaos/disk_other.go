//go:build !linux && !darwin

package chaos

import "syscall"

// No limits of files here: the orders do nothing.
const (
	diskFull = syscall.Signal(-1)
	diskFree = syscall.Signal(-1)
)

func obeyDisk() {}
