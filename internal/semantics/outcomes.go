package semantics

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

var errBroken = errors.New("the API is down: \x00 broken \uFFFF")

// outcomes are what becomes of a job by what its function returns.
var outcomes = map[string]func(*testing.T, *run){
	"success runs once and leaves nothing": func(t *testing.T, r *run) {
		var d diary
		var got params
		task := tasks.Define("ok", func(ctx context.Context, p params) (int, error) {
			got = p
			d.note(ctx)
			return p.N, nil
		})
		r.start(t, WorkOptions{}, task)
		want := params{N: 42, Text: "<ä & 日本\uFFFE\x00>"}
		job := delay(t, r, task, want)
		r.await(t, "the job ran", patience, func() bool { return d.count() > 0 })
		r.drained(t)
		a := d.all()[0].attempt
		if a.Job != job || a.Number != 1 || d.count() != 1 {
			t.Errorf("ran %d times, as %+v; want once as attempt 1 of %+v", d.count(), a, job)
		}
		if got != want {
			t.Errorf("got parameters %#v, want %#v", got, want)
		}
	},

	"a failure is retried until it succeeds": func(t *testing.T, r *run) {
		var d diary
		task := tasks.Define("flaky", func(ctx context.Context, p params) (int, error) {
			if a := d.note(ctx); a.Number <= 2 {
				return 0, tasks.Errorf("attempt %d: %w", a.Number, errBroken)
			}
			return 1, nil
		}, tasks.MaxRetries(2), tasks.RetryDelay(2*time.Second))
		r.start(t, WorkOptions{}, task)
		delay(t, r, task, params{})
		r.await(t, "the third attempt ran", patience, func() bool { return d.count() == 3 })
		r.drained(t)
		runs := d.all()
		for i := 1; i < len(runs); i++ {
			if gap := runs[i].at.Sub(runs[i-1].at); gap < 1900*time.Millisecond { // SQS counts from the request's arrival
				t.Errorf("attempt %d came %v after attempt %d, want 2s", i+1, gap, i)
			}
			if runs[i].attempt.Number != i+1 || runs[i].attempt.ID != runs[0].attempt.ID {
				t.Errorf("run %d was %+v", i+1, runs[i].attempt)
			}
		}
		if waiting, _, _ := r.counts(t, sqsqueue.DeadLetterQueue(tasks.DefaultQueue)); waiting > 0 {
			t.Error("a job that succeeded has a dead letter")
		}
	},

	"an exhausted job is dead-lettered with its error": func(t *testing.T, r *run) {
		var d diary
		task := tasks.Define("broken", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			return 0, errBroken
		}, tasks.MaxRetries(1))
		r.start(t, WorkOptions{}, task)
		job := delay(t, r, task, params{N: 7})
		letter := r.dead(t, patience, tasks.ReasonExhausted)
		if d.count() != 2 {
			t.Errorf("ran %d times, want 1 and a retry", d.count())
		}
		if got, want := attribute(letter, sqsqueue.AttributeError), "the API is down: \uFFFD broken \uFFFD"; got != want {
			t.Errorf("error %q, want %q", got, want)
		}
		if got := attribute(letter, sqsqueue.AttributeAttempts); got != "2" {
			t.Errorf("attempts %q, want 2", got)
		}
		if got := attribute(letter, sqsqueue.AttributeJobID); got != job.ID {
			t.Errorf("job id %q, want %q", got, job.ID)
		}
		at, err := time.Parse(time.RFC3339, attribute(letter, sqsqueue.AttributeFailedAt))
		if err != nil || at.Before(r.began.Add(-2*time.Second)) || at.After(time.Now().Add(2*time.Second)) {
			t.Errorf("failed at %v (%v), want now", at, err)
		}
		env, err := tasks.DecodeEnvelope([]byte(*letter.Body))
		if err != nil || env.ID != job.ID || string(env.Params) != `{"n":7,"text":""}` {
			t.Errorf("the dead letter's body is %s (%v)", *letter.Body, err)
		}
	},

	"a permanent failure is not retried": func(t *testing.T, r *run) {
		var d diary
		task := tasks.Define("invalid", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			return 0, fmt.Errorf("look up: %w", tasks.Permanent(errors.New("no such user")))
		}, tasks.MaxRetries(5))
		r.start(t, WorkOptions{}, task)
		delay(t, r, task, params{})
		letter := r.dead(t, patience, tasks.ReasonPermanent)
		if d.count() != 1 {
			t.Errorf("ran %d times, want once", d.count())
		}
		if got := attribute(letter, sqsqueue.AttributeError); got != "look up: no such user" {
			t.Errorf("error %q", got)
		}
	},

	"RetryAfter overrides the delay": func(t *testing.T, r *run) {
		var d diary
		task := tasks.Define("limited", func(ctx context.Context, p params) (int, error) {
			if a := d.note(ctx); a.Number == 1 {
				return 0, tasks.RetryAfter(2*time.Second, errBroken)
			}
			return 1, nil
		}, tasks.MaxRetries(1), tasks.RetryDelay(time.Hour))
		r.start(t, WorkOptions{}, task)
		delay(t, r, task, params{})
		r.await(t, "the retry ran", patience, func() bool { return d.count() == 2 })
		runs := d.all()
		if gap := runs[1].at.Sub(runs[0].at); gap < 1900*time.Millisecond || gap > 20*time.Second {
			t.Errorf("the retry came after %v, want 2s", gap)
		}
	},

	"a timeout cancels with its cause and counts as a failure": func(t *testing.T, r *run) {
		causes := make(chan error, 1)
		task := tasks.Define("slow", func(ctx context.Context, p params) (int, error) {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return 0, ctx.Err()
		}, tasks.Timeout(time.Second))
		r.start(t, WorkOptions{}, task)
		delay(t, r, task, params{})
		letter := r.dead(t, patience, tasks.ReasonTimeout)
		if cause := (*tasks.TimeoutError)(nil); !errors.As(<-causes, &cause) || cause.Limit != time.Second {
			t.Errorf("cause %v, want the timeout", cause)
		}
		if got := attribute(letter, sqsqueue.AttributeError); !strings.Contains(got, `task "slow" exceeded its timeout of 1s`) {
			t.Errorf("error %q does not name the task and its timeout", got)
		}
	},

	"a panic is a failure": func(t *testing.T, r *run) {
		task := tasks.Define("panics", func(ctx context.Context, p params) (int, error) {
			var nothing []string
			return len(nothing[p.N]), nil // out of range
		})
		r.start(t, WorkOptions{}, task)
		delay(t, r, task, params{})
		letter := r.dead(t, patience, tasks.ReasonPanic)
		if got := attribute(letter, sqsqueue.AttributeError); got != "panic: runtime error: index out of range [0] with length 0" {
			t.Errorf("error %q", got)
		}
	},

	"middleware surrounds each attempt": func(t *testing.T, r *run) {
		var d diary
		task := tasks.Define("wrapped", func(ctx context.Context, p params) (int, error) {
			if ctx.Value(sessionKey{}) != "open" {
				return 0, errors.New("no session")
			}
			return 1, nil
		}, tasks.MaxRetries(1))
		closed := make(chan struct{}, 2)
		registry := tasks.NewRegistry(task).Use(func(next tasks.Handler) tasks.Handler {
			return func(ctx context.Context) error {
				defer func() { closed <- struct{}{} }()
				if a := d.note(ctx); a.Number == 1 {
					panic("no connection")
				}
				return next(context.WithValue(ctx, sessionKey{}, "open"))
			}
		})
		r.startRegistry(t, WorkOptions{}, registry)
		delay(t, r, task, params{})
		<-closed
		<-closed
		r.drained(t)
		if d.count() != 2 {
			t.Errorf("%d runs, want one that panics in the middleware and one that succeeds", d.count())
		}
	},
}

type sessionKey struct{}
