package tasks

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // Lambda's and scratch images have no time zones, and a schedule must mean the same everywhere

	"github.com/coretasks/core/internal/timetable"
)

// Limits of a schedule ("CreateSchedule", "RetryPolicy" and "FlexibleTimeWindow" in the API reference of EventBridge
// Scheduler).
const (
	// MinEventAge and MaxMaxEventAge are the limits of [MaxEventAge].
	MinEventAge    = time.Minute
	MaxMaxEventAge = 24 * time.Hour
	// DefaultMaxEventAge is the longest MaxEventAge of a task that sets none: EventBridge's own, a day, would deliver
	// a tick when it is long out of date.
	DefaultMaxEventAge = time.Hour
	// MaxFireRetries is the largest [FireRetries], and its default, as EventBridge's.
	MaxFireRetries = 185
	// MinFlexibleWindow and MaxFlexibleWindow are the limits of [FlexibleWindow].
	MinFlexibleWindow = time.Minute
	MaxFlexibleWindow = 1440 * time.Minute
)

type scheduleOption func(*periodicSettings)

func (o scheduleOption) periodic(p *periodicSettings) { o(p) }

// Cron runs the task at the times of a Unix cron expression of five fields: minute, hour, day of month, month, day of
// week. There are lists (1,15), ranges (9-17), steps (*/5), names (JAN, MON-FRI), 0 and 7 for Sunday, and @hourly,
// @daily, @midnight, @weekly, @monthly, @yearly and @annually. When both fields of days are restricted, a day that
// matches either is due; a field that begins with "*" does not count as restricted, as in Vixie cron.
//
// Of EventBridge's own there are, each alone in its field, L (the last day of the month), LW (its last working day,
// Monday to Friday), 15W (the working day nearest to the 15th, within the month), and as day of week 5L (the last
// Friday) and FRI#2 or 5#2 (the second). Days count as in Unix, not as in EventBridge. A month without such a day is
// left out.
//
// Times are those of the zone given with [In]. A time that a day does not have, when clocks are put forward, is
// skipped; one that it has twice runs once, the first time: EventBridge's rules. With [Every] beside it, Cron wins.
func Cron(expr string) PeriodicOption {
	return scheduleOption(func(p *periodicSettings) { p.schedule.cron = &expr })
}

// Every runs the task at each multiple of d since the Unix epoch (1970-01-01T00:00:00Z), so that programs which start at
// different times agree. d is whole seconds, from 1 second to 365 days. EventBridge fires each minute at most, and
// messages wait up to 15 minutes on the queue; an interval which the two can't make, such as 17s, is refused with the
// nearest that work. All whole minutes do.
func Every(d time.Duration) PeriodicOption {
	return scheduleOption(func(p *periodicSettings) { p.schedule.every = &d })
}

// In names the time zone of [Cron] by its name in the IANA time zone database, such as "America/Sao_Paulo". The default
// is "UTC". The database is part of the program, which makes it about 450 KB larger, so no image has to have one; one
// that the system has is preferred. Intervals have no zone; for them it only says how tools show their times.
func In(zone string) PeriodicOption {
	return scheduleOption(func(p *periodicSettings) {
		name := strings.TrimSpace(zone)
		location, err := time.LoadLocation(name)
		if err != nil || ofThisMachine(name) {
			p.def.refuse("In(%q): there is no such time zone; use a name of the IANA time zone database, such as \"America/Sao_Paulo\" or \"UTC\"", zone)
			return
		}
		p.schedule.Location = location
	})
}

// ofThisMachine reports whether a zone is none of the database's, although files of that name are found: elsewhere, and by
// EventBridge, it would mean something else or nothing.
func ofThisMachine(zone string) bool {
	directory, _, _ := strings.Cut(zone, "/")
	return slices.Contains([]string{"", "Local", "localtime", "posixrules", "posix", "right"}, directory)
}

// From is when the schedule starts: nothing is due before t.
func From(t time.Time) PeriodicOption {
	return scheduleOption(func(p *periodicSettings) {
		if t.IsZero() {
			p.def.refuse("From: the time is the zero time")
		}
		p.schedule.From = t
	})
}

// Until is when the schedule ends: nothing is due at t or after it.
func Until(t time.Time) PeriodicOption {
	return scheduleOption(func(p *periodicSettings) {
		if t.IsZero() {
			p.def.refuse("Until: the time is the zero time")
		}
		p.schedule.Until = t
	})
}

// FlexibleWindow lets EventBridge fire at any moment within d after a tick, to spread load: 1 to 1440 whole minutes, and
// less than the time between two ticks. The job's id keeps the time of the tick. The default is none.
func FlexibleWindow(d time.Duration) PeriodicOption {
	return scheduleOption(func(p *periodicSettings) {
		if d < MinFlexibleWindow || d > MaxFlexibleWindow || d%time.Minute != 0 {
			p.def.refuse("FlexibleWindow(%v) is out of range: it must be 1 to 1440 whole minutes", d)
			return
		}
		p.schedule.FlexibleWindow = d
	})
}

// CatchUp runs the task once when ticks were missed because nothing was there to fire them, however many they were.
// Without it missed ticks are skipped. It is for schedulers that run in a process of yours; EventBridge has retries, see
// [MaxEventAge].
func CatchUp() PeriodicOption {
	return scheduleOption(func(p *periodicSettings) { p.schedule.CatchUp = true })
}

// MaxEventAge is how long EventBridge tries to put a tick's message on the queue before it gives up: whole seconds from
// 60 s to 24 h. The default is the time between two firings, but at least 60 s and at most [DefaultMaxEventAge]. It is not
// about the task's own retries, which [MaxRetries] sets.
func MaxEventAge(d time.Duration) PeriodicOption {
	return scheduleOption(func(p *periodicSettings) {
		if d < MinEventAge || d > MaxMaxEventAge || d%time.Second != 0 {
			p.def.refuse("MaxEventAge(%v) is out of range: it must be whole seconds from %v to %v", d, MinEventAge, MaxMaxEventAge)
			return
		}
		p.schedule.MaxEventAge = d
	})
}

// FireRetries is how often EventBridge tries again to put a tick's message on the queue, within MaxEventAge: 0 to 185,
// which is also the default. It is EventBridge's MaximumRetryAttempts.
func FireRetries(n int) PeriodicOption {
	return scheduleOption(func(p *periodicSettings) {
		if n < 0 || n > MaxFireRetries {
			p.def.refuse("FireRetries(%d) is out of range: it must be 0 to %d", n, MaxFireRetries)
			return
		}
		p.schedule.FireRetries = n
	})
}

// scheduleSettings is a schedule while options are applied, in any order.
type scheduleSettings struct {
	Schedule
	cron  *string
	every *time.Duration
}

func defaultSchedule() scheduleSettings {
	return scheduleSettings{Schedule: Schedule{Location: time.UTC, FireRetries: MaxFireRetries}}
}

// compile makes the schedule, or refuses it and returns nil.
func (s scheduleSettings) compile(d *definition) *Schedule {
	var err error
	switch {
	case s.cron != nil:
		s.Cron = strings.Join(strings.Fields(*s.cron), " ")
		s.timetable, err = timetable.Cron(s.Cron, s.Location)
	case s.every != nil:
		s.Every = *s.every
		s.timetable, err = timetable.Every(s.Every)
	default:
		d.refuse("a periodic task needs Cron or Every")
		return nil
	}
	if err != nil {
		d.problems = append(d.problems, scheduleError(d.info.Name, err))
		return nil
	}
	gap := s.timetable.Gap()
	if s.MaxEventAge == 0 {
		s.MaxEventAge = min(max(s.timetable.FiringGap(), MinEventAge), DefaultMaxEventAge)
	}
	switch {
	case s.FlexibleWindow >= gap:
		d.refuse("FlexibleWindow(%v) must be shorter than the %v between two ticks", s.FlexibleWindow, gap)
	case !s.Until.IsZero() && !s.From.Before(s.Until):
		d.refuse("Until %s must be after From %s", s.Until.Format(time.RFC3339), s.From.Format(time.RFC3339))
	case s.Schedule.Next(time.Unix(-1, 0)).IsZero():
		d.refuse("it is never due between From and Until")
	}
	return &s.Schedule
}

func scheduleError(task string, err error) *DefinitionError {
	e := &DefinitionError{Task: task, Problem: err.Error(), Err: err}
	if cron, ok := errors.AsType[*CronError](err); ok {
		e.Problem = fmt.Sprintf("%v\n%s", err, indent(cron.Caret()))
	}
	return e
}
