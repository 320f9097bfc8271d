package semantics

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/coretasks/core/sqsqueue"
)

// producer is the client that a case sends its jobs with.
func producer(t *testing.T, api sqsqueue.API, prefix string) (*slog.Logger, *sqsqueue.Client) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: prefix, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	return logger, client
}

// Poller is an Env whose work is done by a Worker.
func Poller(t *testing.T, api sqsqueue.API, prefix string) Env {
	t.Helper()
	logger, client := producer(t, api, prefix)
	return Env{
		API:    api,
		Client: client,
		Work: func(t *testing.T, opts WorkOptions) func() error {
			t.Helper()
			if opts.ShutdownTimeout == 0 {
				opts.ShutdownTimeout = 4 * time.Second // also bounds the long poll that a shutdown waits for
			}
			w, err := sqsqueue.NewWorker(client, opts.Registry(), sqsqueue.WorkerConfig{
				Concurrency: opts.Concurrency, Grace: opts.Grace, ShutdownTimeout: opts.ShutdownTimeout, Logger: logger,
			})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
			ended := make(chan error, 1)
			go func() { ended <- w.Run(ctx) }()
			return func() error {
				cancel()
				return <-ended
			}
		},
	}
}
