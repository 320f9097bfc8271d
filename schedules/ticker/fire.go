package ticker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/tasks"
)

// errTaken says that another instance took a tick over.
var errTaken = errors.New("another scheduler has taken the tick over")

// settle claims a tick that nobody has, and fires it. It gives it up at a time.
func (s *schedule) settle(ctx context.Context, tick, giveUp time.Time) {
	s.take(ctx, tick, giveUp, func(c Claim) (Claim, bool) {
		if !c.Reached.Before(tick) {
			return c, false
		}
		return Claim{Reached: tick, Pending: c.Pending.with(Hold{Tick: tick, Owner: s.owner})}, true
	})
	if tick.After(s.cursor) {
		s.cursor = tick
	}
}

// adopt fires a tick that another instance has claimed and left. It is as late as EventBridge's may be; one that is older is
// given up, unless it is caught up.
func (s *schedule) adopt(ctx context.Context, hold Hold, now time.Time) {
	giveUp := hold.Tick.Add(s.when.MaxEventAge)
	if !giveUp.After(now) {
		giveUp = now.Add(s.when.MaxEventAge)
	}
	tooOld := s.tooOld(hold.Tick, now)
	if tooOld {
		s.logger.Warn("a tick is given up: it was claimed long ago, and whoever did so is gone", "tick", hold.Tick.Format(time.RFC3339))
	}
	s.take(ctx, hold.Tick, giveUp, func(c Claim) (Claim, bool) {
		there, found := c.Pending.of(hold.Tick)
		if !found || there.sign() != hold.sign() {
			return c, false
		}
		if tooOld {
			c.Pending = c.Pending.without(hold.Tick)
		} else {
			c.Pending = c.Pending.with(Hold{Tick: hold.Tick, Owner: s.owner, Renewed: hold.Renewed + 1})
		}
		return c, true
	})
}

// tooOld reports whether a tick that was claimed once is not to be fired any more.
func (s *schedule) tooOld(tick, now time.Time) bool {
	if tick.Add(s.when.MaxEventAge).After(now) {
		return false
	}
	following := s.when.Next(tick)
	return !s.when.CatchUp || !following.IsZero() && !following.After(now)
}

// take changes the claim, and fires a tick if it is this instance's then.
func (s *schedule) take(ctx context.Context, tick, giveUp time.Time, edit func(Claim) (next Claim, needed bool)) {
	var err error
	tried := s.retry(ctx, "the schedule's claim can't be written", func() error {
		if err = s.change(ctx, edit); err != nil && !s.now().After(giveUp) {
			return err
		}
		return nil
	})
	switch {
	case !tried:
	case err != nil:
		s.logger.Error("a tick is given up", "tick", tick.Format(time.RFC3339), "error", err)
	case s.mine(tick):
		s.fire(ctx, tick, giveUp)
	}
}

// fire sends the job of a tick that this instance has claimed, and settles it. A shutdown does not stop it at once.
func (s *schedule) fire(ctx context.Context, tick, giveUp time.Time) {
	stopped := ctx
	ctx, cancel := outlast(ctx)
	defer cancel(nil)
	until := giveUp
	if turn := s.now().Add(Lease); !s.alone && turn.Before(giveUp) {
		until = turn
	}
	release := s.keep(ctx, tick, cancel)
	err := s.send(ctx, tick, until, giveUp)
	release()
	switch {
	case errors.Is(context.Cause(ctx), errTaken):
		s.logger.Warn("another scheduler has taken a tick over; its job may be sent twice", "tick", tick.Format(time.RFC3339))
		return
	case ctx.Err() != nil: // the shutdown could not wait longer
		s.logger.Warn("a tick is left to other schedulers", "tick", tick.Format(time.RFC3339), "error", err)
		s.giveBack(ctx, tick)
		return
	case err != nil && !hopeless(err) && until.Before(giveUp):
		// It may be this instance that is ill: others have their turn.
		s.giveBack(ctx, tick)
		sleep(stopped, Lease)
		return
	case err != nil:
		s.logger.Error("a tick is given up", "tick", tick.Format(time.RFC3339), "error", err)
	}
	// Until this is written, another instance may think that this one is dead, and send the job again.
	s.retry(ctx, "a tick can't be marked as fired", func() error {
		return s.changeHold(ctx, tick, func(Hold) (Pending, bool) { return s.claim.Pending.without(tick), true })
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
				s.told(Firing{Task: job.Task, Queue: job.Queue, JobID: job.ID, Tick: tick, At: now})
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
	var job tasks.Job
	err := guard.Try(func() (err error) { // of a sender of the program's own nobody else would hold a panic here
		job, err = s.task.DelayJSON(ctx, s.sender, []byte("{}"), tasks.JobID(id))
		return err
	})
	return job, err
}

// told calls the program's own function, which may panic.
func (s *schedule) told(f Firing) {
	if p := guard.Call(func() { s.cfg.Fired(f) }); p != nil {
		s.logger.Error("Config.Fired panicked", "panic", p.Text, "stack", string(p.Stack))
	}
}

// keep renews a claim until it is told to stop, however long sending takes. Where another instance took the tick over, it
// cancels with errTaken. Until it has stopped, only it uses the claim.
func (s *schedule) keep(ctx context.Context, tick time.Time, cancel context.CancelCauseFunc) (stop func()) {
	ctx, end := context.WithCancel(ctx)
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for sleep(ctx, Lease/4) {
			if s.renew(ctx, tick) == nil && !s.mine(tick) {
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

func (s *schedule) renew(ctx context.Context, tick time.Time) error {
	hold, _ := s.claim.Pending.of(tick)
	beat := hold.Renewed + 1
	return s.changeHold(ctx, tick, func(hold Hold) (Pending, bool) {
		needed := hold.Renewed < beat
		hold.Renewed = beat
		return s.claim.Pending.with(hold), needed
	})
}

// giveBack lets another instance have a tick at once.
func (s *schedule) giveBack(ctx context.Context, tick time.Time) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastRetry)
	defer cancel()
	err := s.changeHold(ctx, tick, func(hold Hold) (Pending, bool) {
		return s.claim.Pending.with(Hold{Tick: tick, Renewed: hold.Renewed}), true
	})
	if err != nil {
		s.logger.Warn("a claim could not be given back; other schedulers wait for it", "for", Lease, "error", err)
	}
}
