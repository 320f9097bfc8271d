package semantics

import (
	"context"
	"testing"
	"time"

	"github.com/coretasks/core/tasks"
)

// timings are about when a job runs.
var timings = map[string]func(*testing.T, *run){
	"a countdown is never early": func(t *testing.T, r *run) {
		var d diary
		task := tasks.Define("later", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			return 0, nil
		})
		r.start(t, WorkOptions{}, task)
		sent := time.Now()
		delay(t, r, task, params{}, tasks.Countdown(1500*time.Millisecond))
		r.await(t, "the job ran", patience, func() bool { return d.count() == 1 })
		if waited := d.all()[0].at.Sub(sent); waited < 1500*time.Millisecond {
			t.Errorf("ran after %v, want at least 1.5s", waited)
		}
	},

	"a countdown beyond the queue's limit travels in hops": func(t *testing.T, r *run) {
		if !r.backend.FakeTime {
			t.Skip("takes an hour")
		}
		var d diary
		task := tasks.Define("much.later", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			return 0, nil
		})
		r.start(t, WorkOptions{}, task)
		sent := time.Now()
		job := delay(t, r, task, params{}, tasks.Countdown(time.Hour+300*time.Millisecond))
		r.await(t, "the job ran", 2*time.Hour, func() bool { return d.count() > 0 })
		r.drained(t)
		run := d.all()[0]
		if waited := run.at.Sub(sent); waited < time.Hour+300*time.Millisecond || waited > time.Hour+30*time.Second {
			t.Errorf("ran after %v, want 1h0.3s", waited)
		}
		if d.count() != 1 || run.attempt.ID != job.ID || run.attempt.Number != 1 {
			t.Errorf("%d runs, the first %+v: hops must cost no attempt", d.count(), run.attempt)
		}
	},

	"a job longer than the visibility timeout runs once": func(t *testing.T, r *run) {
		var d diary
		task := tasks.Define("long", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			select {
			case <-time.After(12 * time.Second):
				return 0, nil
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		})
		r.start(t, WorkOptions{}, task, tasks.QueueSettings{Name: tasks.DefaultQueue, VisibilityTimeout: tasks.MinVisibilityTimeout})
		delay(t, r, task, params{})
		r.await(t, "the job ran", patience, func() bool { return d.count() > 0 })
		r.drained(t)
		if d.count() != 1 {
			t.Errorf("ran %d times, want once", d.count())
		}
		if took := time.Since(d.all()[0].at); took < 12*time.Second {
			t.Errorf("the message was gone after %v, before its job had finished", took)
		}
	},

	"messages that wait for a slot do not expire": func(t *testing.T, r *run) {
		var d diary
		task := tasks.Define("queued", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			select {
			case <-time.After(3 * time.Second):
				return 0, nil
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			}
		})
		r.start(t, WorkOptions{Concurrency: 1}, task, tasks.QueueSettings{Name: tasks.DefaultQueue, VisibilityTimeout: tasks.MinVisibilityTimeout})
		if _, err := task.DelayMany(r.ctx, r.Client, make([]params, 4)); err != nil {
			t.Fatal(err)
		}
		r.await(t, "all jobs ran", patience, func() bool { return d.count() >= 4 })
		r.drained(t)
		for _, run := range d.all() {
			if run.attempt.Number != 1 {
				t.Errorf("a job was delivered %d times", run.attempt.Number)
			}
		}
		if d.count() != 4 {
			t.Errorf("%d runs of 4 jobs", d.count())
		}
	},
}
