package tasks

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync/atomic"
	"time"
)

// An Attempt is one run of a job, as the task sees it.
type Attempt struct {
	Job
	// Number is 1 for the first attempt. Without a results store it counts deliveries, and so a crash or a give-back
	// counts as well; with one it counts the runs that were started and not given back.
	Number int
	// Deliveries is how often SQS has handed the message out.
	Deliveries int
	// MaxRetries is the task's.
	MaxRetries int
	// EnqueuedAt is when the producer made the job.
	EnqueuedAt time.Time
	// Trace is the producer's trace context, by header name (traceparent, tracestate); nil where there is none.
	Trace map[string]string
}

// Last reports whether a failure of this attempt is final.
func (a Attempt) Last() bool { return a.Number > a.MaxRetries }

type runKey struct{}

// A run is one call of a function: the context value that its goroutine works with, and what its waiter gets of it. It is
// one allocation, because every job pays for it.
type run struct {
	context.Context
	attempt  Attempt
	logger   *slog.Logger
	recorder Recorder // nil: no records are kept

	call     call
	state    atomic.Int32 // whoever moves it from running decides whether the function counts as abandoned
	returned chan struct{}

	// What the function returned, once returned is closed.
	value     any
	failure   *failure // nil: none
	result    json.RawMessage
	resultErr error
}

// The states of a run.
const (
	stateRunning int32 = iota
	stateReturned
	stateAbandoned
)

// Value finds the run itself, and otherwise what its parent has.
func (r *run) Value(key any) any {
	if key == (runKey{}) {
		return r
	}
	return r.Context.Value(key)
}

// Current returns the attempt that runs in ctx, and false outside a task.
func Current(ctx context.Context) (Attempt, bool) {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return Attempt{}, false
	}
	return r.attempt, true
}

// Logger returns a logger whose lines carry the job's id, task, queue and attempt. Outside a task it is slog's default.
func Logger(ctx context.Context) *slog.Logger {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok {
		return slog.Default()
	}
	return r.log()
}

func (r *run) log() *slog.Logger { return r.attempt.log(r.logger) }

func (a Attempt) log(logger *slog.Logger) *slog.Logger {
	return logger.With("job", a.ID, "task", a.Task, "queue", a.Queue, "attempt", a.Number)
}

// A Handler runs one attempt. Its error decides the job's fate, as a task's own does.
type Handler func(ctx context.Context) error

// Middleware wraps the run of every task of a registry: to open a database session, start a span, count. It gets the
// attempt by [Current]. A panic inside it is a failure of the attempt.
type Middleware func(next Handler) Handler
