package mainjob

import (
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/tasks"
)

// ticking makes the world one with a periodic task, whose ticks are recorded and worked.
func (w *World) ticking(t *testing.T) {
	t.Helper()
	w.Env = append(w.Env, tickVar+"=1", "CORE_RESULTS=sqlite://"+filepath.Join(w.Dir, "jobs.db"))
	w.Must(t, "queues", "apply")
	w.Start(t, "worker started", "worker", "--queue", "high-priority", "--concurrency", "8")
}

// ticks returns how often each tick was worked, and by how much the latest was late.
func (w *World) ticks(t *testing.T) (runs map[time.Time]int, late time.Duration) {
	t.Helper()
	runs = map[time.Time]int{}
	for _, d := range w.diary(t) {
		name, tick, ok := tasks.ParseTickID(d.job)
		if !ok || name != "tick" {
			t.Errorf("%q is no tick of the task", d.job)
		}
		if d.what == "start" {
			runs[tick]++
			late = max(late, d.at.Sub(tick))
		}
	}
	return runs, late
}

// periodic: a task's ticks are fired by a scheduler and worked, in one run and the next.
func periodic(t *testing.T, w *World) {
	w.ticking(t)
	for range 2 {
		before := w.Count(t, "end")
		scheduler := w.Start(t, "scheduler started", "scheduler")
		if !strings.Contains(scheduler.Text(), "every 1s") {
			t.Errorf("it does not say what it fires: %s", scheduler.Text())
		}
		Await(t, "three ticks were worked", func() bool { return w.Count(t, "end") >= before+3 })
		if code, took := scheduler.Terminate(t); code != 0 || took > 5*time.Second {
			t.Errorf("it ended with code %d after %v", code, took)
		}
	}
	runs, _ := w.ticks(t)
	for tick, n := range runs {
		if n != 1 {
			t.Errorf("the tick of %v ran %d times", tick, n)
		}
	}
}

// KillSchedulers runs three schedulers on one results store for some time, in which a tick comes each second, and kills
// one after the other. Each tick must be worked once, and soon.
func KillSchedulers(t *testing.T, w *World, length time.Duration) {
	t.Helper()
	w.ticking(t)
	start := func() *Process { return w.Start(t, "scheduler started", "scheduler") }
	three := []*Process{start(), start(), start()}
	begin := time.Now().Truncate(time.Second)
	kills := 0
	for ; time.Since(begin) < length; kills++ {
		time.Sleep(rand.N(2 * time.Second))
		i := rand.IntN(len(three))
		three[i].Kill()
		time.Sleep(rand.N(time.Second))
		three[i] = start()
	}
	end := time.Now().Truncate(time.Second)
	Await(t, "every tick was worked", func() bool { // that of a dead scheduler comes after those behind it
		runs, _ := w.ticks(t)
		for tick := begin.Add(time.Second).UTC(); !tick.After(end); tick = tick.Add(time.Second) {
			if runs[tick] == 0 {
				return false
			}
		}
		return true
	})
	for _, p := range three {
		p.Terminate(t)
	}
	runs, late := w.ticks(t)
	for tick := begin.Add(time.Second).UTC(); !tick.After(end); tick = tick.Add(time.Second) {
		if n := runs[tick]; n != 1 {
			t.Errorf("the tick of %v ran %d times", tick, n)
		}
	}
	t.Logf("%d kills in %v; the latest tick was %v late", kills, end.Sub(begin), late)
	if late > 3*ticker.Lease {
		t.Errorf("a tick was worked %v late", late)
	}
}
