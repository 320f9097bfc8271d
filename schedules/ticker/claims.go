package ticker

import (
	"context"
	"sync"
	"time"
)

// A Claim is how far a schedule has come, and who fires its next tick. Times are whole seconds.
type Claim struct {
	// Settled is the latest tick that needs nothing more. No tick up to it is fired again, whatever clocks say.
	Settled time.Time
	// Pending is the tick that Owner is firing, or zero.
	Pending time.Time
	Owner   string
	// Revision counts the changes; 0 means that the schedule has no claim yet.
	Revision int64
}

// Claims keep one claim for each schedule, for all the schedulers that share it. Claims never expire. Package sqlitestore
// and package dynamostore have them.
type Claims interface {
	// GetClaim returns a schedule's claim as it is now, or the zero Claim where there is none.
	GetClaim(ctx context.Context, schedule string) (Claim, error)

	// SwapClaim replaces a schedule's claim by next if its revision still is the given one, in one conditional write. The
	// new claim has the revision after it. What is returned is the claim that is there afterwards, next or another's; it
	// is up to the caller to tell. So a call whose answer was lost can be repeated.
	SwapClaim(ctx context.Context, schedule string, revision int64, next Claim) (Claim, error)
}

// memory is the claims of a scheduler that is alone.
type memory struct {
	mu     sync.Mutex
	claims map[string]Claim
}

func newMemory() *memory { return &memory{claims: map[string]Claim{}} }

func (m *memory) GetClaim(ctx context.Context, schedule string) (Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.claims[schedule], ctx.Err()
}

func (m *memory) SwapClaim(ctx context.Context, schedule string, revision int64, next Claim) (Claim, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return Claim{}, err
	}
	if m.claims[schedule].Revision == revision {
		next.Revision = revision + 1
		m.claims[schedule] = next
	}
	return m.claims[schedule], nil
}
