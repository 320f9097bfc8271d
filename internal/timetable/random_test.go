package timetable_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// randomCron is a cron expression made at random, and what its maker knows of it.
type randomCron struct {
	// text is Unix cron as this package reads it, plain what robfig/cron reads as the same.
	text, plain string
	// refused tells that EventBridge has nothing for it.
	refused bool
	// perDay is how many times of day it names.
	perDay int
}

// randomField is one field of it.
type randomField struct {
	text, plain string
	members     map[int]bool
	star        bool // it begins with "*", and so does not count as a restriction of days
}

type fieldShape struct {
	low, high int
	names     []string
}

var shapes = [5]fieldShape{
	{low: 0, high: 59},
	{low: 0, high: 23},
	{low: 1, high: 31},
	{low: 1, high: 12, names: strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC")},
	{low: 0, high: 6, names: strings.Fields("SUN MON TUE WED THU FRI SAT")},
}

func makeCron(r *rand.Rand) randomCron {
	var fields [5]randomField
	for i, shape := range shapes {
		// Most fields of days and months are "*", as in life; every minute of every hour is rare there.
		free := [5]float64{0.05, 0.3, 0.5, 0.6, 0.5}[i]
		fields[i] = shape.make(r, r.Float64() < free)
	}
	day, weekday := &fields[2], &fields[4]
	allDays, allWeekdays := len(day.members) == 31, len(weekday.members) == 7
	either := !day.star && !weekday.star
	longest := 0
	for month := range fields[3].members {
		longest = max(longest, [...]int{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[month-1])
	}
	possible := false
	for d := range day.members {
		possible = possible || d <= longest
	}
	// robfig/cron takes "*/2,1/2" and "1-31" for restrictions, whatever the other field is.
	if allDays && !either {
		day.plain = "*"
	}
	if allWeekdays && !either {
		weekday.plain = "*"
	}
	c := randomCron{
		refused: !either && (!allDays && !allWeekdays || !possible),
		perDay:  len(fields[0].members) * len(fields[1].members),
	}
	for i, f := range fields {
		if i > 0 {
			c.text, c.plain = c.text+" ", c.plain+" "
		}
		c.text, c.plain = c.text+f.text, c.plain+f.plain
	}
	return c
}

func (s fieldShape) make(r *rand.Rand, free bool) randomField {
	if free {
		return s.item(r, 0)
	}
	f := s.item(r, 1+r.IntN(6))
	for range r.IntN(4) * r.IntN(2) {
		next := s.item(r, 2+r.IntN(5))
		f.text, f.plain = f.text+","+next.text, f.plain+","+next.plain
		for n := range next.members {
			f.members[n] = true
		}
	}
	return f
}

// item makes one item of a list: 0 is "*", 1 is "*" with a step, and the others have no star.
func (s fieldShape) item(r *rand.Rand, kind int) randomField {
	f := randomField{members: map[int]bool{}}
	highest := s.high
	if s.high == 6 {
		highest = 7
	}
	low, high, step := s.low, s.high, 1
	switch kind {
	case 0:
		f.text, f.star = "*", true
	case 1:
		step = 1 + r.IntN(s.high)
		f.text, f.star = "*/"+strconv.Itoa(step), true
	case 2:
		low = s.low + r.IntN(highest-s.low+1)
		step = 1 + r.IntN(s.high)
		f.text = fmt.Sprintf("%s/%d", s.name(r, low), step)
		high = max(low, high)
	case 3, 4:
		low = s.low + r.IntN(highest-s.low+1)
		high = low + r.IntN(highest-low+1)
		f.text = s.name(r, low) + "-" + s.name(r, high)
		if kind == 4 {
			step = 1 + r.IntN(s.high)
			f.text += "/" + strconv.Itoa(step)
		}
	default:
		low = s.low + r.IntN(highest-s.low+1)
		high = low
		f.text = s.name(r, low)
	}
	for n := low; n <= high; n += step {
		if highest == 7 {
			f.members[n%7] = true // 7 is Sunday
		} else {
			f.members[n] = true
		}
	}
	f.plain = f.text
	if highest == 7 && !f.star {
		f.plain = numbers(f.members) // robfig/cron has no 7
	}
	return f
}

// name writes a number, at times with a zero in front or as a name.
func (s fieldShape) name(r *rand.Rand, n int) string {
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

func numbers(members map[int]bool) string {
	var all []int
	for n := range members {
		all = append(all, n)
	}
	slices.Sort(all)
	return strings.Trim(strings.Join(strings.Fields(fmt.Sprint(all)), ","), "[]")
}
