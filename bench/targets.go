package main

import (
	"fmt"
	"math"
	"time"
)

// goal is a target; its figures are ratios within one run where that is possible, since absolute ones depend on the machine.
type goal struct {
	figure   string
	measured float64
	limit    float64
	atMost   bool
	decimals int
	unit     string
}

// met reports whether the target holds; what was not measured is not met.
func (g goal) met() bool {
	if g.atMost {
		return g.measured <= g.limit
	}
	return g.measured >= g.limit
}

func (s summary) targets() []goal {
	var goals []goal
	most := func(figure string, measured, limit float64, decimals int, unit string) {
		goals = append(goals, goal{figure, measured, limit, true, decimals, unit})
	}
	least := func(figure string, measured, limit float64, decimals int, unit string) {
		goals = append(goals, goal{figure, measured, limit, false, decimals, unit})
	}
	fast, slow := time.Duration(0), 10*time.Millisecond
	each := func(do func(delay time.Duration, n int, at string)) {
		for _, delay := range []time.Duration{fast, slow} {
			for _, n := range []int{16, 256} {
				do(delay, n, fmt.Sprintf("%s, %d at once", ms(delay), n))
			}
		}
	}
	for _, delay := range []time.Duration{fast, slow} {
		most("requests a task, "+ms(delay)+", 256 callers", s.throughput("core", delay, 256).requests.total(), 0.32, 3, "")
	}
	enqueued := func(delay time.Duration, n int) float64 {
		return s.throughput("core", delay, n).enqueued / s.throughput("naive", delay, n).enqueued
	}
	least("enqueued against naive, 0 ms, 256 callers", enqueued(fast, 256), 4, 2, "x")
	least("enqueued against naive, 10 ms, 256 callers", enqueued(slow, 256), 2.5, 2, "x")
	least("enqueued against naive, 10 ms, 16 callers", enqueued(slow, 16), 0.7, 2, "x")
	most("- its send requests a task", s.throughput("core", slow, 16).requests.of("send"), 0.6, 2, "")
	each(func(delay time.Duration, n int, at string) {
		least("worked against tuned, "+at, s.throughput("core", delay, n).worked/s.throughput("tuned", delay, n).worked, 1, 2, "x")
	})
	each(func(delay time.Duration, n int, at string) {
		most("client CPU against tuned, "+at, s.throughput("core", delay, n).cpu/s.throughput("tuned", delay, n).cpu, 1.3, 2, "x")
	})
	for _, delay := range []time.Duration{fast, slow} {
		for _, rate := range []float64{50, 500} {
			at := fmt.Sprintf(" against naive, %s, %.0f tasks/s", ms(delay), rate)
			core, naive := s.latency("core", delay, rate), s.latency("naive", delay, rate)
			most("latency p50"+at, core.p50/naive.p50, 1.1, 2, "x")
			most("latency p99"+at, core.p99/naive.p99, 1.1, 2, "x")
		}
	}
	requests, resident := s.idle("core")
	most("idle worker, requests a queue in 20 s", requests, 1, 1, "")
	most("executor, µs a task", s.executorTime(), 5, 1, "")
	most("executor, allocations a task", s.executorAllocs(), 25, 0, "")
	most("worker with 1,000 idle slots, MiB resident", resident/(1<<20), 64, 0, "")
	least("DelayMany in memory and in process, jobs/s", median(s.Bulk), 50_000, 0, "")
	least("durable emulator, socket, batches of ten, messages/s", median(s.Durable), 5_000, 0, "")
	slots := s.Setting.Plan.WorkerSlots
	for _, workers := range []int{2, 4} {
		least(fmt.Sprintf("%d workers against one", workers), s.scaled(workers, slots).PerSecond/s.scaled(1, slots).PerSecond, 0.9*float64(workers), 2, "x")
	}
	for _, delay := range []time.Duration{fast, slow} {
		most("requests a task, growth with load at its steepest, "+ms(delay), steepest(s.loads("core", delay)), 1, 2, "x")
	}
	return goals
}

// of returns the requests of one kind; NaN where nothing was measured.
func (p perTask) of(kind string) float64 {
	if p == nil {
		return math.NaN()
	}
	return p[kind]
}

// steepest is the largest ratio between one value and the one before: at most 1 where they only fall.
func steepest(values []float64) float64 {
	most := math.NaN()
	for i := 1; i < len(values); i++ {
		if ratio := values[i] / values[i-1]; math.IsNaN(most) || ratio > most {
			most = ratio
		}
	}
	return most
}

func targetTable(goals []goal) *table {
	t := &table{header: []string{"target", "wanted", "measured", "holds"}}
	for _, g := range goals {
		sign, holds := "at least ", "no"
		if g.atMost {
			sign = "at most "
		}
		if g.met() {
			holds = "yes"
		}
		limit := whole(g.limit)
		if g.limit != math.Trunc(g.limit) {
			limit = fmt.Sprint(g.limit)
		}
		measured := fixed(g.measured, g.decimals)
		if g.measured >= 1000 {
			measured = whole(g.measured)
		}
		t.add(g.figure, sign+limit+g.unit, measured+g.unit, holds)
	}
	return t
}
