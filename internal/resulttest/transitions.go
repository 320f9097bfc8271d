package resulttest

import (
	"errors"
	"testing"
	"time"

	"github.com/coretasks/core/results"
)

// testLife follows a job through an attempt that fails and one that succeeds, with every field of its record.
func testLife(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	id := newID()
	wantNotFound(t, "before", id, func() error { _, err := e.Get(ctx, id); return err }())
	e.enqueue(results.Record{ID: id, Task: "sum", Queue: "high", EnqueuedAt: e.at(0)})
	want := results.Record{ID: id, Task: "sum", Queue: "high", State: results.Queued, EnqueuedAt: e.at(0)}
	check := func(ms int) {
		t.Helper()
		want.UpdatedAt, want.ExpiresAt = e.at(ms), ceil(e.at(ms).Add(results.DefaultRetention))
		e.wantRecord(id, want)
	}
	check(0)

	start := func(attempt, ms int) {
		t.Helper()
		r, err := e.start(id, attempt, ms)
		if err != nil {
			t.Fatal(err)
		}
		want.State, want.Attempt, want.StartedAt, want.RetryAt = results.Running, attempt, e.at(ms), time.Time{}
		want.Progress, want.ProgressText = 0, ""
		want.Runs++
		check(ms)
		e.wantRecord(id, r)
	}
	start(1, 10)
	if err := e.Store.Progress(ctx, id, 1, 0.25, "a quarter", e.at(20)); err != nil {
		t.Fatal(err)
	}
	want.Progress, want.ProgressText = 0.25, "a quarter"
	check(20)
	wantError(t, "retrying", e.end(id, 1, results.Retrying, 30), nil)
	want.State, want.RetryAt, want.Error = results.Retrying, e.at(1030), "failed at 30"
	check(30)
	start(2, 40)
	wantError(t, "given back", e.end(id, 2, results.Queued, 50), nil)
	want.State = results.Queued
	want.Runs--
	check(50)
	start(3, 60)
	wantError(t, "succeeded", e.end(id, 3, results.Succeeded, 70), nil)
	want.State, want.FinishedAt, want.Result, want.Error = results.Succeeded, e.at(70), []byte(`{"at":70}`), ""
	check(70)
}

func testEnqueue(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	if errs := e.Enqueue(ctx, nil); errs != nil {
		t.Errorf("nothing: %v", errs)
	}
	id := e.started(1)
	e.unchanged(id, func() { // its worker was faster
		e.enqueue(results.Record{ID: id, Task: "other", Queue: "other", EnqueuedAt: e.at(5)})
	})
	twice := newID()
	e.enqueue(results.Record{ID: twice, Task: "first", EnqueuedAt: e.at(1)},
		results.Record{ID: newID(), Task: "x", EnqueuedAt: e.at(1)})
	e.enqueue(results.Record{ID: twice, Task: "second", EnqueuedAt: e.at(2)})
	if r := e.get(twice); r.Task != "first" {
		t.Errorf("the second record of an ID took the place of the first: %+v", r)
	}
	// What a caller has set beyond the four fields is nothing.
	odd := newID()
	e.enqueue(results.Record{
		ID: odd, Task: "t", Queue: "q", State: results.Dead, Attempt: 7, Runs: 7, Error: "x", Result: []byte("1"),
		EnqueuedAt: e.at(3), FinishedAt: e.at(3),
	})
	e.wantRecord(odd, results.Record{
		ID: odd, Task: "t", Queue: "q", State: results.Queued, EnqueuedAt: e.at(3), UpdatedAt: e.at(3),
		ExpiresAt: ceil(e.at(3).Add(results.DefaultRetention)),
	})
	// One that can't be is an error of its own.
	good := newID()
	errs := e.Enqueue(ctx, []results.Record{{ID: ""}, {ID: good, Task: "t", EnqueuedAt: e.at(4)}})
	if len(errs) != 2 || errs[1] != nil {
		t.Fatalf("errors %v", errs)
	}
	wantError(t, "an empty ID", errs[0], results.ErrInvalid)
	e.get(good)
}

func testStart(t *testing.T, h Harness) {
	e := h.env(t)
	id := newID() // no record: Enqueue has not come, or was lost
	r, err := e.start(id, 2, 1)
	if err != nil || r.State != results.Running || r.Attempt != 2 || r.Runs != 1 || r.Task != "reports.generate" ||
		r.Queue != "default" || !r.EnqueuedAt.Equal(e.base) {
		t.Fatalf("%+v, %v", r, err)
	}
	r, err = e.start(id, 3, 2) // its worker died
	if err != nil || r.Attempt != 3 || r.Runs != 2 || !r.StartedAt.Equal(e.at(2)) {
		t.Errorf("taken over: %+v, %v", r, err)
	}
	for _, attempt := range []int{3, 1} { // another message of the job
		e.unchanged(id, func() {
			_, err := e.start(id, attempt, 3)
			if running, ok := errors.AsType[*results.RunningError](err); !ok || running.Record.Runs != 2 || !errors.Is(err, results.ErrRunning) {
				t.Errorf("another message, delivered %d times: %v", attempt, err)
			}
		})
	}
	hour := int(results.MaxGuard / time.Millisecond)
	r, err = e.start(id, 1, 2+hour) // and the one that runs has left no trace
	if err != nil || r.Attempt != 3 || r.Runs != 3 || r.State != results.Running {
		t.Errorf("another message, an hour later: %+v, %v", r, err)
	}
	e.wantRecord(id, r)
	for _, state := range []results.State{results.Succeeded, results.Dead, results.Cancelled} {
		id := e.started(1)
		wantError(t, "end", e.end(id, 1, state, 5), nil)
		e.unchanged(id, func() {
			r, err := e.start(id, 2, 6)
			wantFinished(t, "start of a finished job", err, state)
			if r.ID != "" {
				t.Errorf("a record beside the error: %+v", r)
			}
		})
	}
}

// testStartRequested: a job whose cancellation was requested does not run again, whether its worker died, failed or gave
// it back.
func testStartRequested(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	for _, state := range []results.State{results.Running, results.Retrying, results.Queued} {
		id := e.started(1)
		r, err := e.Cancel(ctx, id, e.at(2))
		if err != nil || r.State != results.Running || !r.CancelRequested {
			t.Fatalf("cancel: %+v, %v", r, err)
		}
		if state != results.Running {
			wantError(t, "end", e.end(id, 1, state, 3), nil)
			if r := e.get(id); r.State != state || !r.CancelRequested {
				t.Errorf("%s: %+v", state, r)
			}
		}
		_, err = e.start(id, 2, 4)
		wantFinished(t, "start", err, results.Cancelled)
		r = e.get(id)
		if r.State != results.Cancelled || r.CancelRequested || !r.FinishedAt.Equal(e.at(4)) || !r.RetryAt.IsZero() || r.Attempt != 1 {
			t.Errorf("from %s: %+v", state, r)
		}
	}
}

func testProgress(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	id := e.enqueued()
	e.unchanged(id, func() {
		wantError(t, "not running", e.Store.Progress(ctx, id, 1, 0.5, "x", e.at(1)), results.ErrStale)
	})
	missing := newID()
	wantNotFound(t, "no record", missing, e.Store.Progress(ctx, missing, 1, 0.5, "x", e.at(1)))
	if _, err := e.start(id, 2, 2); err != nil {
		t.Fatal(err)
	}
	for _, attempt := range []int{1, 3} {
		e.unchanged(id, func() {
			wantError(t, "another attempt", e.Store.Progress(ctx, id, attempt, 0.5, "x", e.at(3)), results.ErrStale)
		})
	}
	for given, want := range map[float64]float64{0.5: 0.5, -1: 0, 7: 1, 1.0 / 3: 0.333333, 1e-300: 0} {
		wantError(t, "progress", e.Store.Progress(ctx, id, 2, given, "rows", e.at(4)), nil)
		if r := e.get(id); r.Progress != want || r.ProgressText != "rows" || !r.UpdatedAt.Equal(e.at(4)) {
			t.Errorf("progress %v: %+v", given, r)
		}
	}
	wantError(t, "end", e.end(id, 2, results.Succeeded, 5), nil)
	e.unchanged(id, func() {
		wantError(t, "finished", e.Store.Progress(ctx, id, 2, 0.5, "x", e.at(6)), results.ErrStale)
	})
}

func testEnd(t *testing.T, h Harness) {
	e := h.env(t)
	for _, state := range []results.State{results.Retrying, results.Queued, results.Succeeded, results.Dead, results.Cancelled} {
		t.Run(string(state), func(t *testing.T) {
			e := env{Store: e.Store, t: t, base: e.base}
			id := e.started(3)
			if state != results.Succeeded { // an older attempt has no say, except that it has done the work
				e.unchanged(id, func() { wantError(t, "older", e.end(id, 2, state, 5), results.ErrStale) })
			} else {
				wantError(t, "older", e.end(id, 2, state, 5), nil)
				if r := e.get(id); r.State != state || r.Attempt != 3 || r.Runs != 1 {
					t.Errorf("older: %+v", r)
				}
				id = e.started(3)
			}
			wantError(t, "latest", e.end(id, 3, state, 6), nil)
			if r := e.get(id); r.State != state || r.Attempt != 3 {
				t.Errorf("latest: %+v", r)
			}
			if state.Final() {
				for _, late := range []results.State{results.Retrying, results.Queued, results.Succeeded, results.Dead, results.Cancelled} {
					if state == results.Dead && late == results.Succeeded {
						continue // testSuccessOverDead
					}
					for _, attempt := range []int{2, 3, 4} {
						e.unchanged(id, func() { wantFinished(t, "late", e.end(id, attempt, late, 7), state) })
					}
				}
				return
			}
			// The attempt has ended: it can't end again without success, but its final state is news.
			e.unchanged(id, func() {
				wantError(t, "again", e.end(id, 3, results.Retrying, 7), results.ErrStale)
				wantError(t, "again", e.end(id, 3, results.Queued, 7), results.ErrStale)
			})
			wantError(t, "final", e.end(id, 3, results.Dead, 8), nil)
			if r := e.get(id); r.State != results.Dead || r.Reason != "permanent" || r.Error != "died at 8" || !r.RetryAt.IsZero() {
				t.Errorf("final: %+v", r)
			}
		})
	}
	// An attempt that the record does not know is the latest.
	for state, runs := range map[results.State]int{results.Retrying: 2, results.Queued: 1, results.Dead: 2, results.Succeeded: 2} {
		id := e.started(1)
		wantError(t, "newer", e.end(id, 2, state, 9), nil)
		if r := e.get(id); r.State != state || r.Attempt != 2 || r.Runs != runs {
			t.Errorf("newer: %+v", r)
		}
	}
}

// testSuccessOverDead: a copy of the message has failed for good while the job ran, and then the job succeeds.
func testSuccessOverDead(t *testing.T, h Harness) {
	e := h.env(t)
	for attempt, runs := range map[int]int{2: 1, 3: 1, 4: 2} { // an older one, the latest, and one that the record does not know
		id := e.started(3)
		wantError(t, "dead", e.end(id, 3, results.Dead, 4), nil)
		for range 2 { // its answer was lost, so it is repeated
			wantError(t, "success", e.end(id, attempt, results.Succeeded, 5), nil)
			r := e.get(id)
			if r.State != results.Succeeded || string(r.Result) != `{"at":5}` || r.Reason != "" || r.Error != "" || !r.FinishedAt.Equal(e.at(5)) {
				t.Errorf("attempt %d: %+v", attempt, r)
			}
			if r.Attempt != max(attempt, 3) || r.Runs != runs {
				t.Errorf("attempt %d is counted wrongly: %+v", attempt, r)
			}
		}
		for _, state := range []results.State{results.Dead, results.Succeeded, results.Cancelled} {
			e.unchanged(id, func() { wantFinished(t, "late", e.end(id, 4, state, 7), results.Succeeded) })
		}
	}
}

func testEndWithoutRecord(t *testing.T, h Harness) {
	e := h.env(t)
	for state, runs := range map[results.State]int{
		results.Retrying: 1, results.Queued: 0, results.Succeeded: 1, results.Dead: 1, results.Cancelled: 1,
	} {
		id := newID()
		wantError(t, "end", e.end(id, 2, state, 4), nil)
		want := results.Record{
			ID: id, Task: "reports.generate", Queue: "default", State: state, Attempt: 2, Runs: runs,
			EnqueuedAt: e.base, UpdatedAt: e.at(4), ExpiresAt: ceil(e.at(4).Add(results.DefaultRetention)),
		}
		switch state {
		case results.Retrying:
			want.RetryAt, want.Error = e.at(1004), "failed at 4"
		case results.Succeeded:
			want.FinishedAt, want.Result = e.at(4), []byte(`{"at":4}`)
		case results.Dead:
			want.FinishedAt, want.Reason, want.Error = e.at(4), "permanent", "died at 4"
		case results.Cancelled:
			want.FinishedAt = e.at(4)
		default:
		}
		e.wantRecord(id, want)
		e.unchanged(id, func() { e.enqueue(results.Record{ID: id, Task: "late", EnqueuedAt: e.at(9)}) })
	}
}

func testCancel(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	missing := newID()
	_, err := e.Cancel(ctx, missing, e.at(1))
	wantNotFound(t, "no record", missing, err)

	queued := e.enqueued()
	retrying := e.started(1)
	wantError(t, "end", e.end(retrying, 1, results.Retrying, 2), nil)
	for _, id := range []string{queued, retrying} {
		r, err := e.Cancel(ctx, id, e.at(3))
		if err != nil || r.State != results.Cancelled || !r.FinishedAt.Equal(e.at(3)) || r.CancelRequested || !r.RetryAt.IsZero() {
			t.Errorf("cancel: %+v, %v", r, err)
		}
		e.wantRecord(id, r)
		e.unchanged(id, func() {
			_, err := e.Cancel(ctx, id, e.at(4))
			wantFinished(t, "twice", err, results.Cancelled)
		})
	}

	running := e.started(1)
	for range 2 { // asking twice is fine
		r, err := e.Cancel(ctx, running, e.at(3))
		if err != nil || r.State != results.Running || !r.CancelRequested || !r.FinishedAt.IsZero() {
			t.Errorf("cancel: %+v, %v", r, err)
		}
		e.wantRecord(running, r)
	}
	wantError(t, "it goes on", e.Store.Progress(ctx, running, 1, 0.9, "", e.at(4)), nil)
	wantError(t, "and succeeds", e.end(running, 1, results.Succeeded, 5), nil)
	if r := e.get(running); r.State != results.Succeeded || r.CancelRequested {
		t.Errorf("a job that was faster than its cancellation: %+v", r)
	}
}

func testCancelRequested(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	if got, err := e.CancelRequested(ctx, nil); err != nil || len(got) != 0 {
		t.Errorf("of none: %v, %v", got, err)
	}
	ids, want := []string{}, map[string]bool{}
	for i := range 230 { // more than one request takes
		id := newID()
		ids = append(ids, id)
		if i%23 != 0 {
			continue
		}
		if _, err := e.start(id, 1, 1); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			if _, err := e.Cancel(ctx, id, e.at(2)); err != nil {
				t.Fatal(err)
			}
			want[id] = true
		}
	}
	over, done := e.enqueued(), newID()
	if _, err := e.Cancel(ctx, over, e.at(2)); err != nil {
		t.Fatal(err)
	}
	if _, err := e.start(done, 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := e.End(ctx, results.End{ID: done, Attempt: 1, State: results.Succeeded, At: e.at(2)}); err != nil {
		t.Fatal(err)
	}
	ids, want[over] = append(ids, over, done), true
	ids = append(ids, ids[0], "", "no such job", "\xff") // asked for twice, and never there
	got, err := e.CancelRequested(ctx, ids)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		if got[id] != want[id] {
			t.Errorf("%q: %v, want %v", id, got[id], want[id])
		}
	}
}

// testRepeated: an answer that was lost is asked for again, word for word.
func testRepeated(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	id := e.enqueued()
	first, err := e.start(id, 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	again, err := e.start(id, 1, 1)
	if err != nil || again.Runs != 1 || !again.StartedAt.Equal(first.StartedAt) {
		t.Errorf("start: %+v, %v", again, err)
	}
	another := results.Start{ID: id, Attempt: 1, At: first.StartedAt, Token: 1}
	if _, err := e.Start(ctx, another); !errors.Is(err, results.ErrRunning) {
		t.Errorf("another's start at the same time: %v", err)
	}
	for _, state := range []results.State{results.Queued, results.Retrying, results.Succeeded} {
		wantError(t, "end", e.end(id, 1, state, 3), nil)
		e.unchanged(id, func() { wantError(t, "end again", e.end(id, 1, state, 3), nil) })
		if state != results.Succeeded {
			if _, err := e.start(id, 1, 4); err != nil {
				t.Fatal(err)
			}
		}
	}
	other := e.enqueued()
	for range 2 {
		if r, err := e.Cancel(ctx, other, e.at(2)); err != nil || r.State != results.Cancelled {
			t.Errorf("cancel: %+v, %v", r, err)
		}
	}
}
