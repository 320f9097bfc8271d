package timetable

import (
	"fmt"
	"strings"
	"time"
)

// A monthDay names at most one day of each month, by a rule that depends on the month. The zero value names none.
type monthDay struct {
	form    dayForm
	day     int // of nearestWorkday
	weekday int // of lastWeekday and nthWeekday; Sunday is 0
	nth     int // of nthWeekday, 1 to 5
}

type dayForm int

const (
	noDay          dayForm = iota
	lastDay                // L
	lastWorkday            // LW
	nearestWorkday         // 15W
	lastWeekday            // 5L
	nthWeekday             // 5#2
)

// of returns the day that is meant in a month, or no day where the month has none: a fifth Friday, or the working day
// nearest to the 31st in a month of 30 days.
func (d monthDay) of(year int, month time.Month) set {
	last := daysIn(year, month)
	weekday := func(day int) int { return int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Weekday()) }
	switch d.form {
	case lastDay:
		return 1 << last
	case lastWorkday:
		return 1 << workdayNear(last, last, weekday)
	case nearestWorkday:
		if d.day > last {
			return 0
		}
		return 1 << workdayNear(d.day, last, weekday)
	case lastWeekday:
		return 1 << (last - (weekday(last)-d.weekday+7)%7)
	case nthWeekday:
		return 1 << (1 + (d.weekday-weekday(1)+7)%7 + 7*(d.nth-1)) & span(1, last)
	case noDay:
	}
	return 0
}

// workdayNear returns the day from Monday to Friday that is nearest to a day, without leaving the month.
func workdayNear(day, last int, weekday func(int) int) int {
	switch time.Weekday(weekday(day)) {
	case time.Saturday:
		if day == 1 {
			return 3
		}
		return day - 1
	case time.Sunday:
		if day == last {
			return day - 2
		}
		return day + 1
	default:
		return day
	}
}

// possible reports whether a month of that many days can have the day.
func (d monthDay) possible(length int) bool { return d.form != noDay && d.day <= length }

// aws writes it as EventBridge does, which counts weekdays from Sunday as 1.
func (d monthDay) aws() string {
	switch d.form {
	case lastDay:
		return "L"
	case lastWorkday:
		return "LW"
	case nearestWorkday:
		return fmt.Sprintf("%dW", d.day)
	case lastWeekday:
		return fmt.Sprintf("%dL", d.weekday+1)
	case nthWeekday:
		return fmt.Sprintf("%d#%d", d.weekday+1, d.nth)
	case noDay:
	}
	return ""
}

// parseMonthDay reads a field that is L, LW, 15W, 5L or 5#2 as a whole. Anything else is no such field, and no fault
// yet.
func (f *field) parseMonthDay(w word) (monthDay, *fault) {
	text := strings.ToUpper(w.text)
	if strings.ContainsAny(text, ",-/*") {
		return monthDay{}, nil
	}
	day, nth, numbered := w.cut("#")
	switch {
	case f.isDayOfMonth() && text == "L":
		return monthDay{form: lastDay}, nil
	case f.isDayOfMonth() && text == "LW":
		return monthDay{form: lastWorkday}, nil
	case f.isDayOfMonth() && strings.HasSuffix(text, "W"):
		number := w.first(len(w.text) - 1)
		if _, isNumber := digits(number.text); !isNumber {
			return monthDay{}, nil
		}
		n, bad := f.parseNumber(number)
		return monthDay{form: nearestWorkday, day: n}, bad
	case f.isDayOfWeek() && strings.HasSuffix(text, "L") && text != "L":
		n, bad := f.parseNumber(w.first(len(w.text) - 1))
		return monthDay{form: lastWeekday, weekday: n % otherSunday}, bad
	case f.isDayOfWeek() && numbered:
		n, bad := f.parseNumber(day)
		if bad != nil {
			return monthDay{}, bad
		}
		which, isNumber := digits(nth.text)
		if !isNumber || which < 1 || which > 5 {
			return monthDay{}, nth.fault("behind \"#\" stands which one of the month, 1 to 5; the last is written as in 5L")
		}
		return monthDay{form: nthWeekday, weekday: n % otherSunday, nth: which}, nil
	}
	return monthDay{}, nil
}

// misplaced says what is wrong with an L, W or # that parseMonthDay did not take, or is nil where there is none.
func (f *field) misplaced(w word) *fault {
	text := strings.ToUpper(w.text)
	for _, name := range f.names {
		if rest, ok := strings.CutPrefix(text, name); ok {
			text = rest
			break
		}
	}
	if strings.Trim(text, "0123456789LW#") != "" || !strings.ContainsAny(text, "LW#") {
		return nil
	}
	const alone = "%q stands alone: EventBridge takes no lists, ranges and steps with L, W and #; " +
		"make another task of the other days"
	whole, bad := f.parseMonthDay(w)
	switch {
	case !f.isDayOfMonth() && !f.isDayOfWeek():
		return w.fault("%q is not Unix cron; L, W and # are for days only", w.text)
	case bad != nil:
		return bad
	case whole.form != noDay:
		return w.fault(alone, w.text)
	case f.isDayOfMonth() && strings.Contains(text, "#"):
		return w.fault("\"#\" is for the day of week, as in 5#2, the second Friday of the month")
	case f.isDayOfMonth() && strings.Contains(text, "W"):
		return w.fault("%q is none of 15W, the working day nearest to the 15th, and LW, the last of the month", w.text)
	case f.isDayOfMonth():
		return w.fault("\"L\" alone is the last day of the month; the last Friday is 5L as day of week")
	case strings.Contains(text, "W"):
		return w.fault("\"W\" is for the day of month, as in 15W; working days are 1-5 here")
	}
	return w.fault("\"L\" needs its day of week before it, as in 5L, the last Friday of the month; every Saturday is 6")
}
