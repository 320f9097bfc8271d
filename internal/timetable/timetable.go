// Package timetable says when something periodic is due, and how EventBridge Scheduler must be told so that it fires at
// the same instants. It is computation only: it makes no request and reads no clock.
package timetable

import (
	"strings"
	"time"
)

// lastYear is the last year of EventBridge's cron expressions ("Schedule types in EventBridge Scheduler"), and so the
// last in which anything is due.
const lastYear = 2199

// A Timetable is the instants at which something periodic is due. Make one with [Cron] or [Every].
type Timetable struct {
	text string
	zone *time.Location
	cron *calendar // nil for an interval
	// every is the interval, and pattern after how long its instants repeat on whole minutes.
	every, pattern time.Duration
}

// String says it for people: the cron expression with its zone, or "every 10s".
func (t *Timetable) String() string {
	if t.cron == nil {
		return "every " + short(t.every)
	}
	return t.text + " (" + t.zone.String() + ")"
}

// Zone is the time zone of a cron expression; an interval's is UTC.
func (t *Timetable) Zone() *time.Location { return t.zone }

// Next returns the first instant after the given one, or the zero time when there is none until the end of 2199, where
// EventBridge's calendar ends. It follows EventBridge's rules for daylight saving: a time of day that a day does not
// have is skipped, and one that it has twice is due the first time only.
func (t *Timetable) Next(after time.Time) time.Time {
	if t.cron != nil {
		return t.cron.next(after, t.zone)
	}
	next := time.Unix(floor(after.Unix(), t.every)+seconds(t.every), 0).UTC()
	if next.Year() > lastYear {
		return time.Time{}
	}
	return next
}

// Gap is the shortest time between two instants by the clock on the wall; a cron expression that names one time of day
// counts as daily, although it may be due more rarely.
func (t *Timetable) Gap() time.Duration {
	if t.cron != nil {
		return t.cron.gap()
	}
	return t.every
}

// floor returns the last multiple of d since the Unix epoch that is not after the second at.
func floor(at int64, d time.Duration) int64 {
	r := at % seconds(d)
	if r < 0 {
		r += seconds(d)
	}
	return at - r
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// short writes a duration without the zero units that time.Duration puts behind it: "5m", not "5m0s".
func short(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// FiringGap is the shortest time between two firings of EventBridge. One firing sends all ticks of a pattern.
func (t *Timetable) FiringGap() time.Duration { return max(t.Gap(), t.pattern) }
