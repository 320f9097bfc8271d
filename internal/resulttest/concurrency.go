package resulttest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coretasks/core/results"
)

// at16 calls do from 16 goroutines at once.
func at16(do func(i int)) {
	var ready, done sync.WaitGroup
	ready.Add(16)
	for i := range 16 {
		done.Go(func() {
			ready.Done()
			ready.Wait()
			do(i)
		})
	}
	done.Wait()
}

// testOneFinalState: of all that want to end a job at once, through two stores, one does, and all others are told.
func testOneFinalState(t *testing.T, h Harness) {
	open := h.New(t)
	stores := []results.Store{open(t, Options{}), open(t, Options{})}
	e := env{Store: stores[0], t: t, base: now()}
	finals := []results.State{results.Succeeded, results.Dead, results.Cancelled}
	for range 5 {
		id := e.started(1)
		var errs [16]error
		at16(func(i int) {
			e := env{Store: stores[i%2], t: t, base: e.base}
			errs[i] = e.end(id, 1, finals[i%3], 10+i)
		})
		r, winners := e.get(id), map[results.State][]int{}
		for i, err := range errs {
			if err == nil {
				winners[finals[i%3]] = append(winners[finals[i%3]], i)
			}
		}
		for _, err := range errs {
			finished, ok := errors.AsType[*results.FinishedError](err)
			switch {
			case err == nil:
			case !ok:
				t.Errorf("a loser is told %v", err)
			case len(winners[finished.Record.State]) == 0:
				t.Errorf("a loser is told of %s, but the job is %s", finished.Record.State, r.State)
			}
		}
		// One, or a success in the place of a death.
		last := winners[r.State]
		if len(last) != 1 || !r.FinishedAt.Equal(e.at(10+last[0])) {
			t.Errorf("winners %v, record %+v", winners, r)
		}
		if n := len(winners[results.Dead]); len(winners) > 1 && (r.State != results.Succeeded || n != 1 || len(winners) != 2) {
			t.Errorf("winners %v, record %+v", winners, r)
		}
	}
}

func testStartsAtOnce(t *testing.T, h Harness) {
	open := h.New(t)
	stores := []results.Store{open(t, Options{}), open(t, Options{})}
	e := env{Store: stores[0], t: t, base: now()}
	for _, id := range []string{newID(), e.enqueued()} { // with and without a record
		var runs atomic.Int64
		at16(func(i int) {
			e := env{Store: stores[i%2], t: t, base: e.base}
			_, err := e.start(id, 1+i%4, 1+i)
			switch {
			case err == nil:
				runs.Add(1)
			case !errors.Is(err, results.ErrRunning):
				t.Error(err)
			}
		})
		// Of each number one at the most runs, since each is more than those before.
		if r, n := e.get(id), int(runs.Load()); r.Runs != n || n < 1 || n > 4 || r.Attempt != 4 || r.State != results.Running {
			t.Errorf("%d runs, %+v", n, r)
		}
	}
}

// testScramble: whatever 16 goroutines do to some jobs, each has at most one final state, which everybody is told.
func testScramble(t *testing.T, h Harness) {
	open := h.New(t)
	stores := []results.Store{open(t, Options{}), open(t, Options{})}
	e := env{Store: stores[0], t: t, base: now()}
	ids := []string{newID(), newID(), newID(), newID()}
	var mu sync.Mutex
	ended := map[string][]string{} // who says that a job has ended by its call
	told := map[string]map[results.State]bool{}
	note := func(id string, i int, state results.State, err error) {
		mu.Lock()
		defer mu.Unlock()
		finished, ok := errors.AsType[*results.FinishedError](err)
		switch {
		case ok:
			if told[id] == nil {
				told[id] = map[results.State]bool{}
			}
			told[id][finished.Record.State] = true
		case err == nil && state.Final():
			ended[id] = append(ended[id], fmt.Sprintf("%s by %d", state, i))
		case err != nil && !errors.Is(err, results.ErrStale) && !errors.Is(err, results.ErrNotFound) && !errors.Is(err, results.ErrRunning):
			t.Errorf("%s: %v", id, err)
		}
	}
	at16(func(i int) {
		e := env{Store: stores[i%2], t: t, base: e.base}
		random := rand.New(rand.NewPCG(1, uint64(i)))
		for n := range 24 {
			id, attempt, ms := ids[random.IntN(len(ids))], 1+random.IntN(5), 1000*i+n
			switch random.IntN(8) {
			case 0:
				e.enqueue(results.Record{ID: id, Task: "t", EnqueuedAt: e.base})
			case 1, 2, 3:
				_, err := e.start(id, attempt, ms)
				note(id, i, results.Running, err)
			case 4:
				note(id, i, results.Running, e.Store.Progress(t.Context(), id, attempt, 0.5, "", e.at(ms)))
			case 5:
				note(id, i, results.Retrying, e.end(id, attempt, results.Retrying, ms))
			case 6:
				r, err := e.Cancel(t.Context(), id, e.at(ms))
				note(id, i, r.State, err)
			case 7:
				if n < 12 {
					continue // let them live a while
				}
				state := []results.State{results.Succeeded, results.Dead, results.Cancelled}[random.IntN(3)]
				note(id, i, state, e.end(id, attempt, state, ms))
			}
		}
	})
	for _, id := range ids {
		r := e.get(id)
		died := func(by string) bool { return strings.HasPrefix(by, string(results.Dead)+" ") }
		by := slices.Clone(ended[id])
		if r.State == results.Succeeded && len(by) == 2 { // in the place of a death
			by = slices.DeleteFunc(by, died)
		}
		if len(by) > 1 {
			t.Errorf("%s ended more than once: %v", id, ended[id])
		}
		if len(by) == 1 && !strings.HasPrefix(by[0], string(r.State)+" ") {
			t.Errorf("%s: %v, but the record is %s", id, ended[id], r.State)
		}
		if len(ended[id]) == 0 && r.State.Final() && r.State != results.Cancelled { // a start ends a job that is to be cancelled
			t.Errorf("%s is %s and nobody ended it", id, r.State)
		}
		for state := range told[id] {
			if state != r.State && (state != results.Dead || r.State != results.Succeeded || !slices.ContainsFunc(ended[id], died)) {
				t.Errorf("%s: somebody was told %s, the record is %s", id, state, r.State)
			}
		}
	}
}

func testManyEnqueued(t *testing.T, h Harness) {
	e := h.env(t)
	var records []results.Record
	for i := range 300 {
		records = append(records, results.Record{ID: newID(), Task: "many", EnqueuedAt: e.at(i)})
	}
	records[17].ID, records[203].ID = "", "\xff"
	errs := e.Enqueue(t.Context(), records)
	if len(errs) != len(records) {
		t.Fatalf("%d errors", len(errs))
	}
	for i, err := range errs {
		if bad := i == 17 || i == 203; bad != (err != nil) || bad && !errors.Is(err, results.ErrInvalid) {
			t.Errorf("record %d: %v", i, err)
		}
	}
	if got := collect(t, e.Store, results.Filter{Task: "many", Limit: 100}); len(got) != 298 {
		t.Errorf("%d records", len(got))
	}
}
