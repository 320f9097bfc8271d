package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"
)

// order is what a candidate's process is told to do.
type order struct {
	name        string
	phase       string
	target      target
	n           int
	concurrency int
	rate        float64       // arrivals a second
	duration    time.Duration // of arrivals
	taskTime    time.Duration // how long a task waits
	profile     string
}

// report is what a candidate's process says at the end.
type report struct {
	Began   time.Time     `json:"began"`
	Elapsed time.Duration `json:"elapsed"`
	CPU     time.Duration `json:"cpu"`
	Memory  memory        `json:"memory"`
	Handled int           `json:"handled"`
	// Latencies are from the call that enqueues to the start of the handler.
	Latencies []time.Duration `json:"latencies,omitempty"`
	// Of the executor alone.
	NsPerOp     float64 `json:"ns_per_op,omitempty"`
	AllocsPerOp int64   `json:"allocs_per_op,omitempty"`
}

// phases are what a candidate's process can do. Each returns what is special to it; time, CPU and memory are measured
// around it. A phase that goes on until it is told to stop waits for that channel.
var phases = map[string]func(context.Context, order, candidate, <-chan struct{}) (report, error){
	"enqueue":  enqueuePhase,
	"work":     workPhase,
	"latency":  latencyPhase,
	"fill":     fillPhase,
	"bulk":     bulkPhase,
	"batches":  batchesPhase,
	"executor": executorPhase,
}

// runCandidate is the process of one candidate in one phase. It says "ready", begins on the line "go", ends what goes on
// by itself on the line "stop", and prints a report. When its input ends, so does it.
func runCandidate(args []string, in io.Reader, out io.Writer) error {
	o, err := parseOrder(args)
	if err != nil {
		return err
	}
	c, ok := findCandidate(o.name)
	if !ok {
		return fmt.Errorf("there is no candidate %q", o.name)
	}
	phase, ok := phases[o.phase]
	if !ok {
		return fmt.Errorf("there is no phase %q", o.phase)
	}
	lines := make(chan string)
	go func() {
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- s.Text()
		}
		os.Exit(3) // whoever measures is gone
	}()
	if _, err := fmt.Fprintln(out, "ready"); err != nil {
		return err
	}
	if line := <-lines; line != "go" {
		return fmt.Errorf("unexpected line %q", line)
	}
	stop := make(chan struct{})
	go func() {
		<-lines
		close(stop)
	}()
	finish, err := startProfile(o.profile)
	if err != nil {
		return err
	}
	began, cpu := time.Now(), cpuTime()
	r, err := phase(context.Background(), o, c, stop)
	if err != nil {
		return err
	}
	r.Began, r.CPU, r.Memory = began, cpuTime()-cpu, ownMemory()
	if r.Elapsed == 0 {
		r.Elapsed = time.Since(began)
	}
	if err := finish(); err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(r)
}

func parseOrder(args []string) (order, error) {
	var o order
	flags := flag.NewFlagSet("candidate", flag.ContinueOnError)
	flags.StringVar(&o.name, "name", "core", "candidate")
	flags.StringVar(&o.phase, "phase", "", "enqueue, work, latency, fill, bulk, batches or executor")
	flags.StringVar(&o.target.endpoint, "endpoint", "", "URL of the SQS endpoint")
	flags.IntVar(&o.n, "n", 0, "tasks")
	flags.IntVar(&o.concurrency, "concurrency", 1, "callers, or tasks at once")
	flags.Float64Var(&o.rate, "rate", 0, "arrivals a second")
	flags.DurationVar(&o.duration, "duration", 0, "how long tasks arrive")
	flags.DurationVar(&o.taskTime, "task-time", 0, "how long a task waits")
	flags.StringVar(&o.profile, "profile", "", "begin of the names of profiles to write")
	err := flags.Parse(args)
	o.target.queueURL = o.target.endpoint + "/000000000000/" + queueName
	return o, err
}

// startProfile writes a CPU profile, and at the end the allocations, where a name is given.
func startProfile(name string) (finish func() error, err error) {
	if name == "" {
		return func() error { return nil }, nil
	}
	cpu, err := os.Create(name + ".cpu.prof")
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(cpu); err != nil {
		return nil, err
	}
	return func() error {
		pprof.StopCPUProfile()
		allocs, err := os.Create(name + ".allocs.prof")
		if err != nil {
			return err
		}
		return errors.Join(cpu.Close(), pprof.Lookup("allocs").WriteTo(allocs, 0), allocs.Close())
	}, nil
}

// enqueuePhase enqueues n tasks by a number of concurrent callers.
func enqueuePhase(ctx context.Context, o order, c candidate, _ <-chan struct{}) (report, error) {
	enqueue, err := c.producer(o.target)
	if err != nil {
		return report{}, err
	}
	return report{}, callers(o.concurrency, o.n, func() error { return enqueue(ctx, newParams()) })
}

// callers calls do n times from a number of goroutines, and returns the first error.
func callers(goroutines, n int, do func() error) error {
	var (
		wg      sync.WaitGroup
		begun   atomic.Int64
		failure error
		once    sync.Once
	)
	for range goroutines {
		wg.Go(func() {
			for begun.Add(1) <= int64(n) {
				if err := do(); err != nil {
					once.Do(func() { failure = err })
					return
				}
			}
		})
	}
	wg.Wait()
	return failure
}

// workPhase handles tasks until it is told to stop.
func workPhase(ctx context.Context, o order, c candidate, stop <-chan struct{}) (report, error) {
	var handled atomic.Int64
	failed := make(chan error, 1)
	go func() {
		failed <- c.work(ctx, o.target, o.concurrency, func(context.Context, params) error {
			if o.taskTime > 0 {
				time.Sleep(o.taskTime)
			}
			handled.Add(1)
			return nil
		})
	}()
	select {
	case err := <-failed:
		return report{}, fmt.Errorf("%s stopped working: %w", c.name, err)
	case <-stop:
	}
	return report{Handled: int(handled.Load())}, nil
}

// warmUp is how long a latency run goes on before its calls count.
const warmUp = 500 * time.Millisecond

// latencyPhase enqueues at a fixed rate and works in the same process. Each arrival has a goroutine of its own, so that a
// slow call delays no other, and the clock starts at the call.
func latencyPhase(ctx context.Context, o order, c candidate, stop <-chan struct{}) (report, error) {
	enqueue, err := c.producer(o.target)
	if err != nil {
		return report{}, err
	}
	var (
		r       report
		mu      sync.Mutex
		failed  = make(chan error, 1)
		begin   = time.Now()
		counted = begin.Add(warmUp)
	)
	fail := func(err error) {
		select {
		case failed <- err:
		default:
		}
	}
	go func() {
		fail(c.work(ctx, o.target, o.concurrency, func(_ context.Context, p params) error {
			now, called := time.Now(), time.Unix(0, p.CalledAt)
			mu.Lock()
			defer mu.Unlock()
			r.Handled++
			if !called.Before(counted) {
				r.Latencies = append(r.Latencies, now.Sub(called))
			}
			return nil
		}))
	}()
	for i := range o.n {
		time.Sleep(time.Until(begin.Add(time.Duration(float64(i) / o.rate * float64(time.Second)))))
		go func() {
			if err := enqueue(ctx, newParams()); err != nil {
				fail(err)
			}
		}()
	}
	select {
	case err := <-failed:
		return report{}, fmt.Errorf("%s failed: %w", c.name, err)
	case <-stop:
	}
	mu.Lock()
	defer mu.Unlock()
	return r, nil
}

var complaints atomic.Int64

// complain shows the first failures of a candidate that goes on all the same.
func complain(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil && complaints.Add(1) <= 3 {
		fmt.Fprintln(os.Stderr, "candidate:", err)
	}
}
