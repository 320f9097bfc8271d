package results

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coretasks/core/internal/guard"
	"github.com/coretasks/core/tasks"
)

const (
	// progressEvery is how often the progress of a running job is written, where it has changed.
	progressEvery = 500 * time.Millisecond
	// cancelEvery is how often the store is asked which of the running jobs were cancelled.
	cancelEvery = 2 * time.Second
	// maxPending is how many final states are kept while the store is down. Older ones are given up first.
	maxPending = 10_000
	// progressWriters is how many of them are written at once: with a DynamoDB that takes 10 ms, 1,000 jobs in half a
	// second need 20.
	progressWriters = 24
	// callTimeout bounds each call of the background loop.
	callTimeout = 5 * time.Second
)

// Config sets up a [Recorder]; the zero value is ready to use.
type Config struct {
	// FinalOnly writes only how jobs ended: one write a job instead of three. Jobs then have no record until they end,
	// and so can't be cancelled or watched; a duplicate of a finished job is still recognized, by a read.
	FinalOnly bool
	// Logger gets trouble with the store. The default is slog.Default().
	Logger *slog.Logger
}

// A Recorder tells a store what an executor does: it is the tasks.Recorder of a worker. A store that is down stops no
// work: jobs run, without the protection that records give; it is said once; and how jobs ended is written when the
// store is back. Close it after the worker has stopped.
type Recorder struct {
	store  Store
	config Config
	logger *slog.Logger

	mu      sync.Mutex
	running map[running]*progress
	pending []End
	down    bool // the store failed last time
	due     []change
	writers int // of progress

	writing sync.WaitGroup
	stop    context.CancelFunc
	done    chan struct{}
}

// running names one attempt.
type running struct {
	id      string
	attempt int
}

type progress struct {
	began    time.Time
	cancel   context.CancelCauseFunc // nil while the store has not answered
	attempt  int                     // as the record counts it, which may be more than this delivery's own number
	requeues int                     // of the record
	fraction float64
	text     string
	at       time.Time
	dirty    bool // not written yet
	due      bool // in Recorder.due, or being written
}

// change is an attempt whose progress is to be written.
type change struct {
	running
	progress *progress
}

// NewRecorder starts a recorder.
func NewRecorder(store Store, cfg Config) *Recorder {
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	cfg.Logger = guard.Logger(cfg.Logger)
	ctx, stop := context.WithCancel(context.Background())
	r := &Recorder{store: store, config: cfg, logger: cfg.Logger, running: map[running]*progress{}, stop: stop, done: make(chan struct{})}
	go r.loop(ctx)
	return r
}

// Start implements [tasks.Recorder].
func (r *Recorder) Start(ctx context.Context, a tasks.Attempt, cancel context.CancelCauseFunc) (int, error) {
	var (
		record Record
		err    error
		key    = running{a.ID, a.Deliveries}
		at     = now()
	)
	if other := r.claim(key, at); other != nil {
		return 0, other
	}
	err = guard.Try(func() (err error) {
		if r.config.FinalOnly {
			record, err = r.lookUp(ctx, a)
		} else {
			start := Start{ID: a.ID, Task: a.Task, Queue: a.Queue, Attempt: a.Deliveries, EnqueuedAt: a.EnqueuedAt, At: at, Token: rand.Int64()}
			record, err = r.store.Start(ctx, start)
		}
		return err
	})
	if finished, ok := errors.AsType[*FinishedError](err); ok {
		r.told(nil)
		r.unclaim(key)
		if finished.Record.State == Dead {
			return 0, &tasks.DeadError{Record: finished.Record}
		}
		return 0, fmt.Errorf("%w: %w", tasks.ErrSkip, finished)
	}
	if running, ok := errors.AsType[*RunningError](err); ok {
		r.told(nil)
		r.unclaim(key)
		return 0, waitFor(running.Record.StartedAt, at)
	}
	r.told(err)
	if err != nil {
		return 0, nil // a store that is down stops no work; told has said so
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.running[key]
	p.cancel = cancel
	p.attempt = max(record.Attempt, a.Deliveries)
	p.requeues = record.Requeues
	return record.Runs, nil
}

// How long a message waits while another one of its job is worked.
const (
	shortestWait = 5 * time.Second
	longestWait  = 5 * time.Minute
)

// claim keeps two messages of a job, of which each came as often, from running in this process at once: a store that
// is told final states only knows of neither.
func (r *Recorder) claim(key running, at time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.running[key]; ok {
		return waitFor(p.began, at)
	}
	r.running[key] = &progress{began: at, attempt: key.attempt, requeues: RequeuesUnknown}
	return nil
}

func (r *Recorder) unclaim(key running) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, key)
}

// waitFor makes a message wait about as long as another one of its job runs already: a short run is waited for shortly.
func waitFor(began, now time.Time) error {
	return &tasks.RunningError{Wait: min(max(now.Sub(began), shortestWait), longestWait)}
}

// lookUp is Start without a write.
func (r *Recorder) lookUp(ctx context.Context, a tasks.Attempt) (Record, error) {
	record, err := r.store.Get(ctx, a.ID)
	if errors.Is(err, ErrNotFound) {
		return Record{}, nil
	}
	if err == nil && record.State.Final() {
		err = &FinishedError{Record: record}
	}
	record.Runs = 0 // not counted without writes
	return record, err
}

// Progress implements [tasks.Recorder].
func (r *Recorder) Progress(a tasks.Attempt, fraction float64, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, ok := r.running[running{a.ID, a.Deliveries}]
	if !ok || p.cancel == nil || r.config.FinalOnly {
		return
	}
	p.fraction, p.text, p.at, p.dirty = fraction, text, now(), true
}

// End implements [tasks.Recorder].
func (r *Recorder) End(ctx context.Context, o tasks.Outcome) {
	a := o.Attempt
	end, ok := endOf(o)
	key := running{a.ID, a.Deliveries}
	r.mu.Lock()
	if p, started := r.running[key]; started {
		end.Attempt, end.Requeues = p.attempt, p.requeues
		delete(r.running, key)
	}
	r.mu.Unlock()
	if !ok || r.config.FinalOnly && !end.State.Final() {
		return
	}
	r.write(ctx, end)
}

// endOf says what an outcome means for the record.
func endOf(o tasks.Outcome) (End, bool) {
	a := o.Attempt
	end := End{
		ID: a.ID, Attempt: a.Deliveries, At: now(), Requeues: RequeuesUnknown,
		Task: a.Task, Queue: a.Queue, EnqueuedAt: a.EnqueuedAt,
	}
	end.Error = o.ErrorText()
	switch {
	case o.Skipped, o.Verdict == tasks.Postpone:
		return End{}, false
	case o.Cancelled:
		end.State = Cancelled
	case o.Verdict == tasks.Done:
		end.State, end.Result = Succeeded, o.ResultJSON
		if o.ResultErr != nil {
			end.Error = "the result can't be JSON: " + o.ResultErr.Error()
		}
	case o.Verdict == tasks.Dead:
		end.State, end.Reason = Dead, string(o.Reason)
	case o.Verdict == tasks.Retry:
		end.State, end.RetryAt = Retrying, end.At.Add(o.Delay)
	case o.Verdict == tasks.GiveBack:
		end.State = Queued
	}
	return end, true
}

// write records an end, now or, when the store is down, later.
func (r *Recorder) write(ctx context.Context, end End) {
	err := guard.Try(func() error { return r.store.End(ctx, end) })
	if settled(err) {
		r.told(nil)
		return
	}
	r.told(err)
	if !end.State.Final() {
		return // the next attempt will say more
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == maxPending {
		r.pending = r.pending[1:]
	}
	r.pending = append(r.pending, end)
}

// settled reports whether the store has answered for good: written, not wanted any more, or not to be had.
func settled(err error) bool {
	return err == nil || errors.Is(err, ErrInvalid) || errors.Is(err, ErrFinished) || errors.Is(err, ErrStale) || errors.Is(err, ErrNotFound)
}

// told notes whether the store works, and says so when that has changed.
func (r *Recorder) told(err error) {
	r.mu.Lock()
	was := r.down
	r.down = err != nil
	r.mu.Unlock()
	switch {
	case err != nil && !was:
		log := r.logger
		if p, ok := errors.AsType[*guard.Panic](err); ok {
			log = log.With("stack", string(p.Stack))
		}
		log.Error("the results store fails; jobs go on without it, and how they end is written when it is back", "error", err)
	case err == nil && was:
		r.logger.Info("the results store works again")
	}
}

// loop writes progress, passes on cancellations and catches up.
func (r *Recorder) loop(ctx context.Context) {
	defer close(r.done)
	defer r.writing.Wait()
	ticker := time.NewTicker(progressEvery)
	defer ticker.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case at := <-ticker.C:
			r.dueProgress(ctx)
			if at.Sub(last) >= cancelEvery {
				last = at
				r.passOnCancellations(ctx)
				r.catchUp(ctx)
			}
		}
	}
}

// dueProgress has the progress written that is news, by a few writers which go on while the loop does other things.
// Of one attempt there is one write at a time, so that an older progress never follows a newer.
func (r *Recorder) dueProgress(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, p := range r.running {
		if p.dirty && !p.due {
			p.due = true
			r.due = append(r.due, change{key, p})
		}
	}
	for want := min(len(r.due), progressWriters); r.writers < want; r.writers++ {
		r.writing.Go(func() { r.writeProgress(ctx) })
	}
}

// writeProgress writes what is due until there is no more or the store fails. What it could not write is due again
// later.
func (r *Recorder) writeProgress(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.due) > 0 {
		c := r.due[0]
		r.due = r.due[1:]
		p := c.progress
		if r.running[c.running] == p && ctx.Err() == nil { // it has not ended meanwhile
			told := *p
			p.dirty = false
			r.mu.Unlock()
			err := r.tellProgress(ctx, c.id, told)
			r.mu.Lock()
			p.dirty = p.dirty || err != nil
			if err != nil {
				r.due = append(r.due, c)
				r.giveUp()
				break
			}
		}
		p.due = false
	}
	r.writers--
}

// giveUp leaves what is due to a later time.
func (r *Recorder) giveUp() {
	for _, c := range r.due {
		c.progress.due = false
	}
	r.due = nil
}

// tellProgress returns an error where the store failed.
func (r *Recorder) tellProgress(ctx context.Context, id string, p progress) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err := guard.Try(func() error { return r.store.Progress(ctx, id, p.attempt, p.fraction, p.text, p.at) })
	if settled(err) {
		return nil
	}
	if !errors.Is(err, context.Canceled) { // not because the recorder is being closed
		r.told(err)
	}
	return err
}

func (r *Recorder) passOnCancellations(ctx context.Context) {
	r.mu.Lock()
	ids := make([]string, 0, len(r.running))
	for key := range r.running {
		ids = append(ids, key.id)
	}
	r.mu.Unlock()
	if len(ids) == 0 || r.config.FinalOnly {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	var requested map[string]bool
	err := guard.Try(func() (err error) {
		requested, err = r.store.CancelRequested(ctx, ids)
		return err
	})
	r.told(err)
	if err != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, p := range r.running {
		if requested[key.id] && p.cancel != nil {
			p.cancel(tasks.ErrCancelled) // of a run that has ended it does nothing
		}
	}
}

// catchUp writes the ends that the store could not take, oldest first, until it fails again.
func (r *Recorder) catchUp(ctx context.Context) {
	for {
		r.mu.Lock()
		if len(r.pending) == 0 {
			r.mu.Unlock()
			return
		}
		end := r.pending[0]
		r.mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		err := guard.Try(func() error { return r.store.End(ctx, end) })
		cancel()
		if !settled(err) {
			r.told(err)
			return
		}
		r.told(nil)
		r.mu.Lock()
		if len(r.pending) > 0 && r.pending[0].ID == end.ID {
			r.pending = r.pending[1:]
		}
		r.mu.Unlock()
	}
}

// Close stops the recorder and tries once more to write what is pending. The error says how many ends were lost. It
// does not close the store.
func (r *Recorder) Close(ctx context.Context) error {
	r.stop()
	<-r.done
	r.catchUp(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.pending); n > 0 {
		return &LostError{Jobs: n}
	}
	return nil
}

// now is the time as records keep it.
func now() time.Time { return time.Now().UTC().Truncate(time.Millisecond) }
