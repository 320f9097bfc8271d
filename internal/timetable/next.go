package timetable

import "time"

const minutesOfDay = 24 * 60

// next walks months, then days, then times of day, each by its set. The times that it tries are those of the clock on
// the wall, which go up as instants do, since of a time that comes twice only the first counts.
func (c *calendar) next(after time.Time, zone *time.Location) time.Time {
	after = after.In(zone)
	year, month, day := after.Date()
	hour, minute, _ := after.Clock()
	from := hour*60 + minute + 1
	for year <= lastYear {
		for days := c.daysOf(year, month); ; {
			d := days.from(day)
			if d > 31 {
				break
			}
			if d != day {
				day, from = d, 0
			}
			for clock := c.clock(from); clock < minutesOfDay; clock = c.clock(clock + 1) {
				if t, exists := instant(year, month, day, clock, zone); exists && t.After(after) {
					return t
				}
			}
			day, from = day+1, 0
		}
		day, from = 1, 0
		if month++; month > time.December {
			year, month = year+1, time.January
		}
	}
	return time.Time{}
}

// daysOf returns the days of a month that are due.
func (c *calendar) daysOf(year int, month time.Month) set {
	if !c.months.has(int(month)) {
		return 0
	}
	weekday := int(time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Weekday())
	week := (c.weekdays>>weekday | c.weekdays<<(7-weekday)) & span(0, 6) // from the first of the month on
	byWeekday := (week | week<<7 | week<<14 | week<<21 | week<<28) << 1
	byWeekday |= c.weekday.of(year, month)
	byDay := c.days | c.day.of(year, month)
	days := byDay & byWeekday
	if c.either {
		days = byDay | byWeekday
	}
	return days & span(1, daysIn(year, month))
}

// clock returns the first time of day that is due at the minute from or later, in minutes since midnight, or
// minutesOfDay.
func (c *calendar) clock(from int) int {
	hour, minute := from/60, from%60
	if hour < 24 && c.hours.has(hour) {
		if m := c.minutes.from(minute); m < 60 {
			return hour*60 + m
		}
	}
	hour = c.hours.from(hour + 1)
	if hour >= 24 {
		return minutesOfDay
	}
	return hour*60 + c.minutes.from(0)
}

// instant returns the first instant at which the clock on the wall shows that time, if there is one.
func instant(year int, month time.Month, day, clock int, zone *time.Location) (time.Time, bool) {
	t := time.Date(year, month, day, clock/60, clock%60, 0, 0, zone)
	if hour, minute, _ := t.Clock(); hour*60+minute != clock || t.Day() != day {
		return time.Time{}, false // the clock was put forward past it
	}
	// Of a time that comes twice, time.Date does not say which it returns. The other one, if t is the second, lies
	// before the change of the clock at start, by as much as the clock was put back.
	start, _ := t.ZoneBounds()
	if start.IsZero() {
		return t, true
	}
	_, now := t.Zone()
	_, before := start.Add(-time.Second).Zone()
	if first := t.Add(time.Duration(now-before) * time.Second); first.Before(start) {
		return first, true
	}
	return t, true
}

// gap is the shortest time between two times of day, over midnight too.
func (c *calendar) gap() time.Duration {
	first := c.clock(0)
	shortest, last := minutesOfDay, first
	for clock := c.clock(first + 1); clock < minutesOfDay; clock = c.clock(clock + 1) {
		shortest, last = min(shortest, clock-last), clock
	}
	return time.Duration(min(shortest, first+minutesOfDay-last)) * time.Minute
}

func daysIn(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
