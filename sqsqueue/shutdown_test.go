package sqsqueue_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// A receive under way when the worker is told to stop may bring messages. None is left hidden.
func TestShutdownGivesBackWhatAReceiveBrings(t *testing.T) {
	t.Parallel()
	for _, timeout := range []time.Duration{time.Second, 4 * time.Second, 25 * time.Second} {
		t.Run(timeout.String(), func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := taking("task", time.Second, &c)
				r := e.apply(task)
				e.api.receive = func(ctx context.Context, _ *sqs.ReceiveMessageInput, next func(context.Context) (*sqs.ReceiveMessageOutput, error)) (*sqs.ReceiveMessageOutput, error) {
					out, err := next(ctx)
					time.Sleep(timeout / 2) // the answer is on its way
					return out, err
				}
				stop := e.work(r, sqsqueue.WorkerConfig{Concurrency: 10, ShutdownTimeout: timeout})
				time.Sleep(100 * time.Millisecond)
				enqueue(e, task, 5)
				time.Sleep(100 * time.Millisecond)
				start := time.Now()
				if err := stop(); err != nil {
					e.Error(err)
				}
				if took := time.Since(start); took > timeout {
					e.Errorf("took %v of %v", took, timeout)
				}
				if c.runs() != 0 {
					e.Errorf("%d runs began during the shutdown", c.runs())
				}
				e.wantDepth("default", 5, 0)
			})
		})
	}
}

func TestShutdownOfAnIdleWorker(t *testing.T) {
	bubble(t, func(e *env) {
		r := e.apply(number)
		stop := e.work(r, sqsqueue.WorkerConfig{})
		time.Sleep(time.Minute + time.Second)
		start := time.Now()
		if err := stop(); err != nil {
			e.Error(err)
		}
		if took := time.Since(start); took > 20*time.Second {
			e.Errorf("took %v, want no longer than a receive may wait", took)
		}
		if e.logs.has("receive failed") {
			e.Error("the end of a receive was told as a failure")
		}
	})
}

// Nothing keeps a worker longer than it was told, and it does not claim to have ended well.
func TestShutdownWithAcknowledgementsFailing(t *testing.T) {
	t.Parallel()
	const timeout = 8 * time.Second
	hang := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	tests := []struct {
		name string
		fail func(a *api)
		took time.Duration // of the task
	}{
		{"deletions are refused", func(a *api) { a.remove = refuse[deleteIn, deleteOut] }, time.Second},
		{"deletions hang", func(a *api) {
			a.remove = func(ctx context.Context, _ *deleteIn, _ func(context.Context) (*deleteOut, error)) (*deleteOut, error) {
				return nil, hang(ctx)
			}
		}, time.Second},
		{"what is given back is refused", func(a *api) { a.change = refuse[changeIn, changeOut] }, time.Hour},
		{"what is given back hangs", func(a *api) {
			a.change = func(ctx context.Context, _ *changeIn, _ func(context.Context) (*changeOut, error)) (*changeOut, error) {
				return nil, hang(ctx)
			}
		}, time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := taking("task", test.took, &c)
				r := e.apply(task)
				enqueue(e, task, 3)
				stop := e.work(r, sqsqueue.WorkerConfig{ShutdownTimeout: timeout})
				time.Sleep(500 * time.Millisecond)
				e.api.set(func() { test.fail(e.api) })
				start := time.Now()
				err := stop()
				if err == nil || !strings.Contains(err.Error(), "those jobs run again") {
					e.Errorf("%v, want it to say what becomes of the jobs", err)
				}
				if took := time.Since(start); took > timeout {
					e.Errorf("took %v of %v", took, timeout)
				}
				time.Sleep(2 * time.Minute)
				e.wantDepth("default", 3, 0)
			})
		})
	}
}

// A receive that never ends is given up; synctest checks that it leaves no goroutine.
func TestShutdownWithAReceiveThatHangs(t *testing.T) {
	bubble(t, func(e *env) {
		r := e.apply(number)
		e.api.receive = func(ctx context.Context, _ *sqs.ReceiveMessageInput, _ func(context.Context) (*sqs.ReceiveMessageOutput, error)) (*sqs.ReceiveMessageOutput, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		stop := e.work(r, sqsqueue.WorkerConfig{ShutdownTimeout: 8 * time.Second})
		time.Sleep(time.Second)
		start := time.Now()
		if err := stop(); err != nil {
			e.Error(err)
		}
		if took := time.Since(start); took > 8*time.Second {
			e.Errorf("took %v", took)
		}
	})
}

// Each job is somewhere at every moment: what ran is gone, what did not waits, nothing is hidden or twice.
func TestShutdownUnderLoadLosesNothing(t *testing.T) {
	t.Parallel()
	for _, after := range []time.Duration{5 * time.Millisecond, 300 * time.Millisecond, 2 * time.Second, 3100 * time.Millisecond} {
		t.Run(after.String(), func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				short := taking("short", 10*time.Millisecond, &c)
				long := taking("long", 300*time.Millisecond, &c, tasks.Queue("long"))
				r := e.apply(short, long)
				enqueue(e, short, 3000)
				enqueue(e, long, 300)
				e.api.receive = func(ctx context.Context, in *sqs.ReceiveMessageInput, next func(context.Context) (*sqs.ReceiveMessageOutput, error)) (*sqs.ReceiveMessageOutput, error) {
					out, err := next(ctx)
					time.Sleep(30 * time.Millisecond)
					return out, err
				}
				stop := e.work(r, sqsqueue.WorkerConfig{Concurrency: 8})
				time.Sleep(after)
				if err := stop(); err != nil {
					e.Error(err)
				}
				rest := 0
				for _, queue := range []string{"default", "long"} {
					waiting, inFlight := e.depth(queue)
					if inFlight > 0 {
						e.Errorf("%d messages of queue %s are left hidden", inFlight, queue)
					}
					rest += waiting
				}
				if c.runs()+rest != 3300 {
					e.Errorf("%d ran and %d wait, of 3300", c.runs(), rest)
				}
			})
		})
	}
}

// The dead-letter queue has its place in the order too: what is being moved is moved before the worker ends.
func TestShutdownFinishesDeadLetters(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := broken(&c)
		r := e.apply(task)
		enqueue(e, task, 5)
		e.api.send = toDLQ(func(ctx context.Context, _ *sendIn, next func(context.Context) (*sendOut, error)) (*sendOut, error) {
			time.Sleep(3 * time.Second)
			return next(ctx)
		})
		stop := e.work(r, sqsqueue.WorkerConfig{Concurrency: 5})
		time.Sleep(time.Second)
		if err := stop(); err != nil {
			e.Error(err)
		}
		e.wantDepth("default", 0, 0)
		e.wantDepth("default-dlq", 5, 0)
		for _, m := range e.takeAll("default-dlq") {
			if reason := aws.ToString(m.MessageAttributes[sqsqueue.AttributeReason].StringValue); reason != string(tasks.ReasonExhausted) {
				e.Errorf("reason %q", reason)
			}
		}
	})
}
