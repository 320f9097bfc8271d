package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/coretasks/core/internal/guard"
)

var (
	// ErrShutdown is the cause of a task's context when its worker is stopping and the task's time is up. The job is
	// given back to the queue and runs again elsewhere.
	ErrShutdown = errors.New("the worker is shutting down")

	// ErrLeaseLost is the cause of a task's context when the worker could no longer keep the message hidden from
	// other workers: the job is about to run elsewhere, so this run stops.
	ErrLeaseLost = errors.New("the message's lease was lost: another worker may run the job")

	// ErrUnknownTask says that no task of that name is registered.
	ErrUnknownTask = errors.New("unknown task")

	// ErrUnknownOutcome says that a job may be in the queue although enqueuing it failed: it was sent, and the answer did
	// not come or did not say. Enqueue it again with the same ID ([JobID]): with a results store the job's second delivery
	// is skipped once it has succeeded, where a new ID would do the work twice. Any other error means that the
	// job is not in the queue.
	ErrUnknownOutcome = errors.New("whether the queue took the job is not known, since the answer was lost")

	// ErrInvalidCountdown says that a countdown is negative, or that it or the time of [At] is further away than
	// [MaxCountdown].
	ErrInvalidCountdown = errors.New("a countdown must be 0 or more and at most 365 days")

	// ErrInvalidJobID says that the id given with [JobID] can't be one.
	ErrInvalidJobID = errors.New("a job's id must be 1 to 128 visible ASCII characters, not . or .., and of one job only")
)

// An Error carries a task's own word on whether, and when, it should be retried. Make one with [Errorf], [Permanent] or
// [RetryAfter]. Where several wrap each other, the outermost decides.
type Error struct {
	// Err is the failure itself.
	Err error
	// Permanent means that a retry can't help: the job goes to the dead-letter queue at once.
	Permanent bool
	// After, where HasAfter is set, replaces the task's RetryDelay for this retry.
	After    time.Duration
	HasAfter bool
}

func (e *Error) Error() string { return e.Err.Error() }

// Unwrap returns the failure itself.
func (e *Error) Unwrap() error { return e.Err }

// Errorf formats a failure that is retried while retries remain, as every plain error is. Use it to say so, or to make
// a failure retryable that wraps a permanent one.
func Errorf(format string, args ...any) error {
	return &Error{Err: fmt.Errorf(format, args...)}
}

// Permanent marks err as a failure that no retry can mend: invalid data, a missing record. The job is dead-lettered at
// once. Permanent(nil) is nil.
//
// An error that joins several, by errors.Join or by more than one %w, is permanent only when each of them is: the
// others may be gone at the next attempt. To make the whole permanent, mark the whole.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, Permanent: true}
}

// RetryAfter asks for the next retry, if one remains, after d instead of the task's RetryDelay: for example what a
// rate limit's Retry-After says. Less than 0 counts as 0 and more than [MaxRetryDelay] as that. RetryAfter(d, nil) is
// nil. For joined errors the longest delay is used.
func RetryAfter(d time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Err: err, After: min(max(d, 0), MaxRetryDelay), HasAfter: true}
}

// IsPermanent reports whether err asks not to be retried; see [Permanent] for errors that are joined.
func IsPermanent(err error) bool { return examine(err).permanent }

// A TimeoutError is the cause of a task's context, and the error of the attempt, when the attempt took longer than it
// may.
type TimeoutError struct {
	// Task is empty in the context's cause where whoever holds the message ended the attempt.
	Task string
	// Limit is the task's Timeout, or 0 when the message could not be held any longer (12 hours on SQS).
	Limit time.Duration
	// By names what else set the limit, such as "the Lambda function's timeout"; Task is empty then.
	By string
}

func (e *TimeoutError) Error() string {
	switch {
	case e.By != "":
		return fmt.Sprintf("the attempt was cut off after %v by %s; make that longer, or split the task's work", e.Limit, e.By)
	case e.Task == "":
		return "the task ran for as long as its message can be held; give it a Timeout or split its work"
	case e.Limit == 0:
		return fmt.Sprintf("task %q ran for as long as its message can be held; give it a Timeout or split its work", e.Task)
	}
	return fmt.Sprintf("task %q exceeded its timeout of %v", e.Task, e.Limit)
}

// Is makes a TimeoutError match context.DeadlineExceeded, as the context's own error does.
func (e *TimeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// A PanicError is the error of an attempt that panicked, or that ended its goroutine by runtime.Goexit. It is also the
// cause where code of a parameter's or a result's type panics.
type PanicError struct {
	Value any
	Stack []byte

	text string // of the value, taken once; "" where the error was made elsewhere
}

func newPanicError(p *guard.Panic) *PanicError {
	return &PanicError{Value: p.Value, Stack: p.Stack, text: p.Text}
}

func (e *PanicError) Error() string {
	if e.text == "" {
		return "panic: " + guard.Text(e.Value)
	}
	return "panic: " + e.text
}

// Unwrap returns the panic's value where that is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// A DefinitionError says what is wrong with a task's or a queue's definition. [Registry.Err] joins all of them.
type DefinitionError struct {
	// Task names the task, where a task is wrong.
	Task string
	// Queue names the queue, where a queue's settings are wrong.
	Queue   string
	Problem string
	// Err is the cause, where it has a type: a [*CronError], an [*IntervalError], or what a type's own code answers when
	// its zero value is read back.
	Err error
}

// Unwrap returns the cause.
func (e *DefinitionError) Unwrap() error { return e.Err }

func (e *DefinitionError) Error() string {
	if e.Queue != "" {
		return fmt.Sprintf("queue %q: %s", e.Queue, e.Problem)
	}
	return fmt.Sprintf("task %q: %s", e.Task, e.Problem)
}

// A ParamsError says which parameter of a task is wrong, and what it must be. Its message has no values of
// parameters, so that it can be logged.
type ParamsError struct {
	Task string
	// Field is the path of the parameter ("items.3.price", and "prices.*" for what a map has), or empty where the whole
	// document is wrong.
	Field   string
	Problem string
	// Err is what the parameter's own type said, where that refused it; it may repeat the value.
	Err error
}

func (e *ParamsError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("parameters of task %q: %s", e.Task, e.Problem)
	}
	return fmt.Sprintf("parameters of task %q: field %q: %s", e.Task, e.Field, e.Problem)
}

// Unwrap returns what the parameter's own type said.
func (e *ParamsError) Unwrap() error { return e.Err }

// An EnqueueError says which job was not enqueued, or not for certain, and why. Unwrap gives the reason.
type EnqueueError struct {
	Job Job
	Err error
}

func (e *EnqueueError) Error() string {
	if e.Unknown() {
		return fmt.Sprintf("enqueue task %q on queue %q (job %s): %v", e.Job.Task, e.Job.Queue, e.Job.ID, e.Err)
	}
	return fmt.Sprintf("enqueue task %q on queue %q: %v", e.Job.Task, e.Job.Queue, e.Err)
}

func (e *EnqueueError) Unwrap() error { return e.Err }

// Unknown reports whether the job may be in the queue all the same; see [ErrUnknownOutcome]. If not, it was refused.
func (e *EnqueueError) Unknown() bool { return errors.Is(e.Err, ErrUnknownOutcome) }

// A BulkError says which items of a DelayMany were not enqueued, or not for certain; all others were.
type BulkError struct {
	// Total is the number of items of the call.
	Total int
	// Items holds the failed ones, in the order of the call.
	Items []ItemError
}

// An ItemError is the failure of one item of a DelayMany.
type ItemError struct {
	// Index is the item's place in the call's parameters.
	Index int
	Err   error
}

func (e *BulkError) Error() string {
	first := e.Items[0]
	return fmt.Sprintf("%d of %d jobs were not enqueued; the first is item %d: %v", len(e.Items), e.Total, first.Index, first.Err)
}

// Failed reports whether the item at that place in the call's parameters was not enqueued.
func (e *BulkError) Failed(index int) bool {
	return slices.ContainsFunc(e.Items, func(i ItemError) bool { return i.Index == index })
}

// Unwrap returns the items' errors, so that errors.Is and errors.As look into each.
func (e *BulkError) Unwrap() []error {
	errs := make([]error, len(e.Items))
	for i, item := range e.Items {
		errs[i] = item.Err
	}
	return errs
}
