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

	// claim is as it was last seen, moved is when others were seen to change it, and silent since when their holds did not.
	claim  Claim
	moved  time.Time
	silent map[sign]time.Time
	// cursor is a time up to which this instance claims no tick any more. It never goes back.
	cursor time.Time
	// idle is when nothing was due, by the clock that nobody sets. What came due since then is not missed: somebody was there.
	idle  time.Time
	ahead bool // it was said that the cursor lies in the future
	// complained is the tick of which it was said last that it can't be sent.
	complained time.Time
}

func (s *schedule) run(ctx context.Context) {
	if !s.begin(ctx) {
		return
	}
	for ctx.Err() == nil {
		now := s.now()
		next := s.when.Next(s.cursor)
		due := !next.IsZero() && !next.After(now)
		// Either others are behind, or the clock here is ahead: what is old is theirs.
		follow := due && s.missed(next, now) && s.othersWork()
		s.lookAhead(now)
		hold, free := s.free()
		switch {
		case free && (!follow || !s.tooOld(hold.Tick, now)):
			s.adopt(ctx, hold, now)
		case next.IsZero() && len(s.claim.Pending) == 0:
			s.logger.Info("the schedule has ended")
			<-ctx.Done()
		case next.IsZero():
			s.rest(ctx, longestSleep)
		case !due:
			s.rest(ctx, min(next.Sub(now), longestSleep))
		case follow, len(s.claim.Pending) >= maxPending:
			s.watch(ctx)
		case s.missed(next, now):
			s.leave(ctx, next, now)
		default:
			s.settle(ctx, next, next.Add(s.when.MaxEventAge))
		}
	}
}

// begin finds out how far the schedule has come. It reports false when ctx ended first.
func (s *schedule) begin(ctx context.Context) bool {
	s.idle, s.moved = time.Now(), time.Now()
	return s.retry(ctx, "the schedule's claim can't be read", func() error {
		c, err := s.cfg.Claims.GetClaim(ctx, s.name)
		if err != nil {
			return err
		}
		s.see(c)
		return s.change(ctx, func(c Claim) (Claim, bool) {
			isNew := c.Reached.IsZero() // nothing is due before now
			c.Reached = s.now().Truncate(time.Second)
			return c, isNew
		})
	})
}

// rest waits while nothing is due.
func (s *schedule) rest(ctx context.Context, d time.Duration) {
	if len(s.claim.Pending) > 0 {
		d = min(d, watchEvery)
	}
	sleep(ctx, d)
	s.idle = time.Now()
	if len(s.claim.Pending) > 0 {
		s.look(ctx)
	}
}

// watch waits for what others do.
func (s *schedule) watch(ctx context.Context) {
	sleep(ctx, watchEvery)
	s.look(ctx)
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

// missed reports whether a tick that is due came due when nobody was there to fire it.
func (s *schedule) missed(tick, now time.Time) bool { return !tick.After(now.Add(-s.late())) }

// late is how old a tick may be that is claimed.
func (s *schedule) late() time.Duration { return min(MaxLate+time.Since(s.idle), s.when.MaxEventAge) }

// leave passes ticks over that were missed, of which the given one is the first. The latest of all is caught up where the
// schedule wants that, unless younger ones follow it.
func (s *schedule) leave(ctx context.Context, first, now time.Time) {
	// Others may have fired them while this process was suspended.
	if s.look(ctx); ctx.Err() != nil || !first.After(s.cursor) || !s.missed(first, now) || s.othersWork() {
		return
	}
	latest := s.latest(first, now)
	last := latest
	if limit := now.Add(-s.late()); latest.After(limit) {
		last = s.latest(first, limit)
	}
	s.cursor = last
	catchUp := s.when.CatchUp && last.Equal(latest)
	s.logger.Warn("ticks were missed", "first", first.Format(time.RFC3339), "last", last.Format(time.RFC3339), "caught_up", catchUp)
	if catchUp {
		s.settle(ctx, last, now.Add(s.when.MaxEventAge))
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
