package ticker_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/tasks"
)

func nothing(context.Context) error { return nil }

var errDown = errors.New("down")

// outbox is a queue that takes everything, unless before says otherwise.
type outbox struct {
	before func(ctx context.Context, id string) error

	mu  sync.Mutex
	ids []string
	at  map[string]time.Time
}

func (o *outbox) Send(ctx context.Context, msgs []tasks.Message) []error {
	for _, m := range msgs {
		if o.before != nil {
			if err := o.before(ctx, m.Envelope.ID); err != nil {
				return []error{err}
			}
		}
		o.mu.Lock()
		o.ids = append(o.ids, m.Envelope.ID)
		if o.at == nil {
			o.at = map[string]time.Time{}
		}
		o.at[m.Envelope.ID] = time.Now()
		o.mu.Unlock()
	}
	return nil
}

func (o *outbox) sent() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.ids)
}

// want compares what was sent: the ids without the task's name and the date, in order.
func (o *outbox) want(t *testing.T, what, want string) {
	t.Helper()
	var times []string
	for _, id := range o.sent() {
		_, tick, ok := tasks.ParseTickID(id)
		if !ok {
			t.Errorf("%s: %q is no tick's id", what, id)
		}
		times = append(times, tick.Format("15:04:05"))
	}
	if got := strings.Join(times, " "); got != want {
		t.Errorf("%s: sent %s, want %s", what, got, want)
	}
}

// A bench has what a test of tickers needs. In a bubble it is midnight, 1 January 2000.
type bench struct {
	*testing.T
	claims ticker.Claims
	outbox *outbox
	log    *syncBuffer
}

func onBench(t *testing.T, test func(b *bench)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		test(&bench{T: t, claims: ticker.NewMemory(), outbox: &outbox{}, log: &syncBuffer{}})
	})
}

func (b *bench) logger() *slog.Logger { return slog.New(slog.NewTextHandler(b.log, nil)) }

func (b *bench) ticker(definitions ...tasks.Definition) *ticker.Ticker {
	b.Helper()
	tk, err := ticker.New(tasks.NewRegistry(definitions...), b.outbox, ticker.Config{Claims: b.claims, Logger: b.logger()})
	if err != nil {
		b.Fatal(err)
	}
	return tk
}

// start runs a ticker until stop, which waits until it has ended.
func (b *bench) start(tk *ticker.Ticker) (stop func()) {
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tk.Run(ctx)
	}()
	return func() {
		cancel()
		<-ended
	}
}

// runFor runs a ticker of these tasks for some time.
func (b *bench) runFor(d time.Duration, definitions ...tasks.Definition) {
	b.Helper()
	stop := b.start(b.ticker(definitions...))
	time.Sleep(d)
	stop()
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	if _, err := ticker.New(tasks.NewRegistry(), &outbox{}, ticker.Config{}); !errors.Is(err, ticker.ErrNoPeriodicTasks) {
		t.Errorf("no tasks: %v", err)
	}
	wrong := tasks.Periodic("p", nothing, tasks.Cron("x"))
	if _, err := ticker.New(tasks.NewRegistry(wrong), &outbox{}, ticker.Config{}); err == nil || !strings.Contains(err.Error(), `cron "x"`) {
		t.Errorf("a wrong registry: %v", err)
	}
}

func TestEachTickAtItsSecond(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		begin := time.Now()
		b.runFor(65*time.Second+time.Millisecond, tasks.Periodic("p", nothing, tasks.Every(20*time.Second)))
		b.outbox.want(t, "every 20 s", "00:00:20 00:00:40 00:01:00")
		for id, at := range b.outbox.at {
			if since := at.Sub(begin); since%(20*time.Second) != 0 {
				t.Errorf("%s was sent %v after midnight", id, since)
			}
		}
		if ids := b.outbox.sent(); ids[0] != "p@2000-01-01T00:00:00Z+20s" {
			t.Errorf("the id is %s, not EventBridge's", ids[0])
		}
		if b.log.String() != "" {
			t.Errorf("it logs %s", b.log)
		}
	})
}

func TestFiredTells(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		var mu sync.Mutex
		var fired []ticker.Firing
		task := tasks.Periodic("p", nothing, tasks.Cron("30 1 * * *"), tasks.In("Europe/Berlin"), tasks.Queue("q"))
		tk, err := ticker.New(tasks.NewRegistry(task), b.outbox, ticker.Config{Fired: func(f ticker.Firing) {
			mu.Lock()
			defer mu.Unlock()
			fired = append(fired, f)
		}})
		if err != nil {
			t.Fatal(err)
		}
		stop := b.start(tk)
		time.Sleep(time.Hour)
		stop()
		want := "[{p q p@2000-01-01T00:30:00Z 2000-01-01 01:30:00 +0100 CET"
		if got := fmt.Sprint(fired); len(fired) != 1 || !strings.HasPrefix(got, want) || !fired[0].At.Equal(fired[0].Tick) {
			t.Errorf("fired %s, want %s", got, want)
		}
	})
}

// What comes due while nothing runs is missed, unless it has only just come due.
func TestMissedTicks(t *testing.T) {
	t.Parallel()
	minutely := func(opts ...tasks.PeriodicOption) tasks.Definition {
		return tasks.Periodic("p", nothing, append(opts, tasks.Every(time.Minute))...)
	}
	until := time.Date(2000, 1, 1, 0, 6, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		task tasks.Definition
		// It runs from 00:00:00 to 00:02:30, and again after a while.
		away time.Duration
		want string
	}{
		"none":                        {minutely(), 10 * time.Second, "00:01:00 00:02:00 00:03:00"},
		"skipped":                     {minutely(), 5 * time.Minute, "00:01:00 00:02:00 00:08:00"},
		"caught up once":              {minutely(tasks.CatchUp()), 5 * time.Minute, "00:01:00 00:02:00 00:07:00 00:08:00"},
		"one, skipped":                {minutely(), time.Minute, "00:01:00 00:02:00 00:04:00"},
		"one, caught up":              {minutely(tasks.CatchUp()), time.Minute, "00:01:00 00:02:00 00:03:00 00:04:00"},
		"late":                        {minutely(), 40 * time.Second, "00:01:00 00:02:00 00:03:00 00:04:00"},
		"late, the others skipped":    {minutely(), 5*time.Minute + 40*time.Second, "00:01:00 00:02:00 00:08:00 00:09:00"},
		"late, the others not caught": {minutely(tasks.CatchUp()), 5*time.Minute + 40*time.Second, "00:01:00 00:02:00 00:08:00 00:09:00"},
		"long ago":                    {minutely(tasks.CatchUp()), 3000 * time.Hour, "00:01:00 00:02:00 00:02:00 00:03:00"},
		"the last before its end":     {minutely(tasks.CatchUp(), tasks.Until(until)), time.Hour, "00:01:00 00:02:00 00:05:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				b.runFor(2*time.Minute+30*time.Second, tc.task)
				time.Sleep(tc.away)
				b.runFor(time.Minute+10*time.Second, tc.task)
				b.outbox.want(t, name, tc.want)
			})
		})
	}
}

// A schedule that nobody has fired before has missed nothing, however long it could have been due.
func TestFirstStartFiresNothingOld(t *testing.T) {
	t.Parallel()
	for name, share := range map[string]bool{"with claims": true, "alone": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				if !share {
					b.claims = nil
				}
				time.Sleep(5 * time.Second)
				task := tasks.Periodic("p", nothing, tasks.Every(time.Minute), tasks.CatchUp())
				b.runFor(10*time.Second, task)
				b.outbox.want(t, "the first start", "")
				time.Sleep(2 * time.Minute)
				b.runFor(10*time.Second, task)
				if share {
					b.outbox.want(t, "the second start", "00:02:00")
				} else {
					b.outbox.want(t, "the second start", "")
				}
			})
		})
	}
}

func TestStartAndEnd(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		day := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		b.runFor(10*time.Minute, tasks.Periodic("p", nothing, tasks.Every(time.Minute), tasks.From(day.Add(3*time.Minute)), tasks.Until(day.Add(5*time.Minute))))
		b.outbox.want(t, "from 3 to 5", "00:03:00 00:04:00")
		if !strings.Contains(b.log.String(), "the schedule has ended") {
			t.Errorf("it does not say that it is over: %s", b.log)
		}
	})
}

// A queue that does not answer delays the ticks of its own schedule only, and they are sent when it does.
func TestSendingFails(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		begin := time.Now()
		b.outbox.before = func(_ context.Context, id string) error {
			if strings.HasPrefix(id, "broken@") && time.Since(begin) < 100*time.Second {
				return errDown
			}
			return nil
		}
		b.runFor(2*time.Minute+30*time.Second,
			tasks.Periodic("broken", nothing, tasks.Every(10*time.Second), tasks.MaxEventAge(time.Minute)),
			tasks.Periodic("works", nothing, tasks.Every(time.Minute)))
		broken := map[string]bool{}
		for _, id := range b.outbox.sent() {
			_, tick, _ := tasks.ParseTickID(id)
			late := b.outbox.at[id].Sub(tick)
			if strings.HasPrefix(id, "works") && late != 0 {
				t.Errorf("%s was %v late", id, late)
			}
			if strings.HasPrefix(id, "broken") {
				broken[tick.Format("04:05")] = true
				if late > 62*time.Second {
					t.Errorf("%s was sent %v late", id, late)
				}
			}
		}
		// The first four were given up after a minute each; the younger ones waited.
		for s := 10; s <= 140; s += 10 {
			tick := fmt.Sprintf("%02d:%02d", s/60, s%60)
			if sent := broken[tick]; sent != (s > 40) {
				t.Errorf("the tick of %s was sent: %v", tick, sent)
			}
		}
		for _, says := range []string{"a tick can't be sent; trying again", "a tick is given up", "error=", "task=broken"} {
			if !strings.Contains(b.log.String(), says) {
				t.Errorf("the log does not say %q", says)
			}
		}
	})
}

// A send that failed may have succeeded: it is repeated with the same id.
func TestUnknownOutcome(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		accepted := 0
		b.outbox.before = func(context.Context, string) error {
			if accepted++; accepted == 1 {
				return errDown // although the queue has it
			}
			return nil
		}
		b.runFor(70*time.Second, tasks.Periodic("p", nothing, tasks.Every(time.Minute)))
		b.outbox.want(t, "the same again", "00:01:00")
		if accepted != 2 {
			t.Errorf("tried %d times", accepted)
		}
	})
}

// A slow queue is no dead scheduler: the claim is renewed, and nobody else sends.
func TestASlowSendIsNotTakenOver(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		b.outbox.before = func(ctx context.Context, _ string) error {
			time.Sleep(6 * ticker.Lease)
			return ctx.Err()
		}
		task := tasks.Periodic("p", nothing, tasks.Every(time.Minute))
		stop := b.start(b.ticker(task))
		b.runFor(100*time.Second, task)
		stop()
		b.outbox.want(t, "one of two", "00:01:00")
	})
}

// Run finishes what it has claimed.
func TestShutdownWhileSending(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		b.outbox.before = func(ctx context.Context, _ string) error {
			time.Sleep(ticker.ShutdownTimeout - time.Second)
			return ctx.Err()
		}
		task := tasks.Periodic("p", nothing, tasks.Every(time.Minute))
		b.runFor(time.Minute+time.Millisecond, task)
		b.outbox.want(t, "finished", "00:01:00")
		b.runFor(30*time.Second, task)
		b.outbox.want(t, "once", "00:01:00")
	})
}

// What a shutdown can't finish is left to others, who need not wait until the claim is old.
func TestShutdownGivesBack(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		hung := true
		b.outbox.before = func(ctx context.Context, _ string) error {
			if hung {
				hung = false
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		task := tasks.Periodic("p", nothing, tasks.Every(time.Minute))
		b.runFor(time.Minute+time.Millisecond, task)
		if late := time.Since(time.Date(2000, 1, 1, 0, 1, 0, 0, time.UTC)); late > ticker.ShutdownTimeout+time.Second {
			t.Errorf("the shutdown took %v", late)
		}
		b.runFor(100*time.Millisecond, task)
		b.outbox.want(t, "by the next", "00:01:00")
	})
}

// flaky is claims that are down at times.
type flaky struct {
	ticker.Claims
	down func() bool
}

func (f *flaky) GetClaim(ctx context.Context, schedule string) (ticker.Claim, error) {
	if f.down() {
		return ticker.Claim{}, errDown
	}
	return f.Claims.GetClaim(ctx, schedule)
}

func (f *flaky) SwapClaim(ctx context.Context, schedule string, revision int64, next ticker.Claim) (ticker.Claim, error) {
	if f.down() {
		return ticker.Claim{}, errDown
	}
	return f.Claims.SwapClaim(ctx, schedule, revision, next)
}

// While the store of claims is down nothing is fired, and afterwards nothing is fired twice.
func TestClaimsAreDown(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		begin := time.Now()
		b.claims = &flaky{b.claims, func() bool { s := time.Since(begin).Seconds(); return s < 5 || s >= 60 && s < 75 || s > 120 && s < 130 }}
		task := tasks.Periodic("p", nothing, tasks.Every(time.Minute))
		stop := b.start(b.ticker(task))
		b.outbox.before = func(context.Context, string) error {
			time.Sleep(time.Millisecond) // that of 00:02:00 is sent when it can't be settled
			return nil
		}
		b.runFor(4*time.Minute+time.Second, task)
		stop()
		b.outbox.want(t, "each once", "00:01:00 00:02:00 00:03:00 00:04:00")
		if n := strings.Count(b.log.String(), "trying again"); n > 8 {
			t.Errorf("it says %d times that it tries again:\n%s", n, b.log)
		}
	})
}
