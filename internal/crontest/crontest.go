// Package crontest makes random cron expressions for tests.
package crontest

import (
	"fmt"
	"math/bits"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"
)

// Cron is a cron expression made at random, and what its maker knows of it.
type Cron struct {
	// Text is Unix cron as package timetable reads it, Plain what robfig/cron reads as the same, but for the days where
	// Due is set.
	Text, Plain string
	// Due tells the days where one of the fields is L, LW, 15W, 5L or 5#2, which robfig/cron does not have; it is nil for
	// other expressions. Only the date of its argument counts.
	Due func(time.Time) bool
	// Refused tells that EventBridge has nothing for it.
	Refused bool
	// PerDay is how many times of day it names.
	PerDay int
}

// field is one field of it.
type field struct {
	text, plain string
	members     set
	star        bool // it begins with "*", and so does not count as a restriction of days
	// due is set where it is a day that depends on the month, and members is empty.
	due func(time.Time) bool
	// shortest is the length of the shortest month that can have that day.
	shortest int
}

// A set holds small numbers as bits.
type set uint64

func (s set) size() int { return bits.OnesCount64(uint64(s)) }

type shape struct {
	low, high int
	names     []string
	// free is how often the field is "*". Most fields of days and months are, as in life; every minute of every hour is
	// rare there.
	free float64
}

var (
	minutes  = shape{low: 0, high: 59, free: 0.05}
	hours    = shape{low: 0, high: 23, free: 0.3}
	days     = shape{low: 1, high: 31, free: 0.5}
	months   = shape{low: 1, high: 12, free: 0.6, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")}
	weekdays = shape{low: 0, high: 6, free: 0.5, names: strings.Fields("SUN MON TUE WED THU FRI SAT")}
)

func newCron(r *rand.Rand) Cron {
	fields := [5]field{2: days.make(r), 3: months.make(r), 4: weekdays.make(r)}
	perDay := 0
	// Of expressions with many times of day a share is kept that makes up for how many instants a year of them has. Left to
	// chance alone, nearly all instants would be those of a few expressions that are due most of the time, and say little.
	for kept := false; !kept; kept = r.IntN(perDay) == 0 {
		fields[0], fields[1] = minutes.make(r), hours.make(r)
		perDay = fields[0].members.size() * fields[1].members.size()
	}
	day, weekday := &fields[2], &fields[4]
	if r.IntN(8) == 0 {
		*day = specialDay(r)
	}
	if r.IntN(8) == 0 {
		*weekday = specialWeekday(r)
	}
	allDays, allWeekdays := day.members.size() == 31, weekday.members.size() == 7
	either := !day.star && !weekday.star
	longest := 0
	for month, length := range [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31} {
		if fields[3].members>>(month+1)&1 != 0 {
			longest = max(longest, length)
		}
	}
	possible := bits.TrailingZeros64(uint64(day.members)) <= longest
	if day.due != nil {
		possible = day.shortest <= longest
	}
	// robfig/cron takes "*/2,1/2" and "1-31" for restrictions, whatever the other field is.
	if allDays && !either {
		day.plain = "*"
	}
	if allWeekdays && !either {
		weekday.plain = "*"
	}
	c := Cron{
		Refused: !either && (!allDays && !allWeekdays || !possible),
		PerDay:  perDay,
	}
	if day.due != nil || weekday.due != nil {
		dayDue := day.of(func(at time.Time) int { return at.Day() })
		weekdayDue := weekday.of(func(at time.Time) int { return int(at.Weekday()) })
		c.Due = func(at time.Time) bool {
			return dayDue(at) && weekdayDue(at) || either && (dayDue(at) || weekdayDue(at))
		}
		day.plain, weekday.plain = "*", "*"
	}
	for i, f := range fields {
		if i > 0 {
			c.Text, c.Plain = c.Text+" ", c.Plain+" "
		}
		c.Text, c.Plain = c.Text+f.text, c.Plain+f.plain
	}
	return c
}

func (s shape) make(r *rand.Rand) field {
	if r.Float64() < s.free {
		return s.item(r, 0)
	}
	f := s.item(r, 1+r.IntN(6))
	for range r.IntN(4) * r.IntN(2) {
		next := s.item(r, 2+r.IntN(5))
		f.text, f.plain = f.text+","+next.text, f.plain+","+next.plain
		f.members |= next.members
	}
	return f
}

// item makes one item of a list: 0 is "*", 1 is "*" with a step, and the others have no star.
func (s shape) item(r *rand.Rand, kind int) field {
	var f field
	highest := s.high
	if s.high == 6 {
		highest = 7
	}
	low, high, step := s.low, s.high, 1
	switch kind {
	case 0:
		f.text, f.star = "*", true
	case 1:
		step = 1 + r.IntN(s.high-s.low+1)
		f.text, f.star = "*/"+strconv.Itoa(step), true
	case 2:
		low = s.low + r.IntN(highest-s.low+1)
		step = 1 + r.IntN(s.high-s.low+1)
		f.text = fmt.Sprintf("%s/%d", s.name(r, low), step)
		high = max(low, high)
	case 3, 4:
		low = s.low + r.IntN(highest-s.low+1)
		high = low + r.IntN(highest-low+1)
		f.text = s.name(r, low) + "-" + s.name(r, high)
		if kind == 4 {
			step = 1 + r.IntN(s.high-s.low+1)
			f.text += "/" + strconv.Itoa(step)
		}
	default:
		low = s.low + r.IntN(highest-s.low+1)
		high = low
		f.text = s.name(r, low)
	}
	for n := low; n <= high; n += step {
		if highest == 7 {
			f.members |= 1 << (n % 7) // 7 is Sunday
		} else {
			f.members |= 1 << n
		}
	}
	f.plain = f.text
	if highest == 7 && !f.star {
		f.plain = f.members.list() // robfig/cron has no 7
	}
	return f
}

// name writes a number, at times with a zero in front or as a name.
func (s shape) name(r *rand.Rand, n int) string {
	at := n - s.low
	switch style := r.IntN(8); {
	case style == 0:
		return fmt.Sprintf("%02d", n)
	case style == 1 && at < len(s.names):
		return s.names[at]
	case style == 2 && at < len(s.names):
		return strings.ToLower(s.names[at])
	}
	return strconv.Itoa(n)
}

func (s set) list() string {
	var all []string
	for n := range 64 {
		if s>>n&1 != 0 {
			all = append(all, strconv.Itoa(n))
		}
	}
	return strings.Join(all, ",")
}
