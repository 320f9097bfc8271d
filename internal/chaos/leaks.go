package chaos

import (
	"context"
	"sync"
	"time"
)

// checkLeaks compares the worker that has lived through everything with one that has just begun: both are idle.
func (w *world) checkLeaks(ctx context.Context, l *Ledger) {
	fresh, err := w.startWorker(workers)
	if err != nil {
		l.violate("no worker can be started at the end: %v", err)
		return
	}
	young := fresh.pid()
	// A busy machine takes its time to start a process.
	for until := time.Now().Add(30 * time.Second); len(samples(w.Dir, young)) == 0 && time.Now().Before(until); {
		if !sleep(ctx, 100*time.Millisecond) {
			return
		}
	}
	if !sleep(ctx, 4*time.Second) {
		return
	}
	old := w.workers[0].pid()
	a, b := samples(w.Dir, young), samples(w.Dir, old)
	if len(a) == 0 || len(b) == 0 {
		l.violate("no samples of worker %d or %d", young, old)
		return
	}
	now, then := b[len(b)-1], a[len(a)-1]
	// A connection that is kept for the next request has two goroutines, and a worker that was busy has more of them.
	if extra := now.goroutines - 2*now.sockets - (then.goroutines - 2*then.sockets); extra > leakSlack {
		l.violate("the worker that lived through has %d goroutines, %d more than its connections and a new one explain", now.goroutines, extra)
	}
	if extra := now.files - then.files; extra > leakSlack {
		l.violate("the worker that lived through has %d files open, %d more than a new one", now.files, extra)
	}
	if now.sockets > maxSockets {
		l.violate("the worker that lived through has %d sockets", now.sockets)
	}
	l.Survivor, l.Newcomer = now, then
}

const (
	leakSlack  = 6
	maxSockets = 4 * concurrency
)

// stop ends services as an operator does.
func (l *Ledger) stop(services ...*service) {
	errs := make([]error, len(services))
	var all sync.WaitGroup
	for i, s := range services {
		all.Go(func() { errs[i] = s.stop(15 * time.Second) })
	}
	all.Wait()
	for _, err := range errs {
		if err != nil {
			l.violate("%v", err)
		}
	}
}
