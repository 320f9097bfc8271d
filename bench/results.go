package main

import (
	"cmp"
	"encoding/json"
	"math"
	"os"
	"runtime"
	"slices"
	"time"
)

// results is all that one run measured, as it is written with --json.
type results struct {
	Setting    setting      `json:"setting"`
	Throughput []throughput `json:"throughput"`
	Latency    []latency    `json:"latency"`
	Idle       []idle       `json:"idle"`
	Scaling    []scaling    `json:"scaling"`
	Executor   []executor   `json:"executor"`
	// Bulk is jobs a second by DelayMany on the emulator in memory and in process; Durable is messages a second sent,
	// received and deleted through the socket of an emulator that keeps a file.
	Bulk    []float64 `json:"bulk"`
	Durable []float64 `json:"durable"`
}

// setting is where and how the run was made.
type setting struct {
	Cores    int       `json:"cores"`
	Go       string    `json:"go"`
	System   string    `json:"system"`
	Began    time.Time `json:"began"`
	Minutes  float64   `json:"minutes"`
	Plan     plan      `json:"plan"`
	TaskSize int       `json:"task_size"` // bytes of parameters
}

func newSetting(p plan) setting {
	body, _ := encode(newParams()) // two plain fields can't fail
	return setting{
		Cores: runtime.NumCPU(), Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH,
		Began: time.Now().UTC().Truncate(time.Second), Plan: p, TaskSize: len(body),
	}
}

// throughput is one run of a candidate: n tasks enqueued, then worked.
type throughput struct {
	Candidate   string        `json:"candidate"`
	Delay       time.Duration `json:"delay"`
	Concurrency int           `json:"concurrency"`
	N           int           `json:"n"`
	Enqueue     stage         `json:"enqueue"`
	Work        stage         `json:"work"`
}

// stage is what one process did: enqueue, or work.
type stage struct {
	PerSecond float64        `json:"per_second"`
	CPU       time.Duration  `json:"cpu"`
	Memory    memory         `json:"memory"`
	Requests  map[string]int `json:"requests"`
}

// latency is one run at a fixed rate.
type latency struct {
	Candidate string          `json:"candidate"`
	Delay     time.Duration   `json:"delay"`
	Rate      float64         `json:"rate"`
	N         int             `json:"n"`
	Requests  map[string]int  `json:"requests"`
	Latencies []time.Duration `json:"latencies"`
}

// idle is a worker with nothing to do.
type idle struct {
	Candidate string        `json:"candidate"`
	Slots     int           `json:"slots"`
	Duration  time.Duration `json:"duration"`
	Requests  int           `json:"requests"`
	Memory    memory        `json:"memory"`
}

// scaling is one run of several core workers on tasks that wait.
type scaling struct {
	Workers     int           `json:"workers"`
	Concurrency int           `json:"concurrency"` // of each
	TaskTime    time.Duration `json:"task_time"`
	N           int           `json:"n"`
	PerSecond   float64       `json:"per_second"`
	CPU         time.Duration `json:"cpu"`
	Requests    int           `json:"requests"` // to receive and to acknowledge
}

// ideal is what as many slots could do if nothing but the tasks took time.
func (s scaling) ideal() float64 {
	return float64(s.Workers*s.Concurrency) / s.TaskTime.Seconds()
}

type executor struct {
	NsPerOp     float64 `json:"ns_per_op"`
	AllocsPerOp int64   `json:"allocs_per_op"`
}

// median is the middle value, or the mean of the middle two; NaN of nothing.
func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// medianOf is the median of a figure of each element.
func medianOf[T any](all []T, figure func(T) float64) float64 {
	values := make([]float64, len(all))
	for i, v := range all {
		values[i] = figure(v)
	}
	return median(values)
}

// percentile is the smallest value that at least p percent are not above ("nearest rank"); 0 of nothing.
func percentile[T cmp.Ordered](values []T, p float64) T {
	var zero T
	if len(values) == 0 {
		return zero
	}
	sorted := slices.Sorted(slices.Values(values))
	rank := int(math.Ceil(p / 100 * float64(len(sorted))))
	return sorted[max(rank, 1)-1]
}

func (r *results) save(file string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o600)
}

func load(file string) (*results, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := &results{}
	return r, json.Unmarshal(text, r)
}
