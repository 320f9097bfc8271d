package lambdaworker

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/coretasks/core/tasks"
)

// fullShare is the share of the function's time that an attempt must have had for its end by the function's timeout to
// be its own failure.
const fullShare = 0.9

// errCutOff is the cause of the end of an attempt that began late in its invocation.
var errCutOff = fmt.Errorf("the Lambda function's time is over: %w", tasks.ErrShutdown)

// A batch is the messages of one invocation. A message that nothing is known of counts as failed: so Lambda keeps it.
type batch struct {
	handler *Handler
	logger  *slog.Logger
	records []events.SQSMessage
	queues  []queue // of each record
	trace   string  // the invocation's X-Ray trace header

	began  time.Time
	cutOff time.Time // when tasks are cancelled; zero without a deadline
	calls  context.Context
	acks   sync.WaitGroup // fates being carried out

	mu   sync.Mutex
	over bool   // the answer is given; what comes later is too late
	done []bool // by record: Lambda may delete it
}

// work runs the messages and returns the places of those that Lambda must keep.
func (b *batch) work(ctx context.Context) []int {
	b.began = time.Now()
	calls, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	b.calls = calls
	var answerBy <-chan time.Time
	if deadline, ok := ctx.Deadline(); ok {
		margin := b.handler.margin(deadline.Sub(b.began))
		b.cutOff = deadline.Add(-margin)
		timer := time.NewTimer(time.Until(deadline.Add(-margin / 4)))
		defer timer.Stop()
		answerBy = timer.C
	}
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		b.runAll(ctx)
		b.acks.Wait()
	}()
	select {
	case <-worked:
	case <-answerBy:
		b.logger.Error("the function's time is nearly over; what is unfinished is reported for retry")
	}
	return b.end()
}

// end closes the batch.
func (b *batch) end() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.over = true
	var failed []int
	for i, done := range b.done {
		if !done {
			failed = append(failed, i)
		}
	}
	return failed
}

func (b *batch) isOver() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.over
}

func (b *batch) settle(i int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done[i] = true
}

// runAll runs the messages, as many at once as the limit says. Those of a FIFO queue run one after the other.
func (b *batch) runAll(ctx context.Context) {
	if len(b.queues) > 0 && b.queues[0].fifo {
		b.runInOrder(ctx)
		return
	}
	var (
		slots sync.WaitGroup
		next  atomic.Int64
	)
	for range min(b.handler.concurrency, len(b.records)) {
		slots.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(b.records) || b.isOver() {
					return
				}
				out := b.run(ctx, i)
				b.acks.Go(func() { b.carryOut(i, out) })
			}
		})
	}
	slots.Wait()
}

// runInOrder stops at the first message that must be tried again, and gives back the rest.
func (b *batch) runInOrder(ctx context.Context) {
	for i := range b.records {
		if b.isOver() || !b.carryOut(i, b.run(ctx, i)) {
			for rest := i + 1; rest < len(b.records); rest++ {
				b.acks.Go(func() { b.carryOut(rest, tasks.Outcome{Verdict: tasks.GiveBack}) })
			}
			return
		}
	}
}

// run executes one message, unless the function's time is over.
func (b *batch) run(ctx context.Context, i int) tasks.Outcome {
	r := &b.records[i]
	d := tasks.Delivery{
		Body: r.Body, Queue: b.queues[i].short, Attempt: receives(r), FirstReceived: firstReceived(r),
		Trace: messageTrace(r, b.trace), Logger: b.logger,
	}
	if !b.cutOff.IsZero() {
		now := time.Now()
		if !now.Before(b.cutOff) {
			b.logger.Info("the function's time is over; a message that had not begun is given back", "message", r.MessageId, "queue", d.Queue)
			return tasks.Outcome{Verdict: tasks.GiveBack}
		}
		left, full := b.cutOff.Sub(now), b.cutOff.Sub(b.began)
		cause := errCutOff
		if float64(left) >= fullShare*float64(full) {
			cause = &tasks.TimeoutError{Limit: left.Round(time.Millisecond), By: "the Lambda function's timeout"}
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadlineCause(ctx, b.cutOff, cause)
		defer cancel()
	}
	return b.handler.executor.Execute(ctx, d)
}

// carryOut does with a message what was decided, and reports whether Lambda may delete it.
func (b *batch) carryOut(i int, out tasks.Outcome) (done bool) {
	if b.isOver() {
		return false // its receipt handle may be somebody else's by now
	}
	r, q := &b.records[i], b.queues[i]
	var err error
	switch out.Verdict {
	case tasks.Done:
		done = true
	case tasks.Dead:
		err = b.handler.client.Bury(b.calls, q.name, message(r), out)
		done = err == nil
	case tasks.Retry:
		err = b.hide(r, q, out.Delay)
	case tasks.GiveBack:
		err = b.hide(r, q, 0)
	case tasks.Postpone:
		if out.Attempt.Deliveries < tasks.ReceiveAllowance || q.fifo {
			err = b.hide(r, q, out.Delay)
			break
		}
		// Once more, and the redrive policy might take it for one that fails.
		err = b.handler.client.SendAgain(b.calls, q.name, message(r), out.Delay)
		done = err == nil
	}
	if err != nil {
		b.logger.Error("a message's fate could not be carried out; it is kept, and comes back after the queue's visibility timeout",
			"job", out.Attempt.ID, "message", r.MessageId, "queue", q.name, "verdict", out.Verdict.String(), "error", err)
	}
	if done {
		b.settle(i)
	}
	return done
}

// hide makes a message come back after a delay, or as late as SQS is sure to accept: it allows 12 hours from the receive.
func (b *batch) hide(r *events.SQSMessage, q queue, delay time.Duration) error {
	return b.handler.client.Hide(b.calls, q.name, r.ReceiptHandle, min(delay, tasks.MaxPostponement))
}
