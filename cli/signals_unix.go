//go:build unix

package cli

import (
	"os"
	"os/signal"
	"syscall"
)

// stopSignals mean to stop. SIGHUP does, as it comes when a terminal is closed, unless nohup or a supervisor has had it
// ignored.
func stopSignals() []os.Signal {
	stop := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		stop = append(stop, syscall.SIGHUP)
	}
	return stop
}

// quietSignals mean to fetch no more messages.
func quietSignals() []os.Signal { return []os.Signal{syscall.SIGUSR1} }

// outliveReaders keeps a write to standard output or error from ending the process when its reader is gone: the write
// fails instead. Programs that tasks start are not affected, as they would be if the signal were ignored.
func outliveReaders() (restore func()) {
	unread := make(chan os.Signal, 1)
	signal.Notify(unread, syscall.SIGPIPE)
	return func() { signal.Stop(unread) }
}
