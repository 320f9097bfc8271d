package results_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/results"
	"github.com/coretasks/core/results/sqlitestore"
	"github.com/coretasks/core/tasks"
)

// shaky is a store that can be down, and counts its writes.
type shaky struct {
	results.Store
	down   atomic.Bool
	writes atomic.Int32
}

var errDown = errors.New("store is down")

func (s *shaky) Start(ctx context.Context, st results.Start) (results.Record, error) {
	if s.down.Load() {
		return results.Record{}, errDown
	}
	s.writes.Add(1)
	return s.Store.Start(ctx, st)
}

func (s *shaky) End(ctx context.Context, e results.End) error {
	if s.down.Load() {
		return errDown
	}
	s.writes.Add(1)
	return s.Store.End(ctx, e)
}

func (s *shaky) Progress(ctx context.Context, id string, attempt int, fraction float64, text string, at time.Time) error {
	s.writes.Add(1)
	return s.Store.Progress(ctx, id, attempt, fraction, text, at)
}

// desk is an executor with its recorder and store, in a bubble.
type desk struct {
	*testing.T
	store    *shaky
	recorder *results.Recorder
	log      *bytes.Buffer
}

func inBubble(t *testing.T, cfg results.Config, test func(d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		inner, err := sqlitestore.Open(filepath.Join(t.TempDir(), "jobs.db"), sqlitestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		d := &desk{T: t, store: &shaky{Store: inner}, log: &bytes.Buffer{}}
		cfg.Logger = slog.New(slog.NewTextHandler(d.log, nil))
		d.recorder = results.NewRecorder(d.store, cfg)
		defer func() {
			if err := inner.Close(); err != nil {
				t.Error(err)
			}
		}()
		test(d)
		if err := d.recorder.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// deliver runs a task as a worker does, as the given delivery of the job "j".
func (d *desk) deliver(task tasks.AnyTask, delivery int) tasks.Outcome {
	d.Helper()
	executor, err := tasks.NewExecutor(tasks.NewRegistry(task), tasks.ExecutorConfig{Logger: slog.New(slog.DiscardHandler), Recorder: d.recorder})
	if err != nil {
		d.Fatal(err)
	}
	body, err := tasks.Envelope{ID: "j", Task: task.Info().Name, Params: json.RawMessage("{}"), EnqueuedAt: time.Now().UTC()}.Encode()
	if err != nil {
		d.Fatal(err)
	}
	return executor.Execute(d.Context(), tasks.Delivery{Body: string(body), Queue: "default", Attempt: delivery})
}

func (d *desk) record() results.Record {
	d.Helper()
	r, err := d.store.Get(d.Context(), "j")
	if err != nil {
		d.Fatal(err)
	}
	return r
}

type none struct{}

func TestADuplicateHasNoSecondEffect(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cfg    results.Config
		writes int32
	}{"every state": {writes: 3}, "final states only": {cfg: results.Config{FinalOnly: true}, writes: 1}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, tc.cfg, func(d *desk) {
				runs := 0
				task := tasks.Define("t", func(context.Context, none) (int, error) {
					runs++
					return 42, nil
				})
				first, second := d.deliver(task, 1), d.deliver(task, 2)
				if runs != 1 || first.Skipped || !second.Skipped || second.Verdict != tasks.Done {
					d.Errorf("%d runs; outcomes %+v, %+v", runs, first, second)
				}
				if got, err := task.Result(d.Context(), d.store, "j"); got != 42 || err != nil {
					d.Errorf("result %v, %v", got, err)
				}
				// A duplicate's Start is refused by a condition, which DynamoDB counts as a write all the same.
				if n := d.store.writes.Load(); n != tc.writes {
					d.Errorf("%d writes, want %d", n, tc.writes)
				}
			})
		})
	}
}

// Another message of a job that runs waits, is dropped when the job has ended, and has its turn where that left no trace.
// The message itself, when it comes again, has a higher number and takes the job over.
func TestADuplicateWaitsForItsJob(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		runs := 0
		task := tasks.Define("t", tasks.NoResult(func(ctx context.Context, _ none) error {
			runs++
			time.Sleep(20 * time.Minute)
			return nil
		}), tasks.MaxRetries(3))
		ended := make(chan tasks.Outcome, 2)
		go func() { ended <- d.deliver(task, 1) }()
		synctest.Wait()
		for _, wait := range []time.Duration{5 * time.Second, time.Minute, 5 * time.Minute} {
			other := d.deliver(task, 1)
			if other.Verdict != tasks.Postpone || !other.Skipped || other.Delay != wait || runs != 1 {
				d.Errorf("%d runs, and the other message: %+v, want it %v later", runs, other, wait)
			}
			time.Sleep(time.Minute)
			if wait == time.Minute {
				time.Sleep(8 * time.Minute)
			}
		}
		go func() { ended <- d.deliver(task, 2) }() // the worker lost the message, or is dead
		synctest.Wait()
		if runs != 2 {
			d.Errorf("%d runs, want 2", runs)
		}
		<-ended
		if other := d.deliver(task, 1); other.Verdict != tasks.Done || !other.Skipped || runs != 2 {
			d.Errorf("afterwards %d runs, and the other message: %+v", runs, other)
		}
		<-ended
	})
}

// A worker that dies without a trace does not keep another message of its job waiting for ever.
func TestADuplicateWaitsAnHour(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		if _, err := d.store.Start(d.Context(), results.Start{ID: "j", Task: "t", Attempt: 1, At: time.Now()}); err != nil {
			d.Fatal(err)
		}
		task := tasks.Define("t", func(context.Context, none) (int, error) { return 1, nil })
		time.Sleep(results.MaxGuard - time.Second)
		if other := d.deliver(task, 1); other.Verdict != tasks.Postpone {
			d.Errorf("before the hour: %+v", other)
		}
		time.Sleep(time.Second)
		if other := d.deliver(task, 1); other.Verdict != tasks.Done || other.Skipped {
			d.Errorf("after it: %+v", other)
		}
	})
}

// A run that another has taken over stays in reach of a cancellation.
func TestCancellingReachesARunThatWasTakenOver(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		quick := true
		task := tasks.Define("t", tasks.NoResult(func(ctx context.Context, _ none) error {
			if quick {
				quick = false
				time.Sleep(time.Second)
				return errors.New("try again")
			}
			<-ctx.Done()
			return ctx.Err()
		}), tasks.MaxRetries(3))
		outcomes := make(chan tasks.Outcome, 2)
		go func() { outcomes <- d.deliver(task, 1) }()
		synctest.Wait()
		go func() { outcomes <- d.deliver(task, 2) }()
		if first := <-outcomes; first.Verdict != tasks.Retry {
			d.Errorf("the first run: %+v", first)
		}
		if _, err := d.store.Cancel(d.Context(), "j", time.Now()); err != nil {
			d.Fatal(err)
		}
		if second := <-outcomes; !second.Cancelled {
			d.Errorf("the second run: %+v", second)
		}
		if r := d.record(); r.State != results.Cancelled {
			d.Errorf("%+v", r)
		}
	})
}

func TestADeadJobIsDeadLetteredAgain(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		runs := 0
		task := tasks.Define("t", func(context.Context, none) (int, error) {
			runs++
			return 0, tasks.Permanent(errors.New("no such user"))
		})
		d.deliver(task, 1)
		again := d.deliver(task, 2)
		if runs != 1 || again.Verdict != tasks.Dead || again.Reason != tasks.ReasonPermanent || again.Err.Error() != "no such user" {
			d.Errorf("%d runs; outcome %+v", runs, again)
		}
	})
}

func TestCrashesCostARunAndGiveBacksNone(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		task := tasks.Define("t", func(context.Context, none) (int, error) { return 0, errors.New("broken") }, tasks.MaxRetries(1))
		// The first delivery is interrupted, and given back.
		ctx, cancel := context.WithCancelCause(d.Context())
		cancel(tasks.ErrShutdown)
		attempt := tasks.Attempt{Job: tasks.Job{ID: "j", Task: "t", Queue: "default"}, Deliveries: 1}
		if _, err := d.recorder.Start(ctx, attempt, cancel); err == nil {
			d.recorder.End(d.Context(), tasks.Outcome{Verdict: tasks.GiveBack, Attempt: attempt})
		}
		if second := d.deliver(task, 2); second.Verdict != tasks.Retry {
			d.Errorf("the second delivery, the first run: %+v", second)
		}
		if r := d.record(); r.State != results.Retrying || r.Attempt != 2 {
			d.Errorf("record %+v", r)
		}
		if third := d.deliver(task, 3); third.Verdict != tasks.Dead {
			d.Errorf("the third delivery, the second run: %+v", third)
		}
	})
}

func TestCancellationReachesARunningJob(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		task := tasks.Define("t", func(ctx context.Context, _ none) (int, error) {
			select {
			case <-ctx.Done():
				return 0, context.Cause(ctx)
			case <-time.After(time.Hour):
				return 0, nil
			}
		})
		time.AfterFunc(time.Minute, func() {
			if _, err := d.store.Cancel(d.Context(), "j", time.Now().UTC()); err != nil {
				d.Error(err)
			}
		})
		start := time.Now()
		out := d.deliver(task, 1)
		if took := time.Since(start); !out.Cancelled || took > time.Minute+5*time.Second {
			d.Errorf("outcome %+v after %v", out, took)
		}
		if r := d.record(); r.State != results.Cancelled {
			d.Errorf("record %+v", r)
		}
		if again := d.deliver(task, 2); !again.Skipped {
			d.Errorf("a cancelled job ran again: %+v", again)
		}
	})
}

func TestProgressIsThrottled(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		task := tasks.Define("t", func(ctx context.Context, _ none) (int, error) {
			for i := range 10_000 {
				tasks.Progress(ctx, float64(i)/10_000, "rows fetched")
				time.Sleep(time.Millisecond)
			}
			r, err := d.store.Get(ctx, "j")
			if err != nil || r.Progress < 0.9 || r.ProgressText != "rows fetched" {
				d.Errorf("near the end the record says %v %q (%v)", r.Progress, r.ProgressText, err)
			}
			return 0, nil
		})
		d.deliver(task, 1)
		if n := d.store.writes.Load(); n > 25 {
			d.Errorf("%d writes for 10,000 steps in 10 s", n)
		}
	})
}

// sluggish is a store whose writes of progress take a while, and notes them.
type sluggish struct {
	shaky
	takes time.Duration

	mu       sync.Mutex
	atOnce   int
	most     int
	of       map[string]int // under way
	together bool           // two of one job were
	latest   map[string]float64
	back     bool // an older followed a newer one
	slowest  time.Duration
}

func (s *sluggish) Start(_ context.Context, st results.Start) (results.Record, error) {
	return results.Record{ID: st.ID, State: results.Running, Attempt: st.Attempt, Runs: 1}, nil
}

func (s *sluggish) CancelRequested(context.Context, []string) (map[string]bool, error) {
	return map[string]bool{"cancelled": true}, nil
}

func (s *sluggish) Progress(ctx context.Context, id string, _ int, fraction float64, _ string, at time.Time) error {
	if s.down.Load() {
		return errDown
	}
	s.mu.Lock()
	s.atOnce++
	s.most = max(s.most, s.atOnce)
	s.of[id]++
	s.together = s.together || s.of[id] > 1
	s.back = s.back || fraction < s.latest[id]
	s.latest[id] = fraction
	s.mu.Unlock()
	select {
	case <-time.After(s.takes):
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.atOnce--
	s.of[id]--
	s.slowest = max(s.slowest, time.Since(at))
	return ctx.Err()
}

// TestProgressOfManyJobs: a thousand jobs on a store with the answering time of DynamoDB are seldom a second behind, and
// with one that takes far longer, cancellations come all the same.
func TestProgressOfManyJobs(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ takes, behind time.Duration }{
		"as DynamoDB": {takes: 10 * time.Millisecond, behind: time.Second},
		"slow":        {takes: 3 * time.Second, behind: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				store := &sluggish{takes: tc.takes, of: map[string]int{}, latest: map[string]float64{}}
				recorder := results.NewRecorder(store, results.Config{Logger: slog.New(slog.DiscardHandler)})
				var attempts []tasks.Attempt
				for i := range 1000 {
					attempts = append(attempts, tasks.Attempt{Job: tasks.Job{ID: fmt.Sprint(i)}, Deliveries: 1})
				}
				cancelled, cancel := context.WithCancelCause(t.Context())
				defer cancel(nil)
				attempts[0].ID = "cancelled"
				for i, a := range attempts {
					with := cancel
					if i > 0 {
						with = func(error) {}
					}
					if _, err := recorder.Start(t.Context(), a, with); err != nil {
						t.Fatal(err)
					}
				}
				began := time.Now()
				context.AfterFunc(cancelled, func() {
					if took := time.Since(began); took > 5*time.Second {
						t.Errorf("the cancellation came after %v", took)
					}
				})
				for step := range 200 {
					for _, a := range attempts {
						recorder.Progress(a, float64(step)/200, "")
					}
					time.Sleep(100 * time.Millisecond)
				}
				if !errors.Is(context.Cause(cancelled), tasks.ErrCancelled) {
					t.Error("the cancellation did not come")
				}
				if err := recorder.Close(t.Context()); err != nil {
					t.Error(err)
				}
				synctest.Wait()
				if store.slowest > tc.behind {
					t.Errorf("a progress was %v old when it was written", store.slowest)
				}
				if store.most < 8 || store.most > 32 || store.together || store.back || store.atOnce != 0 {
					t.Errorf("at most %d writes at once, two of one job: %v, backwards: %v, left: %d", store.most, store.together, store.back, store.atOnce)
				}
			})
		})
	}
}

// complaints counts the log lines which say that the store fails.
type complaints struct{ atomic.Int32 }

func (c *complaints) Write(line []byte) (int, error) {
	if bytes.Contains(line, []byte("the results store fails")) {
		c.Add(1)
	}
	return len(line), nil
}

// TestProgressWaitsForAStoreThatIsDown: what was the latest then is written when the store is back, with no further call.
func TestProgressWaitsForAStoreThatIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &sluggish{takes: time.Millisecond, of: map[string]int{}, latest: map[string]float64{}}
		var failures complaints
		recorder := results.NewRecorder(store, results.Config{Logger: slog.New(slog.NewTextHandler(&failures, nil))})
		for i := range 100 {
			a := tasks.Attempt{Job: tasks.Job{ID: fmt.Sprint(i)}, Deliveries: 1}
			if _, err := recorder.Start(t.Context(), a, func(error) {}); err != nil {
				t.Fatal(err)
			}
			store.down.Store(true)
			recorder.Progress(a, 0.5, "half")
		}
		time.Sleep(1900 * time.Millisecond)
		synctest.Wait()
		if n := failures.Load(); n != 1 || len(store.latest) != 0 {
			t.Errorf("%d writes, and said %d times that the store fails", len(store.latest), n)
		}
		store.down.Store(false)
		time.Sleep(time.Second)
		synctest.Wait()
		if len(store.latest) != 100 {
			t.Errorf("%d of 100 were written", len(store.latest))
		}
		if err := recorder.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestALateEndDoesNoHarmAfterARequeue: the store was down when a job died, an operator put the job back from its dead
// letter, and only then the worker's recorder catches up.
func TestALateEndDoesNoHarmAfterARequeue(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		broken := true
		task := tasks.Define("t", func(context.Context, none) (int, error) {
			d.store.down.Store(broken)
			if broken {
				return 0, tasks.Permanent(errors.New("broken"))
			}
			return 42, nil
		})
		if out := d.deliver(task, 3); out.Verdict != tasks.Dead {
			d.Fatalf("outcome %+v", out)
		}
		if r, err := d.store.Requeue(d.Context(), results.Requeue{ID: "j", DiedBy: time.Now()}); err != nil || r.State != results.Queued {
			d.Fatalf("requeue: %+v, %v", r, err)
		}
		d.store.down.Store(false)
		time.Sleep(time.Minute) // it catches up
		if r := d.record(); r.State != results.Queued {
			d.Errorf("after the late end the record is %+v", r)
		}
		broken = false
		if out := d.deliver(task, 1); out.Verdict != tasks.Done || out.Skipped || out.Attempt.Number != 1 {
			d.Errorf("outcome of the redelivery %+v", out)
		}
		if r := d.record(); r.State != results.Succeeded || r.Runs != 1 || r.Error != "" {
			d.Errorf("record %+v", r)
		}
	})
}

func TestAStoreThatIsDownStopsNoWork(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		task := tasks.Define("t", func(context.Context, none) (int, error) { return 42, nil })
		d.store.down.Store(true)
		if out := d.deliver(task, 1); out.Verdict != tasks.Done || out.Skipped {
			d.Errorf("outcome %+v", out)
		}
		if out := d.deliver(task, 1); out.Verdict != tasks.Done {
			d.Errorf("outcome %+v", out)
		}
		time.Sleep(time.Minute)
		if n := strings.Count(d.log.String(), "the results store fails"); n != 1 {
			d.Errorf("said %d times that the store fails:\n%s", n, d.log)
		}
		d.store.down.Store(false)
		time.Sleep(time.Minute)
		synctest.Wait()
		if r := d.record(); r.State != results.Succeeded || string(r.Result) != "42" {
			d.Errorf("the final state was not caught up: %+v", r)
		}
		if !strings.Contains(d.log.String(), "the results store works again") {
			d.Errorf("the log does not say that the store is back:\n%s", d.log)
		}
	})
}

func TestCloseSaysWhatWasLost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		store := &shaky{}
		store.down.Store(true)
		recorder := results.NewRecorder(store, results.Config{Logger: slog.New(slog.DiscardHandler)})
		for i := range 3 {
			recorder.End(t.Context(), tasks.Outcome{Verdict: tasks.Done, Attempt: tasks.Attempt{Job: tasks.Job{ID: string(rune('a' + i))}}})
		}
		if lost, ok := errors.AsType[*results.LostError](recorder.Close(t.Context())); !ok || lost.Jobs != 3 {
			t.Errorf("Close: %v", lost)
		}
	})
}

func TestTrackRecordsWhatWasSent(t *testing.T) {
	t.Parallel()
	inBubble(t, results.Config{}, func(d *desk) {
		task := tasks.Define("t", func(context.Context, int) (int, error) { return 0, nil })
		jobs, err := task.DelayMany(d.Context(), results.Track(half{}, d.store, nil), []int{1, 2, 3, 4})
		if err == nil {
			d.Fatal("two of four must fail")
		}
		for i, job := range jobs {
			r, err := d.store.Get(d.Context(), job.ID)
			if sent := i%2 == 0; sent != (err == nil) || sent && r.State != results.Queued {
				d.Errorf("job %d: %+v, %v", i, r, err)
			}
		}
	})
}

// half is a sender that refuses every second message.
type half struct{}

func (half) Send(_ context.Context, msgs []tasks.Message) []error {
	errs := make([]error, len(msgs))
	for i := range errs {
		if i%2 == 1 {
			errs[i] = errDown
		}
	}
	return errs
}
