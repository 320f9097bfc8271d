//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package sqlitestore

import "time"

// lockDir does nothing: these systems have no such locks, and Windows lets nobody remove a file that is in use.
func lockDir(string, time.Duration) (unlock func(), err error) { return func() {}, nil }
