package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// A State is how far a job is.
type State string

// The states of a job. The last three are final.
const (
	Queued    State = "queued"    // accepted by the queue, not started
	Running   State = "running"   // an attempt runs, or its worker died and the next has not begun
	Retrying  State = "retrying"  // an attempt failed and another will follow
	Succeeded State = "succeeded" // done; Result is set
	StateDead State = "dead"      // failed for good; Reason and Error are set
	Cancelled State = "cancelled" // cancelled before or while it ran
)

// Final reports whether a job in this state is finished. It changes no more, except that a dead one can be put back into
// its queue on purpose.
func (s State) Final() bool { return s == Succeeded || s == StateDead || s == Cancelled }

// A Record is what is known of one job. Times are UTC with a precision of a millisecond; those that have not come are zero.
type Record struct {
	ID    string `json:"id"`
	Task  string `json:"task"`
	Queue string `json:"queue"`
	State State  `json:"state"`
	// Attempt is the number of the latest attempt, 0 before the first. Attempts are deliveries, which SQS counts.
	Attempt int `json:"attempt"`
	// Runs is how many attempts have started and were not given back. It decides how many retries remain, since deliveries
	// that came to nothing should cost none.
	Runs int `json:"runs"`
	// Requeues is how often the job was put back into its queue on purpose after it had failed for good. Each time Attempt
	// and Runs begin anew; Error stays until the job ends again.
	Requeues int `json:"requeues,omitempty"`
	// CancelRequested means that somebody cancelled the job while it ran; its worker has not answered yet.
	CancelRequested bool `json:"cancel_requested,omitempty"`

	EnqueuedAt time.Time `json:"enqueued_at,omitzero"`
	StartedAt  time.Time `json:"started_at,omitzero"`  // of the latest attempt
	StartToken int64     `json:"-"`                    // tells two starts at the same time apart
	RetryAt    time.Time `json:"retry_at,omitzero"`    // when the next attempt is due, while retrying
	FinishedAt time.Time `json:"finished_at,omitzero"` // when the state became final
	UpdatedAt  time.Time `json:"updated_at"`
	// ExpiresAt is when the record is forgotten: the retention after its last change.
	ExpiresAt time.Time `json:"expires_at"`

	// Progress is 0 to 1, as the task says it, with a text of its own.
	Progress     float64 `json:"progress"`
	ProgressText string  `json:"progress_text,omitempty"`
	// Result is what the function returned, as JSON.
	Result json.RawMessage `json:"result,omitempty"`
	// Reason says why a job is dead (one of tasks.Reason), Error what its latest failure was.
	Reason string `json:"reason,omitempty"`
	Error  string `json:"error,omitempty"`
}

var (
	// ErrNotFinished says that a job has no result yet.
	ErrNotFinished = errors.New("the job is not finished")
	// ErrCancelled says that a job was cancelled. It is also the cause of its context, when it was running.
	ErrCancelled = errors.New("the job was cancelled")
)

// A DeadError is what a job that failed for good has instead of a result.
type DeadError struct{ Record Record }

func (e *DeadError) Error() string {
	return fmt.Sprintf("job %q of task %q is dead (%s): %s", e.Record.ID, e.Record.Task, e.Record.Reason, e.Record.Error)
}

// A NoResultError means that the job succeeded, but its result could not be kept: it can't be JSON, or is too large for the
// store.
type NoResultError struct{ Record Record }

func (e *NoResultError) Error() string {
	return fmt.Sprintf("job %q succeeded, but its result is not kept: %s", e.Record.ID, e.Record.Error)
}

// Records gives the record of a job. Every store of package results is one.
type Records interface {
	Get(ctx context.Context, id string) (Record, error)
}

// Result returns what a finished job returned. Before that the error is [ErrNotFinished]; for a job that failed for good
// it is a [*DeadError], for a cancelled one [ErrCancelled], and for an unknown or expired one the store's own. A job whose
// result could not be kept has a [*NoResultError].
func (t *Task[P, R]) Result(ctx context.Context, from Records, jobID string) (R, error) {
	r, err := from.Get(ctx, jobID)
	if err != nil {
		var none R
		return none, err
	}
	return t.resultOf(r)
}

func (t *Task[P, R]) resultOf(r Record) (result R, err error) {
	switch {
	case r.Task != t.info.Name:
		return result, fmt.Errorf("job %q is one of task %q, not of %q", r.ID, r.Task, t.info.Name)
	case r.State == Cancelled:
		return result, fmt.Errorf("job %q: %w", r.ID, ErrCancelled)
	case r.State == StateDead:
		return result, &DeadError{Record: r}
	case r.State != Succeeded:
		return result, fmt.Errorf("job %q: %w (%s)", r.ID, ErrNotFinished, r.State)
	case len(r.Result) == 0:
		return result, &NoResultError{Record: r}
	}
	of := t.types.of(t.definition).result
	if problems := of.Validate(r.Result, false); len(problems) > 0 {
		where := ""
		if place := problems[0].Place; place != "" {
			where = fmt.Sprintf(": field %q", place)
		}
		return result, fmt.Errorf("result of job %q%s %s", r.ID, where, problems[0].Text)
	}
	if err := of.Decode(r.Result, &result); err != nil {
		return result, fmt.Errorf("result of job %q: %w", r.ID, told(err))
	}
	return result, nil
}

// How often Wait looks: soon at first, for short jobs, and then less and less.
const (
	firstLook = 50 * time.Millisecond
	lastLook  = 2 * time.Second
)

// Wait is [Task.Result] once the job is finished. It ends with ctx's cause when that ends first. A job without a record
// counts as one whose record is still to come.
func (t *Task[P, R]) Wait(ctx context.Context, from Records, jobID string) (R, error) {
	r, err := WaitRecord(ctx, from, jobID, nil)
	if err != nil {
		var none R
		return none, err
	}
	return t.resultOf(r)
}

// WaitRecord waits until a job is finished and returns its record; changed, unless it is nil, is called with each record
// that differs from the last. It ends with ctx's cause when that ends first.
func WaitRecord(ctx context.Context, from Records, jobID string, changed func(Record)) (Record, error) {
	var last time.Time
	for look := firstLook; ; look = min(look*3/2, lastLook) {
		r, err := from.Get(ctx, jobID)
		if err == nil && !r.UpdatedAt.Equal(last) {
			last = r.UpdatedAt
			look = firstLook
			if changed != nil {
				changed(r)
			}
		}
		if err == nil && r.State.Final() {
			return r, nil
		}
		wait := time.NewTimer(look)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			if err == nil {
				err = fmt.Errorf("job %q: %w (%s)", jobID, ErrNotFinished, r.State)
			}
			return r, fmt.Errorf("%w: %w", err, context.Cause(ctx))
		}
	}
}
