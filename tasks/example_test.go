package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

type Greeting struct {
	Name string `json:"name"`
}

func greet(_ context.Context, g Greeting) (string, error) {
	if g.Name == "" {
		return "", tasks.Permanent(errors.New("nobody to greet"))
	}
	return "hello " + g.Name, nil
}

// A task, from its definition over the queue to its run. The queue is the embedded one; with
// sqsqueue.NewAPI(cfg) instead of em.SQS() the same code is on AWS.
func Example() {
	greetTask := tasks.Define("demo.greet", greet, tasks.MaxRetries(3), tasks.RetryDelay(10*time.Second))
	ran := make(chan string, 1)
	registry := tasks.NewRegistry(greetTask).Use(func(next tasks.Handler) tasks.Handler {
		return func(ctx context.Context) error {
			defer func() {
				attempt, _ := tasks.Current(ctx)
				ran <- fmt.Sprintf("%s ran, attempt %d", attempt.Task, attempt.Number)
			}()
			return next(ctx)
		}
	})

	em, err := emulator.Open(emulator.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	quiet := slog.New(slog.DiscardHandler)
	client, err := sqsqueue.New(em.SQS(), sqsqueue.Config{Logger: quiet})
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	if _, err := sqsqueue.Apply(ctx, client, registry); err != nil {
		fmt.Println(err)
		return
	}
	worker, err := sqsqueue.NewWorker(client, registry, sqsqueue.WorkerConfig{Concurrency: 4})
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- worker.Run(ctx) }()

	job, err := greetTask.Delay(ctx, client, Greeting{Name: "Ada"})
	fmt.Println(job.Task, job.Queue, err)
	fmt.Println(<-ran)

	stop()
	em.EndWaits() // the worker's long poll, which would otherwise end by itself
	fmt.Println(<-ended, client.Close(context.Background()), em.Close())
	// Output:
	// demo.greet default <nil>
	// demo.greet ran, attempt 1
	// <nil> <nil> <nil>
}

// A definition that can't work is reported when the program starts, with the task's name.
func ExampleRegistry_Err() {
	type Params struct{ Done chan bool }
	bad := tasks.Define("demo.bad", tasks.NoResult(func(context.Context, Params) error { return nil }))
	fmt.Println(tasks.NewRegistry(bad).Err())
	// Output: task "demo.bad": Params.Done is a chan bool, which can't be JSON; pass an ID or plain data instead
}

// The outermost verdict decides.
func ExamplePermanent() {
	missing := tasks.Permanent(errors.New("no such user"))
	fmt.Println(tasks.IsPermanent(fmt.Errorf("load: %w", missing)))
	fmt.Println(tasks.IsPermanent(tasks.Errorf("replica lags: %w", missing)))
	// Output:
	// true
	// false
}

// After DelayMany, each item that failed is known; all others were enqueued.
func ExampleTask_DelayMany() {
	greetTask := tasks.Define("demo.greet", greet)
	_, err := greetTask.DelayMany(context.Background(), failing{}, []Greeting{{Name: "Ada"}, {Name: "Bob"}})
	if bulk, ok := errors.AsType[*tasks.BulkError](err); ok {
		for _, item := range bulk.Items {
			fmt.Println(item.Index, item.Err)
		}
	}
	// Output: 1 enqueue task "demo.greet" on queue "default": no room
}

type failing struct{}

func (failing) Send(context.Context, []tasks.Message) []error {
	return []error{nil, errors.New("no room")}
}
