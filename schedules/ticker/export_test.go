package ticker

import "time"

// NewMemory is the claims of a ticker that has no others, for tests in which several share them.
func NewMemory() Claims { return newMemory() }

// SetClock gives a ticker another clock on the wall than the machine's; timers go on by the machine's.
func (t *Ticker) SetClock(now func() time.Time) { t.now = now }
