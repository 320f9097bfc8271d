package reports

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/tasks"
)

func TestFlaky(t *testing.T) {
	t.Parallel()
	tests := []struct {
		failTimes, attempt int
		want               tasks.Verdict
	}{
		{0, 1, tasks.Done},
		{2, 1, tasks.Retry},
		{2, 2, tasks.Retry},
		{2, 3, tasks.Done},
		{3, 3, tasks.Dead},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("fails %d times, attempt %d", tt.failTimes, tt.attempt), func(t *testing.T) {
			t.Parallel()
			out := execute(t.Context(), t, Registry(t.TempDir()), "demo.flaky", "job-1", tt.attempt, FlakyParams{tt.failTimes})
			if out.Verdict != tt.want {
				t.Fatalf("verdict = %v (%v), want %v", out.Verdict, out.Err, tt.want)
			}
			switch out.Verdict {
			case tasks.Done:
				if want := (FlakyResult{Attempts: tt.attempt}); out.Result != want {
					t.Errorf("result = %v, want %v", out.Result, want)
				}
			case tasks.Retry:
				if out.Delay != 2*time.Second {
					t.Errorf("the retry waits %v, want 2s", out.Delay)
				}
			}
		})
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		seconds int
		stop    time.Duration // when the worker shuts down; 0 is never
		want    tasks.Verdict
		reason  tasks.Reason
		elapsed time.Duration
	}{
		{name: "to the end", seconds: 20, want: tasks.Done, elapsed: 20 * time.Second},
		{name: "beyond the timeout", seconds: 40, want: tasks.Dead, reason: tasks.ReasonTimeout, elapsed: 30 * time.Second},
		{name: "a negative time", seconds: -1, want: tasks.Dead, reason: tasks.ReasonPermanent},
		{name: "more than an hour", seconds: 3601, want: tasks.Dead, reason: tasks.ReasonPermanent},
		{name: "until the worker shuts down", seconds: 20, stop: 3 * time.Second, want: tasks.GiveBack, elapsed: 3 * time.Second},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tt.stop > 0 {
					time.AfterFunc(tt.stop, func() { cancel(tasks.ErrShutdown) })
				}
				out := execute(ctx, t, Registry("unused"), "demo.wait", "job-1", 1, WaitParams{tt.seconds})
				if out.Verdict != tt.want || out.Reason != tt.reason || out.Elapsed != tt.elapsed {
					t.Errorf("%v, %q after %v (%v), want %v, %q after %v", out.Verdict, out.Reason, out.Elapsed, out.Err, tt.want, tt.reason, tt.elapsed)
				}
				if tt.stop > 0 && !errors.Is(out.Err, tasks.ErrShutdown) {
					t.Errorf("error = %v, want the shutdown", out.Err)
				}
			})
		})
	}
}
