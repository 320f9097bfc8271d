package sqsqueue_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"github.com/coretasks/core/emulator"
	"github.com/coretasks/core/internal/semantics"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// TestSemanticsInProcess runs the suite on the emulator in memory, with fake time.
func TestSemanticsInProcess(t *testing.T) {
	t.Parallel()
	semantics.Run(t, semantics.Backend{
		FakeTime: true,
		Poller:   true,
		Run: func(t *testing.T, test func(*testing.T, semantics.Env)) {
			synctest.Test(t, func(t *testing.T) {
				em, err := emulator.Open(emulator.Config{})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := em.Close(); err != nil {
						t.Error(err)
					}
				})
				test(t, poller(t, em.SQS(), ""))
			})
		},
	})
}

// TestSemanticsOnLocalStack runs the suite on LocalStack, in real time.
func TestSemanticsOnLocalStack(t *testing.T) {
	t.Parallel()
	api := sqsqueue.NewAPI(testenv.LocalStack(t))
	semantics.Run(t, semantics.Backend{
		Poller: true,
		Run: func(t *testing.T, test func(*testing.T, semantics.Env)) {
			test(t, poller(t, api, fmt.Sprintf("sem-%s-", uuid.NewString()[:8])))
		},
	})
}

// poller is an Env whose work is done by a Worker.
func poller(t *testing.T, api sqsqueue.API, prefix string) semantics.Env {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: prefix, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	return semantics.Env{
		API:    api,
		Client: client,
		Work: func(t *testing.T, r *tasks.Registry, opts semantics.WorkOptions) func() error {
			t.Helper()
			if opts.ShutdownTimeout == 0 {
				opts.ShutdownTimeout = 4 * time.Second // also bounds the long poll that a shutdown waits for
			}
			w, err := sqsqueue.NewWorker(client, r, sqsqueue.WorkerConfig{
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
