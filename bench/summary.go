package main

import (
	"math"
	"time"
)

// kinds are the columns of requests, in the order of a message's life.
var kinds = []string{"send", "receive", "delete", "visibility", "other"}

// summary answers for figures of a run: the medians of the repetitions. What was not measured is NaN.
type summary struct{ *results }

// perTask is requests for each task by kind.
type perTask map[string]float64

func (p perTask) total() float64 {
	if p == nil {
		return math.NaN()
	}
	sum := 0.0
	for _, kind := range kinds { // in one order, or the last digits differ from call to call
		sum += p[kind]
	}
	return sum
}

// figures are what the throughput runs of one candidate in one setting gave.
type figures struct {
	enqueued, worked float64 // tasks a second
	cpu              float64 // seconds for 10,000 tasks enqueued and worked
	enqueueMemory    float64 // bytes at the peak
	workMemory       float64
	requests         perTask
}

func (s summary) throughput(candidate string, delay time.Duration, concurrency int) figures {
	var runs []throughput
	for _, t := range s.Throughput {
		if t.Candidate == candidate && t.Delay == delay && t.Concurrency == concurrency {
			runs = append(runs, t)
		}
	}
	f := figures{
		enqueued: medianOf(runs, func(t throughput) float64 { return t.Enqueue.PerSecond }),
		worked:   medianOf(runs, func(t throughput) float64 { return t.Work.PerSecond }),
		cpu: medianOf(runs, func(t throughput) float64 {
			return (t.Enqueue.CPU + t.Work.CPU).Seconds() * 10_000 / float64(t.N)
		}),
		enqueueMemory: medianOf(runs, func(t throughput) float64 { return float64(t.Enqueue.Memory.Peak) }),
		workMemory:    medianOf(runs, func(t throughput) float64 { return float64(t.Work.Memory.Peak) }),
	}
	if len(runs) == 0 {
		return f
	}
	f.requests = perTask{}
	for _, kind := range kinds {
		f.requests[kind] = medianOf(runs, func(t throughput) float64 {
			return float64(t.Enqueue.Requests[kind]+t.Work.Requests[kind]) / float64(t.N)
		})
	}
	return f
}

// delays are the figures of the runs at a fixed rate; the repetitions' calls count together.
type delays struct {
	p50, p95, p99 float64 // milliseconds
	requests      perTask
}

func (s summary) latency(candidate string, delay time.Duration, rate float64) delays {
	var all []time.Duration
	var runs []latency
	for _, m := range s.Latency {
		if m.Candidate == candidate && m.Delay == delay && m.Rate == rate {
			all = append(all, m.Latencies...)
			runs = append(runs, m)
		}
	}
	if len(all) == 0 {
		return delays{p50: math.NaN(), p95: math.NaN(), p99: math.NaN()}
	}
	ms := func(p float64) float64 { return percentile(all, p).Seconds() * 1000 }
	d := delays{p50: ms(50), p95: ms(95), p99: ms(99), requests: perTask{}}
	for _, kind := range kinds {
		d.requests[kind] = medianOf(runs, func(m latency) float64 { return float64(m.Requests[kind]) / float64(m.N) })
	}
	return d
}

// idle returns requests in 20 s for one queue, and resident memory in bytes.
func (s summary) idle(candidate string) (requests, resident float64) {
	for _, m := range s.Idle {
		if m.Candidate == candidate {
			return float64(m.Requests) * 20 / m.Duration.Seconds(), float64(m.Memory.Now)
		}
	}
	return math.NaN(), math.NaN()
}

// loads are a candidate's requests for each task under growing load: rates first, then saturated by more and more callers.
func (s summary) loads(candidate string, delay time.Duration) []float64 {
	var all []float64
	for _, rate := range s.Setting.Plan.Rates {
		all = append(all, s.latency(candidate, delay, rate).requests.total())
	}
	for _, concurrency := range s.Setting.Plan.Concurrency {
		all = append(all, s.throughput(candidate, delay, concurrency).requests.total())
	}
	return all
}

// scaled returns the run of so many workers with so many slots.
func (s summary) scaled(workers, slots int) scaling {
	for _, run := range s.Scaling {
		if run.Workers == workers && run.Concurrency == slots {
			return run
		}
	}
	return scaling{PerSecond: math.NaN()}
}
