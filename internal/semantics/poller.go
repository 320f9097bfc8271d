package semantics

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/sqsqueue"
)

// producer is the client that a case sends its jobs with.
func producer(t *testing.T, api sqsqueue.API, prefix string) (*slog.Logger, *sqsqueue.Client) {
	t.Helper()
	logger := slog.New(slog.NewTextHandler(newOutput(t), &slog.HandlerOptions{Level: slog.LevelDebug}))
	client, err := sqsqueue.New(api, sqsqueue.Config{Prefix: prefix, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	return logger, client
}

// output is a test's, until it ends: a function that ignores its context can outlive its worker, and what is said of it then is
// nobody's.
type output struct {
	mu sync.Mutex
	to io.Writer // nil when the test has ended
}

func newOutput(t *testing.T) *output {
	t.Helper()
	o := &output{to: t.Output()}
	t.Cleanup(func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.to = nil
	})
	return o
}

func (o *output) Write(text []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.to == nil {
		return len(text), nil
	}
	return o.to.Write(text)
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
				Recorder: workload.Recorder{},
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
