package timetable_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/coretasks/core/internal/crontest"
	"github.com/coretasks/core/internal/schedexpr"
	"github.com/coretasks/core/internal/testenv"
	"github.com/coretasks/core/internal/timetable"
)

// TestRandomCronExpressions holds three readings of random cron expressions in random zones and years against a fourth.
// The fourth is robfig/cron on a calendar without time zones, with days that depend on the month counted out, and what
// the clocks of the zone do to it by EventBridge's rules, which this test applies by itself: a reading that is skipped
// does not fire, one that comes twice fires the first time. The three are Next, the union of the rules as EventBridge evaluates them, and, on days on which no clock is
// changed, robfig/cron in the zone.
//
// With CORE_TEST_LONG=1 it looks at the whole year of each expression, otherwise at a third of them: the whole year of one
// in a hundred, and for the others around each change of the clock and at some time of the year.
func TestRandomCronExpressions(t *testing.T) {
	t.Parallel()
	stream := crontest.New(t)
	stride := 3
	if testenv.Long() {
		stride = 1
	}
	var next, expressions, refused, instants atomic.Int64
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !t.Failed() {
				n := (int(next.Add(1)) - 1) * stride
				if n >= crontest.Batches {
					return
				}
				if testenv.Long() && n%(crontest.Batches/10) == 0 {
					t.Logf("batch %d of %d", n, crontest.Batches)
				}
				b := stream.Batch(n)
				y := newZoneYear(b.Zone, b.Rand)
				for _, c := range b.Crons {
					expressions.Add(1)
					if c.Refused {
						refused.Add(1)
						if _, err := timetable.Cron(c.Text, y.zone); err == nil {
							t.Errorf("%q is not refused", c.Text)
						}
						continue
					}
					instants.Add(int64(y.check(t, c, b.Rand)))
				}
			}
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	compared := expressions.Load() - refused.Load()
	t.Logf("%d expressions, %d refused, %d instants", expressions.Load(), refused.Load(), instants.Load())
	if compared < int64(100_000/stride) || instants.Load() < 2*compared {
		t.Error("the expressions are not what they should be")
	}
}

// A zoneYear is a year of a zone's clock.
type zoneYear struct {
	zone     *time.Location
	from, to time.Time
	// spells are the times of one offset, from some days before the year until some days after it.
	spells []spell
}

type spell struct{ from, to, offset int64 }

const day = 24 * time.Hour

func newZoneYear(zone *time.Location, r *rand.Rand) *zoneYear {
	y := &zoneYear{zone: zone}
	year := 1971 + r.IntN(120) // EventBridge's years begin with 1970
	for range 4 {              // years in which something happens
		y.from = time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC)
		y.to = y.from.AddDate(1, 0, 0)
		y.watch()
		if len(y.spells) > 1 {
			break
		}
		year = 1971 + r.IntN(60)
	}
	return y
}

// watch finds the changes of the clock by looking at it.
func (y *zoneYear) watch() {
	offset := func(at int64) int64 {
		_, o := time.Unix(at, 0).In(y.zone).Zone()
		return int64(o)
	}
	const step = int64(3 * 3600)
	begin, end := y.from.Add(-5*day).Unix(), y.to.Add(5*day).Unix()
	y.spells = []spell{{from: begin, offset: offset(begin)}}
	for at := begin; at < end; at += step {
		before := offset(at)
		if offset(at+step) == before {
			continue
		}
		low, high := at, at+step
		for high-low > 1 {
			if middle := (low + high) / 2; offset(middle) == before {
				low = middle
			} else {
				high = middle
			}
		}
		y.spells[len(y.spells)-1].to = high
		y.spells = append(y.spells, spell{from: high, offset: offset(high)})
	}
	y.spells[len(y.spells)-1].to = end
}

// first is the first instant at which the clock shows wall, in seconds since 1970 as if it were UTC's.
func (y *zoneYear) first(wall int64) (time.Time, bool) {
	for _, s := range y.spells {
		if at := wall - s.offset; at >= s.from && at < s.to {
			return time.Unix(at, 0), true
		}
	}
	return time.Time{}, false
}

// check compares an expression's instants in some windows, and returns how many there were.
func (y *zoneYear) check(t *testing.T, c crontest.Cron, r *rand.Rand) (instants int) {
	tt, err := timetable.Cron(c.Text, y.zone)
	if err != nil {
		t.Errorf("%v", err)
		return 0
	}
	parsed, err := cron.ParseStandard(c.Plain)
	if err != nil {
		t.Errorf("%q as %q: %v", c.Text, c.Plain, err)
		return 0
	}
	robfig := *parsed.(*cron.SpecSchedule)
	calendar := robfig
	robfig.Location, calendar.Location = y.zone, time.UTC // what CRON_TZ= sets
	var rules []*schedexpr.Expression
	for _, rule := range tt.Rules() {
		e, err := schedexpr.Parse(rule.Expression)
		if err != nil {
			t.Errorf("%q: %v", c.Text, err)
			return 0
		}
		rules = append(rules, e)
	}
	for _, w := range y.windows(c, r) {
		want := y.expected(&calendar, c.Due, w)
		instants += len(want)
		y.compare(t, c, w, "Next", want, ticks(tt.Next, w))
		var fired []int64
		for _, rule := range rules {
			fired = append(fired, ticks(inZone(rule, y.zone), w)...)
		}
		slices.Sort(fired)
		y.compare(t, c, w, fmt.Sprintf("EventBridge with %v", expressions(tt)), want, slices.Compact(fired))
		for _, at := range y.moments(w, r) {
			want := following(want, at)
			y.compare(t, c, w, "Next from "+at.String(), want, inWindow(w, tt.Next(at)))
			var next []int64
			for _, rule := range rules {
				next = append(next, inWindow(w, inZone(rule, y.zone)(at))...)
			}
			slices.Sort(next)
			y.compare(t, c, w, fmt.Sprintf("EventBridge with %v from %v", expressions(tt), at), want, next[:min(len(next), 1)])
		}
		if c.Due == nil {
			y.compareOrdinaryDays(t, c, &robfig, want)
		}
	}
	return instants
}

func inZone(rule *schedexpr.Expression, zone *time.Location) func(time.Time) time.Time {
	return func(after time.Time) time.Time { return rule.Next(after, zone, time.Time{}, time.Time{}) }
}

// moments are instants from which a process that begins then asks for the next tick: one at random, and one soon after
// each change of the clock, when it may show times that were due already.
func (y *zoneYear) moments(w window, r *rand.Rand) []time.Time {
	all := []time.Time{w.from.Add(time.Duration(r.Int64N(int64(w.to.Sub(w.from)))))}
	for _, s := range y.spells[1:] {
		at := time.Unix(s.from+r.Int64N(2*3600), 0)
		if !at.Before(w.from) && at.Before(w.to) {
			all = append(all, at)
		}
	}
	return all
}

// following returns the first instant after at, or none.
func following(instants []int64, at time.Time) []int64 {
	i, _ := slices.BinarySearch(instants, at.Unix()+1)
	return instants[i:min(i+1, len(instants))]
}

func inWindow(w window, at time.Time) []int64 {
	if at.IsZero() || !at.Before(w.to) {
		return nil
	}
	return []int64{at.Unix()}
}

type window struct{ from, to time.Time }

// windows are where to look.
func (y *zoneYear) windows(c crontest.Cron, r *rand.Rand) []window {
	const instants = 3 // in half a window, about
	if testenv.Long() || r.IntN(100) == 0 {
		return []window{{y.from, y.to}}
	}
	half := min(max(day*instants/time.Duration(c.PerDay), 75*time.Minute), 15*day).Truncate(time.Second)
	around := func(at time.Time) window {
		from, to := at.Add(-half), at.Add(half)
		if from.Before(y.from) {
			from = y.from
		}
		if to.After(y.to) {
			to = y.to
		}
		return window{from, to}
	}
	all := []window{around(y.from.Add(time.Duration(r.IntN(365*86_400)) * time.Second))}
	for _, s := range y.spells[1:] {
		if at := time.Unix(s.from, 0); at.After(y.from) && at.Before(y.to) {
			all = append(all, around(at))
		}
	}
	return all
}

func ticks(next func(time.Time) time.Time, w window) []int64 {
	var all []int64
	for at := next(w.from.Add(-1)); !at.IsZero() && at.Before(w.to); at = next(at) {
		all = append(all, at.Unix())
	}
	return all
}

// restOfMinute is put on an instant before robfig/cron is asked for the next one, which is in another minute. It tries each
// second, and most of this test's time would go into those of the minute that has just fired.
const restOfMinute = 59 * time.Second

// expected is what EventBridge must fire in a window: the readings of the clock that the calendar names, each at the first
// instant at which there is one. Where due is set, it names the days instead of the calendar.
func (y *zoneYear) expected(calendar *cron.SpecSchedule, due func(time.Time) bool, w window) []int64 {
	var earliest, latest int64 = 1 << 60, -1 << 60 // readings of the clock in the window
	for _, s := range y.spells {
		if from, to := max(s.from, w.from.Unix()), min(s.to, w.to.Unix()); from < to {
			earliest, latest = min(earliest, from+s.offset), max(latest, to+s.offset)
		}
	}
	var want []int64
	for wall := calendar.Next(time.Unix(earliest-1, 0).UTC()); !wall.IsZero() && wall.Unix() < latest; wall = calendar.Next(wall.Add(59 * time.Second)) {
		if due != nil && !due(wall) {
			continue
		}
		if at, ok := y.first(wall.Unix()); ok && !at.Before(w.from) && at.Before(w.to) {
			want = append(want, at.Unix())
		}
	}
	slices.Sort(want)
	return want
}

func (y *zoneYear) compare(t *testing.T, c crontest.Cron, w window, who string, want, got []int64) {
	if slices.Equal(want, got) {
		return
	}
	t.Errorf("%q in %v, %s to %s: %s differs at %v", c.Text, y.zone, w.from.Format(time.RFC3339), w.to.Format(time.RFC3339), who, y.difference(want, got))
}

// compareOrdinaryDays compares with robfig/cron in the zone, on days on which no clock is changed. It is not asked for what
// lies behind a change: there it differs, and in some zones it never answers.
func (y *zoneYear) compareOrdinaryDays(t *testing.T, c crontest.Cron, robfig *cron.SpecSchedule, want []int64) {
	for _, s := range y.spells {
		from, to := s.from+int64(day.Seconds()), s.to-int64(day.Seconds())
		if s.offset%60 != 0 { // Monrovia until 1972; robfig/cron rounds to minutes of UTC
			continue
		}
		first, _ := slices.BinarySearch(want, from)
		last, _ := slices.BinarySearch(want, to)
		for i := first + 1; i < last; i++ {
			if got := robfig.Next(time.Unix(want[i-1], 0).Add(restOfMinute)); got.Unix() != want[i] {
				t.Errorf("%q in %v: after %v robfig/cron has %v, not %v", c.Text, y.zone, time.Unix(want[i-1], 0).In(y.zone), got, time.Unix(want[i], 0).In(y.zone))
				return
			}
		}
	}
}

type difference struct {
	at   time.Time
	want bool
}

func (d difference) String() string {
	if d.want {
		return d.at.String() + " (missing)"
	}
	return d.at.String() + " (too many)"
}

func (y *zoneYear) difference(want, got []int64) []difference {
	in := map[int64]int{}
	for _, at := range want {
		in[at]++
	}
	for _, at := range got {
		in[at]--
	}
	var all []difference
	for _, at := range slices.Sorted(maps.Keys(in)) {
		if in[at] != 0 {
			all = append(all, difference{time.Unix(at, 0).In(y.zone), in[at] > 0})
		}
	}
	return all
}
