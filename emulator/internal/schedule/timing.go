package schedule

import (
	"hash/fnv"
	"slices"
	"time"

	"github.com/coretasks/core/internal/schedexpr"
)

// Timing is when a schedule fires: its expression and all else that has a say in it.
type Timing struct {
	name    string
	expr    *schedexpr.Expression
	zone    *time.Location
	start   time.Time // zero: none
	end     time.Time // zero: none
	created time.Time
	window  time.Duration
	paused  bool
	retries int
	age     time.Duration
}

// Progress is how far a schedule has come. A Progress is never changed in place: methods return a new one.
type Progress struct {
	// UpTo is the latest instant that has been dealt with: earlier ones never fire again, even when the clock is set back.
	UpTo time.Time `json:"up_to"`
	// Pending are the firings that wait: for their place in the flexible window, or for another attempt.
	Pending []Firing `json:"pending,omitempty"`
}

// Firing is one instant of a schedule that has come.
type Firing struct {
	// Scheduled is the instant itself.
	Scheduled time.Time `json:"scheduled"`
	// Since is when its first attempt was due: the instant, moved within the flexible window.
	Since time.Time `json:"since"`
	// Next is when its next attempt is due.
	Next time.Time `json:"next"`
	// Attempts counts those that were made.
	Attempts int `json:"attempts,omitempty"`
}

// Begin is the progress of a schedule that was just created. What was due before does not count, but for two: a rate
// without a StartDate fires at once, and a one-time schedule whose time has only just passed fires late.
func (t *Timing) Begin(now time.Time) Progress {
	switch {
	case t.expr.OneTime():
		return Progress{}
	case t.expr.Rate() && t.start.IsZero():
		return Progress{UpTo: t.created.Add(-time.Millisecond)}
	}
	return Progress{UpTo: now}
}

// Continue is the progress after an update. The same timetable goes on where it was, so that pausing and resuming fires
// nothing twice, and nothing for the time of the pause; another one begins now.
func (t *Timing) Continue(old *Timing, p Progress, now time.Time) Progress {
	switch {
	case t.expr.String() != old.expr.String() || t.zone.String() != old.zone.String():
		p = Progress{UpTo: now, Pending: slices.Clone(p.Pending)}
		if t.expr.OneTime() {
			p.UpTo = time.Time{}
		}
	case old.paused && p.UpTo.Before(now):
		p = Progress{UpTo: now}
	}
	if t.paused {
		p.Pending = nil
	}
	return p
}

// next is the first instant later than a time.
func (t *Timing) next(after time.Time) time.Time {
	start := t.start
	if start.IsZero() {
		start = t.created
	}
	return t.expr.Next(after, t.zone, start, t.end).UTC()
}

// Wake is when there is something to do next, or the zero time.
func (t *Timing) Wake(p Progress) time.Time {
	if t.paused {
		return time.Time{}
	}
	wake := t.next(p.UpTo)
	for _, f := range p.Pending {
		if wake.IsZero() || f.Next.Before(wake) {
			wake = f.Next
		}
	}
	return wake
}

// Over says whether a schedule will never fire again.
func (t *Timing) Over(p Progress) bool { return len(p.Pending) == 0 && t.next(p.UpTo).IsZero() }

// Advance turns the instants that have come into firings. Of those that were missed, because nothing ran at the time,
// the latest fires if it is no older than the maximum event age; missed says that there were others.
func (t *Timing) Advance(p Progress, now time.Time) (_ Progress, missed bool) {
	p.Pending = slices.Clone(p.Pending)
	oldest := now.Add(-t.age - t.window - time.Second)
	after := p.UpTo
	if after.Before(oldest) {
		if first := t.next(after); !first.IsZero() && first.Before(oldest) {
			missed = true
		}
		after = oldest
	}
	var late *Firing
	for at := t.next(after); !at.IsZero() && !at.After(now); at = t.next(at) {
		p.UpTo = at
		since := at.Add(t.shift(at))
		f := Firing{Scheduled: at, Since: since, Next: since}
		if since.After(now) {
			p.Pending = append(p.Pending, f)
			continue
		}
		if late != nil {
			missed = true
		}
		late = &f
	}
	switch {
	case late == nil:
	case late.Since.Before(now.Add(-t.age)):
		missed = true
	default:
		p.Pending = append(p.Pending, *late)
	}
	if p.UpTo.Before(after) {
		p.UpTo = after // what lies before is decided, even when nothing comes after it
	}
	return p, missed
}

// shift is an instant's place in the flexible window. It follows from the instant, so that a restart does not change it.
func (t *Timing) shift(at time.Time) time.Duration {
	if t.window == 0 {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.name + at.Format(time.RFC3339)))
	return time.Duration(h.Sum64()%uint64(t.window/time.Second)) * time.Second
}

// Why a firing is given up, as the dead-letter queue's EXHAUSTED_RETRY_CONDITION says it.
const (
	ExhaustedAttempts = "MaximumRetryAttempts"
	ExhaustedAge      = "MaximumEventAgeInSeconds"
)

// maxPause bounds the pauses between attempts: with it the 185 retries of the default policy take the 24 hours of the
// default event age.
const maxPause = 512 * time.Second

// Failed notes that an attempt failed: the firing with its next attempt, or why there is none.
func (t *Timing) Failed(f Firing, now time.Time) (_ Firing, exhausted string) {
	f.Attempts++
	if f.Attempts > t.retries {
		return f, ExhaustedAttempts
	}
	f.Next = now.Add(min(time.Second<<min(f.Attempts-1, 16), maxPause))
	if f.Next.After(f.Since.Add(t.age)) {
		return f, ExhaustedAge
	}
	return f, ""
}
