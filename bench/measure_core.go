package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"time"
)

// scalingDelay is a request's delay in the scaling runs.
const scalingDelay = 10 * time.Millisecond

// scaling grows the number of core's workers, and then the slots of one. Their tasks wait a while, since empty ones would
// fill the CPU before there is anything to see.
func (l *lab) scaling(ctx context.Context) error {
	runs := make([]scaling, 0, len(l.plan.Workers)+len(l.plan.ScalingSlots))
	for _, workers := range l.plan.Workers {
		runs = append(runs, scaling{Workers: workers, Concurrency: l.plan.WorkerSlots})
	}
	for _, slots := range l.plan.ScalingSlots {
		runs = append(runs, scaling{Workers: 1, Concurrency: slots})
	}
	for _, s := range runs {
		s.TaskTime = l.plan.ScalingTaskTime
		s.N = min(int(s.ideal()*l.plan.ScalingTime.Seconds()), 2*l.plan.N)
		if err := l.oneScaling(ctx, &s); err != nil {
			return fmt.Errorf("%d workers with %d slots: %w", s.Workers, s.Concurrency, err)
		}
		l.results.Scaling = append(l.results.Scaling, s)
		l.say("scaling: %d x %3d slots: %6.0f/s of %.0f", s.Workers, s.Concurrency, s.PerSecond, s.ideal())
	}
	return nil
}

func (l *lab) oneScaling(ctx context.Context, s *scaling) error {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	e, err := startEndpoint(ctx, scalingDelay, "")
	if err != nil {
		return err
	}
	defer e.stop()
	if _, err := runToEnd(ctx, e, "core", "fill", "--n", strconv.Itoa(s.N)); err != nil {
		return err
	}
	if err := e.reset(ctx); err != nil {
		return err
	}
	var workers []*process
	for range s.Workers {
		p, err := startCandidate(ctx, e, "core", "work", "--concurrency", strconv.Itoa(s.Concurrency), "--task-time", s.TaskTime.String())
		if err != nil {
			return err
		}
		defer p.end()
		workers = append(workers, p)
	}
	reports, c, err := drain(ctx, e, workers, s.N)
	if err != nil {
		return err
	}
	began := reports[0].Began
	for _, r := range reports {
		s.CPU += r.CPU
		if r.Began.Before(began) {
			began = r.Began
		}
	}
	s.PerSecond, s.Requests = rate(s.N, began, c.LastDelete), c.total()
	return nil
}

// extras measures the figures that only core has.
func (l *lab) extras(ctx context.Context) error {
	for repeat := range l.plan.Repeats {
		r, err := l.oneExtra(ctx, nil, "executor")
		if err != nil {
			return err
		}
		l.results.Executor = append(l.results.Executor, executor{NsPerOp: r.NsPerOp, AllocsPerOp: r.AllocsPerOp})

		n := strconv.Itoa(l.plan.BulkN)
		r, err = l.oneExtra(ctx, nil, "bulk", append([]string{"--n", n}, l.profile("core", "bulk-"+strconv.Itoa(repeat))...)...)
		if err != nil {
			return err
		}
		l.results.Bulk = append(l.results.Bulk, float64(l.plan.BulkN)/r.Elapsed.Seconds())

		if err := l.durable(ctx, repeat); err != nil {
			return err
		}
		l.say("extras %d/%d: executor %.1f µs, DelayMany %.0f/s, durable emulator %.0f/s", repeat+1, l.plan.Repeats,
			l.results.Executor[repeat].NsPerOp/1e3, l.results.Bulk[repeat], l.results.Durable[repeat])
	}
	return nil
}

func (l *lab) oneExtra(ctx context.Context, e *remoteEndpoint, phase string, args ...string) (report, error) {
	ctx, cancel := context.WithTimeout(ctx, measureTimeout)
	defer cancel()
	return runToEnd(ctx, e, "core", phase, args...)
}

func (l *lab) durable(ctx context.Context, repeat int) error {
	e, err := startEndpoint(ctx, 0, filepath.Join(l.temp, fmt.Sprintf("state-%d.db", repeat)))
	if err != nil {
		return err
	}
	defer e.stop()
	r, err := l.oneExtra(ctx, e, "batches", "--n", strconv.Itoa(l.plan.N), "--concurrency", "16")
	if err != nil {
		return err
	}
	l.results.Durable = append(l.results.Durable, float64(l.plan.N)/r.Elapsed.Seconds())
	return nil
}
