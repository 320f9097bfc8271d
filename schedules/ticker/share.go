package ticker

import (
	"context"
	"time"
)

// A sign is a hold as others see it: while its owner lives, it changes.
type sign struct {
	tick    int64
	owner   string
	renewed int64
}

func (h Hold) sign() sign { return sign{h.Tick.Unix(), h.Owner, h.Renewed} }

// see takes note of a claim as it is now.
func (s *schedule) see(c Claim) {
	before := s.silent
	s.claim, s.silent = c, map[sign]time.Time{}
	for _, hold := range c.Pending {
		if hold.Owner == "" || hold.Owner == s.owner {
			continue
		}
		since, known := before[hold.sign()]
		if !known {
			since = time.Now()
		}
		s.silent[hold.sign()] = since
	}
	if c.Reached.After(s.cursor) {
		s.cursor = c.Reached
	}
}

// look sees the claim, when the store lets it.
func (s *schedule) look(ctx context.Context) {
	s.retry(ctx, "the schedule's claim can't be read", func() error {
		c, err := s.cfg.Claims.GetClaim(ctx, s.name)
		if err != nil {
			return err
		}
		if c.Revision != s.claim.Revision {
			s.moved = time.Now()
		}
		s.see(c)
		return nil
	})
}

// change edits the claim as it is until edit reports that nothing needs to be changed. So it can be repeated when the answer to
// a write was lost, and when another instance was quicker, edit decides again.
func (s *schedule) change(ctx context.Context, edit func(Claim) (next Claim, needed bool)) error {
	for {
		next, needed := edit(s.claim)
		if !needed {
			return nil
		}
		c, err := s.cfg.Claims.SwapClaim(ctx, s.name, s.claim.Revision, next)
		if err != nil {
			return err
		}
		s.see(c)
	}
}

// changeHold replaces this instance's hold of a tick by what edit makes of it; needed as in change. Without the hold nothing happens.
func (s *schedule) changeHold(ctx context.Context, tick time.Time, edit func(Hold) (next Pending, needed bool)) error {
	return s.change(ctx, func(c Claim) (Claim, bool) {
		hold, _ := c.Pending.of(tick)
		if hold.Owner != s.owner {
			return c, false
		}
		var needed bool
		c.Pending, needed = edit(hold)
		return c, needed
	})
}

// mine reports whether this instance holds a tick.
func (s *schedule) mine(tick time.Time) bool {
	hold, _ := s.claim.Pending.of(tick)
	return hold.Owner == s.owner
}

// othersWork reports whether another instance has moved the schedule within a lease, so that what seems to be missed is theirs.
func (s *schedule) othersWork() bool { return !s.alone && time.Since(s.moved) < Lease }

// free returns the first tick that was claimed and that this instance may fire: it was given back, its owner is dead, or this
// instance could not give it back.
func (s *schedule) free() (Hold, bool) {
	for _, hold := range s.claim.Pending {
		if since, others := s.silent[hold.sign()]; !others || time.Since(since) >= Lease {
			return hold, true
		}
	}
	return Hold{}, false
}
