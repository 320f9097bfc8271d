package ticker

import (
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// A Claim is how far a schedule has come, and which of its ticks are being fired. Times are whole seconds.
type Claim struct {
	// Reached is the latest tick that was claimed or passed over. No tick up to it is claimed anew, whatever clocks say.
	Reached time.Time
	// Pending are ticks up to it that were claimed and not settled.
	Pending Pending
	// Revision counts the changes; 0 means that the schedule has no claim yet.
	Revision int64
}

// Pending are claimed ticks in the order of their times. Stores keep them as a text.
type Pending []Hold

// A Hold is a tick that an instance is firing.
type Hold struct {
	Tick time.Time `json:"tick"`
	// Owner is the instance, or empty when it has given the tick back.
	Owner string `json:"owner,omitempty"`
	// Renewed counts the signs of life of whoever fires the tick.
	Renewed int64 `json:"renewed,omitempty"`
}

// MarshalText implements [encoding.TextMarshaler]: JSON, or nothing where nothing is pending.
func (p Pending) MarshalText() ([]byte, error) {
	if len(p) == 0 {
		return nil, nil
	}
	holds := slices.Clone(p)
	for i := range holds {
		holds[i].Tick = holds[i].Tick.UTC()
	}
	return json.Marshal([]Hold(holds))
}

// UnmarshalText implements [encoding.TextUnmarshaler].
func (p *Pending) UnmarshalText(text []byte) error {
	*p = nil
	if len(text) == 0 {
		return nil
	}
	return json.Unmarshal(text, (*[]Hold)(p))
}

// of returns the hold of a tick.
func (p Pending) of(tick time.Time) (Hold, bool) {
	for _, h := range p {
		if h.Tick.Equal(tick) {
			return h, true
		}
	}
	return Hold{}, false
}

// with returns a copy in which the hold is that of its tick.
func (p Pending) with(h Hold) Pending {
	next := append(p.without(h.Tick), h)
	slices.SortFunc(next, func(a, b Hold) int { return a.Tick.Compare(b.Tick) })
	return next
}

// without returns a copy without a tick.
func (p Pending) without(tick time.Time) Pending {
	return slices.DeleteFunc(slices.Clone(p), func(h Hold) bool { return h.Tick.Equal(tick) })
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
