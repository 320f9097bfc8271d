package ticker_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coretasks/core/schedules/ticker"
	"github.com/coretasks/core/tasks"
)

// A setClock is a clock on the wall that somebody sets while timers go on as before.
type setClock struct{ ahead atomic.Int64 }

func (c *setClock) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

func (c *setClock) step(d time.Duration) { c.ahead.Add(int64(d)) }

func (b *bench) clocked(c *setClock, definitions ...tasks.Definition) *ticker.Ticker {
	tk := b.ticker(definitions...)
	tk.SetClock(c.now)
	return tk
}

func TestTheClockIsSet(t *testing.T) {
	t.Parallel()
	minutely := func(opts ...tasks.PeriodicOption) tasks.Definition {
		return tasks.Periodic("p", nothing, append(opts, tasks.Every(time.Minute))...)
	}
	for name, tc := range map[string]struct {
		task tasks.Definition
		// It runs for 2 m 30 s, then the clock is set, then it runs for 2 m more.
		step time.Duration
		want string
		says string
	}{
		"not":                         {minutely(), 0, "00:01:00 00:02:00 00:03:00 00:04:00", ""},
		"back":                        {minutely(), -20 * time.Second, "00:01:00 00:02:00 00:03:00 00:04:00", ""},
		"back over a tick":            {minutely(), -time.Minute, "00:01:00 00:02:00 00:03:00", "a clock was wrong"},
		"back by an hour":             {minutely(), -time.Hour, "00:01:00 00:02:00", "a clock was wrong"},
		"forward":                     {minutely(), 20 * time.Second, "00:01:00 00:02:00 00:03:00 00:04:00", ""},
		"forward just over a tick":    {minutely(), 35 * time.Second, "00:01:00 00:02:00 00:03:00 00:04:00 00:05:00", ""},
		"forward far over a tick":     {minutely(), 55 * time.Second, "00:01:00 00:02:00 00:04:00 00:05:00", "ticks were missed"},
		"forward by an hour":          {minutely(), time.Hour, "00:01:00 00:02:00 01:03:00 01:04:00", "ticks were missed"},
		"forward by an hour, made up": {minutely(tasks.CatchUp()), time.Hour, "00:01:00 00:02:00 01:02:00 01:03:00 01:04:00", "caught_up=true"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				clock := &setClock{}
				stop := b.start(b.clocked(clock, tc.task))
				time.Sleep(2*time.Minute + 30*time.Second)
				clock.step(tc.step)
				time.Sleep(2 * time.Minute)
				stop()
				b.outbox.want(t, name, tc.want)
				if !strings.Contains(b.log.String(), tc.says) || tc.says == "" && b.log.String() != "" {
					t.Errorf("the log is %q, want %q", b.log, tc.says)
				}
			})
		})
	}
}

// However clocks are set, and even if each of three schedulers has another, no tick is fired twice; and ticks that all
// clocks pass at their pace are fired.
func TestClocksThatNobodyCanTrust(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				r := rand.New(rand.NewPCG(seed, 7))
				every := tasks.Every([]time.Duration{time.Second, 14 * time.Second, 30 * time.Second}[r.IntN(3)])
				clocks := [3]setClock{}
				for i := range clocks {
					opts := []tasks.PeriodicOption{every}
					if seed%2 == 0 {
						opts = append(opts, tasks.CatchUp())
					}
					defer b.start(b.clocked(&clocks[i], tasks.Periodic("p", nothing, opts...)))()
				}
				for range 40 {
					time.Sleep(time.Duration(r.Int64N(int64(20 * time.Second))))
					clocks[r.IntN(3)].step(time.Duration(r.NormFloat64() * float64(20*time.Second)))
				}
				for i := range clocks { // far ahead of all that there was, and in step
					clocks[i].ahead.Store(int64(24 * time.Hour))
				}
				time.Sleep(time.Minute)
				calm := clocks[0].now()
				time.Sleep(2 * time.Minute)
				end := clocks[0].now()
				seen := map[string]bool{}
				for _, id := range b.outbox.sent() {
					if seen[id] {
						t.Errorf("%s was sent twice", id)
					}
					seen[id] = true
				}
				s := tasks.Periodic("p", nothing, every).Info().Schedule
				for tick := s.Next(calm); tick.Before(end); tick = s.Next(tick) {
					if !seen[s.TickID("p", tick)] {
						t.Errorf("%v was not fired", tick)
					}
				}
			})
		})
	}
}

func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ cron, from, want string }{
		"spring": {"*/30 1-3 * * *", "2026-03-29T00:00:00+01:00", "00:00:00 00:30:00 01:00:00 01:30:00"},
		"autumn": {"*/30 1-3 * * *", "2026-10-25T00:00:00+02:00", "23:00:00 23:30:00 00:00:00 00:30:00 02:00:00 02:30:00"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBench(t, func(b *bench) {
				from, err := time.Parse(time.RFC3339, tc.from)
				if err != nil {
					t.Fatal(err)
				}
				clock := &setClock{}
				clock.step(time.Until(from))
				stop := b.start(b.clocked(clock, tasks.Periodic("p", nothing, tasks.Cron(tc.cron), tasks.In("Europe/Berlin"))))
				time.Sleep(5 * time.Hour)
				stop()
				b.outbox.want(t, name, tc.want)
			})
		})
	}
}
