// Package transition has the rules that every store of job records keeps, apart from how a store writes them: what becomes
// of a record when an attempt starts, ends, tells its progress or is cancelled.
package transition

import (
	"bytes"
	"fmt"
	"time"

	"github.com/coretasks/core/results"
)

// A Step says what becomes of a record, which is nil where there is none or it has expired: the record after the step,
// whether it must be written, and what the caller is told. The record is to be written also where there is an error.
//
// A step that is repeated word for word, as after an answer that was lost, writes nothing and is told what it was told
// the first time.
type Step func(old *results.Record) (next results.Record, write bool, err error)

// Rules are the parts of a store's settings that transitions need.
type Rules struct {
	Retention time.Duration
	Now       func() time.Time
}

// WithDefaults fills in what is not set.
func (k Rules) WithDefaults() Rules {
	if k.Retention <= 0 {
		k.Retention = results.DefaultRetention
	}
	if k.Now == nil {
		k.Now = time.Now
	}
	return k
}

// Expires is when a record that changed at a time is forgotten, on a whole second, as DynamoDB's time to live counts.
func (k Rules) Expires(changed time.Time) time.Time {
	t := changed.Add(k.Retention)
	if whole := t.Truncate(time.Second); !whole.Equal(t) {
		t = whole.Add(time.Second)
	}
	return t
}

// Live returns the record unless it has expired.
func (k Rules) Live(r *results.Record) *results.Record {
	if r == nil || !r.ExpiresAt.After(k.Now()) {
		return nil
	}
	return r
}

// changed stamps a record.
func (k Rules) changed(r *results.Record, at time.Time) {
	r.UpdatedAt, r.ExpiresAt = at, k.Expires(at)
}

// finish moves a record to a final state.
func (k Rules) finish(r *results.Record, state results.State, at time.Time) {
	r.State, r.FinishedAt, r.RetryAt, r.CancelRequested = state, at, time.Time{}, false
	k.changed(r, at)
}

// Enqueue makes a record of a job that was sent; n is clean.
func (k Rules) Enqueue(n results.Record) Step {
	return func(old *results.Record) (results.Record, bool, error) {
		if old != nil {
			return *old, false, nil
		}
		return n, true, nil
	}
}

// Start begins an attempt; s is clean.
func (k Rules) Start(s results.Start) Step {
	return func(old *results.Record) (results.Record, bool, error) {
		if old == nil {
			r := results.Record{ID: s.ID, Task: s.Task, Queue: s.Queue, EnqueuedAt: s.EnqueuedAt}
			return k.begin(r, s), true, nil
		}
		r := *old
		switch {
		case r.State.Final():
			return r, false, &results.FinishedError{Record: r}
		case r.State == results.Running && r.Attempt == s.Attempt && r.StartedAt.Equal(s.At) && r.StartToken == s.Token: // repeated
			return r, false, nil
		case r.CancelRequested:
			k.finish(&r, results.Cancelled, s.At)
			return r, true, &results.FinishedError{Record: r}
		// A message that comes again, since its worker died, has a higher number each time. So this is another one.
		case r.State == results.Running && s.Attempt <= r.Attempt && s.At.Before(r.StartedAt.Add(results.MaxGuard)):
			return r, false, &results.RunningError{Record: r}
		}
		return k.begin(r, s), true, nil
	}
}

func (k Rules) begin(r results.Record, s results.Start) results.Record {
	r.State, r.Attempt, r.StartedAt, r.StartToken, r.RetryAt = results.Running, max(r.Attempt, s.Attempt), s.At, s.Token, time.Time{}
	r.Runs++
	r.Progress, r.ProgressText = 0, ""
	k.changed(&r, s.At)
	return r
}

// Progress notes how far an attempt is; p is clean.
func (k Rules) Progress(p Progress) Step {
	return func(old *results.Record) (results.Record, bool, error) {
		if old == nil {
			return results.Record{}, false, &results.NotFoundError{ID: p.ID}
		}
		r := *old
		if r.State != results.Running || r.Attempt != p.Attempt {
			return r, false, stale(p.ID, p.Attempt)
		}
		r.Progress, r.ProgressText = p.Fraction, p.Text
		k.changed(&r, p.At)
		return r, true, nil
	}
}

// End ends an attempt; e is clean.
func (k Rules) End(e results.End) Step {
	return func(old *results.Record) (results.Record, bool, error) {
		r := results.Record{ID: e.ID, Task: e.Task, Queue: e.Queue, State: results.Running, EnqueuedAt: e.EnqueuedAt}
		if old != nil {
			r = *old
		}
		former := e.Requeues != results.RequeuesUnknown && e.Requeues < r.Requeues // from before the last requeue
		switch {
		case repeats(r, e):
			return r, false, nil
		case r.State == results.Dead && e.State == results.Succeeded: // a copy of its message had failed for good
		case r.State.Final():
			return r, false, &results.FinishedError{Record: r}
		case e.State != results.Succeeded && (former || e.Attempt < r.Attempt):
			return r, false, stale(e.ID, e.Attempt)
		case !e.State.Final() && e.Attempt == r.Attempt && r.State != results.Running:
			return r, false, stale(e.ID, e.Attempt)
		}
		if former {
			k.end(&r, e)
			return r, true, nil
		}
		switch counted := old != nil && e.Attempt <= r.Attempt; {
		case e.State == results.Queued && counted:
			r.Runs = max(r.Runs-1, 0)
		case e.State != results.Queued && !counted: // the store did not learn that it began
			r.Runs++
		}
		r.Attempt = max(r.Attempt, e.Attempt)
		k.end(&r, e)
		return r, true, nil
	}
}

func (k Rules) end(r *results.Record, e results.End) {
	if e.State.Final() {
		k.finish(r, e.State, e.At)
		r.Result, r.Reason, r.Error = e.Result, e.Reason, e.Error
		return
	}
	r.State, r.RetryAt = e.State, e.RetryAt
	if e.State == results.Retrying {
		r.Reason, r.Error = e.Reason, e.Error
	}
	k.changed(r, e.At)
}

// repeats reports whether a record is what this end made of it.
func repeats(r results.Record, e results.End) bool {
	if r.State != e.State || !r.UpdatedAt.Equal(e.At) || r.Attempt < e.Attempt {
		return false
	}
	if !e.State.Final() {
		return r.Attempt == e.Attempt && r.RetryAt.Equal(e.RetryAt)
	}
	return r.Reason == e.Reason && r.Error == e.Error && bytes.Equal(r.Result, e.Result)
}

// Requeue puts a job back; q is clean.
func (k Rules) Requeue(q results.Requeue) Step {
	return func(old *results.Record) (results.Record, bool, error) {
		if old == nil {
			return results.Record{}, false, &results.NotFoundError{ID: q.ID}
		}
		r := *old
		switch {
		case r.State == results.Queued && r.Attempt == 0: // also repeated
			return r, false, nil
		case r.State == results.Succeeded, r.State == results.Cancelled:
			return r, false, &results.FinishedError{Record: r}
		case r.State != results.Dead && (q.DiedBy.IsZero() || r.StartedAt.After(q.DiedBy)):
			return r, false, &results.ActiveError{Record: r}
		case r.CancelRequested:
			k.finish(&r, results.Cancelled, q.At)
			return r, true, &results.FinishedError{Record: r}
		}
		next := results.Record{
			ID: r.ID, Task: r.Task, Queue: r.Queue, State: results.Queued, EnqueuedAt: r.EnqueuedAt,
			Requeues: r.Requeues + 1, Error: r.Error,
		}
		k.changed(&next, q.At)
		return next, true, nil
	}
}

// Cancel cancels a job.
func (k Rules) Cancel(id string, at time.Time) Step {
	return func(old *results.Record) (results.Record, bool, error) {
		if old == nil {
			return results.Record{}, false, &results.NotFoundError{ID: id}
		}
		r := *old
		switch {
		case r.State == results.Cancelled && r.FinishedAt.Equal(at): // repeated
			return r, false, nil
		case r.State.Final():
			return r, false, &results.FinishedError{Record: r}
		case r.State != results.Running:
			k.finish(&r, results.Cancelled, at)
			return r, true, nil
		case r.CancelRequested:
			return r, false, nil
		}
		r.CancelRequested = true
		k.changed(&r, at)
		return r, true, nil
	}
}

func stale(id string, attempt int) error {
	return fmt.Errorf("job %q, attempt %d: %w", id, attempt, results.ErrStale)
}
