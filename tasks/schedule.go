package tasks

import (
	"strings"
	"time"

	"github.com/coretasks/core/internal/timetable"
)

// A Schedule is when a periodic task runs, and how it is fired: [Info] has it. Its methods say the same for everything
// that fires tasks.
type Schedule struct {
	// Cron is the cron expression as written, but with single blanks, or empty for an interval.
	Cron string
	// Every is the interval, or 0 where there is a cron expression.
	Every time.Duration
	// Location is the time zone that [In] named.
	Location *time.Location
	// From and Until bound the schedule; a zero time is no bound.
	From, Until time.Time
	// FlexibleWindow is how late EventBridge may fire to spread load; 0 is not at all.
	FlexibleWindow time.Duration
	// CatchUp runs the task once when ticks were missed.
	CatchUp bool
	// MaxEventAge and FireRetries bound EventBridge's retries to put a tick's message on the queue.
	MaxEventAge time.Duration
	FireRetries int

	timetable *timetable.Timetable
}

type (
	// A ScheduleRule is what one schedule of EventBridge must be.
	ScheduleRule = timetable.Rule
	// A CronError says what is wrong with a cron expression, and where; its Caret method shows the place.
	CronError = timetable.CronError
	// An IntervalError says why an interval can't be had, and which come nearest.
	IntervalError = timetable.IntervalError
)

// Next returns the first tick after the given instant, in the schedule's zone, or the zero time when there is none.
//
// Start and end count for the instants at which EventBridge fires. Where these are not the ticks themselves, as for 10s,
// which it fires each minute with delays, the last ticks can be up to 15 minutes after the end.
func (s *Schedule) Next(after time.Time) time.Time {
	if from := s.From.Add(-1); !s.From.IsZero() && after.Before(from) {
		after = from
	}
	tick := s.timetable.Next(after)
	for !tick.IsZero() && s.timetable.Base(tick).Before(s.From) {
		tick = s.timetable.Next(tick)
	}
	if tick.IsZero() || !s.Until.IsZero() && !s.timetable.Base(tick).Before(s.Until) {
		return time.Time{}
	}
	return tick.In(s.Location)
}

// Rules returns what EventBridge must hold for this schedule.
func (s *Schedule) Rules() []ScheduleRule { return s.timetable.Rules() }

// TickID returns the id of the job of a tick of that task: "name@2006-01-02T15:04:05Z", and where EventBridge fires
// earlier and delays the message, with the delay behind it: "name@2006-01-02T15:04:00Z+10s".
func (s *Schedule) TickID(task string, tick time.Time) string { return s.timetable.TickID(task, tick) }

// ParseTickID reads what [Schedule.TickID] wrote; ok tells whether id is a tick's at all.
func ParseTickID(id string) (task string, tick time.Time, ok bool) { return timetable.ParseTickID(id) }

// Period is the shortest time between two ticks by the clock on the wall. A cron expression that names one time of day
// counts as daily, although it may be due more rarely.
func (s *Schedule) Period() time.Duration { return s.timetable.Gap() }

// String says it for people: "30 3 * * 1-5 (America/Sao_Paulo)" or "every 10s".
func (s *Schedule) String() string { return s.timetable.String() }

func indent(lines string) string { return "  " + strings.ReplaceAll(lines, "\n", "\n  ") }
