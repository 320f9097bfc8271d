package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync/atomic"
	"time"
)

// DefaultGrace is how long a function whose context was cancelled may take to return before it is abandoned.
const DefaultGrace = 5 * time.Second

// unknownTaskDelay is the wait before the first redelivery of a message whose task this program does not know; it
// doubles each time, so that the allowance spans a deploy of about eight minutes.
const unknownTaskDelay = 15 * time.Second

// ExecutorConfig sets how an [Executor] works; the zero value is ready to use.
type ExecutorConfig struct {
	// Logger gets the life of each job, never its parameters. The default is slog.Default().
	Logger *slog.Logger
	// Grace is how long a function may ignore its cancelled context before its slot is freed; the default is
	// [DefaultGrace].
	Grace time.Duration
}

// An Executor decides the fate of deliveries: it is the one place where a message becomes done, retried or dead. It is
// safe for concurrent use.
type Executor struct {
	registry  *Registry
	logger    *slog.Logger
	grace     time.Duration
	abandoned atomic.Int64
}

// NewExecutor makes an executor of a registry's tasks. It returns the registry's error if that has one.
func NewExecutor(r *Registry, cfg ExecutorConfig) (*Executor, error) {
	if err := r.Err(); err != nil {
		return nil, err
	}
	e := &Executor{registry: r, logger: cfg.Logger, grace: cfg.Grace}
	if e.logger == nil {
		e.logger = slog.Default()
	}
	if e.grace <= 0 {
		e.grace = DefaultGrace
	}
	return e, nil
}

// Abandoned returns how many functions still run after they were abandoned.
func (e *Executor) Abandoned() int { return int(e.abandoned.Load()) }

// A Delivery is one message as a queue handed it out.
type Delivery struct {
	// Body is the message's text.
	Body string
	// Queue is the queue's name, without a prefix.
	Queue string
	// Attempt counts the deliveries of this message, from 1.
	Attempt int
	// Deadline is when the message can't be held any longer; the zero value is never.
	Deadline time.Time
}

// Execute runs the job of one delivery and returns its outcome. It never panics, and returns at the latest the grace
// period after the context ends, the task's timeout passes or the delivery's deadline comes.
//
// The cause of ctx's end tells a shutdown ([ErrShutdown]) and a lost lease ([ErrLeaseLost]) apart for the task; either
// way the attempt is given back, unless it succeeded or failed permanently all the same.
func (e *Executor) Execute(ctx context.Context, d Delivery) Outcome {
	attempt := Attempt{Job: Job{Queue: d.Queue}, Number: max(d.Attempt, 1)}
	env, err := DecodeEnvelope([]byte(d.Body))
	if err != nil {
		return e.refuse(attempt, ReasonMalformed, err)
	}
	attempt.ID, attempt.Task = env.ID, env.Task
	attempt.EnqueuedAt, attempt.Trace = env.EnqueuedAt, env.Trace
	if !env.NotBefore.IsZero() {
		if wait := time.Until(env.NotBefore); wait > 0 {
			return Outcome{Verdict: Postpone, Delay: wait, Attempt: attempt}
		}
	}
	def, ok := e.registry.tasks[env.Task]
	if !ok {
		return e.unknown(attempt)
	}
	attempt.MaxRetries = def.info.MaxRetries
	call, err := def.bind(env.Params)
	if err != nil {
		return e.refuse(attempt, ReasonMalformed, err)
	}
	return e.run(ctx, def, attempt, call, d.Deadline)
}

// refuse dead-letters what could not be run.
func (e *Executor) refuse(a Attempt, reason Reason, err error) Outcome {
	(&run{attempt: a, logger: e.logger}).log().Error("job is dead", "reason", reason, "error", err)
	return Outcome{Verdict: Dead, Reason: reason, Err: err, Attempt: a}
}

// unknown puts a job back a few times, since during a deploy the worker that knows its task may not have started.
func (e *Executor) unknown(a Attempt) Outcome {
	_, err := e.registry.Task(a.Task)
	if a.Number > ReceiveAllowance {
		return e.refuse(a, ReasonUnknownTask, err)
	}
	delay := unknownTaskDelay << (a.Number - 1)
	(&run{attempt: a, logger: e.logger}).log().Warn("task is unknown here; the job is put back", "retry_in", delay)
	return Outcome{Verdict: Retry, Delay: delay, Reason: ReasonUnknownTask, Err: err, Attempt: a}
}

// result is what a function's goroutine leaves.
type result struct {
	value any
	err   error
}

func (e *Executor) run(ctx context.Context, def *definition, a Attempt, call call, deadline time.Time) Outcome {
	r := &run{attempt: a, logger: e.logger}
	ctx, cancel := limit(context.WithValue(ctx, runKey{}, r), def.info, deadline)
	defer cancel()

	if e.logger.Enabled(ctx, slog.LevelInfo) {
		r.log().Info("job started")
	}
	start := time.Now()
	finished := make(chan result, 1)
	state := &atomic.Int32{}
	go e.call(ctx, state, call, finished)

	out := Outcome{Attempt: a}
	var res result
	select {
	case res = <-finished:
	case <-ctx.Done():
		res, out.Abandoned = e.awaitReturn(ctx, state, finished, a)
	}
	out.Elapsed = time.Since(start)
	e.decide(ctx, def, res, &out)
	e.report(ctx, r, &out)
	return out
}

// limit bounds one attempt by the task's timeout and by how long its message can be held, whichever ends first.
func limit(ctx context.Context, info Info, deadline time.Time) (context.Context, context.CancelFunc) {
	if info.Timeout > 0 {
		if ends := time.Now().Add(info.Timeout); deadline.IsZero() || ends.Before(deadline) {
			return context.WithDeadlineCause(ctx, ends, &TimeoutError{Task: info.Name, Limit: info.Timeout})
		}
	}
	if !deadline.IsZero() {
		return context.WithDeadlineCause(ctx, deadline, &TimeoutError{Task: info.Name})
	}
	return context.WithCancel(ctx)
}

// The states of a function's goroutine: whichever of the goroutine and its waiter moves it from running decides whether
// the function counts as abandoned.
const (
	stateRunning int32 = iota
	stateReturned
	stateAbandoned
)

// call runs the function inside its middleware, and turns a panic into an error.
func (e *Executor) call(ctx context.Context, state *atomic.Int32, call call, finished chan<- result) {
	var res result
	returned := false
	defer func() {
		if !returned {
			value := recover()
			if value == nil {
				value = "the task ended its goroutine by runtime.Goexit"
			}
			res.err = &PanicError{Value: value, Stack: debug.Stack()}
		}
		if !state.CompareAndSwap(stateRunning, stateReturned) {
			e.abandoned.Add(-1)
		}
		finished <- res
	}()
	var handler Handler = func(ctx context.Context) (err error) {
		res.value, err = call(ctx)
		return err
	}
	for i := len(e.registry.middleware) - 1; i >= 0; i-- {
		handler = e.registry.middleware[i](handler)
	}
	if a, ok := Current(ctx); ok {
		labelGoroutine(ctx, a)
	}
	res.err = handler(ctx)
	returned = true
}

// awaitReturn gives a function whose context has ended the grace period to return.
func (e *Executor) awaitReturn(ctx context.Context, state *atomic.Int32, finished <-chan result, a Attempt) (result, bool) {
	grace := time.NewTimer(e.grace)
	defer grace.Stop()
	select {
	case res := <-finished:
		return res, false
	case <-grace.C:
	}
	// Count before the swap: the function's own count down must never come first.
	e.abandoned.Add(1)
	if !state.CompareAndSwap(stateRunning, stateAbandoned) {
		e.abandoned.Add(-1)
		return <-finished, false
	}
	(&run{attempt: a, logger: e.logger}).log().Error("task ignores its cancelled context; it is abandoned and its slot freed",
		"grace", e.grace, "abandoned", e.Abandoned(), "stack", goroutineStack(a))
	return result{err: context.Cause(ctx)}, true
}

// decide fills in the verdict on a function's return.
func (e *Executor) decide(ctx context.Context, def *definition, res result, out *Outcome) {
	if res.err == nil {
		// Also when the context ended meanwhile: the work is done, and doing it again would be worse.
		out.Verdict, out.Result = Done, res.value
		return
	}
	out.Err = res.err
	var (
		timeout     *TimeoutError
		_, panicked = errors.AsType[*PanicError](res.err)
	)
	switch cause := context.Cause(ctx); {
	case IsPermanent(res.err):
		out.Verdict, out.Reason = Dead, ReasonPermanent
		return
	case panicked:
		out.Reason = ReasonPanic
	case errors.As(cause, &timeout):
		out.Reason = ReasonTimeout
		if !errors.As(res.err, new(*TimeoutError)) {
			out.Err = fmt.Errorf("%w: %w", timeout, res.err)
		}
	case cause != nil:
		out.Verdict = GiveBack
		return
	default:
		out.Reason = ReasonExhausted
	}
	if out.Attempt.Last() {
		out.Verdict = Dead
		return
	}
	out.Verdict, out.Delay = Retry, def.info.RetryDelay
	if own, ok := errors.AsType[*Error](res.err); ok && own.HasAfter {
		out.Delay = own.After
	}
}

// report logs how an attempt ended.
func (e *Executor) report(ctx context.Context, r *run, out *Outcome) {
	if out.Verdict == Done {
		if e.logger.Enabled(ctx, slog.LevelInfo) {
			r.log().Info("job succeeded", "elapsed", out.Elapsed)
		}
		return
	}
	log := r.log().With("error", out.Err, "elapsed", out.Elapsed)
	if p, ok := errors.AsType[*PanicError](out.Err); ok {
		log = log.With("stack", string(p.Stack))
	}
	switch out.Verdict {
	case Retry:
		log.Warn("job failed; it will be retried", "retry_in", out.Delay, "retries_left", r.attempt.MaxRetries-r.attempt.Number+1)
	case Dead:
		log.Error("job is dead", "reason", out.Reason)
	case GiveBack:
		log.Info("job interrupted; it is given back")
	case Done, Postpone:
	}
}
