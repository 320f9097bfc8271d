package main

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"time"
)

// measureTimeout bounds each single measurement.
const measureTimeout = 3 * time.Minute

// lab makes the measurements of a plan, one after another, each with an endpoint and processes of its own.
type lab struct {
	plan     plan
	results  *results
	progress io.Writer
	profiles string // folder for profiles of core's processes, or ""
	temp     string // folder for a durable endpoint's file
}

func (l *lab) run(ctx context.Context) error {
	l.results = &results{Setting: newSetting(l.plan)}
	// Idle workers use next to nothing, so they may idle while others are measured.
	idled := make(chan error, 1)
	go func() { idled <- l.idle(ctx) }()
	for _, step := range []func(context.Context) error{l.throughput, l.latency, l.scaling, l.extras} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if err := <-idled; err != nil {
		return err
	}
	l.results.Setting.Minutes = time.Since(l.results.Setting.Began).Minutes()
	return nil
}

func (l *lab) say(format string, args ...any) {
	_, _ = fmt.Fprintf(l.progress, "%4.0fs  %s\n", time.Since(l.results.Setting.Began).Seconds(), fmt.Sprintf(format, args...))
}

// throughput takes the candidates in turn, so that what changes on the machine meanwhile meets all of them.
func (l *lab) throughput(ctx context.Context) error {
	for repeat := range l.plan.Repeats {
		for _, delay := range l.plan.Delays {
			for _, concurrency := range l.plan.Concurrency {
				for _, name := range l.plan.Candidates {
					t, err := l.oneThroughput(ctx, name, delay, concurrency, repeat)
					if err != nil {
						return fmt.Errorf("%s, %v, %d at once: %w", name, delay, concurrency, err)
					}
					l.results.Throughput = append(l.results.Throughput, t)
					l.say("throughput %d/%d: %-7s %4v, %3d at once: %6.0f/s enqueued, %6.0f/s worked",
						repeat+1, l.plan.Repeats, name, delay, concurrency, t.Enqueue.PerSecond, t.Work.PerSecond)
				}
			}
		}
	}
	return nil
}

func (l *lab) oneThroughput(ctx context.Context, name string, delay time.Duration, concurrency, repeat int) (throughput, error) {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	t := throughput{Candidate: name, Delay: delay, Concurrency: concurrency, N: l.plan.N}
	e, err := startEndpoint(ctx, delay, "")
	if err != nil {
		return t, err
	}
	defer e.stop()
	profile := fmt.Sprintf("%v-%d-%d", delay, concurrency, repeat)
	args := []string{"--n", strconv.Itoa(t.N), "--concurrency", strconv.Itoa(concurrency)}
	enqueued, err := runToEnd(ctx, e, name, "enqueue", append(args, l.profile(name, "enqueue-"+profile)...)...)
	if err != nil {
		return t, err
	}
	c, err := e.counts(ctx)
	if err != nil {
		return t, err
	}
	if c.Sent != t.N {
		return t, fmt.Errorf("the endpoint accepted %d messages of %d", c.Sent, t.N)
	}
	t.Enqueue = stage{PerSecond: float64(t.N) / enqueued.Elapsed.Seconds(), CPU: enqueued.CPU, Memory: enqueued.Memory, Requests: c.Requests}
	if err := e.reset(ctx); err != nil {
		return t, err
	}

	p, err := startCandidate(ctx, e, name, "work", append(args, l.profile(name, "work-"+profile)...)...)
	if err != nil {
		return t, err
	}
	defer p.end()
	worked, c, err := drain(ctx, e, []*process{p}, t.N)
	if err != nil {
		return t, err
	}
	t.Work = stage{PerSecond: rate(t.N, worked[0].Began, c.LastDelete), CPU: worked[0].CPU, Memory: worked[0].Memory, Requests: c.Requests}
	return t, nil
}

func rate(n int, began, ended time.Time) float64 { return float64(n) / ended.Sub(began).Seconds() }

// profile is the flag that lets one of core's processes write profiles.
func (l *lab) profile(candidate, name string) []string {
	if l.profiles == "" || candidate != "core" {
		return nil
	}
	return []string{"--profile", filepath.Join(l.profiles, name)}
}

// runToEnd lets a candidate do a phase that ends by itself.
func runToEnd(ctx context.Context, e *remoteEndpoint, name, phase string, args ...string) (report, error) {
	p, err := startCandidate(ctx, e, name, phase, args...)
	if err != nil {
		return report{}, err
	}
	defer p.end()
	if err := p.begin(); err != nil {
		return report{}, err
	}
	return p.result()
}

// drain lets workers begin, waits until the endpoint has seen n deletions, and takes the workers' reports. What the
// endpoint counted last is the end of the work, whatever a candidate believes.
func drain(ctx context.Context, e *remoteEndpoint, workers []*process, n int) ([]report, counts, error) {
	for _, p := range workers {
		if err := p.begin(); err != nil {
			return nil, counts{}, err
		}
	}
	c, err := e.await(ctx, n)
	if err != nil {
		return nil, c, err
	}
	reports := make([]report, len(workers))
	handled := 0
	for i, p := range workers {
		if reports[i], err = p.finish(); err != nil {
			return nil, c, err
		}
		handled += reports[i].Handled
	}
	if handled < n {
		return nil, c, fmt.Errorf("%d tasks were handled of %d", handled, n)
	}
	return reports, c, nil
}

func (l *lab) latency(ctx context.Context) error {
	for repeat := range l.plan.LatencyRepeats {
		for _, delay := range l.plan.Delays {
			for _, rate := range l.plan.Rates {
				for _, name := range l.plan.Candidates {
					m, err := l.oneLatency(ctx, name, delay, rate)
					if err != nil {
						return fmt.Errorf("%s, %v, %v/s: %w", name, delay, rate, err)
					}
					l.results.Latency = append(l.results.Latency, m)
					l.say("latency %d/%d: %-7s %4v, %3.0f/s: p50 %v, p99 %v", repeat+1, l.plan.LatencyRepeats, name, delay, rate,
						percentile(m.Latencies, 50).Round(10*time.Microsecond), percentile(m.Latencies, 99).Round(10*time.Microsecond))
				}
			}
		}
	}
	return nil
}

// latencySlots is the concurrency of a worker whose latency is measured.
const latencySlots = 16

func (l *lab) oneLatency(ctx context.Context, name string, delay time.Duration, rate float64) (latency, error) {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	n := int((l.plan.LatencyTime + warmUp).Seconds() * rate)
	m := latency{Candidate: name, Delay: delay, Rate: rate, N: n}
	e, err := startEndpoint(ctx, delay, "")
	if err != nil {
		return m, err
	}
	defer e.stop()
	p, err := startCandidate(ctx, e, name, "latency", "--n", strconv.Itoa(n), "--rate", fmt.Sprint(rate), "--concurrency", strconv.Itoa(latencySlots))
	if err != nil {
		return m, err
	}
	defer p.end()
	reports, c, err := drain(ctx, e, []*process{p}, n)
	if err != nil {
		return m, err
	}
	m.Requests, m.Latencies = c.Requests, reports[0].Latencies
	return m, nil
}

// idle lets a worker of each candidate have nothing to do.
func (l *lab) idle(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, l.plan.IdleTime+measureTimeout)
	defer cancel()
	type pair struct {
		name     string
		endpoint *remoteEndpoint
		worker   *process
	}
	var pairs []pair
	for _, name := range l.plan.Candidates {
		e, err := startEndpoint(ctx, 0, "")
		if err != nil {
			return err
		}
		defer e.stop()
		p, err := startCandidate(ctx, e, name, "work", "--concurrency", strconv.Itoa(l.plan.IdleSlots))
		if err != nil {
			return err
		}
		defer p.end()
		if err := p.begin(); err != nil {
			return err
		}
		pairs = append(pairs, pair{name, e, p})
	}
	sleep(ctx, time.Second) // what happens once, at the start
	for _, p := range pairs {
		if err := p.endpoint.reset(ctx); err != nil {
			return err
		}
	}
	sleep(ctx, l.plan.IdleTime)
	for _, p := range pairs {
		c, err := p.endpoint.counts(ctx)
		if err != nil {
			return err
		}
		r, err := p.worker.finish()
		if err != nil {
			return err
		}
		l.results.Idle = append(l.results.Idle, idle{
			Candidate: p.name, Slots: l.plan.IdleSlots, Duration: l.plan.IdleTime, Requests: c.total(), Memory: r.Memory,
		})
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
