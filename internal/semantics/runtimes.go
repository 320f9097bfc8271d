package semantics

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// runtimes are about the process that works: its slots, its shutdown.
var runtimes = map[string]func(*testing.T, *run){
	"a function that ignores its context is abandoned": func(t *testing.T, r *run) {
		free := make(chan struct{})
		t.Cleanup(func() { close(free) })
		var d diary
		stuck := tasks.Define("stuck", func(ctx context.Context, p params) (int, error) {
			<-free
			return 0, nil
		}, tasks.Timeout(time.Second))
		next := tasks.Define("next", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			return 0, nil
		})
		r.start(t, WorkOptions{Concurrency: 1, Grace: 500 * time.Millisecond}, stuck, next)
		delay(t, r, stuck, params{})
		r.dead(t, patience, tasks.ReasonTimeout)
		delay(t, r, next, params{})
		r.await(t, "the freed slot worked the next job", patience, func() bool { return d.count() == 1 })
	},

	"at shutdown a running job finishes": func(t *testing.T, r *run) {
		if !r.backend.Poller {
			t.Skip("nothing to shut down")
		}
		var started, finished atomic.Int32
		task := tasks.Define("finishing", func(ctx context.Context, p params) (int, error) {
			started.Add(1)
			time.Sleep(time.Second)
			finished.Add(1)
			return 0, ctx.Err()
		})
		stop := r.start(t, WorkOptions{}, task)
		delay(t, r, task, params{})
		r.await(t, "the job started", patience, func() bool { return started.Load() == 1 })
		if err := stop(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if finished.Load() != 1 {
			t.Error("the worker stopped before its job had finished")
		}
		r.drained(t)
		if started.Load() != 1 {
			t.Errorf("started %d times", started.Load())
		}
	},

	"at shutdown the rest is given back at once": func(t *testing.T, r *run) {
		if !r.backend.Poller {
			t.Skip("nothing to shut down")
		}
		var d diary
		causes := make(chan error, 1)
		task := tasks.Define("endless", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return 0, ctx.Err()
		})
		const timeout = 4 * time.Second
		stop := r.start(t, WorkOptions{Concurrency: 1, ShutdownTimeout: timeout}, task)
		if _, err := task.DelayMany(r.ctx, r.Client, make([]params, 3)); err != nil {
			t.Fatal(err)
		}
		r.await(t, "a job started", patience, func() bool { return d.count() == 1 })
		start := time.Now()
		if err := stop(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if took := time.Since(start); took > timeout {
			t.Errorf("shutdown took %v of %v", took, timeout)
		}
		if cause := <-causes; !errors.Is(cause, tasks.ErrShutdown) {
			t.Errorf("cause %v, want ErrShutdown", cause)
		}
		if waiting, inFlight, _ := r.counts(t, tasks.DefaultQueue); waiting != 3 || inFlight != 0 {
			t.Errorf("%d messages wait and %d are in flight, want all 3 to wait", waiting, inFlight)
		}
		if waiting, _, _ := r.counts(t, sqsqueue.DeadLetterQueue(tasks.DefaultQueue)); waiting != 0 || d.count() != 1 {
			t.Errorf("%d dead letters and %d runs, want none and 1", waiting, d.count())
		}
	},

	"at shutdown a stuck job is given back in time": func(t *testing.T, r *run) {
		if !r.backend.Poller {
			t.Skip("nothing to shut down")
		}
		free := make(chan struct{})
		t.Cleanup(func() { close(free) })
		var d diary
		task := tasks.Define("hanging", func(ctx context.Context, p params) (int, error) {
			d.note(ctx)
			<-free
			return 0, nil
		})
		const timeout = 4 * time.Second
		stop := r.start(t, WorkOptions{Concurrency: 1, ShutdownTimeout: timeout}, task)
		delay(t, r, task, params{})
		r.await(t, "the job started", patience, func() bool { return d.count() == 1 })
		start := time.Now()
		if err := stop(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if took := time.Since(start); took > timeout {
			t.Errorf("shutdown took %v of %v", took, timeout)
		}
		if waiting, inFlight, _ := r.counts(t, tasks.DefaultQueue); waiting != 1 || inFlight != 0 {
			t.Errorf("%d messages wait and %d are in flight, want the one to wait", waiting, inFlight)
		}
	},
}
