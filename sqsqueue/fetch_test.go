package sqsqueue_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func TestConcurrencyIsKept(t *testing.T) {
	t.Parallel()
	for _, took := range []time.Duration{time.Millisecond, 100 * time.Millisecond, 7 * time.Second} {
		t.Run(took.String(), func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := taking("task", took, &c)
				r := e.apply(task)
				enqueue(e, task, 60)
				e.work(r, sqsqueue.WorkerConfig{Concurrency: 3})
				time.Sleep(20*took + 10*time.Second)
				if c.peak() != 3 || c.runs() != 60 {
					e.Errorf("%d at once and %d runs, want 3 and 60", c.peak(), c.runs())
				}
				e.wantDepth("default", 0, 0)
			})
		})
	}
}

func TestWeightsShareTheSlots(t *testing.T) {
	t.Parallel()
	tests := []struct {
		took        time.Duration
		concurrency int
	}{
		{10 * time.Millisecond, 4}, {time.Second, 1}, {time.Second, 4}, {10 * time.Second, 1}, {10 * time.Second, 4}, {5 * time.Minute, 10},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%d at once, of %v", test.concurrency, test.took), func(t *testing.T) {
			bubble(t, func(e *env) {
				var high, low tally
				first := taking("first", test.took, &high, tasks.Queue("high"))
				second := taking("second", test.took, &low, tasks.Queue("low"))
				r := e.apply(first, second)
				enqueue(e, first, 1000)
				enqueue(e, second, 1000)
				stop := e.work(r, sqsqueue.WorkerConfig{Concurrency: test.concurrency, Queues: []sqsqueue.QueueWeight{{Name: "high", Weight: 3}, {Name: "low"}}})
				time.Sleep(400 * test.took / time.Duration(test.concurrency))
				h, l := high.runs(), low.runs()
				if ratio := float64(h) / float64(l); ratio < 2.5 || ratio > 3.6 {
					e.Errorf("%d and %d runs, want 3 to 1", h, l)
				}
				if h+l < 360 || h+l > 420 {
					e.Errorf("%d runs in the time of 400: slots were idle", h+l)
				}
				if err := stop(); err != nil && test.took < time.Minute {
					e.Error(err)
				}
			})
		})
	}
}

// A queue of weight 1 beside a busy one of weight 100 has its turn.
func TestNoQueueStarves(t *testing.T) {
	bubble(t, func(e *env) {
		var high, low tally
		first := taking("first", time.Second, &high, tasks.Queue("high"))
		second := taking("second", time.Second, &low, tasks.Queue("low"))
		r := e.apply(first, second)
		enqueue(e, first, 1000)
		enqueue(e, second, 5)
		e.work(r, sqsqueue.WorkerConfig{Concurrency: 1, Queues: []sqsqueue.QueueWeight{{Name: "high", Weight: 100}, {Name: "low"}}})
		time.Sleep(600 * time.Second)
		if low.runs() != 5 {
			e.Errorf("%d runs of 5 from the small queue, and %d from the other", low.runs(), high.runs())
		}
	})
}

// One queue's messages do not wait until another's empty answer comes, nor for a receive that hangs.
func TestAnIdleQueueHoldsUpNobody(t *testing.T) {
	t.Parallel()
	for name, costs := range map[string]time.Duration{"idle": 0, "hanging": time.Second} {
		t.Run(name, func(t *testing.T) {
			hangs := costs > 0
			bubble(t, func(e *env) {
				var idle, busy tally
				first := taking("first", time.Second, &idle, tasks.Queue("first"))
				second := taking("second", 10*time.Second, &busy, tasks.Queue("second"))
				r := e.apply(first, second)
				enqueue(e, first, 6)
				enqueue(e, second, 20)
				e.api.receive = func(ctx context.Context, in *sqs.ReceiveMessageInput, next func(context.Context) (*sqs.ReceiveMessageOutput, error)) (*sqs.ReceiveMessageOutput, error) {
					if hangs && idle.runs() == 6 && *in.QueueUrl == *e.queueURL("first") {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					return next(ctx)
				}
				e.work(r, sqsqueue.WorkerConfig{Concurrency: 2, Queues: []sqsqueue.QueueWeight{{Name: "first", Weight: 9}, {Name: "second"}}})
				// Two slots that always work have done all but the last of the 206 s after 98 s, in whatever order.
				time.Sleep(98200*time.Millisecond + costs)
				if idle.runs() != 6 || busy.runs() != 20 {
					e.Errorf("%d runs of 6 and %d of 20", idle.runs(), busy.runs())
				}
			})
		})
	}
}

// Whoever fetches more than it can soon use keeps work from idle workers.
func TestLongTasksAreNotHoarded(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("long", 10*time.Minute, &c)
		r := e.apply(task)
		enqueue(e, task, 50)
		e.work(r, sqsqueue.WorkerConfig{Concurrency: 2})
		for range 120 {
			time.Sleep(time.Minute + time.Second)
			synctest.Wait()
			if _, held := e.depth("default"); held > 2 {
				e.Fatalf("%d messages in flight after %d runs", held, c.runs())
			}
		}
		if c.runs() < 24 {
			e.Errorf("only %d runs in two hours", c.runs())
		}
	})
}

func TestShortTasksArePrefetched(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("short", 10*time.Millisecond, &c)
		r := e.apply(task)
		enqueue(e, task, 2000)
		e.api.receive = func(ctx context.Context, _ *sqs.ReceiveMessageInput, next func(context.Context) (*sqs.ReceiveMessageOutput, error)) (*sqs.ReceiveMessageOutput, error) {
			time.Sleep(50 * time.Millisecond) // the network's
			return next(ctx)
		}
		start := time.Now()
		e.work(r, sqsqueue.WorkerConfig{Concurrency: 4})
		for c.runs() < 2000 && time.Since(start) < time.Minute {
			time.Sleep(10 * time.Millisecond)
		}
		// Four slots need 5 s; with a receive of 50 ms before each ten it would be over 10 s.
		if took := time.Since(start); took > 6*time.Second {
			e.Errorf("2,000 tasks of 10 ms took %v in four slots", took)
		}
		if n := e.api.count("receive", "default"); n > 300 {
			e.Errorf("%d receives for 2,000 messages", n)
		}
	})
}

func TestIdleWorkerAsksRarely(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name        string
		concurrency int
		shutdown    time.Duration
		most        int // receives of a queue in an hour
	}{
		{"small", 1, 0, 181},
		{"large", 100, 0, 181},
		{"that must stop soon", 4, 4 * time.Second, 1201},
		// It must never come to receives that do not wait.
		{"that must stop at once", 4, time.Second, 3601},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				first, second := taking("first", time.Millisecond, &c, tasks.Queue("first")), taking("second", time.Millisecond, &c, tasks.Queue("second"))
				r := e.apply(first, second)
				enqueue(e, first, 300)
				e.work(r, sqsqueue.WorkerConfig{Concurrency: test.concurrency, ShutdownTimeout: test.shutdown})
				time.Sleep(time.Minute)
				before := map[string]int{"first": e.api.count("receive", "first"), "second": e.api.count("receive", "second")}
				time.Sleep(time.Hour)
				for queue, n := range before {
					if n := e.api.count("receive", queue) - n; n > test.most {
						e.Errorf("%d receives of queue %s in an hour, want at most %d", n, queue, test.most)
					}
				}
				if e.logs.has("receive failed") {
					e.Error("receives came back at once")
				}
				if c.runs() != 300 {
					e.Errorf("%d runs of 300", c.runs())
				}
			})
		})
	}
}

// An endpoint that does not know long polls must not be asked in a tight loop.
func TestAnswersThatDoNotWaitSlowTheWorkerDown(t *testing.T) {
	bubble(t, func(e *env) {
		r := e.apply(number)
		e.api.receive = func(context.Context, *sqs.ReceiveMessageInput, func(context.Context) (*sqs.ReceiveMessageOutput, error)) (*sqs.ReceiveMessageOutput, error) {
			return &sqs.ReceiveMessageOutput{}, nil
		}
		e.work(r, sqsqueue.WorkerConfig{})
		time.Sleep(time.Hour)
		if n := e.api.count("receive", ""); n > 3600 {
			e.Errorf("%d receives in an hour", n)
		}
		if !e.logs.has("although the request allows it to wait") {
			e.Error("nobody was told")
		}
	})
}

func TestReceiveErrorsBackOffAndRecover(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("task", time.Millisecond, &c)
		r := e.apply(task)
		e.api.receive = refuse[sqs.ReceiveMessageInput, sqs.ReceiveMessageOutput]
		e.work(r, sqsqueue.WorkerConfig{})
		enqueue(e, task, 3)
		time.Sleep(10 * time.Minute)
		if n := e.api.count("receive", ""); n < 60 || n > 260 {
			e.Errorf("%d receives in ten bad minutes, want one every few seconds", n)
		}
		if !e.logs.has("receive failed") || !e.logs.has("queue=default") {
			e.Error("nobody was told")
		}
		e.api.set(func() { e.api.receive = nil })
		time.Sleep(6 * time.Second)
		if c.runs() != 3 {
			e.Errorf("%d runs of 3 after it was well again", c.runs())
		}
	})
}

func TestQueueDeletedWhileRunning(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		first, second := taking("first", time.Minute, &c, tasks.Queue("first")), taking("second", time.Second, &c, tasks.Queue("second"))
		r := e.apply(first, second)
		enqueue(e, first, 4)
		stop := e.work(r, sqsqueue.WorkerConfig{Concurrency: 5})
		time.Sleep(time.Second)
		if _, err := e.em.DeleteQueue(e.Context(), &sqs.DeleteQueueInput{QueueUrl: e.queueURL("first")}); err != nil {
			e.Fatal(err)
		}
		enqueue(e, second, 3)
		time.Sleep(5 * time.Minute)
		if c.runs() != 7 {
			e.Errorf("%d runs, want the 4 that had begun and the 3 of the other queue", c.runs())
		}
		if !e.logs.has("core queues apply") {
			e.Error("nobody was told that the queue is missing")
		}
		e.apply(first, second)
		enqueue(e, first, 1)
		time.Sleep(10 * time.Second)
		if c.runs() != 8 {
			e.Errorf("%d runs; a queue that is there again is not worked", c.runs())
		}
		if err := stop(); err != nil {
			e.Error(err)
		}
	})
}

func TestWorkerThatCannotStart(t *testing.T) {
	t.Parallel()
	t.Run("a queue is missing", func(t *testing.T) {
		bubble(t, func(e *env) {
			if err := e.work(tasks.NewRegistry(number), sqsqueue.WorkerConfig{})(); err != nil {
				e.Errorf("told to stop before it began: %v", err)
			}
			w, err := sqsqueue.NewWorker(e.client, tasks.NewRegistry(number), sqsqueue.WorkerConfig{})
			if err != nil {
				e.Fatal(err)
			}
			if err := w.Run(e.Context()); !errors.Is(err, sqsqueue.ErrQueueMissing) {
				e.Errorf("%v, want ErrQueueMissing", err)
			}
		})
	})
	for name, cfg := range map[string]sqsqueue.WorkerConfig{
		"an unknown queue":    {Queues: []sqsqueue.QueueWeight{{Name: "other"}}},
		"a queue twice":       {Queues: []sqsqueue.QueueWeight{{Name: "default"}, {Name: "default"}}},
		"a negative weight":   {Queues: []sqsqueue.QueueWeight{{Name: "default", Weight: -1}}},
		"no concurrency":      {Concurrency: -1},
		"no time for its end": {ShutdownTimeout: time.Millisecond},
		"no time for a beat":  {MaxVisibilityTimeout: time.Second},
		"a negative timeout":  {MaxVisibilityTimeout: -time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				if _, err := sqsqueue.NewWorker(e.client, tasks.NewRegistry(number), cfg); err == nil {
					e.Error("no error")
				}
			})
		})
	}
}

// Messages are hidden for the queue's own visibility timeout or the worker's limit, whichever is shorter.
func TestMaxVisibilityTimeout(t *testing.T) {
	t.Parallel()
	for limit, want := range map[time.Duration]int32{0: 60, 10 * time.Second: 10, time.Hour: 60} {
		t.Run(limit.String(), func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := taking("task", 3*time.Minute, &c)
				r := e.apply(task)
				enqueue(e, task, 1)
				e.api.receive = func(ctx context.Context, in *sqs.ReceiveMessageInput, next func(context.Context) (*sqs.ReceiveMessageOutput, error)) (*sqs.ReceiveMessageOutput, error) {
					if in.VisibilityTimeout != want {
						e.Errorf("a receive hides its messages for %d s, want %d", in.VisibilityTimeout, want)
					}
					return next(ctx)
				}
				stop := e.work(r, sqsqueue.WorkerConfig{MaxVisibilityTimeout: limit})
				time.Sleep(4 * time.Minute)
				if err := stop(); err != nil || c.runs() != 1 {
					e.Errorf("%d runs, %v: heartbeats did not keep the job hidden", c.runs(), err)
				}
			})
		})
	}
}
