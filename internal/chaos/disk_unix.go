//go:build linux || darwin

package chaos

import (
	"os"
	"os/signal"
	"syscall"
)

const (
	diskFull = syscall.SIGUSR1
	diskFree = syscall.SIGUSR2
)

// obeyDisk lets a process's files grow no more after one signal, and again after another. To the process that is a disk
// that fails its writes.
func obeyDisk() {
	orders := make(chan os.Signal, 8)
	signal.Notify(orders, diskFull, diskFree)
	var free syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_FSIZE, &free) != nil {
		return
	}
	for order := range orders {
		limit := free
		if order == diskFull {
			limit.Cur = 1
		}
		_ = syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) // lowering and raising within the hard limit is allowed
	}
}
