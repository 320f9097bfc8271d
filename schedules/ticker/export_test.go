package ticker

import "time"

// NewMemory is the claims of a ticker that has no others, for tests in which several share them.
func NewMemory() Claims { return newMemory() }

// Owner is by what a ticker's claims are known.
func (t *Ticker) Owner() string { return t.owner }

// WatchEvery and MaxPending are limits of what instances see of each other.
const (
	WatchEvery = watchEvery
	MaxPending = maxPending
)

// SetClock gives a ticker another clock on the wall than the machine's; timers go on by the machine's.
func (t *Ticker) SetClock(now func() time.Time) { t.now = now }
