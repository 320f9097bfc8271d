package sqsqueue_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// begin starts a worker that the test can speak to, and returns what waits for its end.
func (e *env) begin(ctx context.Context, r *tasks.Registry, cfg sqsqueue.WorkerConfig) (*sqsqueue.Worker, chan error) {
	e.Helper()
	w, err := sqsqueue.NewWorker(e.client, r, cfg)
	if err != nil {
		e.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- w.Run(ctx) }()
	return w, ended
}

// A worker that fetches no more goes on with what runs, longer than a shutdown could take, and gives back the rest.
func TestStopFetching(t *testing.T) {
	bubble(t, func(e *env) {
		var c tally
		task := taking("task", 3*time.Minute, &c) // three visibility timeouts
		r := e.apply(task)
		enqueue(e, task, 20)
		ctx, cancel := context.WithCancel(e.Context())
		defer cancel()
		w, ended := e.begin(ctx, r, sqsqueue.WorkerConfig{Concurrency: 3})
		time.Sleep(10 * time.Second)
		began := c.runs()
		if began == 0 {
			e.Fatal("nothing runs")
		}
		w.StopFetching()
		w.StopFetching()
		enqueue(e, task, 5)
		time.Sleep(time.Minute)
		e.wantDepth("default", 25-began, began)
		if !e.logs.has("worker fetches no more messages") || e.logs.has("nothing runs any more") {
			e.Error("the log does not say what the worker does")
		}
		time.Sleep(5 * time.Minute)
		e.wantDepth("default", 25-began, 0)
		if c.runs() != began {
			e.Errorf("%d runs began after it was told to fetch no more", c.runs()-began)
		}
		if !e.logs.has("nothing runs any more") {
			e.Error("the log does not say that nothing runs any more")
		}
		receives := e.api.count("receive", "default")
		time.Sleep(time.Hour)
		if n := e.api.count("receive", "default"); n != receives {
			e.Errorf("%d receives in an hour", n-receives)
		}
		select {
		case err := <-ended:
			e.Fatalf("it has ended: %v", err)
		default:
		}
		start := time.Now()
		cancel()
		if err := <-ended; err != nil || time.Since(start) > time.Second {
			e.Errorf("its end took %v: %v", time.Since(start), err)
		}
	})
}

// late makes the answers of receives arrive late.
func late(by time.Duration) hook[sqs.ReceiveMessageInput, sqs.ReceiveMessageOutput] {
	type out = *sqs.ReceiveMessageOutput
	return func(ctx context.Context, _ *sqs.ReceiveMessageInput, next func(context.Context) (out, error)) (out, error) {
		got, err := next(ctx)
		time.Sleep(by)
		return got, err
	}
}

// hanging never answers.
func hanging[In, Out any](ctx context.Context, _ *In, next func(context.Context) (*Out, error)) (*Out, error) {
	<-ctx.Done()
	return next(ctx) // which fails too
}

// What a receive under way brings is given back; a worker that was told before it began takes nothing.
func TestStopFetchingDuringAReceive(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]bool{"while one is under way": false, "before the start": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				var c tally
				task := taking("task", time.Second, &c)
				r := e.apply(task)
				e.api.receive = late(2 * time.Second)
				ctx, cancel := context.WithCancel(e.Context())
				defer cancel()
				w, err := sqsqueue.NewWorker(e.client, r, sqsqueue.WorkerConfig{})
				if err != nil {
					e.Fatal(err)
				}
				if before {
					w.StopFetching()
				}
				enqueue(e, task, 5)
				ended := make(chan error, 1)
				go func() { ended <- w.Run(ctx) }()
				time.Sleep(time.Second)
				w.StopFetching()
				time.Sleep(30 * time.Second)
				e.wantDepth("default", 5, 0)
				if c.runs() > 0 {
					e.Errorf("%d runs began", c.runs())
				}
				if n := e.api.count("receive", "default"); before && n > 0 {
					e.Errorf("%d receives", n)
				}
				cancel()
				if err := <-ended; err != nil {
					e.Error(err)
				}
			})
		})
	}
}

// A worker that must stop now interrupts what runs and gives it back, whatever its shutdown timeout is, whether its
// shutdown was under way or not, and whether the functions listen or not.
func TestStopNow(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deaf, during bool
		timeout      time.Duration
	}{
		"in a shutdown":                {during: true, timeout: time.Hour},
		"in a shutdown, deaf":          {during: true, deaf: true, timeout: time.Hour},
		"in a short shutdown":          {during: true, deaf: true, timeout: 4 * time.Second},
		"without one":                  {timeout: 25 * time.Second},
		"without one, and told twice":  {timeout: 25 * time.Second, deaf: true},
		"in a shutdown of the default": {during: true},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(e *env) {
				release := make(chan struct{})
				defer close(release)
				task := tasks.Define("task", func(ctx context.Context, _ int) (int, error) {
					if tc.deaf {
						<-release
						return 0, nil
					}
					<-ctx.Done()
					return 0, context.Cause(ctx)
				})
				r := e.apply(task)
				enqueue(e, task, 10)
				ctx, cancel := context.WithCancel(e.Context())
				defer cancel()
				w, ended := e.begin(ctx, r, sqsqueue.WorkerConfig{ShutdownTimeout: tc.timeout, Concurrency: 3, Grace: time.Hour})
				time.Sleep(10 * time.Second)
				if tc.during {
					cancel()
					time.Sleep(time.Second)
				}
				start := time.Now()
				w.StopNow()
				w.StopNow()
				err := <-ended
				if took := time.Since(start); err != nil || took > sqsqueue.StopNowTimeout {
					e.Errorf("it took %v: %v", took, err)
				}
				e.wantDepth("default", 10, 0)
			})
		})
	}
}

// Nothing holds a worker that must stop now: neither SQS that does not answer nor its queues that can't be found.
func TestStopNowWhileSQSHangs(t *testing.T) {
	t.Parallel()
	t.Run("deletions", func(t *testing.T) {
		bubble(t, func(e *env) {
			var c tally
			task := taking("task", time.Second, &c)
			r := e.apply(task)
			enqueue(e, task, 3)
			e.api.remove = hanging[deleteIn, deleteOut]
			ctx, cancel := context.WithCancel(e.Context())
			defer cancel()
			w, ended := e.begin(ctx, r, sqsqueue.WorkerConfig{ShutdownTimeout: time.Hour})
			time.Sleep(3 * time.Second)
			cancel()
			time.Sleep(5 * time.Second)
			start := time.Now()
			w.StopNow()
			if err := <-ended; err == nil || time.Since(start) > sqsqueue.StopNowTimeout {
				e.Errorf("it took %v: %v", time.Since(start), err)
			}
		})
	})
	t.Run("the search for queues", func(t *testing.T) {
		bubble(t, func(e *env) {
			r := e.apply(number)
			e.api.url = hanging[sqs.GetQueueUrlInput, sqs.GetQueueUrlOutput]
			client := e.newClient(sqsqueue.Config{})
			w, err := sqsqueue.NewWorker(client, r, sqsqueue.WorkerConfig{})
			if err != nil {
				e.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- w.Run(e.Context()) }()
			synctest.Wait()
			w.StopNow()
			if err := <-ended; err != nil {
				e.Error(err)
			}
		})
	})
}
