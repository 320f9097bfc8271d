package ticker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/tasks"
)

// lagging is claims whose answers come some time after the write, or not at all when nobody waits for them any more.
type lagging struct{ ticker.Claims }

func (l lagging) SwapClaim(ctx context.Context, schedule string, revision int64, next ticker.Claim) (ticker.Claim, error) {
	c, err := l.Claims.SwapClaim(ctx, schedule, revision, next)
	if err != nil {
		return c, err
	}
	select {
	case <-time.After(20 * time.Millisecond):
		return c, nil
	case <-ctx.Done():
		return ticker.Claim{}, ctx.Err()
	}
}

// losing is claims that lose the answer to one write.
type losing struct {
	ticker.Claims
	left int
}

func (l *losing) SwapClaim(ctx context.Context, schedule string, revision int64, next ticker.Claim) (ticker.Claim, error) {
	c, err := l.Claims.SwapClaim(ctx, schedule, revision, next)
	if l.left--; l.left == 0 {
		return ticker.Claim{}, errDown
	}
	return c, err
}

// A renewal that was written, and whose answer did not come, makes nobody send the tick again.
func TestRenewalsWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		claims func(ticker.Claims) ticker.Claims
		takes  time.Duration
	}{
		"the send ends during one": {func(c ticker.Claims) ticker.Claims { return lagging{c} }, ticker.Lease/4 + 5*time.Millisecond},
		// The first write begins the schedule, the second claims the tick.
		"the answer is lost": {func(c ticker.Claims) ticker.Claims { return &losing{Claims: c, left: 3} }, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				b.claims = tc.claims(b.claims)
				b.outbox.before = func(context.Context, string) error {
					time.Sleep(tc.takes)
					return nil
				}
				b.runFor(90*time.Second, tasks.Periodic("p", nothing, tasks.Every(time.Minute)))
				b.outbox.want(t, "once", "00:01:00")
			})
		})
	}
}

// refusing is a queue that can't be reached, which takes a while to find out.
type refusing struct{ takes time.Duration }

func (r refusing) Send(context.Context, []tasks.Message) []error {
	time.Sleep(r.takes)
	return []error{errDown}
}

// An instance that reaches the claims and not the queue keeps no tick from one that reaches both, also where a renewal of its
// claim has no answer.
func TestAnIllInstanceKeepsNoTicks(t *testing.T) {
	t.Parallel()
	for name, takes := range map[string]time.Duration{"at once": 0, "during a renewal": ticker.Lease + 70*time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				b.claims = lagging{b.claims}
				task := tasks.Periodic("p", nothing, tasks.Every(time.Hour))
				ill, err := ticker.New(tasks.NewRegistry(task), refusing{takes}, ticker.Config{Claims: b.claims, Logger: b.logger()})
				if err != nil {
					b.Fatal(err)
				}
				stopIll := b.start(ill)
				time.Sleep(time.Millisecond) // it is first
				stop := b.start(b.ticker(task))
				time.Sleep(5*time.Hour + 30*time.Minute)
				b.outbox.want(t, "by the other", "01:00:00 02:00:00 03:00:00 04:00:00 05:00:00")
				for id, at := range b.outbox.at {
					// Its turn is a lease, in which an attempt may have begun late.
					if _, tick, _ := tasks.ParseTickID(id); at.Sub(tick) > ticker.Lease+3*time.Second {
						b.Errorf("%s was sent %v late", id, at.Sub(tick))
					}
				}
				stopIll()
				stop()
			})
		})
	}
}

// A job that no queue will ever take holds nothing up.
func TestAHopelessTick(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		tries := 0
		b.outbox.before = func(_ context.Context, id string) error {
			if strings.Contains(id, "00:01:00") {
				tries++
				return tasks.ErrInvalidJobID
			}
			return nil
		}
		b.runFor(150*time.Second, tasks.Periodic("p", nothing, tasks.Every(time.Minute)))
		b.outbox.want(t, "the next", "00:02:00")
		if tries != 1 || !strings.Contains(b.log.String(), "a tick is given up") {
			t.Errorf("tried %d times; the log: %s", tries, b.log)
		}
	})
}
