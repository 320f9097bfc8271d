// Package chaos runs the program as its users do, as many processes, while processes are killed, requests fail, disks fill
// and clocks step; and then holds what the processes noted about each job against what is promised.
//
// The seed decides which jobs are sent, which faults come when, and which of a stream of requests fail. What the operating
// system interleaves it does not decide: two runs of a seed meet the same faults, not the same microseconds.
package chaos

import (
	"context"
	"time"
)

// Config says what a run is.
type Config struct {
	Seed uint64
	// Jobs is how many jobs are sent, about; Faults how many things go wrong meanwhile, over Duration.
	Jobs, Faults int
	Duration     time.Duration
	// Endpoint is the host and port of an SQS that is not killed; without it the emulator is one of the victims.
	Endpoint string
	// Store keeps records of jobs.
	Store bool
	// Dir is an empty directory for what the processes write.
	Dir string
	// Log is told what happens.
	Log func(format string, args ...any)
}

// Run runs one experiment. The error is of the experiment itself; what it found is in the ledger.
func Run(ctx context.Context, cfg Config) (*Ledger, error) {
	began := time.Now()
	w, err := open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.startAll(); err != nil {
		return nil, err
	}
	w.suffer(ctx, plan(cfg))
	l := newLedger(cfg, w.counts)
	w.settle(ctx, l)
	w.checkLeaks(ctx, l)
	l.stop(w.workers...)
	found, err := w.collect(ctx)
	if err != nil {
		return nil, err
	}
	l.balance(found)
	l.Requests, l.Took = w.proxy.Counts(), time.Since(began)
	return l, ctx.Err()
}
