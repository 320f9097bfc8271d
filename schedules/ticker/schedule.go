package ticker

import (
	"context"
	"log/slog"
	"time"

	"github.com/coretasks/core/tasks"
)

// schedule is one periodic task while it is fired. Only its own goroutine uses it.
type schedule struct {
	*Ticker
	task   tasks.AnyTask
	name   string
	when   *tasks.Schedule
	logger *slog.Logger

	// claim is as it was last seen.
	claim Claim
	// cursor is a time up to which no tick concerns this instance any more. It never goes back.
	cursor time.Time
	ahead  bool // it was said that the cursor lies in the future
	// complained is the tick of which it was said last that it can't be sent.
	complained time.Time
}

func (s *schedule) run(ctx context.Context) {
	if !s.begin(ctx) {
		return
	}
	for ctx.Err() == nil {
		next := s.when.Next(s.cursor)
		if next.IsZero() {
			s.logger.Info("the schedule has ended")
			<-ctx.Done()
			return
		}
		now := s.now()
		s.lookAhead(now)
		if next.After(now) {
			sleep(ctx, min(next.Sub(now), longestSleep))
			s.leaveMissed(ctx, MaxLate)
			continue
		}
		s.settle(ctx, next, next.Add(s.when.MaxEventAge))
		s.cursor = next
		// What came due while this one was tried is not missed: somebody was there.
		s.leaveMissed(ctx, s.when.MaxEventAge)
	}
}

// begin finds out how far the schedule has come. It reports false when ctx ended first.
func (s *schedule) begin(ctx context.Context) bool {
	ok := s.retry(ctx, "the schedule's claim can't be read", func() (err error) {
		s.claim, err = s.cfg.Claims.GetClaim(ctx, s.name)
		if err == nil && s.claim.Revision == 0 { // new: nothing is due before now
			s.claim, err = s.cfg.Claims.SwapClaim(ctx, s.name, 0, Claim{Settled: s.now().Truncate(time.Second), Owner: s.owner})
		}
		return err
	})
	if !ok {
		return false
	}
	s.cursor = s.claim.Settled
	// Whoever has claimed a tick may be dead. It need not be missed: it is sent as late as EventBridge would.
	if tick := s.claim.Pending; tick.After(s.now().Add(-s.when.MaxEventAge)) {
		s.settle(ctx, tick, tick.Add(s.when.MaxEventAge))
		s.cursor = tick
	}
	s.leaveMissed(ctx, MaxLate)
	return true
}

// retry calls do until it succeeds. It reports false when ctx ended first.
func (s *schedule) retry(ctx context.Context, problem string, do func() error) bool {
	said := false
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		err := do()
		if err == nil {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if !said {
			s.logger.Warn(problem+"; trying again", "error", err)
			said = true
		}
		if !sleep(ctx, wait) {
			return false
		}
	}
}

// leaveMissed moves the cursor past ticks that are older than late. The latest of all is caught up where the schedule
// wants that, unless younger ones follow it.
func (s *schedule) leaveMissed(ctx context.Context, late time.Duration) {
	now := s.now()
	limit := now.Add(-late)
	first := s.when.Next(s.cursor)
	if ctx.Err() != nil || first.IsZero() || first.After(limit) {
		return
	}
	latest := s.latest(first, now)
	missed := latest
	if latest.After(limit) {
		missed = s.latest(first, limit)
	}
	s.cursor = missed
	catchUp := s.when.CatchUp && missed.Equal(latest)
	s.logger.Warn("ticks were missed", "first", first.Format(time.RFC3339), "last", missed.Format(time.RFC3339), "caught_up", catchUp)
	if catchUp {
		s.settle(ctx, missed, now.Add(s.when.MaxEventAge))
	}
}

// latest returns the last tick that is not after limit; first is one.
func (s *schedule) latest(first, limit time.Time) time.Time {
	from := first
	for back := s.when.Period(); limit.Add(-back).After(first); back *= 2 {
		if near := s.when.Next(limit.Add(-back)); !near.IsZero() && !near.After(limit) {
			from = near
			break
		}
	}
	for next := from; !next.IsZero() && !next.After(limit); next = s.when.Next(next) {
		from = next
	}
	return from
}

// lookAhead says once that ticks were fired which are still to come, so that a schedule that stands still is no riddle.
func (s *schedule) lookAhead(now time.Time) {
	ahead := s.cursor.Sub(now) > MaxLate
	if ahead && !s.ahead {
		s.logger.Warn("ticks were fired that lie in the future: a clock was wrong. Nothing is fired until they have passed",
			"until", s.cursor.Format(time.RFC3339), "now", now.Format(time.RFC3339))
	}
	s.ahead = ahead
}
