package resulttest

import (
	"errors"
	"sync/atomic"
	"testing"

	"github.com/coretasks/core/results"
)

// testRequeue: what becomes of a job in each state, with and without a dead letter that knows better.
func testRequeue(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	missing := newID()
	_, err := e.Requeue(ctx, results.Requeue{ID: missing, At: e.at(1)})
	wantNotFound(t, "no record", missing, err)

	// A dead job begins anew, with its last error for whoever looks.
	id := e.started(3)
	wantError(t, "progress", e.Store.Progress(ctx, id, 3, 0.5, "half", e.at(2)), nil)
	wantError(t, "end", e.end(id, 3, results.Dead, 4), nil)
	want := results.Record{
		ID: id, Task: "reports.generate", Queue: "default", State: results.Queued, EnqueuedAt: e.base, Requeues: 1,
		Error: "died at 4", UpdatedAt: e.at(10), ExpiresAt: ceil(e.at(10).Add(results.DefaultRetention)),
	}
	for range 2 { // the second time it is waiting already
		r, err := e.Requeue(ctx, results.Requeue{ID: id, At: e.at(10)})
		if err != nil {
			t.Fatal(err)
		}
		e.wantRecord(id, r)
		e.wantRecord(id, want)
	}
	r, err := e.start(id, 1, 11)
	if err != nil || r.Attempt != 1 || r.Runs != 1 || r.Requeues != 1 {
		t.Errorf("the first attempt since: %+v, %v", r, err)
	}
	if page, err := e.List(ctx, results.Filter{State: results.Dead}); err != nil || len(page.Records) != 0 {
		t.Errorf("it is still listed as dead: %+v, %v", page, err)
	}

	for _, state := range []results.State{results.Succeeded, results.Cancelled} {
		id := e.started(1)
		wantError(t, "end", e.end(id, 1, state, 5), nil)
		e.unchanged(id, func() {
			_, err := e.Requeue(ctx, results.Requeue{ID: id, At: e.at(10), DiedBy: e.at(10)})
			wantFinished(t, "requeue", err, state)
		})
	}
	for _, state := range []results.State{results.Running, results.Retrying, results.Queued} {
		id := e.started(2)
		if state != results.Running {
			wantError(t, "end", e.end(id, 2, state, 5), nil)
		}
		e.unchanged(id, func() {
			for _, q := range []results.Requeue{{ID: id, At: e.at(10)}, {ID: id, At: e.at(10), DiedBy: e.at(0)}} {
				_, err := e.Requeue(ctx, q)
				active, ok := errors.AsType[*results.ActiveError](err)
				if !ok || !errors.Is(err, results.ErrActive) || active.Record.State != state {
					t.Errorf("%s: %v, want an ActiveError", state, err)
				}
			}
		})
		r, err := e.Requeue(ctx, results.Requeue{ID: id, At: e.at(10), DiedBy: e.at(1)})
		if err != nil || r.State != results.Queued || r.Attempt != 0 || r.Runs != 0 || !r.StartedAt.IsZero() || !r.RetryAt.IsZero() {
			t.Errorf("%s, and its letter is dead: %+v, %v", state, r, err)
		}
	}

	// Somebody wanted it not to run.
	id = e.started(1)
	if _, err := e.Cancel(ctx, id, e.at(2)); err != nil {
		t.Fatal(err)
	}
	_, err = e.Requeue(ctx, results.Requeue{ID: id, At: e.at(10), DiedBy: e.at(9)})
	wantFinished(t, "cancellation requested", err, results.Cancelled)
	if r := e.get(id); r.State != results.Cancelled || !r.FinishedAt.Equal(e.at(10)) {
		t.Errorf("cancellation requested: %+v", r)
	}
}

// testRequeueLate: an attempt from before the requeue that reports late has no say, except that it has done the work.
func testRequeueLate(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	former := func(id string, state results.State) error {
		return e.End(ctx, results.End{ID: id, Attempt: 3, State: state, At: e.at(30), Error: "late", Requeues: 0})
	}
	requeued := func() string {
		id := e.started(3)
		wantError(t, "end", e.end(id, 3, results.Dead, 4), nil)
		if _, err := e.Requeue(ctx, results.Requeue{ID: id, At: e.at(10)}); err != nil {
			t.Fatal(err)
		}
		return id
	}
	id := requeued()
	for _, attempt := range []int{0, 1, 3} { // waiting, and running with an older and the same number
		if attempt > 0 {
			if _, err := e.start(id, attempt, 20+attempt); err != nil {
				t.Fatal(err)
			}
		}
		e.unchanged(id, func() {
			for _, state := range []results.State{results.Dead, results.Retrying, results.Queued, results.Cancelled} {
				wantError(t, string(state), former(id, state), results.ErrStale)
			}
		})
	}
	wantError(t, "the work is done", former(id, results.Succeeded), nil)
	if r := e.get(id); r.State != results.Succeeded || r.Attempt != 3 || r.Runs != 2 {
		t.Errorf("%+v", r)
	}
	waiting := requeued()
	wantError(t, "the work is done", former(waiting, results.Succeeded), nil)
	if r := e.get(waiting); r.State != results.Succeeded || r.Attempt != 0 || r.Runs != 0 {
		t.Errorf("%+v", r)
	}
	// The attempts since have their say.
	for _, state := range []results.State{results.Retrying, results.Queued, results.Dead, results.Succeeded} {
		id := requeued()
		if _, err := e.start(id, 1, 20); err != nil {
			t.Fatal(err)
		}
		end := results.End{ID: id, Attempt: 1, State: state, At: e.at(30), Requeues: 1}
		wantError(t, string(state), e.End(ctx, end), nil)
		if r := e.get(id); r.State != state || r.Requeues != 1 || r.Attempt != 1 {
			t.Errorf("%+v", r)
		}
	}
}

// testRequeuesAtOnce: two operators put the same job back; it happens once.
func testRequeuesAtOnce(t *testing.T, h Harness) {
	open := h.New(t)
	stores := []results.Store{open(t, Options{}), open(t, Options{})}
	e := env{Store: stores[0], t: t, base: now()}
	id := e.started(2)
	wantError(t, "end", e.end(id, 2, results.Dead, 4), nil)
	var failed atomic.Int32
	at16(func(i int) {
		if _, err := stores[i%2].Requeue(t.Context(), results.Requeue{ID: id, At: e.at(10 + i)}); err != nil {
			t.Error(err)
			failed.Add(1)
		}
	})
	if r := e.get(id); failed.Load() != 0 || r.Requeues != 1 || r.State != results.Queued {
		t.Errorf("%d failed, %+v", failed.Load(), r)
	}
}
