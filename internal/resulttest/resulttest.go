// Package resulttest is one suite of what every store of job records promises, to be run on each of them.
package resulttest

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/coretasks/core/results"
)

// Options are the settings that every store has.
type Options struct {
	Retention time.Duration
	Now       func() time.Time
}

// Open returns a store on the records of one test; each call gives another store on the same records. The store is closed
// when the test ends.
type Open func(t testing.TB, o Options) results.Store

// Harness tells the suite how to reach a kind of store.
type Harness struct {
	// New makes room for the records of one test, which no other test sees.
	New func(t *testing.T) Open
	// MaxResult is the largest result, in bytes, that the store keeps; 0 is no limit.
	MaxResult int
}

// Run runs the suite.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for name, test := range map[string]func(*testing.T, Harness){
		"Life":               testLife,
		"Enqueue":            testEnqueue,
		"Start":              testStart,
		"StartRequested":     testStartRequested,
		"Progress":           testProgress,
		"End":                testEnd,
		"SuccessOverDead":    testSuccessOverDead,
		"EndWithoutRecord":   testEndWithoutRecord,
		"Requeue":            testRequeue,
		"RequeueLate":        testRequeueLate,
		"RequeuesAtOnce":     testRequeuesAtOnce,
		"Cancel":             testCancel,
		"CancelRequested":    testCancelRequested,
		"Repeated":           testRepeated,
		"Invalid":            testInvalid,
		"ZeroTimes":          testZeroTimes,
		"Values":             testValues,
		"LargeResults":       testLargeResults,
		"Expiry":             testExpiry,
		"ExpiryOfListings":   testExpiryOfListings,
		"ContextEnded":       testContextEnded,
		"Transitions":        testTransitions,
		"OneFinalState":      testOneFinalState,
		"StartsAtOnce":       testStartsAtOnce,
		"Scramble":           testScramble,
		"ListFilters":        testListFilters,
		"ListPages":          testListPages,
		"ListWhileChanging":  testListWhileChanging,
		"ListMovesBetween":   testListMovesBetween,
		"ListCursors":        testListCursors,
		"ListRareTask":       testListRareTask,
		"ManyEnqueuedAtOnce": testManyEnqueued,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, h)
		})
	}
}

// env is a store with what most tests need.
type env struct {
	results.Store
	t    testing.TB
	base time.Time
}

func (h Harness) env(t *testing.T) env {
	t.Helper()
	return env{Store: h.New(t)(t, Options{}), t: t, base: now()}
}

func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }

// at is some milliseconds after the test began.
func (e env) at(ms int) time.Time { return e.base.Add(time.Duration(ms) * time.Millisecond) }

func newID() string { return uuid.NewString() }

// enqueued makes a record and returns its ID.
func (e env) enqueued() string {
	e.t.Helper()
	id := newID()
	e.enqueue(results.Record{ID: id, Task: "reports.generate", Queue: "default", EnqueuedAt: e.base})
	return id
}

func (e env) enqueue(records ...results.Record) {
	e.t.Helper()
	for _, err := range e.Enqueue(e.t.Context(), records) {
		if err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e env) start(id string, attempt, ms int) (results.Record, error) {
	return e.Start(e.t.Context(), results.Start{
		ID: id, Task: "reports.generate", Queue: "default", Attempt: attempt, EnqueuedAt: e.base, At: e.at(ms),
	})
}

func (e env) started(attempt int) string {
	e.t.Helper()
	id := e.enqueued()
	if _, err := e.start(id, attempt, 1); err != nil {
		e.t.Fatal(err)
	}
	return id
}

func (e env) end(id string, attempt int, state results.State, ms int) error {
	end := results.End{
		ID: id, Attempt: attempt, State: state, At: e.at(ms), Task: "reports.generate", Queue: "default", EnqueuedAt: e.base,
	}
	switch state {
	case results.Succeeded:
		end.Result = fmt.Appendf(nil, `{"at":%d}`, ms)
	case results.Retrying:
		end.RetryAt, end.Error = e.at(ms+1000), fmt.Sprintf("failed at %d", ms)
	case results.Dead:
		end.Reason, end.Error = "permanent", fmt.Sprintf("died at %d", ms)
	default:
	}
	return e.End(e.t.Context(), end)
}

func (e env) get(id string) results.Record {
	e.t.Helper()
	r, err := e.Get(e.t.Context(), id)
	if err != nil {
		e.t.Fatal(err)
	}
	return r
}

// wantRecord compares a stored record.
func (e env) wantRecord(id string, want results.Record) {
	e.t.Helper()
	if got := e.get(id); !reflect.DeepEqual(got, want) {
		e.t.Errorf("the record is\n%+v, want\n%+v", got, want)
	}
}

// unchanged runs what must not change a record.
func (e env) unchanged(id string, do func()) {
	e.t.Helper()
	before := e.get(id)
	do()
	e.wantRecord(id, before)
}

func wantError(t testing.TB, what string, err, want error) {
	t.Helper()
	if want == nil && err != nil || !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// wantFinished checks for a FinishedError that has a record in a state.
func wantFinished(t testing.TB, what string, err error, state results.State) {
	t.Helper()
	finished, ok := errors.AsType[*results.FinishedError](err)
	if !ok || !errors.Is(err, results.ErrFinished) || finished.Record.State != state {
		t.Errorf("%s: %v, want a FinishedError of a job that is %s", what, err, state)
	}
}

func wantNotFound(t testing.TB, what, id string, err error) {
	t.Helper()
	missing, ok := errors.AsType[*results.NotFoundError](err)
	if !ok || !errors.Is(err, results.ErrNotFound) || missing.ID != id {
		t.Errorf("%s: %v, want a NotFoundError of %q", what, err, id)
	}
}

// clock is a clock that a test turns.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t
}

// ceil is when a record expires.
func ceil(t time.Time) time.Time { return t.Add(time.Second - 1).Truncate(time.Second) }
