package tasks

import (
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"runtime/pprof"
	"sync/atomic"
	"time"

	"github.com/coretasks/core/internal/guard"
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
	// Recorder is told of every attempt; nil keeps no records.
	Recorder Recorder
}

// An Executor decides the fate of deliveries: it is the one place where a message becomes done, retried or dead. It is
// safe for concurrent use.
type Executor struct {
	registry  *Registry
	logger    *slog.Logger
	grace     time.Duration
	recorder  Recorder
	abandoned atomic.Int64
}

// NewExecutor makes an executor of a registry's tasks. It returns the registry's error if that has one.
func NewExecutor(r *Registry, cfg ExecutorConfig) (*Executor, error) {
	if err := r.Err(); err != nil {
		return nil, err
	}
	e := &Executor{registry: r, logger: cfg.Logger, grace: cfg.Grace, recorder: cfg.Recorder}
	if e.logger == nil {
		e.logger = slog.Default()
	}
	e.logger = guard.Logger(e.logger)
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
	// Deadline is when the message can't be held any longer; the zero value leaves it to whoever ends the context.
	Deadline time.Time
	// FirstReceived is when the message was first delivered, where the runtime hides a message that is not due, at most
	// [MaxPostponement] at a time, instead of sending it again: the deliveries before its time cost no attempt.
	FirstReceived time.Time
	// Trace is what the queue says of the producer's trace, for messages whose envelope has none.
	Trace map[string]string
	// Logger gets the lines of this delivery. The default is the executor's.
	Logger *slog.Logger
}

// notDue is how many deliveries came before the job's time.
func (d Delivery) notDue(notBefore time.Time) int {
	if d.FirstReceived.IsZero() || !d.FirstReceived.Before(notBefore) {
		return 0
	}
	return int((notBefore.Sub(d.FirstReceived) + MaxPostponement - 1) / MaxPostponement)
}

// Execute runs the job of one delivery and returns its outcome. It never panics, and returns at the latest the grace
// period after the context ends, the task's timeout passes or the delivery's deadline comes.
//
// The cause of ctx's end tells a shutdown ([ErrShutdown]) and a lost lease ([ErrLeaseLost]) apart for the task; either
// way the attempt is given back, unless it succeeded or failed permanently all the same. A [*TimeoutError] as its cause
// counts as a failure. The function may keep ctx: end it once Execute has returned.
func (e *Executor) Execute(ctx context.Context, d Delivery) Outcome {
	if d.Logger == nil {
		d.Logger = e.logger
	} else {
		d.Logger = guard.Logger(d.Logger)
	}
	attempt := Attempt{Job: Job{Queue: d.Queue}, Number: max(d.Attempt, 1), Deliveries: max(d.Attempt, 1)}
	env, err := decodeText(d.Body)
	attempt.ID, attempt.Task = env.ID, env.Task
	if err != nil {
		// Of which job it says it is nothing is recorded: a body that is no envelope could say anything.
		return refuse(d.Logger, attempt, ReasonMalformed, err)
	}
	attempt.EnqueuedAt, attempt.Trace = env.EnqueuedAt, env.Trace
	if attempt.Trace == nil {
		attempt.Trace = d.Trace
	}
	if !env.NotBefore.IsZero() {
		if wait := time.Until(env.NotBefore); wait > 0 {
			return Outcome{Verdict: Postpone, Delay: wait, Attempt: attempt}
		}
		attempt.Number = max(attempt.Number-d.notDue(env.NotBefore), 1)
	}
	def, ok := e.registry.tasks[env.Task]
	if !ok {
		return e.unknown(ctx, d.Logger, attempt)
	}
	attempt.MaxRetries = def.info.MaxRetries
	call, err := def.bind(env.Params)
	if err != nil {
		return e.refusal(ctx, d.Logger, attempt, ReasonMalformed, err)
	}
	return e.run(ctx, def, attempt, call, d)
}

// unknown puts a job back a few times, since during a deploy the worker that knows its task may not have started.
func (e *Executor) unknown(ctx context.Context, logger *slog.Logger, a Attempt) Outcome {
	_, err := e.registry.Task(a.Task)
	if a.Number > ReceiveAllowance {
		return e.refusal(ctx, logger, a, ReasonUnknownTask, err)
	}
	delay := unknownTaskDelay << (a.Number - 1)
	a.log(logger).Warn("task is unknown here; the job is put back", "retry_in", delay)
	return Outcome{Verdict: Retry, Delay: delay, Reason: ReasonUnknownTask, Err: err, Attempt: a, text: cut(err.Error())}
}

func (e *Executor) run(ctx context.Context, def *definition, a Attempt, call call, d Delivery) Outcome {
	if e.recorder != nil {
		cancellable, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		runs, refused := e.begin(ctx, d.Logger, a, cancel)
		if refused != nil {
			return *refused
		}
		if runs > 0 {
			a.Number = runs
		}
		ctx = cancellable
	}
	r := &run{Context: ctx, attempt: a, logger: d.Logger, recorder: e.recorder, call: call, returned: make(chan struct{})}
	ctx = r
	if ends, cause := limit(def, d.Deadline); !ends.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(r, ends, cause)
		defer cancel()
	}

	if d.Logger.Enabled(ctx, slog.LevelInfo) {
		r.log().Info("job started")
	}
	start := time.Now()
	go e.call(ctx, def, r)

	out := Outcome{Attempt: a}
	select {
	case <-r.returned:
	case <-ctx.Done():
		out.Abandoned = e.awaitReturn(r)
	}
	out.Elapsed = time.Since(start)
	var f *failure
	switch {
	case out.Abandoned:
		f = failureOf(context.Cause(ctx))
	case r.failure != nil:
		f = r.failure
	default:
		out.Result, out.ResultJSON, out.ResultErr = r.value, r.result, r.resultErr
	}
	e.decide(ctx, def, f, &out)
	e.end(ctx, &out)
	e.report(ctx, r, f, &out)
	return out
}

// limit says when an attempt must end, and why: its task's timeout has passed, or its message can't be held any longer.
func limit(def *definition, deadline time.Time) (ends time.Time, cause error) {
	if def.info.Timeout > 0 {
		ends = time.Now().Add(def.info.Timeout)
		if deadline.IsZero() || ends.Before(deadline) {
			return ends, def.timedOut
		}
	}
	return deadline, def.heldTooLong
}

// call runs the function inside its middleware. Whatever its author's code does, it ends with r.returned.
func (e *Executor) call(ctx context.Context, def *definition, r *run) {
	pprof.SetGoroutineLabels(def.labels)
	returned := false
	defer func() {
		if !returned {
			const text = "the task ended its goroutine by runtime.Goexit"
			r.failure = failureOf(&PanicError{Value: text, Stack: debug.Stack(), text: text})
		}
		if !r.state.CompareAndSwap(stateRunning, stateReturned) {
			e.abandoned.Add(-1)
		}
		close(r.returned)
	}()
	r.failure = e.invoke(ctx, r)
	returned = true
}

// invoke calls the function, takes what its error says, and writes its result where somebody keeps it.
func (e *Executor) invoke(ctx context.Context, r *run) *failure {
	var err error
	panicked := guard.Call(func() {
		if len(e.registry.middleware) == 0 {
			r.value, err = r.call.invoke(ctx)
		} else {
			err = e.wrapped(r)(ctx)
		}
	})
	switch {
	case panicked != nil:
		return failureOf(newPanicError(panicked))
	case err != nil:
		return failureOf(err)
	}
	if e.recorder != nil {
		if r.result, err = r.call.encode(); err != nil {
			r.resultErr = told(err)
		}
	}
	return nil
}

// wrapped is the function inside its middleware.
func (e *Executor) wrapped(r *run) Handler {
	var handler Handler = func(ctx context.Context) (err error) {
		r.value, err = r.call.invoke(ctx)
		return err
	}
	for i := len(e.registry.middleware) - 1; i >= 0; i-- {
		handler = e.registry.middleware[i](handler)
	}
	return handler
}

// awaitReturn gives a function whose context has ended the grace period to return, and reports whether it did not.
func (e *Executor) awaitReturn(r *run) (abandoned bool) {
	grace := time.NewTimer(e.grace)
	defer grace.Stop()
	select {
	case <-r.returned:
		return false
	case <-grace.C:
	}
	// Count before the swap: the function's own count down must never come first.
	e.abandoned.Add(1)
	if !r.state.CompareAndSwap(stateRunning, stateAbandoned) {
		e.abandoned.Add(-1)
		<-r.returned
		return false
	}
	r.log().Error("task ignores its cancelled context; it is abandoned and its slot freed",
		"grace", e.grace, "abandoned", e.Abandoned(), "stacks", goroutineStacks(r.attempt.Task))
	return true
}

// decide fills in the verdict on a function's return.
func (e *Executor) decide(ctx context.Context, def *definition, f *failure, out *Outcome) {
	if f == nil {
		// Also when the context ended meanwhile: the work is done, and doing it again would be worse.
		out.Verdict = Done
		return
	}
	out.Err, out.text = f.err, f.text
	var timeout *TimeoutError
	switch cause := context.Cause(ctx); {
	case f.permanent:
		out.Verdict, out.Reason = Dead, ReasonPermanent
		return
	case errors.Is(cause, ErrCancelled):
		out.Verdict, out.Cancelled = Done, true
		return
	case f.panicked != nil:
		out.Reason = ReasonPanic
	case errors.As(cause, &timeout):
		out.Reason = ReasonTimeout
		if timeout.Task == "" && timeout.By == "" {
			timeout = def.heldTooLong
		}
		if !f.timedOut {
			late := &overdue{timeout: timeout, failure: f}
			out.Err, out.text = late, cut(late.Error())
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
	if f.hasAfter {
		out.Delay = min(max(f.after, 0), MaxRetryDelay) // an Error can be made without RetryAfter
	}
}

// report logs how an attempt ended.
func (e *Executor) report(ctx context.Context, r *run, f *failure, out *Outcome) {
	if out.Verdict == Done && !out.Cancelled {
		if out.ResultErr != nil {
			log := withStack(r.log(), out.ResultErr)
			log.Warn("job succeeded, but its result can't be kept", "error", out.ResultErr.Error(), "elapsed", out.Elapsed)
		} else if r.logger.Enabled(ctx, slog.LevelInfo) {
			r.log().Info("job succeeded", "elapsed", out.Elapsed)
		}
		return
	}
	log := r.log().With("error", out.text, "elapsed", out.Elapsed)
	if f.panicked != nil {
		log = log.With("stack", string(f.panicked.Stack))
	}
	switch out.Verdict {
	case Retry:
		log.Warn("job failed; it will be retried", "retry_in", out.Delay, "retries_left", r.attempt.MaxRetries-r.attempt.Number+1)
	case Dead:
		log.Error("job is dead", "reason", out.Reason)
	case GiveBack:
		log.Info("job interrupted; it is given back")
	case Done:
		log.Info("job was cancelled while it ran")
	case Postpone:
	}
}

// withStack adds where a panic was, if that is what an error is about. It looks no further than at errors of this
// package.
func withStack(log *slog.Logger, err error) *slog.Logger {
	if params, ok := err.(*ParamsError); ok { //nolint:errorlint // see above
		err = params.Err
	}
	if p, ok := err.(*PanicError); ok { //nolint:errorlint // see above
		return log.With("stack", string(p.Stack))
	}
	return log
}
