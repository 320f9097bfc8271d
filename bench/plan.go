package main

import "time"

// plan is how much a run measures.
type plan struct {
	Candidates  []string        `json:"candidates"`
	N           int             `json:"n"` // tasks of a throughput run
	Repeats     int             `json:"repeats"`
	Delays      []time.Duration `json:"delays"`
	Concurrency []int           `json:"concurrency"`

	Rates           []float64     `json:"rates"` // of a latency run
	LatencyTime     time.Duration `json:"latency_time"`
	LatencyRepeats  int           `json:"latency_repeats"`
	IdleTime        time.Duration `json:"idle_time"`
	IdleSlots       int           `json:"idle_slots"`
	Workers         []int         `json:"workers"` // of a scaling run
	WorkerSlots     int           `json:"worker_slots"`
	ScalingSlots    []int         `json:"scaling_slots"`
	ScalingTaskTime time.Duration `json:"scaling_task_time"`
	ScalingTime     time.Duration `json:"scaling_time"`
	BulkN           int           `json:"bulk_n"`
}

// fullPlan takes about twelve minutes on two cores.
func fullPlan() plan {
	return plan{
		Candidates: []string{"core", "naive", "tuned", "gocloud"}, N: 20_000, Repeats: 3,
		Delays: []time.Duration{0, 10 * time.Millisecond}, Concurrency: []int{16, 256},
		Rates: []float64{50, 500}, LatencyTime: 5 * time.Second, LatencyRepeats: 2,
		IdleTime: 60 * time.Second, IdleSlots: 1000,
		Workers: []int{1, 2, 4}, WorkerSlots: 16, ScalingSlots: []int{1, 4, 16, 64, 256},
		ScalingTaskTime: 20 * time.Millisecond, ScalingTime: 4 * time.Second,
		BulkN: 100_000,
	}
}

// quickPlan takes about a minute and shows that all works; its figures are rough.
func quickPlan() plan {
	p := fullPlan()
	p.N, p.Repeats, p.BulkN = 2_000, 1, 20_000
	p.LatencyTime, p.LatencyRepeats = time.Second, 1
	p.IdleTime = 20 * time.Second
	p.ScalingTime = time.Second
	return p
}
