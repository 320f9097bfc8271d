package tasks_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/tasks"
)

// deliver runs one attempt of a task without parameters.
func deliver(t *testing.T, ctx context.Context, attempt int, cfg tasks.ExecutorConfig, task tasks.AnyTask) tasks.Outcome {
	t.Helper()
	executor, err := tasks.NewExecutor(tasks.NewRegistry(task), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return executor.Execute(ctx, delivery(t, task, attempt))
}

func delivery(t testing.TB, task tasks.AnyTask, attempt int) tasks.Delivery {
	t.Helper()
	body, err := tasks.Envelope{ID: "job-1", Task: task.Info().Name, Params: json.RawMessage(`{}`)}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return tasks.Delivery{Body: string(body), Queue: "default", Attempt: attempt}
}

var quiet = tasks.ExecutorConfig{Logger: slog.New(slog.DiscardHandler)}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	failure := errors.New("broken")
	fails := func(err error, opts ...tasks.Option) tasks.AnyTask {
		return tasks.Define("t", func(context.Context, none) (none, error) { return none{}, err }, opts...)
	}
	retries := []tasks.Option{tasks.MaxRetries(2), tasks.RetryDelay(time.Minute)}
	for name, tc := range map[string]struct {
		task    tasks.AnyTask
		attempt int
		verdict tasks.Verdict
		reason  tasks.Reason
		delay   time.Duration
	}{
		"success":                        {task: fails(nil), attempt: 1, verdict: tasks.Done},
		"no retries":                     {task: fails(failure), attempt: 1, verdict: tasks.Dead, reason: tasks.ReasonExhausted},
		"the first failure":              {task: fails(failure, retries...), attempt: 1, verdict: tasks.Retry, reason: tasks.ReasonExhausted, delay: time.Minute},
		"the last retry":                 {task: fails(failure, retries...), attempt: 2, verdict: tasks.Retry, reason: tasks.ReasonExhausted, delay: time.Minute},
		"the last failure":               {task: fails(failure, retries...), attempt: 3, verdict: tasks.Dead, reason: tasks.ReasonExhausted},
		"past the last":                  {task: fails(failure, retries...), attempt: 9, verdict: tasks.Dead, reason: tasks.ReasonExhausted},
		"permanent":                      {task: fails(tasks.Permanent(failure), retries...), attempt: 1, verdict: tasks.Dead, reason: tasks.ReasonPermanent},
		"permanent, wrapped":             {task: fails(fmt.Errorf("x: %w", tasks.Permanent(failure)), retries...), attempt: 1, verdict: tasks.Dead, reason: tasks.ReasonPermanent},
		"permanent, made retryable":      {task: fails(tasks.Errorf("x: %w", tasks.Permanent(failure)), retries...), attempt: 1, verdict: tasks.Retry, reason: tasks.ReasonExhausted, delay: time.Minute},
		"its own delay":                  {task: fails(tasks.RetryAfter(time.Hour, failure), retries...), attempt: 1, verdict: tasks.Retry, reason: tasks.ReasonExhausted, delay: time.Hour},
		"its own delay, too long":        {task: fails(tasks.RetryAfter(100*time.Hour, failure), retries...), attempt: 1, verdict: tasks.Retry, reason: tasks.ReasonExhausted, delay: 12 * time.Hour},
		"its own delay, negative":        {task: fails(tasks.RetryAfter(-1, failure), retries...), attempt: 1, verdict: tasks.Retry, reason: tasks.ReasonExhausted},
		"its own delay, but no attempts": {task: fails(tasks.RetryAfter(time.Hour, failure), retries...), attempt: 3, verdict: tasks.Dead, reason: tasks.ReasonExhausted},
		"a panic":                        {task: panics("boom", retries...), attempt: 1, verdict: tasks.Retry, reason: tasks.ReasonPanic, delay: time.Minute},
		"a panic at last":                {task: panics(failure), attempt: 1, verdict: tasks.Dead, reason: tasks.ReasonPanic},
		"a permanent panic":              {task: panics(tasks.Permanent(failure), retries...), attempt: 1, verdict: tasks.Dead, reason: tasks.ReasonPermanent},
		"Goexit": {task: tasks.Define("t", func(context.Context, none) (none, error) {
			runtime.Goexit()
			return none{}, nil
		}), attempt: 1, verdict: tasks.Dead, reason: tasks.ReasonPanic},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out := deliver(t, t.Context(), tc.attempt, quiet, tc.task)
			if out.Verdict != tc.verdict || out.Reason != tc.reason || out.Delay != tc.delay {
				t.Errorf("verdict %v, reason %q, delay %v (%v); want %v, %q, %v", out.Verdict, out.Reason, out.Delay, out.Err, tc.verdict, tc.reason, tc.delay)
			}
			if tc.verdict != tasks.Done && out.Err == nil {
				t.Error("no error")
			}
		})
	}
}

func panics(value any, opts ...tasks.Option) tasks.AnyTask {
	return tasks.Define("t", func(context.Context, none) (none, error) { panic(value) }, opts...)
}

func TestAnOutcomeCarriesTheResult(t *testing.T) {
	t.Parallel()
	task := tasks.Define("t", func(ctx context.Context, _ none) (string, error) {
		a, _ := tasks.Current(ctx)
		return fmt.Sprintf("%s %s %s %d of %d, last %v", a.ID, a.Task, a.Queue, a.Number, a.MaxRetries, a.Last()), nil
	}, tasks.MaxRetries(2))
	if out := deliver(t, t.Context(), 2, quiet, task); out.Result != "job-1 t default 2 of 2, last false" {
		t.Errorf("result %v", out.Result)
	}
}

func TestTheContextsEnd(t *testing.T) {
	t.Parallel()
	obeys := func(ctx context.Context, _ none) (none, error) {
		<-ctx.Done()
		return none{}, ctx.Err()
	}
	for name, tc := range map[string]struct {
		fn      func(context.Context, none) (none, error)
		cause   error
		verdict tasks.Verdict
		reason  tasks.Reason
		took    time.Duration
		text    string
	}{
		"timeout": {
			fn: obeys, verdict: tasks.Dead, reason: tasks.ReasonTimeout, took: time.Minute,
			text: `task "t" exceeded its timeout of 1m0s: context deadline exceeded`,
		},
		"timeout, and done all the same": {
			fn: func(ctx context.Context, _ none) (none, error) {
				<-ctx.Done()
				return none{}, nil
			}, verdict: tasks.Done, took: time.Minute,
		},
		"timeout, with the cause as error": {
			fn: func(ctx context.Context, _ none) (none, error) {
				<-ctx.Done()
				return none{}, context.Cause(ctx)
			}, verdict: tasks.Dead, reason: tasks.ReasonTimeout, took: time.Minute,
			text: `task "t" exceeded its timeout of 1m0s`,
		},
		"timeout, ignored": {
			fn: func(context.Context, none) (none, error) {
				time.Sleep(time.Hour)
				return none{}, nil
			}, verdict: tasks.Dead, reason: tasks.ReasonTimeout, took: time.Minute + tasks.DefaultGrace,
			text: `task "t" exceeded its timeout of 1m0s`,
		},
		"shutdown":                 {fn: obeys, cause: tasks.ErrShutdown, verdict: tasks.GiveBack, took: time.Second, text: "context canceled"},
		"lease lost":               {fn: obeys, cause: tasks.ErrLeaseLost, verdict: tasks.GiveBack, took: time.Second, text: "context canceled"},
		"an end of no known cause": {fn: obeys, cause: errors.New("?"), verdict: tasks.GiveBack, took: time.Second, text: "context canceled"},
		"shutdown, ignored": {
			fn: func(context.Context, none) (none, error) {
				time.Sleep(time.Hour)
				return none{}, nil
			}, cause: tasks.ErrShutdown, verdict: tasks.GiveBack, took: time.Second + tasks.DefaultGrace,
			text: tasks.ErrShutdown.Error(),
		},
		"shutdown, but a verdict of its own": {
			fn: func(ctx context.Context, _ none) (none, error) {
				<-ctx.Done()
				return none{}, tasks.Permanent(errors.New("no such user"))
			}, cause: tasks.ErrShutdown, verdict: tasks.Dead, reason: tasks.ReasonPermanent, took: time.Second, text: "no such user",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				if tc.cause != nil {
					time.AfterFunc(time.Second, func() { cancel(tc.cause) })
				}
				out := deliver(t, ctx, 1, quiet, tasks.Define("t", tc.fn, tasks.Timeout(time.Minute)))
				if out.Verdict != tc.verdict || out.Reason != tc.reason || out.Elapsed != tc.took {
					t.Errorf("verdict %v, reason %q after %v; want %v, %q after %v", out.Verdict, out.Reason, out.Elapsed, tc.verdict, tc.reason, tc.took)
				}
				if text := fmt.Sprint(out.Err); tc.text != "" && text != tc.text {
					t.Errorf("error %q, want %q", text, tc.text)
				}
				if tc.reason == tasks.ReasonTimeout && !errors.Is(out.Err, context.DeadlineExceeded) {
					t.Errorf("error %v is no deadline", out.Err)
				}
				time.Sleep(2 * time.Hour) // what was abandoned must end inside the bubble
			})
		})
	}
}

func TestTheDeliverysDeadlineBoundsATaskWithoutTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var cause error
		task := tasks.Define("t", func(ctx context.Context, _ none) (none, error) {
			<-ctx.Done()
			cause = context.Cause(ctx)
			return none{}, ctx.Err()
		})
		executor, err := tasks.NewExecutor(tasks.NewRegistry(task), quiet)
		if err != nil {
			t.Fatal(err)
		}
		d := delivery(t, task, 1)
		d.Deadline = time.Now().Add(12 * time.Hour)
		out := executor.Execute(t.Context(), d)
		timeout, isTimeout := errors.AsType[*tasks.TimeoutError](cause)
		if !isTimeout || timeout.Limit != 0 || out.Reason != tasks.ReasonTimeout || out.Elapsed != 12*time.Hour {
			t.Errorf("cause %v, outcome %+v", cause, out)
		}
	})
}

func TestAnAbandonedFunctionIsCountedAndShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		task := tasks.Define("stuck", stuckForAnHour, tasks.Timeout(time.Second))
		executor, err := tasks.NewExecutor(tasks.NewRegistry(task), tasks.ExecutorConfig{
			Grace: time.Second, Logger: slog.New(slog.NewTextHandler(&log, nil)),
		})
		if err != nil {
			t.Fatal(err)
		}
		out := executor.Execute(t.Context(), delivery(t, task, 1))
		if !out.Abandoned || executor.Abandoned() != 1 {
			t.Errorf("outcome %+v, %d abandoned", out, executor.Abandoned())
		}
		if !strings.Contains(log.String(), "stuckForAnHour") {
			t.Errorf("the log does not show where it hangs:\n%s", log.String())
		}
		time.Sleep(2 * time.Hour)
		synctest.Wait()
		if executor.Abandoned() != 0 {
			t.Error("it has returned and still counts")
		}
	})
}

func stuckForAnHour(context.Context, none) (none, error) {
	time.Sleep(time.Hour)
	panic("and panics in the end")
}

func TestAJobThatIsNotDueIsPostponed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		task := tasks.Define("t", ok)
		executor, err := tasks.NewExecutor(tasks.NewRegistry(task), quiet)
		if err != nil {
			t.Fatal(err)
		}
		body, err := tasks.Envelope{ID: "1", Task: "t", Params: json.RawMessage(`{}`), NotBefore: time.Now().Add(time.Hour)}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		d := tasks.Delivery{Body: string(body), Queue: "default", Attempt: 1}
		if out := executor.Execute(t.Context(), d); out.Verdict != tasks.Postpone || out.Delay != time.Hour {
			t.Errorf("outcome %+v, want to be postponed by an hour", out)
		}
		time.Sleep(time.Hour)
		if out := executor.Execute(t.Context(), d); out.Verdict != tasks.Done {
			t.Errorf("outcome %+v, want it done when it is due", out)
		}
	})
}

func TestMiddlewareGoesFromTheOutside(t *testing.T) {
	t.Parallel()
	var order []string
	wrap := func(name string) tasks.Middleware {
		return func(next tasks.Handler) tasks.Handler {
			return func(ctx context.Context) error {
				order = append(order, name+" in")
				err := next(ctx)
				order = append(order, name+" out")
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	task := tasks.Define("t", func(context.Context, none) (none, error) {
		order = append(order, "task")
		return none{}, tasks.Permanent(errors.New("broken"))
	})
	executor, err := tasks.NewExecutor(tasks.NewRegistry(task).Use(wrap("a"), wrap("b")), quiet)
	if err != nil {
		t.Fatal(err)
	}
	out := executor.Execute(t.Context(), delivery(t, task, 1))
	if got := strings.Join(order, ", "); got != "a in, b in, task, b out, a out" {
		t.Errorf("order %s", got)
	}
	if out.Err.Error() != "a: b: broken" || out.Reason != tasks.ReasonPermanent {
		t.Errorf("outcome %+v", out)
	}
}

func TestLogsTellAJobsLifeWithoutItsParameters(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	type secret struct{ Password string }
	task := tasks.Define("t", func(ctx context.Context, _ secret) (none, error) {
		tasks.Logger(ctx).Info("own line")
		return none{}, errors.New("broken")
	}, tasks.MaxRetries(1))
	executor, err := tasks.NewExecutor(tasks.NewRegistry(task), tasks.ExecutorConfig{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	for attempt, params := range []string{`{"Password":"hunter2"}`, `{"Password":"hunter2"}`, `{"Password":["hunter2"]}`} {
		body, err := tasks.Envelope{ID: "job-1", Task: "t", Params: json.RawMessage(params)}.Encode()
		if err != nil {
			t.Fatal(err)
		}
		executor.Execute(t.Context(), tasks.Delivery{Body: string(body), Queue: "default", Attempt: attempt + 1})
	}
	text := log.String()
	for _, want := range []string{
		`msg="job started" job=job-1 task=t queue=default attempt=1`,
		`msg="own line" job=job-1 task=t queue=default attempt=1`,
		`msg="job failed; it will be retried" job=job-1 task=t queue=default attempt=1 error=broken`,
		`msg="job is dead" job=job-1 task=t queue=default attempt=2 error=broken`,
		`reason=exhausted`, `reason=malformed`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the log lacks %s", want)
		}
	}
	if strings.Contains(text, "hunter2") {
		t.Error("the log has a parameter")
	}
	if t.Failed() {
		t.Log(text)
	}
}

func TestOutsideATask(t *testing.T) {
	t.Parallel()
	if _, running := tasks.Current(t.Context()); running {
		t.Error("there is no attempt here")
	}
	if tasks.Logger(t.Context()) != slog.Default() {
		t.Error("outside a task the logger is the default one")
	}
	if tasks.Permanent(nil) != nil || tasks.RetryAfter(time.Second, nil) != nil {
		t.Error("no failure must stay none")
	}
}

func BenchmarkExecute(b *testing.B) {
	type params struct {
		UserID int64  `json:"user_id"`
		Kind   string `json:"kind"`
	}
	task := tasks.Define("bench", func(_ context.Context, p params) (int64, error) { return p.UserID, nil }, tasks.Timeout(time.Minute))
	executor, err := tasks.NewExecutor(tasks.NewRegistry(task), quiet)
	if err != nil {
		b.Fatal(err)
	}
	body, err := tasks.Envelope{
		ID: "0193a5c0-0000-7000-8000-000000000000", Task: "bench", Params: json.RawMessage(`{"user_id":1,"kind":"monthly"}`), EnqueuedAt: time.Now().UTC(),
	}.Encode()
	if err != nil {
		b.Fatal(err)
	}
	d := tasks.Delivery{Body: string(body), Queue: "default", Attempt: 1}
	b.ReportAllocs()
	for b.Loop() {
		if out := executor.Execute(context.Background(), d); out.Verdict != tasks.Done {
			b.Fatal(out.Err)
		}
	}
}
