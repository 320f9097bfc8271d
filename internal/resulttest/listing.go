package resulttest

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/coretasks/core/results"
)

// maxPages ends a listing that would never end.
const maxPages = 1000

// pages lists everything, page by page, and calls between after each.
func pages(t *testing.T, store results.Store, f results.Filter, between func(page int)) []results.Record {
	t.Helper()
	var all []results.Record
	for n := range maxPages {
		page, err := store.List(t.Context(), f)
		if err != nil {
			t.Fatal(err)
		}
		if page.Records == nil {
			t.Error("a page's records are null in JSON")
		}
		limit := f.Limit
		if limit == 0 {
			limit = results.DefaultPage
		}
		if len(page.Records) > limit {
			t.Fatalf("%d records, want at most %d", len(page.Records), limit)
		}
		all = append(all, page.Records...)
		if page.Next == "" {
			return all
		}
		f.Cursor = page.Next
		between(n)
	}
	t.Fatalf("no end after %d pages", maxPages)
	return nil
}

func collect(t *testing.T, store results.Store, f results.Filter) []results.Record {
	t.Helper()
	return pages(t, store, f, func(int) {})
}

func byPlace(a, b results.Record) int {
	if c := b.EnqueuedAt.Compare(a.EnqueuedAt); c != 0 {
		return c
	}
	return strings.Compare(b.ID, a.ID)
}

func ids(records []results.Record) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = r.ID
	}
	return out
}

// populate makes n jobs of three tasks in all states, several in each millisecond.
func populate(e env, n int) []results.Record {
	e.t.Helper()
	ctx := e.t.Context()
	var all []results.Record
	for i := range n {
		r := results.Record{
			ID: fmt.Sprintf("%s-%d", newID()[:8], i), Task: []string{"a", "b", "c"}[i%3], Queue: "q", EnqueuedAt: e.at(i / 7),
		}
		e.enqueue(r)
		state := results.States()[i%len(results.States())]
		if state != results.Queued {
			if _, err := e.start(r.ID, 1, 1000); err != nil {
				e.t.Fatal(err)
			}
		}
		if state != results.Queued && state != results.Running {
			if err := e.end(r.ID, 1, state, 2000); err != nil {
				e.t.Fatal(err)
			}
		}
		if i%5 == 0 && state == results.Running {
			if err := e.Store.Progress(ctx, r.ID, 1, 0.5, "half", e.at(1500)); err != nil {
				e.t.Fatal(err)
			}
		}
		r = e.get(r.ID)
		r.Result = nil // a listing leaves it out
		all = append(all, r)
	}
	slices.SortFunc(all, byPlace)
	return all
}

func testListFilters(t *testing.T, h Harness) {
	e := h.env(t)
	if page, err := e.List(t.Context(), results.Filter{}); err != nil || len(page.Records) != 0 || page.Next != "" {
		t.Errorf("nothing there: %+v, %v", page, err)
	}
	all := populate(e, 84)
	for _, task := range []string{"", "a", "b", "none"} {
		for _, state := range append([]results.State{""}, results.States()...) {
			for _, limit := range []int{0, 3, 100} {
				var want []results.Record
				for _, r := range all {
					if (task == "" || r.Task == task) && (state == "" || r.State == state) {
						want = append(want, r)
					}
				}
				got := collect(t, e.Store, results.Filter{Task: task, State: state, Limit: limit})
				if !slices.Equal(ids(got), ids(want)) {
					t.Errorf("task %q, state %q, limit %d: %v, want %v", task, state, limit, ids(got), ids(want))
				}
				for i := range min(len(got), len(want)) {
					if g, w := fmt.Sprintf("%+v", got[i]), fmt.Sprintf("%+v", want[i]); g != w {
						t.Errorf("%s, want %s", g, w)
					}
				}
			}
		}
	}
}

// testListPages: every size of page gives the same listing, and a page of exactly all has no next.
func testListPages(t *testing.T, h Harness) {
	e := h.env(t)
	all := populate(e, 40)
	for _, limit := range []int{1, 2, 7, 39, 40, 41} {
		if got := collect(t, e.Store, results.Filter{Limit: limit}); !slices.Equal(ids(got), ids(all)) {
			t.Errorf("limit %d: %v, want %v", limit, ids(got), ids(all))
		}
	}
	page, err := e.List(t.Context(), results.Filter{})
	if err != nil || len(page.Records) != results.DefaultPage || page.Next == "" {
		t.Errorf("default: %d records, next %q, %v", len(page.Records), page.Next, err)
	}
	again, err := e.List(t.Context(), results.Filter{Cursor: page.Next, Limit: 20})
	if err != nil || len(again.Records) != 20 || again.Next != "" {
		t.Errorf("the rest: %d records, next %q, %v", len(again.Records), again.Next, err)
	}
}

// testListWhileChanging: records come, change state and go on while they are listed.
func testListWhileChanging(t *testing.T, h Harness) {
	e := h.env(t)
	all := populate(e, 60)
	changed := map[string]bool{}
	got := pages(t, e.Store, results.Filter{Limit: 7}, func(page int) {
		e.enqueue(results.Record{ID: newID(), Task: "a", EnqueuedAt: e.at(5000 + page)}, // newer than any
			results.Record{ID: "in between " + newID(), Task: "a", EnqueuedAt: all[30].EnqueuedAt})
		for i := page; i < len(all); i += 9 {
			if r := all[i]; !r.State.Final() {
				changed[r.ID] = true
				if _, err := e.start(r.ID, 2+page, 3000+page); err != nil {
					t.Fatal(err)
				}
				if page%2 == 0 {
					wantError(t, "end", e.end(r.ID, 2+page, results.Succeeded, 4000+page), nil)
				}
			}
		}
	})
	checkListing(t, got, all, changed)
}

// testListMovesBetween: the same with a filter that records leave and enter.
func testListMovesBetween(t *testing.T, h Harness) {
	e := h.env(t)
	var all, running []results.Record
	for i := range 60 {
		r := results.Record{ID: newID(), Task: "t", EnqueuedAt: e.at(i / 4)}
		e.enqueue(r)
		if i%2 == 0 {
			if _, err := e.start(r.ID, 1, 100); err != nil {
				t.Fatal(err)
			}
			running = append(running, r)
		}
		all = append(all, r)
	}
	slices.SortFunc(all, byPlace)
	slices.SortFunc(running, byPlace)
	changed := map[string]bool{}
	got := pages(t, e.Store, results.Filter{State: results.Running, Limit: 4}, func(page int) {
		for i := page; i < len(all); i += 11 {
			id := all[i].ID
			changed[id] = true
			if e.get(id).State == results.Running {
				wantError(t, "end", e.end(id, 1, results.Queued, 200+page), nil)
			} else if _, err := e.start(id, 2, 300+page); err != nil {
				t.Fatal(err)
			}
		}
	})
	checkListing(t, got, running, changed)
}

// checkListing: in order, none twice, and all that did not change.
func checkListing(t *testing.T, got, all []results.Record, changed map[string]bool) {
	t.Helper()
	seen := map[string]bool{}
	for i, r := range got {
		if seen[r.ID] {
			t.Errorf("%s is there twice", r.ID)
		}
		seen[r.ID] = true
		if i > 0 && byPlace(got[i-1], r) >= 0 {
			t.Errorf("%s is out of order", r.ID)
		}
	}
	for _, r := range all {
		if !seen[r.ID] && !changed[r.ID] {
			t.Errorf("%s was skipped", r.ID)
		}
	}
}

func testListCursors(t *testing.T, h Harness) {
	e := h.env(t)
	populate(e, 20)
	ctx := t.Context()
	first, err := e.List(ctx, results.Filter{Limit: 3, Task: "a"})
	if err != nil || first.Next == "" {
		t.Fatalf("%+v, %v", first, err)
	}
	raw, err := base64.RawURLEncoding.DecodeString(first.Next)
	if err != nil {
		t.Fatalf("a cursor that is not safe in a URL: %q", first.Next)
	}
	late := slices.Clone(raw)
	late[9] = 0xff
	for name, f := range map[string]results.Filter{
		"nonsense":      {Task: "a", Cursor: "nonsense"},
		"spaces":        {Task: "a", Cursor: " "},
		"no base64":     {Task: "a", Cursor: "%%%"},
		"cut":           {Task: "a", Cursor: first.Next[:10]},
		"without an ID": {Task: "a", Cursor: base64.RawURLEncoding.EncodeToString(raw[:17])},
		"no UTF-8":      {Task: "a", Cursor: base64.RawURLEncoding.EncodeToString(append(slices.Clone(raw), 0xff))},
		"impossible":    {Task: "a", Cursor: base64.RawURLEncoding.EncodeToString(late)},
		"another task":  {Task: "b", Cursor: first.Next},
		"without task":  {Cursor: first.Next},
		"another state": {Task: "a", State: results.Dead, Cursor: first.Next},
		"long":          {Task: "a", Cursor: strings.Repeat("A", 10_000)},
	} {
		_, err := e.List(ctx, f)
		wantError(t, name, err, results.ErrInvalidCursor)
	}
	if _, err := e.List(ctx, results.Filter{Task: "a", Limit: 50, Cursor: first.Next}); err != nil {
		t.Errorf("with another limit: %v", err)
	}
}

// testListRareTask: the few records of a task among many of another.
func testListRareTask(t *testing.T, h Harness) {
	e := h.env(t)
	var records, rare []results.Record
	for i := range 1200 {
		r := results.Record{ID: newID(), Task: "common", EnqueuedAt: e.at(i / 3)}
		if i%400 == 7 {
			r.Task = "rare"
			rare = append(rare, r)
		}
		records = append(records, r)
	}
	e.enqueue(records...)
	slices.SortFunc(rare, byPlace)
	for _, f := range []results.Filter{{Task: "rare"}, {Task: "rare", State: results.Queued}, {Task: "rare", Limit: 1}} {
		if got := collect(t, e.Store, f); !slices.Equal(ids(got), ids(rare)) {
			t.Errorf("%+v: %v, want %v", f, ids(got), ids(rare))
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := e.List(ctx, results.Filter{Task: "rare"}); err == nil {
		t.Error("a listing whose context has ended")
	}
}
