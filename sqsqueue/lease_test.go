package sqsqueue_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// fiveSeconds is a queue whose messages come back soon.
var fiveSeconds = tasks.QueueSettings{Name: tasks.DefaultQueue, VisibilityTimeout: 5 * time.Second}

type (
	changeIn  = sqs.ChangeMessageVisibilityBatchInput
	changeOut = sqs.ChangeMessageVisibilityBatchOutput
)

func TestHeartbeatFailsForAWhile(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]hook[changeIn, changeOut]{
		"refused": refuse[changeIn, changeOut],
		// A connection that died without a word must not hold the next beat up.
		"no answer": func(ctx context.Context, _ *changeIn, _ func(context.Context) (*changeOut, error)) (*changeOut, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := taking("task", 5*time.Minute, &c)
				r := e.apply(task) // a visibility timeout of a minute
				enqueue(e, task, 3)
				e.work(r, sqsqueue.WorkerConfig{})
				for range 8 {
					e.api.set(func() { e.api.change = fail })
					time.Sleep(25 * time.Second)
					e.api.set(func() { e.api.change = nil })
					time.Sleep(36 * time.Second)
				}
				if c.runs() != 3 {
					e.Errorf("%d runs of 3", c.runs())
				}
				e.wantDepth("default", 0, 0)
				if !e.logs.has("heartbeat failed") {
					e.Error("nobody was told")
				}
			})
		})
	}
}

// The heartbeats of one worker fail until its lease is over: its task ends, another worker runs the job, and what the
// first says about it then does not reach into the other's run.
func TestLostLease(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		result  error
		deletes int // by both workers
	}{
		{"the task fails", errors.New("stopped"), 1},
		{"the task fails for good", tasks.Permanent(errors.New("stopped")), 1},
		// The work is done: if nobody had received the message, deleting it would save a second run.
		{"the task succeeds all the same", nil, 2},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				causes := make(chan error, 1)
				task := tasks.Define("task", func(ctx context.Context, _ int) (int, error) {
					if c.enter() == 1 {
						<-ctx.Done()
						causes <- context.Cause(ctx)
						time.Sleep(2 * time.Second) // the other worker has begun
						return 0, test.result
					}
					time.Sleep(20 * time.Second)
					return 0, nil
				})
				r := e.apply(task, fiveSeconds)
				enqueue(e, task, 1)
				e.work(r, sqsqueue.WorkerConfig{Concurrency: 1})
				time.Sleep(time.Second)
				first := e.api
				first.set(func() { first.change = refuse[changeIn, changeOut] })
				other, err := sqsqueue.New(&api{API: e.em}, sqsqueue.Config{})
				if err != nil {
					e.Fatal(err)
				}
				second := &env{T: e.T, em: e.em, api: &api{API: e.em}, client: other, logs: e.logs}
				second.client = second.newClient(sqsqueue.Config{})
				second.work(r, sqsqueue.WorkerConfig{Concurrency: 1})
				time.Sleep(6 * time.Second)
				if cause := <-causes; !errors.Is(cause, tasks.ErrLeaseLost) {
					e.Errorf("cause %v, want ErrLeaseLost", cause)
				}
				first.set(func() { first.change = nil })
				changes := first.count("change", "")
				time.Sleep(time.Minute)
				if c.runs() != 2 {
					e.Errorf("%d runs, want the lost one and the other worker's", c.runs())
				}
				if n := first.count("change", "") - changes; n != 0 {
					e.Errorf("%d visibility changes of a message that is another worker's", n)
				}
				if n := first.count("delete", "") + second.api.count("delete", ""); n != test.deletes {
					e.Errorf("%d deletions, want %d", n, test.deletes)
				}
				e.wantDepth("default", 0, 0)
				e.wantDepth("default-dlq", 0, 0)
				if !e.logs.has("lease was lost") {
					e.Error("nobody was told")
				}
			})
		})
	}
}

// A message that waited in memory for a slot until others could receive it is not run.
func TestExpiredMessageIsNotRun(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		first := taking("first", 1300*time.Millisecond, &c)
		r := e.apply(first, fiveSeconds)
		e.api.change = refuse[changeIn, changeOut]
		enqueue(e, first, 1)
		e.work(r, sqsqueue.WorkerConfig{Concurrency: 1})
		time.Sleep(2 * time.Second)
		enqueue(e, first, 12) // more than can start before they expire
		time.Sleep(2 * time.Minute)
		if c.runs() != 13 {
			e.Errorf("%d runs of 13 jobs", c.runs())
		}
		e.wantDepth("default", 0, 0)
	})
}

// A job is given back while a heartbeat for it is under way: the beat must not hide the message again, however late it
// arrives.
func TestGiveBackAfterABeatUnderWay(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		fail := make(chan struct{})
		task := tasks.Define("task", func(ctx context.Context, _ int) (int, error) {
			if c.enter() == 1 {
				<-fail
				return 0, tasks.RetryAfter(5*time.Second, errors.New("again"))
			}
			return 0, nil
		}, tasks.MaxRetries(1))
		r := e.apply(task)
		enqueue(e, task, 1)
		var beats atomic.Int32
		e.api.change = func(ctx context.Context, in *changeIn, next func(context.Context) (*changeOut, error)) (*changeOut, error) {
			if in.Entries[0].VisibilityTimeout == 60 {
				beats.Add(1)
				time.Sleep(3 * time.Second) // on its way to SQS
			}
			return next(ctx)
		}
		e.work(r, sqsqueue.WorkerConfig{})
		for beats.Load() == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		failed := time.Now()
		close(fail)
		for c.runs() < 2 && time.Since(failed) < 5*time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		if took := time.Since(failed); took < 5*time.Second || took > 9*time.Second {
			e.Errorf("given back for 5 s, it ran again after %v", took)
		}
		time.Sleep(time.Minute)
		e.wantDepth("default", 0, 0)
	})
}

// A retry's delay counts from the failure, SQS's 12 hours from the receive.
func TestLongRetryDelayIsClamped(t *testing.T) {
	t.Parallel()
	for _, run := range []time.Duration{0, 6 * time.Hour, 12*time.Hour - 5*time.Minute} {
		t.Run(run.String(), func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := tasks.Define("task", func(ctx context.Context, _ int) (int, error) {
					if c.enter() == 1 {
						time.Sleep(run)
						return 0, errors.New("later")
					}
					return 0, nil
				}, tasks.MaxRetries(1), tasks.RetryDelay(12*time.Hour))
				r := e.apply(task)
				enqueue(e, task, 1)
				// The first attempts to say so fail: the delay must fit all the same once one succeeds.
				e.api.change = func(ctx context.Context, in *changeIn, next func(context.Context) (*changeOut, error)) (*changeOut, error) {
					if e.api.count("change", "") < 3 && run == 0 {
						return nil, errDown
					}
					return next(ctx)
				}
				e.work(r, sqsqueue.WorkerConfig{})
				time.Sleep(12*time.Hour - 10*time.Second)
				if c.runs() != 1 {
					e.Fatalf("%d runs: the retry came early", c.runs())
				}
				time.Sleep(30 * time.Second)
				if c.runs() != 2 {
					e.Errorf("%d runs: the retry did not come", c.runs())
				}
				if told := e.logs.has("the retry comes early"); told != (run > 0) {
					e.Errorf("told that the retry comes early: %v", told)
				}
				if e.logs.has("no longer ours") {
					e.Error("SQS refused the delay")
				}
			})
		})
	}
}

func TestTaskWithoutTimeoutEndsBeforeSQSLetsGo(t *testing.T) {
	for _, visibility := range []time.Duration{tasks.DefaultVisibilityTimeout, tasks.MaxVisibilityTimeout} {
		t.Run(visibility.String(), func(t *testing.T) { testEndless(t, visibility) })
	}
}

func testEndless(t *testing.T, visibility time.Duration) {
	bubble(t, func(e *env) {
		var c tally
		var took time.Duration
		var cause error
		task := tasks.Define("endless", func(ctx context.Context, _ int) (int, error) {
			c.enter()
			start := time.Now()
			<-ctx.Done()
			took, cause = time.Since(start), context.Cause(ctx)
			return 0, ctx.Err()
		})
		r := e.apply(task, tasks.QueueSettings{Name: tasks.DefaultQueue, VisibilityTimeout: visibility})
		enqueue(e, task, 1)
		e.work(r, sqsqueue.WorkerConfig{})
		time.Sleep(12*time.Hour + time.Hour)
		synctest.Wait()
		if took < 11*time.Hour+50*time.Minute || took >= 12*time.Hour {
			e.Errorf("cancelled after %v, want just before 12h", took)
		}
		if _, ok := errors.AsType[*tasks.TimeoutError](cause); !ok {
			e.Errorf("cause %v, want a TimeoutError", cause)
		}
		if c.runs() != 1 {
			e.Errorf("%d runs, want one", c.runs())
		}
		letters := e.takeAll("default-dlq")
		if len(letters) != 1 || aws.ToString(letters[0].MessageAttributes[sqsqueue.AttributeReason].StringValue) != string(tasks.ReasonTimeout) {
			e.Errorf("dead letters %+v, want one for a timeout", letters)
		}
	})
}
