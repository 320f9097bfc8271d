package ticker_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/tasks"
)

// dies starts a ticker that claims a tick and is dead then.
func (b *bench) dies(definitions ...tasks.Definition) {
	b.Helper()
	var dead atomic.Bool
	sender := senderFunc(func(ctx context.Context, _ []tasks.Message) []error {
		dead.Store(true)
		<-ctx.Done()
		return []error{errDown}
	})
	tk, err := ticker.New(tasks.NewRegistry(definitions...), sender, ticker.Config{Claims: &flaky{b.claims, dead.Load}, Logger: b.logger()})
	if err != nil {
		b.Fatal(err)
	}
	stop := b.start(tk)
	b.Cleanup(stop)
	for !dead.Load() {
		time.Sleep(10 * time.Millisecond)
	}
}

type senderFunc func(ctx context.Context, msgs []tasks.Message) []error

func (f senderFunc) Send(ctx context.Context, msgs []tasks.Message) []error { return f(ctx, msgs) }

// late is how late each tick was sent, in seconds, by its time.
func (o *outbox) late() map[string]float64 {
	late := map[string]float64{}
	for _, id := range o.sent() {
		_, tick, _ := tasks.ParseTickID(id)
		late[tick.Format("15:04:05")] = o.at[id].Sub(tick).Seconds()
	}
	return late
}

// An instance that dies with a claimed tick delays no other tick, and that one by a lease.
func TestADeadInstanceDelaysOneTick(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		task := tasks.Periodic("p", nothing, tasks.Every(time.Second))
		stop := b.start(b.ticker(task))
		time.Sleep(10*time.Second + 500*time.Millisecond)
		stop()
		b.dies(task) // with the tick of 00:00:11
		b.runFor(10*time.Second+500*time.Millisecond, task)
		late := b.outbox.late()
		if len(late) != 21 {
			t.Errorf("ticks %v", b.outbox.sent())
		}
		for tick, by := range late {
			limit := 0.0
			if tick == "00:00:11" {
				limit = (ticker.Lease + ticker.WatchEvery).Seconds()
			}
			if by > limit {
				t.Errorf("%s came %v s late", tick, by)
			}
		}
	})
}

// Ticks that wait for a queue which is down are not missed: an instance that starts then leaves them to who works on them, and one
// whose clock is ahead does not make them its own.
func TestANewInstanceSkipsNothingOfOthers(t *testing.T) {
	t.Parallel()
	for name, ahead := range map[string]time.Duration{"on time": 0, "an hour ahead": time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				begin := time.Now()
				b.outbox.before = func(context.Context, string) error {
					if since := time.Since(begin); since > 10*time.Second && since < time.Minute {
						return errDown
					}
					return nil
				}
				task := tasks.Periodic("p", nothing, tasks.Every(time.Second))
				defer b.start(b.ticker(task))()
				time.Sleep(55 * time.Second)
				clock := &setClock{}
				clock.step(ahead)
				defer b.start(b.clocked(clock, task))()
				time.Sleep(35*time.Second + 500*time.Millisecond)
				var want []string
				for s := 1; s <= 90; s++ {
					want = append(want, fmt.Sprintf("p@2000-01-01T00:%02d:00Z+%ds", s/60, s%60))
				}
				got := b.outbox.sent()
				slices.SortFunc(got, func(x, y string) int {
					_, a, _ := tasks.ParseTickID(x)
					_, b, _ := tasks.ParseTickID(y)
					return a.Compare(b)
				})
				if text := strings.ReplaceAll(strings.Join(got, " "), "Z ", "Z+0s "); text != strings.Join(want, " ") {
					t.Errorf("sent %s", text)
				}
			})
		})
	}
}

// A process that was suspended has missed nothing that others have fired.
func TestASuspendedInstance(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		task := tasks.Periodic("p", nothing, tasks.Every(time.Second))
		defer b.start(b.ticker(task))()
		var once sync.Once
		tk := b.ticker(task)
		tk.SetClock(func() time.Time {
			if time.Since(time.Date(2000, 1, 1, 0, 0, 10, 0, time.UTC)) > 0 {
				once.Do(func() { time.Sleep(time.Minute) })
			}
			return time.Now()
		})
		defer b.start(tk)()
		time.Sleep(90*time.Second + 500*time.Millisecond)
		if sent := b.outbox.sent(); len(sent) != 90 || b.log.String() != "" {
			t.Errorf("%d ticks, and it logs %s", len(sent), b.log)
		}
	})
}

// What somebody claimed before everything stopped is fired if it is no older than EventBridge's would be, or caught up.
func TestClaimedLongAgo(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		opts []tasks.PeriodicOption
		away time.Duration
		want string
		says string
	}{
		"a while ago":        {nil, 20 * time.Minute, "01:00:00", ""},
		"too long ago":       {nil, 50 * time.Minute, "", "a tick is given up"},
		"caught up":          {[]tasks.PeriodicOption{tasks.CatchUp()}, 50 * time.Minute, "01:00:00", ""},
		"a younger one came": {[]tasks.PeriodicOption{tasks.CatchUp()}, 70 * time.Minute, "02:00:00", "a tick is given up"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				task := tasks.Periodic("p", nothing, append(tc.opts, tasks.Every(time.Hour), tasks.MaxEventAge(30*time.Minute))...)
				b.dies(task)
				time.Sleep(tc.away)
				b.runFor(10*time.Second, task)
				b.outbox.want(t, name, tc.want)
				if c, err := b.claims.GetClaim(t.Context(), "p"); err != nil || len(c.Pending) > 0 {
					t.Errorf("left %+v, %v", c, err)
				}
				if !strings.Contains(b.log.String(), tc.says) {
					t.Errorf("the log does not say %q: %s", tc.says, b.log)
				}
			})
		})
	}
}

// Instances that die one after the other leave a bounded number of ticks behind, and a live one fires them all.
func TestManyDieWithTicks(t *testing.T) {
	t.Parallel()
	onBench(t, func(b *bench) {
		task := tasks.Periodic("p", nothing, tasks.Every(time.Second), tasks.MaxEventAge(time.Hour))
		begin := time.Now().Truncate(time.Second)
		var pending ticker.Pending
		for i := range ticker.MaxPending {
			pending = append(pending, ticker.Hold{Tick: begin.Add(time.Duration(i) * time.Second), Owner: fmt.Sprint("dead ", i)})
		}
		time.Sleep(ticker.MaxPending * time.Second)
		if _, err := b.claims.SwapClaim(t.Context(), "p", 0, ticker.Claim{Reached: pending[len(pending)-1].Tick, Pending: pending}); err != nil {
			t.Fatal(err)
		}
		stop := b.start(b.ticker(task))
		time.Sleep(ticker.Lease - time.Second)
		if sent := b.outbox.sent(); len(sent) > 0 {
			t.Errorf("before a lease it fires %v", sent)
		}
		time.Sleep(2*time.Second + 500*time.Millisecond)
		stop()
		if sent := b.outbox.sent(); len(sent) != ticker.MaxPending+7 {
			t.Errorf("%d ticks: %v", len(sent), sent)
		}
	})
}
