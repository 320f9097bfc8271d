//go:build !unix

package cli

import (
	"os"
	"syscall"
)

// stopSignals mean to stop; Go makes SIGTERM of what Windows sends when a console is closed.
func stopSignals() []os.Signal { return []os.Signal{os.Interrupt, syscall.SIGTERM} }

// quietSignals are none.
func quietSignals() []os.Signal { return nil }

func outliveReaders() (restore func()) { return func() {} }
