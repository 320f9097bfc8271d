package semantics

import (
	"testing"
	"time"

	"github.com/coretasks/core/internal/semantics/workload"
	"github.com/coretasks/core/tasks"
)

// timings are about when a job runs.
var timings = map[string]func(*testing.T, *run){
	"a countdown is never early": func(t *testing.T, r *run) {
		r.start(t, WorkOptions{})
		sent := time.Now()
		delay(t, r, workload.OK, params{}, tasks.Countdown(1500*time.Millisecond))
		r.ran(t, 1, patience)
		if waited := r.diary.begun(t)[0].At.Sub(sent); waited < 1500*time.Millisecond {
			t.Errorf("ran after %v, want at least 1.5s", waited)
		}
	},

	"a countdown beyond the queue's limit costs no attempt": func(t *testing.T, r *run) {
		if !r.backend.FakeTime {
			t.Skip("takes an hour")
		}
		r.start(t, WorkOptions{})
		sent := time.Now()
		job := delay(t, r, workload.OK, params{}, tasks.Countdown(time.Hour+300*time.Millisecond))
		r.ran(t, 1, 2*time.Hour)
		r.drained(t)
		runs := r.diary.begun(t)
		if waited := runs[0].At.Sub(sent); waited < time.Hour+300*time.Millisecond || waited > time.Hour+30*time.Second {
			t.Errorf("ran after %v, want 1h0.3s", waited)
		}
		if a := runs[0].Attempt; len(runs) != 1 || a.ID != job.ID || a.Number != 1 {
			t.Errorf("%d runs, the first %+v: waiting must cost no attempt", len(runs), a)
		}
	},

	"a countdown of days comes to its end": func(t *testing.T, r *run) {
		if !r.backend.FakeTime {
			t.Skip("takes days")
		}
		const days = 5 * 24 * time.Hour
		r.start(t, WorkOptions{})
		sent := time.Now()
		delay(t, r, workload.OK, params{}, tasks.Countdown(days))
		r.ran(t, 1, 2*days)
		r.drained(t)
		runs := r.diary.begun(t)
		if waited := runs[0].At.Sub(sent); waited < days || waited > days+time.Minute {
			t.Errorf("ran after %v, want %v", waited, days)
		}
		if a := runs[0].Attempt; len(runs) != 1 || a.Number != 1 {
			t.Errorf("%d runs, the first %+v: waiting must cost no attempt", len(runs), a)
		}
	},

	"a job longer than the visibility timeout runs once": func(t *testing.T, r *run) {
		if !r.backend.Poller {
			t.Skip("a function's timeout is shorter than the queue's visibility timeout")
		}
		r.start(t, WorkOptions{Visibility: tasks.MinVisibilityTimeout})
		delay(t, r, workload.Pause, params{N: 12_000})
		r.ran(t, 1, patience)
		r.drained(t)
		if n := r.diary.count(t); n != 1 {
			t.Errorf("ran %d times, want once", n)
		}
		if _, ended := r.diary.ended(t); !ended {
			t.Error("the message was gone before its job had finished")
		}
	},

	"messages that wait for a slot do not expire": func(t *testing.T, r *run) {
		if !r.backend.Poller {
			t.Skip("a function's timeout is shorter than the queue's visibility timeout")
		}
		r.start(t, WorkOptions{Concurrency: 1, Visibility: tasks.MinVisibilityTimeout})
		for range 4 {
			delay(t, r, workload.Pause, params{N: 3000})
		}
		r.ran(t, 4, patience)
		r.drained(t)
		runs := r.diary.begun(t)
		for _, run := range runs {
			if run.Attempt.Number != 1 {
				t.Errorf("a job was delivered %d times", run.Attempt.Number)
			}
		}
		if len(runs) != 4 {
			t.Errorf("%d runs of 4 jobs", len(runs))
		}
	},
}
