package sqsqueue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/coretasks/core/tasks"
)

// StopNowTimeout is how long Run takes to return, at most, once StopNow was called.
const StopNowTimeout = 4 * time.Second

// StopFetching makes the worker take no further message, for as long as it lives: it gives back what it has fetched and
// not begun, and goes on with what runs, heartbeats included, until Run's context ends. An operator drains a worker so,
// without a limit of time. Messages that a receive under way still brings are given back too. It may be called at any
// time and more than once.
func (w *Worker) StopFetching() {
	if w.quiet.Swap(true) {
		return
	}
	w.logger.Info("worker fetches no more messages; what runs goes on until it ends", "running", w.slots.count())
	w.stopDispatch()
}

// stopDispatch ends fetching and gives back what waits. When it returns, all of that is counted among the
// acknowledgements.
func (w *Worker) stopDispatch() {
	w.giving.Lock()
	defer w.giving.Unlock()
	w.giveBack(w.dispatch.stop())
}

// StopNow makes Run end within [StopNowTimeout], whether or not its context has ended: the functions that run are
// interrupted with [tasks.ErrShutdown], and all jobs that have not ended are given back. It may be called at any time
// and more than once.
func (w *Worker) StopNow() { w.stopNow() }

// shutdownMargin is the end of the shutdown timeout, kept for interrupting what still runs and flushing acknowledgements.
func shutdownMargin(timeout time.Duration) time.Duration { return min(timeout/4, 3*time.Second) }

// shutdown ends the worker within its timeout. The order matters: nothing new, give back what waits, finish what runs,
// interrupt the rest, then flush. It calls end when no request may begin any more.
func (w *Worker) shutdown(end context.CancelFunc) error {
	start := time.Now()
	deadline := start.Add(w.config.ShutdownTimeout)
	margin := shutdownMargin(w.config.ShutdownTimeout)
	w.logger.Info("worker is shutting down", "timeout", w.config.ShutdownTimeout)
	w.stopDispatch()

	interruptAt, hurry := deadline.Add(-margin), w.hurry.Done()
	if !w.slots.wait(interruptAt, hurry) || !w.polls.wait(interruptAt, hurry) || !w.acks.wait(interruptAt, hurry) {
		if w.hurry.Err() != nil {
			w.logger.Warn("worker stops now: what runs is interrupted and given back", "running", w.slots.count())
			if now := time.Now(); now.Add(StopNowTimeout).Before(deadline) {
				deadline, margin = now.Add(StopNowTimeout), StopNowTimeout
			}
		}
		w.interruptRuns(deadline.Add(-margin / 2))
	}
	flushBy := deadline.Add(-margin / 4)
	w.polls.wait(flushBy, nil) // what they bring is still given back
	flushed := w.acks.wait(flushBy, nil)
	err := w.closeBatchers(deadline)
	end()
	w.polls.wait(deadline, nil)
	if err != nil || !flushed {
		return errors.Join(ErrUnacknowledged, err)
	}
	w.logger.Info("worker stopped", "took", time.Since(start).Round(time.Millisecond))
	return nil
}

// interruptRuns cancels what still runs, gives it until a moment to return, and gives back what has not.
func (w *Worker) interruptRuns(until time.Time) {
	w.interrupt(tasks.ErrShutdown)
	w.slots.wait(until, nil)
	stuck := 0
	for _, l := range w.held.list() {
		if l.decide(leaseRunning) {
			stuck++
			w.acks.add()
			go w.release(l, 0, 1)
		}
	}
	if stuck > 0 {
		w.logger.Warn("tasks still run after they were interrupted; their jobs are given back", "tasks", stuck)
	}
}

func (w *Worker) closeBatchers(deadline time.Time) error {
	ctx, cancel := context.WithDeadline(context.Background(), deadline)
	defer cancel()
	var errs []error
	for _, s := range w.sources {
		for _, err := range []error{s.deletes.Close(ctx), s.changes.Close(ctx)} {
			if err != nil {
				errs = append(errs, fmt.Errorf("queue %q: %w", s.name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// A tally counts what is under way. Unlike a sync.WaitGroup it can be waited for with a limit, and added to meanwhile.
type tally struct {
	mu   sync.Mutex
	n    int
	zero chan struct{} // closed when n falls to 0; nil while nobody waits
}

func (t *tally) add() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n++
}

// done returns how many are left.
func (t *tally) done() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.n--
	if t.n == 0 && t.zero != nil {
		close(t.zero)
		t.zero = nil
	}
	return t.n
}

func (t *tally) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.n
}

// wait reports whether nothing was under way at some moment before the deadline, and before cut was closed.
func (t *tally) wait(deadline time.Time, cut <-chan struct{}) bool {
	t.mu.Lock()
	if t.n == 0 {
		t.mu.Unlock()
		return true
	}
	if t.zero == nil {
		t.zero = make(chan struct{})
	}
	zero := t.zero
	t.mu.Unlock()

	timer := time.NewTimer(max(time.Until(deadline), 0))
	defer timer.Stop()
	select {
	case <-zero:
		return true
	case <-timer.C:
		return false
	case <-cut:
		return false
	}
}
