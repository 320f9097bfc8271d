// Package clock sets the clock of this process, as somebody who sets the machine's would: time.Now jumps in everything
// that runs in it, timers and the monotonic clock go on.
//
// It is for experiments. The kernel gives every process a function that reads its clocks (the vDSO), and the runtime holds a
// pointer to it; this package puts a function between the two. That needs Linux on amd64; [Supported] tells.
package clock

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// ErrUnsupported says that the clock can't be set on this platform.
var ErrUnsupported = errors.New("the clock of a process can be set on linux/amd64 only")

// offset is how far the process's clock is ahead of the machine's, in seconds. The assembly reads it.
var offset int64

var once = sync.OnceValue(install)

// Set makes the clock of this process be ahead of the machine's by so much, in whole seconds.
func Set(ahead time.Duration) error {
	if err := once(); err != nil {
		return err
	}
	atomic.StoreInt64(&offset, int64(ahead/time.Second))
	return nil
}

// True is the time of the machine's clock.
func True() time.Time {
	for {
		before := atomic.LoadInt64(&offset)
		now := time.Now()
		if atomic.LoadInt64(&offset) == before {
			return now.Add(-time.Duration(before) * time.Second)
		}
	}
}
