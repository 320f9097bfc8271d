// Package results keeps what becomes of jobs: their state, progress, result or error, for as long as anybody may ask.
//
// A [Store] holds one [Record] a job. Its transitions are conditional, so that SQS's late and duplicate deliveries never
// move a record backwards, and a job that is finished or cancelled is not started again. Package sqlitestore keeps records
// in one file for the processes of one machine, package dynamostore in DynamoDB.
package results

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/coretasks/core/tasks"
)

// Those of package tasks, which has them so that a task can read its own result.
type (
	// State is how far a job is.
	State = tasks.State
	// Record is what is known of one job.
	Record = tasks.Record
)

// The states of a job. The last three are final.
const (
	Queued    = tasks.Queued
	Running   = tasks.Running
	Retrying  = tasks.Retrying
	Succeeded = tasks.Succeeded
	Dead      = tasks.StateDead
	Cancelled = tasks.Cancelled
)

// States lists all states, in the order of a job's life.
func States() []State { return []State{Queued, Running, Retrying, Succeeded, Dead, Cancelled} }

// DefaultRetention is how long a store keeps a record after its last change.
const DefaultRetention = 7 * 24 * time.Hour

var (
	// ErrNotFound says that there is no record of that job, or that it has expired.
	ErrNotFound = errors.New("no such job, or its record has expired")
	// ErrFinished says that a job has reached a final state, so that what was asked can't be done any more.
	ErrFinished = errors.New("the job is finished")
	// ErrStale says that a newer attempt of the job has begun, so that an older one has no say any more.
	ErrStale = errors.New("a newer attempt of the job has begun")
	// ErrRunning says that another message of the job is being worked.
	ErrRunning = errors.New("another message of the job is being worked")
	// ErrActive says that a job waits or runs, so that there is nothing to put back.
	ErrActive = errors.New("the job has not failed for good")
	// ErrInvalidCursor says that a listing's cursor is none that the store gave.
	ErrInvalidCursor = errors.New("invalid cursor: use the one that the last page gave, with the same filter")
	// ErrInvalid says that a store was given what no record or listing can have: an ID that is empty, no UTF-8 or longer
	// than 512 bytes, a result that is no JSON, a state that does not exist, a page of more than [MaxPage].
	ErrInvalid = errors.New("invalid")
)

// A NotFoundError is [ErrNotFound] with the job's ID.
type NotFoundError struct{ ID string }

func (e *NotFoundError) Error() string { return fmt.Sprintf("job %q: %v", e.ID, ErrNotFound) }

func (e *NotFoundError) Unwrap() error { return ErrNotFound }

// A FinishedError is [ErrFinished] with the record as it is.
type FinishedError struct{ Record Record }

func (e *FinishedError) Error() string {
	return fmt.Sprintf("job %q: %v (%s)", e.Record.ID, ErrFinished, e.Record.State)
}

func (e *FinishedError) Unwrap() error { return ErrFinished }

// A RunningError is [ErrRunning] with the record as it is.
type RunningError struct{ Record Record }

func (e *RunningError) Error() string { return fmt.Sprintf("job %q: %v", e.Record.ID, ErrRunning) }

func (e *RunningError) Unwrap() error { return ErrRunning }

// MaxGuard is for how long after its start a run keeps other messages of its job from being worked, so that one whose worker
// has died without a trace does not keep them for ever.
const MaxGuard = time.Hour

// An ActiveError is [ErrActive] with the record as it is.
type ActiveError struct{ Record Record }

func (e *ActiveError) Error() string {
	return fmt.Sprintf("job %q: %v (%s)", e.Record.ID, ErrActive, e.Record.State)
}

func (e *ActiveError) Unwrap() error { return ErrActive }

// A Start is an attempt that is about to run.
type Start struct {
	ID, Task, Queue string
	Attempt         int
	EnqueuedAt, At  time.Time
	// Token tells two starts at the same time apart, of which one is another worker's. Each start has its own.
	Token int64
}

// An End is how an attempt ended.
type End struct {
	ID      string
	Attempt int
	// State is Retrying, a final one, or Queued for an attempt that was interrupted by a shutdown and given back.
	State   State
	At      time.Time
	RetryAt time.Time // with Retrying
	Result  json.RawMessage
	Reason  string
	Error   string

	// Requeues is what the record had when the attempt began, which tells the attempts before and after a requeue apart:
	// both count from 1. [RequeuesUnknown] is for an attempt of which the store did not learn that it began.
	Requeues int

	// Task, Queue and EnqueuedAt make the record where there is none: a store that was down when the job began, or one
	// that is told final states only.
	Task, Queue string
	EnqueuedAt  time.Time
}

// RequeuesUnknown as an End's Requeues takes an attempt for one since the last requeue.
const RequeuesUnknown = -1

// A Requeue puts a job that has failed for good back into its queue.
type Requeue struct {
	ID string
	At time.Time
	// DiedBy is by when the job's message had become a dead letter. A record can lag behind that: a worker that was killed,
	// or had no store, has written no end. So a job that is queued, running or retrying is put back too, where its latest
	// attempt began no later than DiedBy. Zero means that only the record is believed.
	DiedBy time.Time
}

// A Filter says which records a listing has. Empty fields allow all.
type Filter struct {
	Task  string
	State State
	// Limit is how many records a page has at most: 1 to 100, 0 means 20.
	Limit int
	// Cursor continues where the last page ended.
	Cursor string
}

// A Page is a part of a listing, newest job first.
type Page struct {
	Records []Record `json:"records"`
	// Next is the cursor of the next page, or empty when this was the last.
	Next string `json:"next,omitempty"`
}

// Limits of a listing's pages.
const (
	DefaultPage = 20
	MaxPage     = 100
)

// A Store keeps records. Its methods may be called from many goroutines, and the same store from many processes. Each
// transition is one conditional write, and what has expired is as if it had never been.
//
// Times that are zero are taken to be now. A call that is repeated word for word, time included, changes nothing and gets
// the answer of the first: an answer that was lost on its way costs no run. Texts are made valid UTF-8 and kept to 16 KiB
// of an error and 1 KiB of a progress. What can't be recorded at all is [ErrInvalid].
type Store interface {
	// Enqueue makes records in state Queued, from their ID, Task, Queue and EnqueuedAt. A record that is there already is
	// left as it is: its worker may have been faster. It returns nil when all went well, otherwise an error for each.
	Enqueue(ctx context.Context, records []Record) []error

	// Start moves a job to Running and returns its record, which it makes where there is none. A job in a final state
	// stays as it is: the error is a [*FinishedError] with its record. So does one whose cancellation was requested while
	// an earlier attempt ran: it becomes Cancelled and the error is a FinishedError too. A job that runs already is taken
	// over: its worker may have died. Attempt never falls; Runs grows by one. Progress begins again at 0.
	Start(ctx context.Context, s Start) (Record, error)

	// Progress records how far the running attempt is. An attempt that is not the latest, or not running, gets [ErrStale],
	// a job without a record a [*NotFoundError].
	Progress(ctx context.Context, id string, attempt int, fraction float64, text string, at time.Time) error

	// End records how an attempt ended. Retrying and Queued are recorded only for the latest attempt while it runs, else
	// [ErrStale]; Queued, an attempt that was given back, takes one from Runs. A final
	// state of any attempt is recorded unless one is there already, which is a [*FinishedError]. A success is recorded in
	// place of Dead too: the work is done, and what failed was a copy of the job's message. With Dead or Cancelled an
	// older attempt than the latest gets ErrStale, and so has one from before a requeue no say unless it succeeded. An attempt newer than any that the record knows is the latest: the store
	// was down when it began, and unless it was given back it is counted in Runs now.
	End(ctx context.Context, e End) error

	// Requeue moves a dead job back to Queued, as new: Attempt and Runs are 0, progress, reason and the times of its attempts
	// are gone; Requeues grows by one; Error stays, for whoever looks, until the job ends again. What attempts from before
	// report later is ErrStale. A job that is queued and has had no attempt since stays as it is and is no error, so that a
	// requeue may be repeated. One that has succeeded or was cancelled is a [*FinishedError], one that is alive (see
	// [Requeue]) an [*ActiveError], one without a record a [*NotFoundError]. A job whose cancellation was requested becomes
	// Cancelled, and the error is a FinishedError, as with Start.
	Requeue(ctx context.Context, q Requeue) (Record, error)

	// Cancel moves a queued or retrying job to Cancelled, and sets CancelRequested on a running one; it returns the
	// record. A job in a final state is a [*FinishedError], one without a record a [*NotFoundError].
	Cancel(ctx context.Context, id string, at time.Time) (Record, error)

	// CancelRequested tells which of the jobs have CancelRequested set or are cancelled, as one is whose other run, of a
	// duplicate, was between two attempts; the others may be missing from the map.
	CancelRequested(ctx context.Context, ids []string) (map[string]bool, error)

	// Get returns a record, or a [*NotFoundError].
	Get(ctx context.Context, id string) (Record, error)

	// List returns a page of records, newest first: by EnqueuedAt, then by ID, both falling. It leaves out Result, which Get
	// has. A page may have fewer records than its limit, or none, and yet a next one: a store bounds the work of one call.
	// Records that change between pages come at most once, and those that do not come exactly once. A cursor that the store
	// did not give, or gave for another filter, is [ErrInvalidCursor].
	List(ctx context.Context, f Filter) (Page, error)

	// Ping reports whether the store can be reached.
	Ping(ctx context.Context) error

	// Close gives back what the store holds.
	Close() error
}
