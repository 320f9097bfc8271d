package timetable

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// A Rule is what one schedule of EventBridge must be. The rules of a timetable together fire at its instants.
type Rule struct {
	// Expression is cron(...), to be evaluated in the timetable's zone, or rate(...).
	Expression string
	// Offsets are the delays of the messages that each firing sends, at most ten; nil is one message without delay.
	Offsets []time.Duration
	// Period is that of a rate: the schedule's StartDate must be a multiple of it since the Unix epoch. 0 for cron.
	Period time.Duration
}

const (
	// maxEntries is how many messages one SendMessageBatch of SQS takes.
	maxEntries = 10
	// maxRules is how many schedules a cron expression may become so that its two fields of days exclude each other.
	maxRules = 10
)

// Rules returns what EventBridge must hold. A cron expression whose two fields of days are both restricted becomes one
// rule for each field. EventBridge can't leave out of one what the other fires, except by "the nth Monday": where the
// days of the month are whole weeks, the weekday's rule is split so. Otherwise both fire on days that match both fields,
// at the same instant and so with the same id.
func (t *Timetable) Rules() []Rule {
	if t.cron == nil {
		return t.intervalRules()
	}
	var rules []Rule
	for _, days := range t.cron.dayFields() {
		rules = append(rules, Rule{Expression: fmt.Sprintf("cron(%s %s %s %s %s *)",
			list(t.cron.minutes, &fields[minuteField]), list(t.cron.hours, &fields[hourField]),
			days.day, list(t.cron.months, &fields[monthField]), days.weekday)})
	}
	return rules
}

type dayFields struct{ day, weekday string }

func (c *calendar) dayFields() []dayFields {
	byDay := dayFields{c.day.aws(), "?"}
	if byDay.day == "" {
		byDay.day = list(c.days, &fields[dayField])
	}
	byWeekday := dayFields{"?", c.weekday.aws()}
	if byWeekday.weekday == "" {
		byWeekday.weekday = list(c.weekdays<<1, &awsWeekday)
	}
	switch {
	case c.either:
		if nth := c.nthWeekdays(); nth != nil {
			return append([]dayFields{byDay}, nth...)
		}
		return []dayFields{byDay, byWeekday}
	case c.weekdays != fields[weekdayField].all():
		return []dayFields{byWeekday}
	}
	return []dayFields{byDay}
}

// nthWeekdays returns the weekdays of those weeks of a month (days 1-7, 8-14 and so on) that the days of the month leave
// out, or nil where they hold only a part of a week. An expression of EventBridge holds one "#".
func (c *calendar) nthWeekdays() []dayFields {
	if c.day.form != noDay || c.weekday.form != noDay {
		return nil
	}
	var rules []dayFields
	last := c.longestMonth()
	for week := range 5 {
		days := span(week*7+1, week*7+7) & span(1, last)
		switch c.days & days {
		case days:
			continue
		case 0:
		default:
			return nil
		}
		for d := range 7 {
			if c.weekdays.has(d) && days != 0 {
				rules = append(rules, dayFields{"?", fmt.Sprintf("%d#%d", d+1, week+1)})
			}
		}
	}
	if len(rules) >= maxRules {
		return nil
	}
	return rules
}

// awsWeekday is the field of EventBridge, where Sunday is 1.
var awsWeekday = field{name: fields[weekdayField].name, min: 1, max: 7}

// list writes a set as EventBridge reads it: "*", a step that runs to the end of the field, or a list in which three in
// a row are a range. The longest expression that this can give has 238 of the 256 characters that EventBridge allows.
func list(s set, f *field) string {
	if s == f.all() {
		return "*"
	}
	first := s.from(0)
	if second := s.from(first + 1); second-first > 1 && s.size() >= 3 && f != &awsWeekday {
		var steps set
		for n := first; n <= f.max; n += second - first {
			steps |= 1 << n
		}
		if steps == s {
			return fmt.Sprintf("%d/%d", first, second-first)
		}
	}
	var items []string
	for n := first; n <= f.max; n = s.from(n) {
		end := n
		for s.has(end + 1) {
			end++
		}
		if end-n >= 2 {
			items = append(items, fmt.Sprintf("%d-%d", n, end))
		} else {
			for ; n <= end; n++ {
				items = append(items, strconv.Itoa(n))
			}
		}
		n = end + 1
	}
	return strings.Join(items, ",")
}

func (t *Timetable) intervalRules() []Rule {
	rule := Rule{Expression: rate(t.pattern), Period: t.pattern}
	if !t.offset() {
		return []Rule{rule}
	}
	var rules []Rule
	for offset := time.Duration(0); offset < t.pattern; offset += t.every {
		if len(rule.Offsets) == maxEntries {
			rules = append(rules, rule)
			rule.Offsets = nil
		}
		rule.Offsets = append(rule.Offsets, offset)
	}
	return append(rules, rule)
}

// offset reports whether ticks fall between EventBridge's minutes.
func (t *Timetable) offset() bool { return t.pattern != t.every }

func rate(d time.Duration) string {
	for _, unit := range []struct {
		name   string
		length time.Duration
	}{{"day", 24 * time.Hour}, {"hour", time.Hour}} {
		if d%unit.length == 0 {
			return amount(d/unit.length, unit.name)
		}
	}
	return amount(d/time.Minute, "minute")
}

func amount(n time.Duration, unit string) string {
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("rate(%d %s)", n, unit)
}
