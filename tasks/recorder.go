package tasks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"github.com/coretasks/core/internal/guard"
)

// ErrSkip is what a [Recorder] answers when a job must not run: it has succeeded already, or was cancelled.
var ErrSkip = errors.New("the job has succeeded or was cancelled already")

// A RunningError is what a [Recorder] answers when another message of the same job is being worked, so that this one
// must wait: by then the job has ended, most likely, and it is dropped.
type RunningError struct{ Wait time.Duration }

func (e *RunningError) Error() string {
	return fmt.Sprintf("another message of the job is being worked; this one waits %v", e.Wait)
}

// A Recorder keeps what becomes of jobs; results.NewRecorder makes one of a store. The executor tells it of every
// attempt.
type Recorder interface {
	// Start is called before an attempt runs. It returns how many runs of the job have started, this one included; 0
	// where that is not known. With [ErrSkip] the message is dropped, with a [*DeadError] it is dead-lettered again,
	// since it may be that only the record had been written, and with a [*RunningError] it comes again later. Any other
	// trouble is the recorder's own: the job runs.
	//
	// The recorder calls cancel, with [ErrCancelled], when somebody cancels the job before End.
	Start(ctx context.Context, a Attempt, cancel context.CancelCauseFunc) (runs int, err error)
	// Progress notes how far an attempt is, 0 to 1. It returns at once.
	Progress(a Attempt, fraction float64, text string)
	// End is called with each outcome of an attempt that was started, before its message is acknowledged.
	End(ctx context.Context, o Outcome)
}

// Progress tells how far the task is: fraction from 0 to 1, and a few words. It may be called as often as one likes;
// a few values a second are kept. Without a results store, and outside a task, it does nothing.
func Progress(ctx context.Context, fraction float64, text string) {
	r, ok := ctx.Value(runKey{}).(*run)
	if !ok || r.recorder == nil {
		return
	}
	if math.IsNaN(fraction) { // 0 of 0; no record can hold it
		fraction = 0
	}
	panicked := guard.Call(func() { r.recorder.Progress(r.attempt, min(max(fraction, 0), 1), text) })
	if panicked != nil {
		tellRecorder(r.logger, r.attempt, panicked)
	}
}

// recordTimeout bounds what a slow store may add to a job.
const recordTimeout = 5 * time.Second

// begin asks the recorder whether an attempt may run: how many runs have started, this one included (0: not known), or
// the outcome of an attempt that may not.
func (e *Executor) begin(ctx context.Context, logger *slog.Logger, a Attempt, cancel context.CancelCauseFunc) (runs int, refused *Outcome) {
	ctx, done := context.WithTimeout(ctx, recordTimeout)
	defer done()
	panicked := guard.Isolated(func() {
		var err error
		if runs, err = e.recorder.Start(ctx, a, cancel); err != nil {
			runs, refused = 0, refusedBy(err, logger, a)
		}
	})
	if panicked != nil {
		tellRecorder(logger, a, panicked)
		return 0, nil
	}
	return runs, refused
}

// refusedBy is the outcome of an attempt that the recorder answers with an error, or nil where that is the recorder's
// own trouble.
func refusedBy(err error, logger *slog.Logger, a Attempt) *Outcome {
	if guard.Is(err, ErrSkip) {
		a.log(logger).Info("job is finished already; the delivery is dropped", "why", err.Error())
		return &Outcome{Verdict: Done, Skipped: true, Attempt: a}
	}
	if dead, ok := guard.Find[*DeadError](err); ok {
		a.log(logger).Info("job is dead already; its dead letter is sent again")
		why := errors.New(dead.Record.Error)
		return &Outcome{Verdict: Dead, Reason: Reason(dead.Record.Reason), Err: why, Skipped: true, Attempt: a, text: cut(dead.Record.Error)}
	}
	if other, ok := guard.Find[*RunningError](err); ok {
		a.log(logger).Info("the job is being worked already; this delivery comes again later", "in", other.Wait)
		return &Outcome{Verdict: Postpone, Delay: max(other.Wait, 0), Skipped: true, Attempt: a}
	}
	return nil
}

// end tells the recorder, also when the context has ended.
func (e *Executor) end(ctx context.Context, out *Outcome) {
	if e.recorder != nil {
		e.record(ctx, *out)
	}
}

func (e *Executor) record(ctx context.Context, out Outcome) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if panicked := guard.Isolated(func() { e.recorder.End(ctx, out) }); panicked != nil {
		tellRecorder(e.logger, out.Attempt, panicked)
	}
}

// tellRecorder says that the recorder panicked. It is the program's own code, and stops no work.
func tellRecorder(logger *slog.Logger, a Attempt, panicked *guard.Panic) {
	a.log(logger).Error("the recorder panicked; the job goes on without it", "panic", panicked.Text, "stack", string(panicked.Stack))
}

// refusal records and logs a job that is dead without having run.
func (e *Executor) refusal(ctx context.Context, logger *slog.Logger, a Attempt, reason Reason, err error) Outcome {
	out := refuse(logger, a, reason, err)
	e.end(ctx, &out)
	return out
}

func refuse(logger *slog.Logger, a Attempt, reason Reason, err error) Outcome {
	out := Outcome{Verdict: Dead, Reason: reason, Err: err, Attempt: a, text: cut(err.Error())}
	withStack(a.log(logger), err).Error("job is dead", "reason", reason, "error", out.text)
	return out
}
