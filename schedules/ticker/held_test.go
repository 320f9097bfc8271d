package ticker_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/tasks"
)

// panicky panics at each third call, whatever it is asked.
type panicky struct {
	ticker.Claims
	calls atomic.Int64
	sent  atomic.Int64
}

func (p *panicky) must() {
	if p.calls.Add(1)%3 == 0 {
		panic("no such thing")
	}
}

func (p *panicky) GetClaim(ctx context.Context, schedule string) (ticker.Claim, error) {
	p.must()
	return p.Claims.GetClaim(ctx, schedule)
}

func (p *panicky) SwapClaim(ctx context.Context, schedule string, revision int64, next ticker.Claim) (ticker.Claim, error) {
	p.must()
	return p.Claims.SwapClaim(ctx, schedule, revision, next)
}

func (p *panicky) Send(context.Context, []tasks.Message) []error {
	p.must()
	p.sent.Add(1)
	return nil
}

// TestWhatTheProgramBringsMayPanic: claims, sender and observer are its own, and the ticks go on.
func TestWhatTheProgramBringsMayPanic(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &panicky{Claims: ticker.NewMemory()}
		task := tasks.Periodic("tick", func(context.Context) error { return errors.New("never runs") }, tasks.Every(10*time.Second))
		tick, err := ticker.New(tasks.NewRegistry(task), p, ticker.Config{
			Claims: p, Fired: func(ticker.Firing) { panic("told") }, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		tick.Run(ctx)
		if n := p.sent.Load(); n < 28 || n > 31 {
			t.Errorf("%d ticks of 30 were sent", n)
		}
	})
}
