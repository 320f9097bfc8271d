package timetable_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/coretasks/core/internal/timetable"
)

func TestIntervalsBecomeRates(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, tc := range map[string]struct {
		every  time.Duration
		want   string
		period time.Duration
		rules  int
	}{
		"every minute":    {time.Minute, "rate(1 minute)", time.Minute, 1},
		"every 5m":        {5 * time.Minute, "rate(5 minutes)", 5 * time.Minute, 1},
		"every 1h30m":     {90 * time.Minute, "rate(90 minutes)", 90 * time.Minute, 1},
		"every 1h":        {time.Hour, "rate(1 hour)", time.Hour, 1},
		"every 36h":       {36 * time.Hour, "rate(36 hours)", 36 * time.Hour, 1},
		"every 24h":       {day, "rate(1 day)", day, 1},
		"every 168h":      {7 * day, "rate(7 days)", 7 * day, 1},
		"every 10s":       {10 * time.Second, "rate(1 minute)", time.Minute, 1},
		"every 45s":       {45 * time.Second, "rate(3 minutes)", 3 * time.Minute, 1},
		"every 1m30s":     {90 * time.Second, "rate(3 minutes)", 3 * time.Minute, 1},
		"every 7s":        {7 * time.Second, "rate(7 minutes)", 7 * time.Minute, 6},
		"every 1s":        {time.Second, "rate(1 minute)", time.Minute, 6},
		"every 6s":        {6 * time.Second, "rate(1 minute)", time.Minute, 1},
		"every 5s":        {5 * time.Second, "rate(1 minute)", time.Minute, 2},
		"every 7m30s":     {450 * time.Second, "rate(15 minutes)", 15 * time.Minute, 1},
		"every 13s":       {13 * time.Second, "rate(13 minutes)", 13 * time.Minute, 6},
		"every 8760h":     {365 * day, "rate(365 days)", 365 * day, 1},
		"every 1h1m":      {61 * time.Minute, "rate(61 minutes)", 61 * time.Minute, 1},
		"every 1440h":     {60 * day, "rate(60 days)", 60 * day, 1},
		"every 1m15s":     {75 * time.Second, "rate(5 minutes)", 5 * time.Minute, 1},
		"every 3m45s":     {225 * time.Second, "rate(15 minutes)", 15 * time.Minute, 1},
		"every 2m15s":     {135 * time.Second, "rate(9 minutes)", 9 * time.Minute, 1},
		"every 11s":       {11 * time.Second, "rate(11 minutes)", 11 * time.Minute, 6},
		"every 25s":       {25 * time.Second, "rate(5 minutes)", 5 * time.Minute, 2},
		"every 17520h/48": {365 * day / 73, "rate(5 days)", 5 * day, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt := mustEvery(t, tc.every)
			rules := tt.Rules()
			if len(rules) != tc.rules {
				t.Fatalf("%d rules %+v, want %d", len(rules), rules, tc.rules)
			}
			whole := tc.every%time.Minute == 0
			var offsets []time.Duration
			for _, r := range rules {
				if r.Expression != tc.want || r.Period != tc.period || whole != (r.Offsets == nil) || len(r.Offsets) > 10 {
					t.Errorf("rule %+v, want %s", r, tc.want)
				}
				offsets = append(offsets, r.Offsets...)
			}
			for i, o := range offsets {
				if o != time.Duration(i)*tc.every || o > 900*time.Second {
					t.Errorf("offset %d is %v", i, o)
				}
			}
			if !whole && time.Duration(len(offsets))*tc.every != tc.period {
				t.Errorf("%d offsets do not fill %v", len(offsets), tc.period)
			}
			if tt.Gap() != tc.every || tt.Zone() != time.UTC {
				t.Errorf("gap %v, zone %v", tt.Gap(), tt.Zone())
			}
			if got := tt.String(); got != name && name != "every 17520h/48" && name != "every minute" {
				t.Errorf("String %q", got)
			}
		})
	}
}

func TestEveryRefuses(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0:                                "interval 0s: it is shorter than a second; the shortest that works is 1s",
		-time.Minute:                     "interval -1m: it is shorter than a second; the shortest that works is 1s",
		500 * time.Millisecond:           "interval 500ms: it is shorter than a second; the shortest that works is 1s",
		1500 * time.Millisecond:          "interval 1.5s: it must be whole seconds; the nearest that work are 1s and 2s",
		17 * time.Second:                 "interval 17s: EventBridge fires on whole minutes, and this interval falls on one only every 17m; the messages between can be delayed by at most 15m; the nearest that work are 16s and 18s",
		61 * time.Second:                 "interval 1m1s: EventBridge fires on whole minutes, and this interval falls on one only every 1h1m; the messages between can be delayed by at most 15m; the nearest that work are 1m and 1m5s",
		time.Hour + time.Second:          "the nearest that work are 1h and 1h1m",
		366 * 24 * time.Hour:             "it is longer than 365 days; the longest that works is 8760h",
		365*24*time.Hour - time.Second:   "the nearest that work are 8759h59m and 8760h",
		1<<63 - 1:                        "the longest that works is 8760h",
		-1 << 63:                         "the shortest that works is 1s",
		365*24*time.Hour + 1:             "the longest that works is 8760h",
		59*time.Second + time.Nanosecond: "it must be whole seconds; the nearest that work are 56s and 1m",
	} {
		t.Run(d.String(), func(t *testing.T) {
			t.Parallel()
			_, err := timetable.Every(d)
			e, isInterval := errors.AsType[*timetable.IntervalError](err)
			if !isInterval || e.Interval != d {
				t.Fatalf("error %#v", err)
			}
			if got := err.Error(); len(got) < len(want) || got[len(got)-len(want):] != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
			for _, near := range []time.Duration{e.Below, e.Above} {
				if _, err := timetable.Every(near); near != 0 && err != nil {
					t.Errorf("the hint does not work: %v", err)
				}
			}
		})
	}
}

func TestIntervalsAreDueAtMultiples(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		every time.Duration
		after time.Time
		want  time.Time
	}{
		"between":             {10 * time.Second, time.Unix(1_700_000_003, 5), time.Unix(1_700_000_010, 0)},
		"on a tick":           {10 * time.Second, time.Unix(1_700_000_010, 0), time.Unix(1_700_000_020, 0)},
		"just before a tick":  {10 * time.Second, time.Unix(1_700_000_009, 999_999_999), time.Unix(1_700_000_010, 0)},
		"a multiple of 7s":    {7 * time.Second, time.Unix(6, 0), time.Unix(7, 0)},
		"before the epoch":    {7 * time.Second, time.Unix(-8, 0), time.Unix(-7, 0)},
		"weeks are from 1970": {7 * 24 * time.Hour, time.Unix(1, 0), time.Unix(7*24*3600, 0)},
		"after the end":       {time.Hour, time.Date(2199, 12, 31, 23, 0, 0, 0, time.UTC), time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := mustEvery(t, tc.every).Next(tc.after); !got.Equal(tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

func TestTickID(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for want, tc := range map[string]struct {
		tt   *timetable.Timetable
		tick string
	}{
		"a.b@2026-07-01T03:30:00Z":      {mustCron(t, "30 0 * * *", mustZone(t, "America/Sao_Paulo")), "2026-07-01T00:30:00-03:00"},
		"a.b@2026-07-01T03:35:00Z":      {mustEvery(t, 5*time.Minute), "2026-07-01T03:35:00Z"},
		"a.b@2026-07-01T03:35:00Z+10s":  {mustEvery(t, 10*time.Second), "2026-07-01T03:35:10Z"},
		"a.b@2026-07-01T03:36:00Z":      {mustEvery(t, 10*time.Second), "2026-07-01T03:36:00Z"},
		"a.b@2026-07-01T03:33:00Z+90s":  {mustEvery(t, 90*time.Second), "2026-07-01T03:34:30Z"},
		"a.b@1970-01-01T00:07:00Z+413s": {mustEvery(t, 7*time.Second), "1970-01-01T00:13:53Z"},
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			id := tc.tt.TickID("a.b", at(tc.tick))
			if id != want {
				t.Errorf("id %q, want %q", id, want)
			}
			if name, tick, ok := timetable.ParseTickID(id); !ok || name != "a.b" || !tick.Equal(at(tc.tick)) {
				t.Errorf("it reads as %q, %v, %v", name, tick, ok)
			}
		})
	}
	for _, id := range []string{
		"", "@", "a.b", "0190163d-8694-7000-8000-000000000000", "@2026-07-01T03:30:00Z", "a@2026-07-01T03:30:00", "a@2026-07-01T03:30:00.5Z",
		"a@2026-07-01T03:30:00+02:00", "a@2026-07-01T03:30:00Z+", "a@2026-07-01T03:30:00Z+0s", "a@2026-07-01T03:30:00Z+-5s",
		"a@2026-07-01T03:30:00Z+5", "a@2026-07-01T03:30:00Z+05s", "a@2026-07-01T03:30:00Z+99999999999999999999s",
	} {
		if name, tick, ok := timetable.ParseTickID(id); ok {
			t.Errorf("%q reads as %q, %v", id, name, tick)
		}
	}
}

// TestRulesFireAtTheTicks carries out the rules of an interval: each multiple of the period, plus the offsets.
func TestRulesFireAtTheTicks(t *testing.T) {
	t.Parallel()
	for _, every := range []time.Duration{time.Second, 7 * time.Second, 10 * time.Second, 45 * time.Second, 90 * time.Second, 5 * time.Minute} {
		t.Run(every.String(), func(t *testing.T) {
			t.Parallel()
			tt := mustEvery(t, every)
			from := time.Unix(1_700_000_000, 0).UTC()
			to := from.Add(time.Hour)
			var got, want []string
			for at := tt.Next(from); !at.After(to); at = tt.Next(at) {
				want = append(want, tt.TickID("n", at))
			}
			for _, r := range tt.Rules() {
				seconds := int64(r.Period / time.Second)
				for base := time.Unix((from.Unix()/seconds)*seconds, 0).UTC(); !base.After(to); base = base.Add(r.Period) {
					offsets := r.Offsets
					if offsets == nil {
						offsets = []time.Duration{0}
					}
					for _, o := range offsets {
						if at := base.Add(o); at.After(from) && !at.After(to) {
							got = append(got, fmt.Sprintf("n@%s%s", base.Format("2006-01-02T15:04:05Z"), timetable.OffsetSuffix(o)))
						}
					}
				}
			}
			slices.Sort(got)
			slices.Sort(want)
			if len(want) == 0 || !slices.Equal(got, want) {
				t.Errorf("%d fired, %d ticks", len(got), len(want))
			}
		})
	}
}

func TestGap(t *testing.T) {
	t.Parallel()
	for expr, want := range map[string]time.Duration{
		"* * * * *":          time.Minute,
		"*/25 * * * *":       10 * time.Minute, // from :50 to the full hour
		"0 * * * *":          time.Hour,
		"0 3 * * *":          24 * time.Hour,
		"0 0 1 1 *":          24 * time.Hour,
		"0,50 0,23 * * *":    10 * time.Minute,
		"30 1,4,23 * * *":    2 * time.Hour,
		"0 9-17 * * MON-FRI": time.Hour,
	} {
		t.Run(expr, func(t *testing.T) {
			t.Parallel()
			if got := mustCron(t, expr, nil).Gap(); got != want {
				t.Errorf("gap %v, want %v", got, want)
			}
		})
	}
}
