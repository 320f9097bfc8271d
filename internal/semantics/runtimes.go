package semantics

import (
	"testing"
	"time"

	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/sqsqueue"
	"github.com/coretasks/core/tasks"
)

// runtimes are about the process that works: its slots, its shutdown.
var runtimes = map[string]func(*testing.T, *run){
	"a function that ignores its context is abandoned": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{Concurrency: 1, Grace: 500 * time.Millisecond})
		delay(t, r, workload.Stuck, params{})
		r.dead(t, patience, tasks.ReasonTimeout)
		delay(t, r, workload.OK, params{}) // which the freed slot works
		r.ran(t, 2, patience)
	},

	"at shutdown a running job finishes": func(t *testing.T, r *run) {
		if !r.backend.Poller {
			t.Skip("nothing to shut down")
		}
		stop := r.start(t, WorkOptions{})
		delay(t, r, workload.Pause, params{N: 1000})
		r.ran(t, 1, patience)
		if err := stop(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if _, ended := r.diary.ended(t); !ended {
			t.Error("the worker stopped before its job had finished")
		}
		r.drained(t)
		if n := r.diary.count(t); n != 1 {
			t.Errorf("started %d times", n)
		}
	},

	"at shutdown the rest is given back at once": func(t *testing.T, r *run) {
		if !r.backend.Poller {
			t.Skip("nothing to shut down")
		}
		const timeout = 12 * time.Second // of which 3 s are for giving back
		stop := r.start(t, WorkOptions{Concurrency: 1, ShutdownTimeout: timeout})
		for range 3 {
			delay(t, r, workload.Endless, params{})
		}
		r.ran(t, 1, patience)
		start := time.Now()
		if err := stop(); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if took := time.Since(start); took > timeout {
			t.Errorf("shutdown took %v of %v", took, timeout)
		}
		if end, _ := r.diary.ended(t); end.Cause != tasks.ErrShutdown.Error() {
			t.Errorf("cause %q, want ErrShutdown", end.Cause)
		}
		if waiting, inFlight, _ := r.counts(t, tasks.DefaultQueue); waiting != 3 || inFlight != 0 {
			t.Errorf("%d messages wait and %d are in flight, want all 3 to wait", waiting, inFlight)
		}
		if waiting, _, _ := r.counts(t, sqsqueue.DeadLetterQueue(tasks.DefaultQueue)); waiting != 0 || r.diary.count(t) != 1 {
			t.Errorf("%d dead letters and %d runs, want none and 1", waiting, r.diary.count(t))
		}
	},

	"at shutdown a stuck job is given back in time": func(t *testing.T, r *run) {
		if !r.backend.Poller {
			t.Skip("nothing to shut down")
		}
		const timeout = 12 * time.Second // of which 3 s are for giving back
		stop := r.start(t, WorkOptions{Concurrency: 1, ShutdownTimeout: timeout})
		delay(t, r, workload.Hanging, params{})
		r.ran(t, 1, patience)
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
