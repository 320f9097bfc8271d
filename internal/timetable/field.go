package timetable

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// A set holds small numbers as bits: bit 5 is set when 5 is in it.
type set uint64

func span(low, high int) set { return (1<<(high-low+1) - 1) << low }

func (s set) has(n int) bool { return s>>n&1 != 0 }

func (s set) size() int { return bits.OnesCount64(uint64(s)) }

// from returns the smallest member that is n or more, or 64.
func (s set) from(n int) int { return bits.TrailingZeros64(uint64(s >> n << n)) }

// A field is what one of the five fields of a cron expression may hold.
type field struct {
	name     string
	min, max int
	// names are those of the numbers from min on.
	names []string
}

var fields = [5]field{
	{name: "minute", min: 0, max: 59},
	{name: "hour", min: 0, max: 23},
	{name: "day of month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}},
	{name: "day of week", min: 0, max: 6, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}},
}

const sunday, otherSunday = 0, 7

func (f *field) all() set { return span(f.min, f.max) }

func (f *field) isDayOfWeek() bool { return f.max == 6 }

func (f *field) isDayOfMonth() bool { return f.max == 31 }

// A word is a piece of an expression, and where it stands.
type word struct {
	text string
	pos  int
}

// A fault is what is wrong with a word.
type fault struct {
	word
	problem string
}

func (w word) fault(format string, args ...any) *fault {
	return &fault{w, fmt.Sprintf(format, args...)}
}

// cut splits a word at the first separator.
func (w word) cut(sep string) (before, after word, found bool) {
	left, right, found := strings.Cut(w.text, sep)
	return word{left, w.pos}, word{right, w.pos + len(left) + len(sep)}, found
}

// first is the beginning of a word, n bytes long.
func (w word) first(n int) word { return word{w.text[:n], w.pos} }

// read reads a field: a list, or a day that depends on the month.
func (f *field) read(w word) (set, monthDay, *fault) {
	if day, bad := f.parseMonthDay(w); bad != nil || day.form != noDay {
		return 0, day, bad
	}
	s, bad := f.parse(w)
	return s, monthDay{}, bad
}

// parse reads a list of numbers, ranges and steps.
func (f *field) parse(w word) (set, *fault) {
	var s set
	for more := true; more; {
		var item word
		item, w, more = w.cut(",")
		members, bad := f.parseItem(item)
		if bad != nil {
			return 0, bad
		}
		s |= members
	}
	return s, nil
}

func (f *field) parseItem(item word) (set, *fault) {
	if item.text == "" {
		return 0, item.fault("a list has an empty item")
	}
	within, stepText, hasStep := item.cut("/")
	low, high, bad := f.parseRange(within, hasStep)
	if bad != nil {
		return 0, bad
	}
	step := 1
	if hasStep {
		if step, bad = f.parseStep(stepText); bad != nil {
			return 0, bad
		}
	}
	var s set
	for n := low; n <= high; n += step {
		if f.isDayOfWeek() && n == otherSunday {
			s |= 1 << sunday
		} else {
			s |= 1 << n
		}
	}
	return s, nil
}

// parseRange reads what stands before a step: "*", a number, or two with a dash between. A number with a step behind it
// begins a range that ends with the field, as in cronie and EventBridge.
func (f *field) parseRange(w word, hasStep bool) (low, high int, bad *fault) {
	if w.text == "*" {
		return f.min, f.max, nil
	}
	first, last, isRange := w.cut("-")
	if isRange && f.isDayOfMonth() && strings.EqualFold(first.text, "L") {
		return 0, 0, w.fault("EventBridge counts no days back from the last; " +
			"L is the last day of the month, LW its last working day")
	}
	if low, bad = f.parseNumber(first); bad != nil {
		return 0, 0, bad
	}
	if !isRange {
		if hasStep {
			return low, max(low, f.max), nil
		}
		return low, low, nil
	}
	if high, bad = f.parseNumber(last); bad != nil {
		return 0, 0, bad
	}
	if f.isDayOfWeek() && low > high {
		switch {
		case high == sunday:
			high = otherSunday // SAT-SUN
		case low == otherSunday:
			low = sunday // 7-3
		}
	}
	if low > high {
		return 0, 0, w.fault("the range ends before it begins; write %s-%d,%d-%s", first.text, f.max, f.min, last.text)
	}
	return low, high, nil
}

func (f *field) parseStep(w word) (int, *fault) {
	step, ok := digits(w.text)
	values := f.all().size()
	switch {
	case !ok:
		return 0, w.fault("the step %q is not a number", w.text)
	case step == 0:
		return 0, w.fault("the step must be 1 or more")
	case step > values:
		return 0, w.fault("the step %d is longer than the field, which has %d values; each field counts on its own", step, values)
	}
	return step, nil
}

func (f *field) parseNumber(w word) (int, *fault) {
	for i, name := range f.names {
		if strings.EqualFold(w.text, name) {
			return f.min + i, nil
		}
	}
	largest := f.max
	if f.isDayOfWeek() {
		largest = otherSunday
	}
	if bad := f.misplaced(w); bad != nil {
		return 0, bad
	}
	n, ok := digits(w.text)
	switch {
	case ok && n >= f.min && n <= largest:
		return n, nil
	case ok:
		return 0, w.fault("%s is out of range: it must be %d to %d", w.text, f.min, largest)
	case w.text == "":
		return 0, w.fault("a number is missing")
	case w.text == "?":
		return 0, w.fault("\"?\" is not Unix cron; write \"*\"")
	case strings.Contains(w.text, "*"):
		return 0, w.fault("%q is not a number; \"*\" stands alone or before a step", w.text)
	case f.names != nil:
		return 0, w.fault("%q is neither a number nor a name from %s to %s", w.text, f.names[0], f.names[len(f.names)-1])
	}
	return 0, w.fault("%q is not a number", w.text)
}

// digits reads a number without a sign. One that is too large for an int counts as a very large one.
func digits(text string) (int, bool) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, false
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		return 1 << 30, true
	}
	return n, true
}
