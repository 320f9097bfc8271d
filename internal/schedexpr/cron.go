package schedexpr

import (
	"math/bits"
	"time"
)

const (
	firstYear = 1970
	saturday  = 7
	maxChange = 26 * time.Hour // more than any clock was ever set back
)

// cron is a cron expression as sets of bits. One of the two day fields always is "?" and then leaves it to the other.
type cron struct {
	minutes uint64
	hours   uint64
	months  uint64
	years   [(lastYear-firstYear)/64 + 1]uint64
	days    daysOfMonth
	week    daysOfWeek
}

// daysOfMonth is the third field. At most one of its parts is set; none where the field is "?".
type daysOfMonth struct {
	set         uint64
	last        bool // L
	nearest     int  // 15W: the weekday nearest to that day, within the month
	lastWeekday bool // LW
}

// daysOfWeek is the fifth field, Sunday being 1. At most one of its parts is set; none where the field is "?".
type daysOfWeek struct {
	set         uint64
	last        int // 6L: the last Friday of the month
	nth, nthDay int // 3#2: the second Tuesday
}

// next gives the first firing later than after.
func (c *cron) next(after time.Time, zone *time.Location) time.Time {
	after = after.In(zone)
	begun, ends := after.ZoneBounds()
	_, offset := after.Zone()
	for wall := after.Unix() + int64(offset); ; {
		var ok bool
		if wall, ok = c.nextWall(wall); !ok {
			return time.Time{}
		}
		t := time.Unix(wall-int64(offset), 0).In(zone)
		if !ends.IsZero() && !t.Before(ends) { // the clock is changed before that
			if t, ok := first(wall, zone); ok && t.After(after) {
				return t
			}
			continue
		}
		if t.Sub(begun) < maxChange { // never so for the zero time
			_, before := begun.Add(-1).Zone()
			if time.Unix(wall-int64(before), 0).Before(begun) {
				continue // the clock showed it before it was set back
			}
		}
		return t
	}
}

// nextWall gives the first reading of the clock later than wall that the fields name, both in seconds since 1970 as if
// the clock were UTC's.
func (c *cron) nextWall(wall int64) (int64, bool) {
	minute := floorDiv(wall, 60) + 1
	day, inDay := floorDiv(minute, 24*60), int(floorMod(minute, 24*60))
	year, month, dom := time.Unix(day*86_400, 0).UTC().Date()
	hour, minuteOfHour := inDay/60, inDay%60
	if year < firstYear {
		year, month, dom, hour, minuteOfHour = firstYear, time.January, 1, 0, 0
	}
	for ; year <= lastYear; year, month, dom, hour, minuteOfHour = year+1, time.January, 1, 0, 0 {
		if c.years[(year-firstYear)/64]>>((year-firstYear)%64)&1 == 0 {
			continue
		}
		for ; month <= time.December; month, dom, hour, minuteOfHour = month+1, 1, 0, 0 {
			if c.months>>month&1 == 0 {
				continue
			}
			days := c.daysOf(year, month)
			for ; ; dom, hour, minuteOfHour = dom+1, 0, 0 {
				next, ok := nextBit(days, dom)
				if !ok {
					break
				}
				if next != dom {
					dom, hour, minuteOfHour = next, 0, 0
				}
				if h, m, ok := c.nextInDay(hour, minuteOfHour); ok {
					return time.Date(year, month, dom, h, m, 0, 0, time.UTC).Unix(), true
				}
			}
		}
	}
	return 0, false
}

// nextInDay gives the first time of the day that the fields name, the given one included.
func (c *cron) nextInDay(hour, minute int) (int, int, bool) {
	for {
		h, ok := nextBit(c.hours, hour)
		if !ok {
			return 0, 0, false
		}
		if h != hour {
			minute = 0
		}
		if m, ok := nextBit(c.minutes, minute); ok {
			return h, m, true
		}
		hour, minute = h+1, 0
	}
}

// nextBit gives the lowest member of a set from n on.
func nextBit(set uint64, n int) (int, bool) {
	rest := set >> n << n
	return bits.TrailingZeros64(rest), rest != 0
}

// daysOf gives the days of a month on which the schedule fires.
func (c *cron) daysOf(year int, month time.Month) uint64 {
	length := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
	all := uint64(1)<<(length+1) - 2
	weekday := weekdayOf(year, month, 1)
	on := func(day int) int { return (weekday-1+day-1)%7 + 1 } // a day's weekday, Sunday being 1
	switch {
	case c.days.set != 0:
		return c.days.set & all
	case c.days.last:
		return 1 << length
	case c.days.lastWeekday:
		return 1 << nearestWeekday(length, length, on)
	case c.days.nearest > length:
		return 0
	case c.days.nearest > 0:
		return 1 << nearestWeekday(c.days.nearest, length, on)
	case c.week.last > 0:
		return 1 << (length - floorModInt(on(length)-c.week.last, 7))
	case c.week.nth > 0:
		day := 1 + floorModInt(c.week.nthDay-weekday, 7) + 7*(c.week.nth-1)
		return uint64(1) << day & all
	}
	var set uint64
	for day := 1; day <= length; day++ {
		set |= c.week.set >> on(day) & 1 << day
	}
	return set
}

// nearestWeekday gives the day from Monday to Friday that is nearest to a day and in the same month.
func nearestWeekday(day, length int, on func(int) int) int {
	switch on(day) {
	case saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case 1:
		if day == length {
			return day - 2
		}
		return day + 1
	}
	return day
}

func weekdayOf(year int, month time.Month, day int) int {
	return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday()) + 1
}

func floorDiv(a, b int64) int64 { return (a - floorMod(a, b)) / b }

func floorMod(a, b int64) int64 { return ((a % b) + b) % b }

func floorModInt(a, b int) int { return int(floorMod(int64(a), int64(b))) }
