package main

import (
	"context"
	"log/slog"
	"os"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

func coreCandidate() candidate {
	return candidate{
		name:  "core",
		about: "this toolkit with its defaults: Task.Delay and a Worker; the log has warnings and errors only",
		producer: func(t target) (func(context.Context, params) error, error) {
			client, err := coreClient(t)
			if err != nil {
				return nil, err
			}
			task := coreTask(nothing)
			return func(ctx context.Context, p params) error {
				_, err := task.Delay(ctx, client, p)
				return err
			}, nil
		},
		work: func(ctx context.Context, t target, concurrency int, handle handler) error {
			client, err := coreClient(t)
			if err != nil {
				return err
			}
			worker, err := sqsqueue.NewWorker(client, tasks.NewRegistry(coreTask(handle)), sqsqueue.WorkerConfig{Concurrency: concurrency})
			if err != nil {
				return err
			}
			return worker.Run(ctx)
		},
	}
}

func coreTask(handle handler) *tasks.Task[params, struct{}] {
	return tasks.Define("bench.task", tasks.NoResult(handle), tasks.Queue(queueName))
}

func nothing(context.Context, params) error { return nil }

func coreClient(t target) (*sqsqueue.Client, error) {
	return sqsqueue.New(sqsqueue.NewAPI(t.config()), sqsqueue.Config{Logger: quietLogger()})
}

// quietLogger leaves out the lines about each job: no other candidate writes any.
func quietLogger() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
}
