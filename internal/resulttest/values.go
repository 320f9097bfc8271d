package resulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/coretasks/core/results"
)

func testInvalid(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	for name, id := range map[string]string{"empty": "", "too long": strings.Repeat("x", 513), "no UTF-8": "a\xffb"} {
		t.Run(name, func(t *testing.T) {
			_, err := e.Start(ctx, results.Start{ID: id, Attempt: 1})
			wantError(t, "start", err, results.ErrInvalid)
			wantError(t, "end", e.End(ctx, results.End{ID: id, State: results.Dead}), results.ErrInvalid)
			wantNotFound(t, "progress", id, e.Store.Progress(ctx, id, 1, 0, "", e.at(1)))
			_, err = e.Cancel(ctx, id, e.at(1))
			wantNotFound(t, "cancel", id, err)
			_, err = e.Get(ctx, id)
			wantNotFound(t, "get", id, err)
		})
	}
	id := e.started(1)
	e.unchanged(id, func() {
		for _, state := range []results.State{results.Running, "", "done"} {
			wantError(t, "end as "+string(state), e.End(ctx, results.End{ID: id, Attempt: 1, State: state}), results.ErrInvalid)
		}
		wantError(t, "result", e.End(ctx, results.End{ID: id, Attempt: 1, State: results.Succeeded, Result: []byte("{")}), results.ErrInvalid)
	})
	for _, f := range []results.Filter{{State: "done"}, {Limit: -1}, {Limit: 101}} {
		_, err := e.List(ctx, f)
		wantError(t, "list", err, results.ErrInvalid)
	}
	long := strings.Repeat("y", 512)
	if _, err := e.start(long, 1, 1); err != nil {
		t.Error(err)
	}
	e.get(long)
}

func testZeroTimes(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	id := newID()
	e.enqueue(results.Record{ID: id, Task: "t"})
	if _, err := e.Start(ctx, results.Start{ID: id, Attempt: 1}); err != nil {
		t.Fatal(err)
	}
	wantError(t, "end", e.End(ctx, results.End{ID: id, Attempt: 1, State: results.Cancelled}), nil)
	r := e.get(id)
	for name, at := range map[string]time.Time{
		"enqueued": r.EnqueuedAt, "started": r.StartedAt, "finished": r.FinishedAt, "updated": r.UpdatedAt,
	} {
		if at.Before(e.base) || at.After(time.Now()) || at.Nanosecond()%1e6 != 0 || at.Location() != time.UTC {
			t.Errorf("%s at %v", name, at)
		}
	}
}

// testValues: texts of all sorts come back as they were.
func testValues(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	for _, text := range []string{
		"", " ", "plain", "Grüße, 世界 👩‍🚀", "a\x00b", "line\nbreak\ttab", `"quoted" \back`, "'; DROP TABLE jobs; --", "#n0 :v0", "\u2028",
		"e\u0301", strings.Repeat("ß", 200),
	} {
		id := newID() + "/" + text[:strings.IndexFunc(text+" ", unicode.IsSpace)]
		e.enqueue(results.Record{ID: id, Task: text, Queue: text, EnqueuedAt: e.base})
		if _, err := e.start(id, 1, 1); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		wantError(t, "progress", e.Store.Progress(ctx, id, 1, 0.5, text, e.at(2)), nil)
		result, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		end := results.End{ID: id, Attempt: 1, State: results.Succeeded, At: e.at(3), Result: result, Error: text, Reason: "r"}
		wantError(t, "end", e.End(ctx, end), nil)
		r := e.get(id)
		if r.ID != id || r.Task != text || r.Queue != text || r.ProgressText != text || r.Error != text || r.Reason != "r" || !bytes.Equal(r.Result, result) {
			t.Errorf("%q became %+v", text, r)
		}
	}
	// What is no text, and what is too much of it.
	id := newID()
	e.enqueue(results.Record{ID: id, Task: "t\xff", Queue: "q\xfe", EnqueuedAt: e.base})
	if _, err := e.start(id, 1, 1); err != nil {
		t.Fatal(err)
	}
	wantError(t, "progress", e.Store.Progress(ctx, id, 1, math.NaN(), strings.Repeat("世", 1000), e.at(1)), nil)
	wantError(t, "end", e.End(ctx, results.End{
		ID: id, Attempt: 1, State: results.Dead, At: e.at(2), Error: "\xff" + strings.Repeat("世", 100_000), Reason: strings.Repeat("x", 9999),
		Result: json.RawMessage("1"),
	}), nil)
	r := e.get(id)
	if r.Task != "t\uFFFD" || r.Queue != "q\uFFFD" || r.Progress != 0 || r.Result != nil ||
		!strings.HasSuffix(r.ProgressText, "世…") || len(r.ProgressText) > 1<<10 ||
		!strings.HasPrefix(r.Error, "\uFFFD世") || !strings.HasSuffix(r.Error, "世…") || len(r.Error) > 16<<10 || len(r.Reason) > 256 {
		t.Errorf("%+v", r)
	}
	// A function may return nothing.
	for _, result := range []string{"", "null", `""`, "0", "[]"} {
		id := e.started(1)
		wantError(t, "end", e.End(ctx, results.End{ID: id, Attempt: 1, State: results.Succeeded, At: e.at(2), Result: []byte(result)}), nil)
		if r := e.get(id); string(r.Result) != result || result == "" && r.Result != nil {
			t.Errorf("result %q became %q", result, r.Result)
		}
	}
}

func jsonOf(size int) json.RawMessage { return []byte(`"` + strings.Repeat("x", size-2) + `"`) }

func testLargeResults(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	largest := h.MaxResult
	if largest == 0 {
		largest = 2 << 20
	}
	for _, size := range []int{300 << 10, largest} {
		id := e.started(1)
		result := jsonOf(size)
		wantError(t, "end", e.End(ctx, results.End{ID: id, Attempt: 1, State: results.Succeeded, At: e.at(2), Result: result}), nil)
		if r := e.get(id); r.State != results.Succeeded || !bytes.Equal(r.Result, result) || r.Error != "" {
			t.Errorf("%d bytes: %s, %d bytes, %q", size, r.State, len(r.Result), r.Error)
		}
		page, err := e.List(ctx, results.Filter{Limit: 100})
		if err != nil || len(page.Records) == 0 {
			t.Fatalf("%d records, %v", len(page.Records), err)
		}
		for _, r := range page.Records {
			if r.Result != nil {
				t.Errorf("the listing has a result of %d bytes", len(r.Result))
			}
		}
	}
	if h.MaxResult == 0 {
		return
	}
	// The job has done its work: it counts as succeeded, and its record says where the result has gone.
	for _, size := range []int{h.MaxResult + 1, 2 << 20} {
		for _, id := range []string{e.started(1), newID()} {
			end := results.End{ID: id, Attempt: 1, State: results.Succeeded, At: e.at(2), Result: jsonOf(size)}
			wantError(t, "end", e.End(ctx, end), nil)
			if r := e.get(id); r.State != results.Succeeded || r.Result != nil || !strings.Contains(r.Error, "result") || !strings.Contains(r.Error, "bytes") {
				t.Errorf("%d bytes: %s, %d bytes, %q", size, r.State, len(r.Result), r.Error)
			}
			wantError(t, "again", e.End(ctx, end), nil)
		}
	}
}

// testExpiry: a record that has expired is as if it had never been, whether or not it was deleted.
func testExpiry(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	c := &clock{now: e.base}
	e.Store = h.New(t)(t, Options{Retention: time.Hour, Now: c.Now})
	ids := map[string]string{}
	for _, name := range []string{"get", "enqueue", "start", "end", "retry", "cancel", "progress", "requested"} {
		ids[name] = e.started(3)
		if _, err := e.Cancel(ctx, ids[name], e.at(1)); err != nil {
			t.Fatal(err)
		}
	}
	finished := e.started(1)
	wantError(t, "end", e.end(finished, 1, results.Dead, 1), nil)
	expiry := e.get(ids["get"]).ExpiresAt
	if want := ceil(e.at(1).Add(time.Hour)); !expiry.Equal(want) {
		t.Fatalf("expires at %v, want %v", expiry, want)
	}
	c.set(expiry.Add(-time.Millisecond))
	e.get(ids["get"])
	c.set(expiry)

	_, err := e.Get(ctx, ids["get"])
	wantNotFound(t, "get", ids["get"], err)
	_, err = e.Cancel(ctx, ids["cancel"], expiry)
	wantNotFound(t, "cancel", ids["cancel"], err)
	wantNotFound(t, "progress", ids["progress"], e.Store.Progress(ctx, ids["progress"], 3, 0.5, "", expiry))
	if got, err := e.CancelRequested(ctx, []string{ids["requested"]}); err != nil || got[ids["requested"]] {
		t.Errorf("requested: %v, %v", got, err)
	}

	e.base = expiry
	e.enqueue(results.Record{ID: ids["enqueue"], Task: "again", EnqueuedAt: expiry})
	if r := e.get(ids["enqueue"]); r.State != results.Queued || r.Task != "again" || r.Attempt != 0 || !r.EnqueuedAt.Equal(expiry) {
		t.Errorf("enqueue: %+v", r)
	}
	for _, id := range []string{ids["start"], finished} {
		r, err := e.start(id, 1, 1)
		if err != nil || r.Attempt != 1 || r.Runs != 1 || r.CancelRequested || r.Error != "" || !r.FinishedAt.IsZero() || !r.EnqueuedAt.Equal(expiry) {
			t.Errorf("start: %+v, %v", r, err)
		}
		e.wantRecord(id, r)
	}
	for name, state := range map[string]results.State{"end": results.Succeeded, "retry": results.Retrying} {
		wantError(t, name, e.end(ids[name], 1, state, 1), nil)
		if r := e.get(ids[name]); r.State != state || r.Attempt != 1 || r.Runs != 1 || r.CancelRequested {
			t.Errorf("%s: %+v", name, r)
		}
	}
	// A change puts the expiry off.
	c.set(expiry.Add(30 * time.Minute))
	e.base = c.Now()
	r, err := e.start(ids["enqueue"], 1, 0)
	if want := ceil(c.Now().Add(time.Hour)); err != nil || !r.ExpiresAt.Equal(want) {
		t.Errorf("%v, %v, want %v", r.ExpiresAt, err, want)
	}
}

func testExpiryOfListings(t *testing.T, h Harness) {
	e, ctx := h.env(t), t.Context()
	c := &clock{now: e.base}
	e.Store = h.New(t)(t, Options{Retention: time.Hour, Now: c.Now})
	var later []string
	for i := range 60 {
		id := newID()
		e.enqueue(results.Record{ID: id, Task: "t", EnqueuedAt: e.at(i)})
		if i%6 == 0 {
			if _, err := e.start(id, 1, int(time.Minute/time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			later = append(later, id)
		}
	}
	c.set(e.base.Add(time.Hour + 30*time.Second))
	for _, f := range []results.Filter{{}, {Task: "t"}, {State: results.Running}, {Task: "t", State: results.Running}} {
		f.Limit = 4
		if got := collect(t, e.Store, f); len(got) != len(later) {
			t.Errorf("%+v: %d records, want %d", f, len(got), len(later))
		}
	}
	if page, err := e.List(ctx, results.Filter{State: results.Queued}); err != nil || len(page.Records) != 0 || page.Next != "" {
		t.Errorf("expired records: %+v, %v", page, err)
	}
}

func testContextEnded(t *testing.T, h Harness) {
	e := h.env(t)
	id := e.started(1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := e.Get(ctx, id)
	wantError(t, "get", err, context.Canceled)
	_, err = e.List(ctx, results.Filter{})
	wantError(t, "list", err, context.Canceled)
	_, err = e.Start(ctx, results.Start{ID: id, Attempt: 2})
	wantError(t, "start", err, context.Canceled)
	wantError(t, "end", e.End(ctx, results.End{ID: id, Attempt: 1, State: results.Dead}), context.Canceled)
	_, err = e.CancelRequested(ctx, []string{id})
	wantError(t, "requested", err, context.Canceled)
	errs := e.Enqueue(ctx, []results.Record{{ID: newID()}, {ID: newID()}})
	if len(errs) != 2 || !errors.Is(errs[0], context.Canceled) || !errors.Is(errs[1], context.Canceled) {
		t.Errorf("enqueue: %v", errs)
	}
	wantError(t, "ping", e.Ping(t.Context()), nil)
	if r := e.get(id); r.Attempt != 1 || r.State != results.Running {
		t.Errorf("%+v", r)
	}
}
