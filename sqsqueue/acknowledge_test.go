package sqsqueue_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

type (
	deleteIn  = sqs.DeleteMessageBatchInput
	deleteOut = sqs.DeleteMessageBatchOutput
	sendIn    = sqs.SendMessageBatchInput
	sendOut   = sqs.SendMessageBatchOutput
)

func TestDeleteFailsForAWhile(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]hook[deleteIn, deleteOut]{
		"the request": refuse[deleteIn, deleteOut],
		"each entry": func(_ context.Context, in *deleteIn, _ func(context.Context) (*deleteOut, error)) (*deleteOut, error) {
			out := &deleteOut{}
			for _, entry := range in.Entries {
				out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: entry.Id, Code: aws.String("InternalError")})
			}
			return out, nil
		},
		"an empty answer": func(context.Context, *deleteIn, func(context.Context) (*deleteOut, error)) (*deleteOut, error) {
			return &deleteOut{}, nil
		},
		"no answer": func(ctx context.Context, _ *deleteIn, _ func(context.Context) (*deleteOut, error)) (*deleteOut, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := taking("task", time.Millisecond, &c)
				r := e.apply(task)
				enqueue(e, task, 12)
				e.api.remove = fail
				stop := e.work(r, sqsqueue.WorkerConfig{})
				time.Sleep(10 * time.Minute) // ten visibility timeouts
				e.wantDepth("default", 0, 12)
				e.api.set(func() { e.api.remove = nil })
				time.Sleep(20 * time.Second)
				e.wantDepth("default", 0, 0)
				if c.runs() != 12 {
					e.Errorf("%d runs of 12 jobs", c.runs())
				}
				if !e.logs.has("could not delete a message") {
					e.Error("nobody was told")
				}
				if err := stop(); err != nil {
					e.Error(err)
				}
			})
		})
	}
}

// Delivery is at least once: when a finished job can't be deleted for as long as SQS lets its message be held, it runs
// again.
func TestDeleteFailsForGood(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("task", time.Millisecond, &c)
		r := e.apply(task)
		enqueue(e, task, 1)
		e.api.remove = refuse[deleteIn, deleteOut]
		e.work(r, sqsqueue.WorkerConfig{})
		time.Sleep(12*time.Hour - time.Minute)
		if c.runs() != 1 {
			e.Errorf("%d runs while the message could be held", c.runs())
		}
		time.Sleep(5 * time.Minute)
		if c.runs() != 2 {
			e.Errorf("%d runs, want a second one", c.runs())
		}
		if !e.logs.has("could not delete a message while it was held; it is received again") {
			e.Error("nobody was told")
		}
	})
}

// toDLQ lets a hook see only the sends to the dead-letter queue.
func toDLQ(h hook[sendIn, sendOut]) hook[sendIn, sendOut] {
	return func(ctx context.Context, in *sendIn, next func(context.Context) (*sendOut, error)) (*sendOut, error) {
		if name := aws.ToString(in.QueueUrl); name[len(name)-len("-dlq"):] == "-dlq" {
			return h(ctx, in, next)
		}
		return next(ctx)
	}
}

func broken(c *tally) *tasks.Task[int, int] {
	return tasks.Define("broken", func(context.Context, int) (int, error) {
		c.enter()
		return 0, errors.New("broken")
	})
}

func TestDeadLetterFailsForAWhile(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]hook[sendIn, sendOut]{
		"the request": refuse[sendIn, sendOut],
		"the entry": func(_ context.Context, in *sendIn, _ func(context.Context) (*sendOut, error)) (*sendOut, error) {
			return &sendOut{Failed: []types.BatchResultErrorEntry{{Id: in.Entries[0].Id, Code: aws.String("InternalError")}}}, nil
		},
		"an empty answer": func(context.Context, *sendIn, func(context.Context) (*sendOut, error)) (*sendOut, error) {
			return &sendOut{}, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := broken(&c)
				r := e.apply(task)
				enqueue(e, task, 1)
				e.api.send = toDLQ(fail)
				e.work(r, sqsqueue.WorkerConfig{})
				for range 10 {
					time.Sleep(time.Minute)
					e.wantDepth("default", 0, 1)
					e.wantDepth("default-dlq", 0, 0)
				}
				e.api.set(func() { e.api.send = nil })
				time.Sleep(10 * time.Second)
				e.wantDepth("default", 0, 0)
				e.wantDepth("default-dlq", 1, 0)
				if c.runs() != 1 {
					e.Errorf("%d runs, want one", c.runs())
				}
				calls := e.api.log()
				sent := slices.IndexFunc(calls, func(c apiCall) bool { return c.op == "send" && c.queue == "default-dlq" })
				deleted := slices.IndexFunc(calls, func(c apiCall) bool { return c.op == "delete" })
				last := sent
				for i, c := range calls {
					if c.op == "send" && c.queue == "default-dlq" {
						last = i
					}
				}
				if sent < 0 || deleted < last {
					e.Errorf("deleted by call %d, sent by call %d: never in that order", deleted, last)
				}
				if !e.logs.has("a message could not be moved") || !e.logs.has("to=default-dlq") {
					e.Error("nobody was told")
				}
			})
		})
	}
}

func TestDeadLetterFailsForGood(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := broken(&c)
		r := e.apply(task)
		enqueue(e, task, 1)
		e.api.send = toDLQ(refuse[sendIn, sendOut])
		stop := e.work(r, sqsqueue.WorkerConfig{})
		time.Sleep(13 * time.Hour)
		if waiting, inFlight := e.depth("default"); waiting+inFlight != 1 {
			e.Errorf("%d messages wait and %d are in flight; the only one must stay", waiting, inFlight)
		}
		if n := e.api.count("delete", ""); n != 0 {
			e.Errorf("%d deletions of a message that was not sent", n)
		}
		if err := stop(); err == nil {
			e.Error("a shutdown with a message that could not be moved says nothing")
		}
		time.Sleep(2 * time.Minute)
		e.wantDepth("default", 1, 0)
	})
}

// A hop is sent before the message that it continues is deleted.
func TestPostponedIsSentOnFirst(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("task", 0, &c)
		r := e.apply(task)
		if _, err := task.Delay(e.Context(), e.client, 1, tasks.Countdown(20*time.Minute)); err != nil {
			e.Fatal(err)
		}
		e.work(r, sqsqueue.WorkerConfig{})
		time.Sleep(10 * time.Minute)
		e.api.set(func() { e.api.send = refuse[sendIn, sendOut] })
		time.Sleep(7 * time.Minute)
		e.wantDepth("default", 0, 1) // held while it can't be sent on
		e.api.set(func() { e.api.send = nil })
		time.Sleep(3*time.Minute - time.Second)
		if c.runs() != 0 {
			e.Error("it ran early")
		}
		time.Sleep(30 * time.Second)
		if c.runs() != 1 {
			e.Errorf("%d runs", c.runs())
		}
		e.wantDepth("default", 0, 0)
	})
}

// What SQS says of a message that is no longer ours ends the tries; that another handle or timeout is wrong does not.
func TestGiveBackIsRefused(t *testing.T) {
	t.Parallel()
	tests := []struct {
		code, message string
		again         bool
	}{
		{"ReceiptHandleIsInvalid", "", false},
		{"AWS.SimpleQueueService.MessageNotInflight", "", false},
		{"InvalidParameterValue", "Value x for parameter ReceiptHandle is invalid. Reason: Message does not exist or is not available for visibility timeout change.", false},
		{"InvalidParameterValue", "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the message is beyond the limit [43200 seconds]", true},
		{"InternalError", "", true},
		{"AccessDenied", "", true},
	}
	for _, test := range tests {
		t.Run(test.code+test.message, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := tasks.Define("task", func(context.Context, int) (int, error) {
					c.enter()
					return 0, errors.New("again")
				}, tasks.MaxRetries(3), tasks.RetryDelay(time.Second))
				r := e.apply(task)
				enqueue(e, task, 1)
				e.api.change = func(_ context.Context, in *changeIn, _ func(context.Context) (*changeOut, error)) (*changeOut, error) {
					out := &changeOut{}
					for _, entry := range in.Entries {
						out.Failed = append(out.Failed, types.BatchResultErrorEntry{Id: entry.Id, Code: &test.code, Message: &test.message, SenderFault: true})
					}
					return out, nil
				}
				e.work(r, sqsqueue.WorkerConfig{})
				time.Sleep(30 * time.Second)
				if again := e.api.count("change", "") > 1; again != test.again {
					e.Errorf("tried again: %v, want %v", again, test.again)
				}
			})
		})
	}
}
