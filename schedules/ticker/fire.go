package ticker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coretasks/core/tasks"
)

// errTaken says that another instance took a claim over.
var errTaken = errors.New("another scheduler has taken the tick over")

// settle sees to it that a tick is fired, by this instance or another, or gives it up at a time.
func (s *schedule) settle(ctx context.Context, tick, giveUp time.Time) {
	var seen int64      // the revision of another's claim
	var since time.Time // when it was first seen, by this process's own clock
	wait := firstRetry
	said := false
	for ctx.Err() == nil {
		c := s.claim
		next := Claim{Settled: c.Settled, Pending: tick, Owner: s.owner}
		var err error
		switch {
		case !c.Settled.Before(tick):
			return
		case c.Pending.IsZero() || c.Owner == s.owner:
			err = s.swap(ctx, next)
		case c.Pending.After(tick):
			s.logger.Warn("a tick is skipped: another scheduler is further already", "tick", tick.Format(time.RFC3339))
			return
		case c.Revision != seen:
			seen, since = c.Revision, time.Now()
			continue
		case time.Since(since) < Lease:
			if !sleep(ctx, Lease/10) {
				return
			}
			s.claim, err = s.read(ctx)
		default: // its owner is dead
			if c.Pending.After(s.now().Add(-s.when.MaxEventAge)) {
				next.Pending = c.Pending
			}
			err = s.swap(ctx, next)
		}
		if err != nil {
			if !said {
				s.logger.Warn("the schedule's claim can't be read or written; trying again", "tick", tick.Format(time.RFC3339), "error", err)
				said = true
			}
			if s.now().After(giveUp) {
				s.logger.Error("a tick is given up", "tick", tick.Format(time.RFC3339), "error", err)
				return
			}
			sleep(ctx, wait)
			wait = min(2*wait, lastRetry)
			continue
		}
		if s.mine() {
			s.fire(ctx, s.claim.Pending, giveUp)
		}
	}
}

// read returns the claim as it is, or as it was seen last with an error.
func (s *schedule) read(ctx context.Context) (Claim, error) {
	c, err := s.cfg.Claims.GetClaim(ctx, s.name)
	if err != nil {
		return s.claim, err
	}
	return c, nil
}

// swap replaces the claim as it was last seen; whether that worked shows in the claim that is there then.
func (s *schedule) swap(ctx context.Context, next Claim) error {
	c, err := s.cfg.Claims.SwapClaim(ctx, s.name, s.claim.Revision, next)
	if err == nil {
		s.claim = c
	}
	return err
}

func (s *schedule) mine() bool { return s.claim.Owner == s.owner && !s.claim.Pending.IsZero() }

// fire sends the job of a tick that this instance has claimed, and settles it. A shutdown does not stop it at once.
func (s *schedule) fire(ctx context.Context, tick, giveUp time.Time) {
	stopped := ctx
	ctx, cancel := outlast(ctx)
	defer cancel(nil)
	until := giveUp
	if turn := s.now().Add(Lease); !s.alone && turn.Before(giveUp) {
		until = turn
	}
	release := s.keep(ctx, cancel)
	err := s.send(ctx, tick, until, giveUp)
	release()
	switch {
	case errors.Is(context.Cause(ctx), errTaken):
		s.logger.Warn("another scheduler has taken a tick over; its job may be sent twice", "tick", tick.Format(time.RFC3339))
		return
	case ctx.Err() != nil: // the shutdown could not wait longer
		s.logger.Warn("a tick is left to other schedulers", "tick", tick.Format(time.RFC3339), "error", err)
		s.giveBack(ctx)
		return
	case err != nil && !hopeless(err) && until.Before(giveUp):
		// It may be this instance that is ill: others have their turn.
		s.giveBack(ctx)
		sleep(stopped, Lease)
		return
	case err != nil:
		s.logger.Error("a tick is given up", "tick", tick.Format(time.RFC3339), "error", err)
	}
	// Until this is written, another instance may think that this one is dead, and send the job again. A renewal whose answer was
	// not waited for, or was lost, can have changed the claim: then it is still this instance's, and is written once more.
	s.retry(ctx, "a tick can't be marked as fired", func() error {
		for s.mine() && s.claim.Pending.Equal(tick) {
			if err := s.swap(ctx, Claim{Settled: tick, Owner: s.owner}); err != nil {
				return err
			}
		}
		return nil
	})
}

// hopeless reports whether a send fails however often it is tried, by whomever.
func hopeless(err error) bool { return errors.Is(err, tasks.ErrInvalidJobID) }

// outlast returns a context that ends ShutdownTimeout after ctx, or when it is cancelled: it must be.
func outlast(ctx context.Context) (context.Context, context.CancelCauseFunc) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	forget := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(ShutdownTimeout, func() { cancel(context.Cause(ctx)) })
		context.AfterFunc(longer, func() { timer.Stop() })
	})
	return longer, func(cause error) {
		forget() // or ctx, which lives as long as the process, would remember every tick
		cancel(cause)
	}
}

// send tries until the queue has accepted the job, or it has failed and a time has come. An attempt lasts until giveUp at the most.
func (s *schedule) send(ctx context.Context, tick, until, giveUp time.Time) error {
	id := s.when.TickID(s.name, tick)
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		job, err := s.attempt(ctx, id, giveUp)
		now := s.now()
		switch {
		case err == nil:
			if s.cfg.Fired != nil {
				s.cfg.Fired(Firing{Task: job.Task, Queue: job.Queue, JobID: job.ID, Tick: tick, At: now})
			}
			return nil
		case ctx.Err() != nil:
			return fmt.Errorf("%w: %w", context.Cause(ctx), err)
		case now.Add(wait).After(until), hopeless(err):
			return err
		}
		if !s.complained.Equal(tick) {
			s.logger.Warn("a tick can't be sent; trying again", "tick", tick.Format(time.RFC3339), "error", err)
			s.complained = tick
		}
		sleep(ctx, wait)
	}
}

func (s *schedule) attempt(ctx context.Context, id string, giveUp time.Time) (tasks.Job, error) {
	ctx, cancel := context.WithTimeout(ctx, max(giveUp.Sub(s.now()), lastRetry))
	defer cancel()
	return s.task.DelayJSON(ctx, s.sender, []byte("{}"), tasks.JobID(id))
}

// keep renews the claim until it is told to stop, however long sending takes. Where another instance took the claim over,
// it cancels with errTaken. Until it has stopped, only it uses the claim.
func (s *schedule) keep(ctx context.Context, cancel context.CancelCauseFunc) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for sleep(ctx, Lease/4) {
			if s.swap(ctx, s.claim) == nil && !s.mine() {
				cancel(errTaken)
				return
			}
		}
	}()
	return func() {
		end()
		<-stopped
	}
}

// giveBack lets another instance have the tick at once. As in fire, a renewal without an answer can have changed the claim.
func (s *schedule) giveBack(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRetry)
	defer cancel()
	for s.mine() {
		if err := s.swap(ctx, Claim{Settled: s.claim.Settled}); err != nil {
			s.logger.Warn("a claim could not be given back; other schedulers wait for it", "for", Lease, "error", err)
			return
		}
	}
}
