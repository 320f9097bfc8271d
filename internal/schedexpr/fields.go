package schedexpr

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is what one of cron's six fields may hold.
type field struct {
	name            string
	lowest, highest int
	names           []string // of the values from lowest on
	noStep          bool     // the guide gives the day of week no "/"
}

var (
	months   = []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}
	weekdays = []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}
)

func parseCron(inner string) (*cron, error) {
	parts := slices.DeleteFunc(strings.Split(inner, " "), func(part string) bool { return part == "" })
	if len(parts) != 6 {
		return nil, fmt.Errorf("it has %d fields and needs 6: minutes, hours, day of month, month, day of week, year",
			len(parts))
	}
	if (parts[2] == "?") == (parts[4] == "?") {
		return nil, fmt.Errorf("exactly one of day of month and day of week must be \"?\"")
	}
	c := &cron{}
	bit := func(set *uint64) func(int) { return func(v int) { *set |= 1 << v } }
	err := errors.Join(
		field{name: "minutes", lowest: 0, highest: 59}.each(parts[0], bit(&c.minutes)),
		field{name: "hours", lowest: 0, highest: 23}.each(parts[1], bit(&c.hours)),
		c.days.parse(parts[2]),
		field{name: "month", lowest: 1, highest: 12, names: months}.each(parts[3], bit(&c.months)),
		c.week.parse(parts[4]),
		field{name: "year", lowest: firstYear, highest: lastYear}.each(parts[5], func(v int) {
			c.years[(v-firstYear)/64] |= 1 << ((v - firstYear) % 64)
		}),
	)
	return c, err
}

func (d *daysOfMonth) parse(text string) error {
	f := field{name: "day of month", lowest: 1, highest: 31}
	switch text {
	case "?":
		return nil
	case "L":
		d.last = true
		return nil
	case "LW":
		d.lastWeekday = true
		return nil
	}
	if day, ok := strings.CutSuffix(text, "W"); ok {
		var err error
		d.nearest, err = f.value(day)
		return err
	}
	return f.each(text, func(v int) { d.set |= 1 << v })
}

func (d *daysOfWeek) parse(text string) error {
	f := field{name: "day of week", lowest: 1, highest: saturday, names: weekdays, noStep: true}
	var err error
	if text == "?" {
		return nil
	}
	if text == "L" { // the last day of the week
		d.set = 1 << saturday
		return nil
	}
	if day, ok := strings.CutSuffix(text, "L"); ok {
		d.last, err = f.value(day)
		return err
	}
	if day, nth, ok := strings.Cut(text, "#"); ok {
		if d.nthDay, err = f.value(day); err != nil {
			return err
		}
		d.nth, err = field{name: "number after #", lowest: 1, highest: 5}.value(nth)
		return err
	}
	return f.each(text, func(v int) { d.set |= 1 << v })
}

// each calls add for each value of a field: lists of "*", values and ranges, each with an optional step.
func (f field) each(text string, add func(int)) error {
	for item := range strings.SplitSeq(text, ",") {
		low, high, step, err := f.item(item)
		if err != nil {
			return err
		}
		for v := low; v <= high; v += step {
			add(v)
		}
	}
	return nil
}

func (f field) item(item string) (low, high, step int, err error) {
	span, stepText, stepped := strings.Cut(item, "/")
	step = 1
	if stepped {
		if f.noStep {
			return 0, 0, 0, fmt.Errorf("%q: the %s takes no step", item, f.name)
		}
		if step, err = number(stepText); err != nil || step < 1 || step > f.highest {
			return 0, 0, 0, fmt.Errorf("%q: the step of the %s must be a whole number from 1 to %d", item, f.name, f.highest)
		}
	}
	from, to, ranged := strings.Cut(span, "-")
	switch {
	case span == "*":
		return f.lowest, f.highest, step, nil
	case ranged:
		if low, err = f.value(from); err != nil {
			return 0, 0, 0, err
		}
		if high, err = f.value(to); err != nil {
			return 0, 0, 0, err
		}
		if low > high {
			return 0, 0, 0, fmt.Errorf("%q: a range of the %s must go upwards", item, f.name)
		}
		return low, high, step, nil
	}
	low, err = f.value(span)
	high = low
	if stepped {
		high = f.highest
	}
	return low, high, step, err
}

// value reads a number within the field's range, or a name.
func (f field) value(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.lowest + i, nil
		}
	}
	n, err := number(text)
	if err != nil || n < f.lowest || n > f.highest {
		return 0, fmt.Errorf("%q: the %s must be from %d to %d", text, f.name, f.lowest, f.highest)
	}
	return n, nil
}

// number reads digits only: no sign, as strconv would take.
func number(text string) (int, error) {
	if text == "" || !isDigit(text[0]) {
		return 0, strconv.ErrSyntax
	}
	return strconv.Atoi(text)
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
