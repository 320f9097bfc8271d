package reports

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/coretasks/core/tasks"
)

// FlakyParams says how often [Flaky] fails.
type FlakyParams struct {
	// FailTimes is how many attempts fail before one succeeds: 2 uses up both retries, 3 ends as a dead letter.
	FailTimes int `json:"fail_times"`
}

// FlakyResult is what [Flaky] returns in the end.
type FlakyResult struct {
	Attempts int `json:"attempts"`
}

// Flaky fails a few times and then succeeds, to show retries.
var Flaky = tasks.Define("demo.flaky", flaky, tasks.MaxRetries(2), tasks.RetryDelay(2*time.Second))

func flaky(ctx context.Context, p FlakyParams) (FlakyResult, error) {
	attempt, ok := tasks.Current(ctx)
	if !ok {
		return FlakyResult{}, errors.New("flaky must run as a task")
	}
	if attempt.Number <= p.FailTimes {
		return FlakyResult{}, fmt.Errorf("attempt %d fails, as asked", attempt.Number)
	}
	return FlakyResult{Attempts: attempt.Number}, nil
}

// WaitParams says how long [Wait] waits.
type WaitParams struct {
	// Seconds is 0 to 3600.
	Seconds int `json:"seconds"`
}

// Wait waits, to show concurrency, shutdown and, beyond 30 seconds, a timeout. It gives up when its context ends, as a
// task should.
var Wait = tasks.Define("demo.wait", tasks.NoResult(wait), tasks.Timeout(30*time.Second))

func wait(ctx context.Context, p WaitParams) error {
	if p.Seconds < 0 || p.Seconds > 3600 {
		return tasks.Permanent(fmt.Errorf("seconds is %d: it must be 0 to 3600", p.Seconds))
	}
	done := time.NewTimer(time.Duration(p.Seconds) * time.Second)
	defer done.Stop()
	select {
	case <-done.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
