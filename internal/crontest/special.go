package crontest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// of returns what tells the days of a field, by the number that its members are compared with.
func (f field) of(number func(time.Time) int) func(time.Time) bool {
	if f.due != nil {
		return f.due
	}
	return func(at time.Time) bool { return f.members>>number(at)&1 != 0 }
}

// specialDay makes a day of month that depends on the month. What it says of days is found by looking at each day of
// the month, as slow and as plain as can be.
func specialDay(r *rand.Rand) field {
	switch r.IntN(3) {
	case 0:
		return field{text: letter(r, "L"), shortest: 28, due: func(at time.Time) bool {
			return at.AddDate(0, 0, 1).Day() == 1
		}}
	case 1:
		return field{text: letter(r, "LW"), shortest: 28, due: func(at time.Time) bool {
			for later := at.AddDate(0, 0, 1); later.Month() == at.Month(); later = later.AddDate(0, 0, 1) {
				if working(later) {
					return false
				}
			}
			return working(at)
		}}
	}
	n := 1 + r.IntN(31)
	return field{text: fmt.Sprintf("%d%s", n, letter(r, "W")), shortest: n, due: func(at time.Time) bool {
		there, nearest := false, 0
		for day := at.AddDate(0, 0, 1-at.Day()); day.Month() == at.Month(); day = day.AddDate(0, 0, 1) {
			there = there || day.Day() == n
			if working(day) && (nearest == 0 || distance(day.Day(), n) < distance(nearest, n)) {
				nearest = day.Day()
			}
		}
		return there && at.Day() == nearest
	}}
}

func working(at time.Time) bool { return at.Weekday() != time.Saturday && at.Weekday() != time.Sunday }

func distance(a, b int) int { return max(a-b, b-a) }

// specialWeekday makes a day of week that is one day of the month.
func specialWeekday(r *rand.Rand) field {
	n := r.IntN(8) // 0 and 7 are Sunday
	name := weekdays.name(r, n)
	is := func(at time.Time) bool { return int(at.Weekday()) == n%7 }
	if r.IntN(2) == 0 {
		return field{text: name + letter(r, "L"), due: func(at time.Time) bool {
			return is(at) && at.AddDate(0, 0, 7).Month() != at.Month()
		}}
	}
	nth := 1 + r.IntN(5)
	return field{text: fmt.Sprintf("%s#%d", name, nth), due: func(at time.Time) bool {
		count := 0
		for day := at; day.Month() == at.Month(); day = day.AddDate(0, 0, -7) {
			count++
		}
		return is(at) && count == nth
	}}
}

// letter writes letters, at times as small ones.
func letter(r *rand.Rand, text string) string {
	if r.IntN(4) == 0 {
		return strings.ToLower(text)
	}
	return text
}
