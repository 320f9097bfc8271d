// Package schedexpr evaluates the schedule expressions of EventBridge Scheduler: cron(minutes hours day-of-month month
// day-of-week year), rate(value unit) and at(yyyy-mm-ddThh:mm:ss). It is written from "Schedule types on EventBridge
// Scheduler" in AWS's user guide; where the guide is silent, it refuses rather than guesses. Blanks are part of an expression:
// there is one in a rate, spaces are between the fields of cron, and there are none anywhere else.
//
// Daylight saving is as the guide has it: a cron time that the clock skips in spring does not fire; one that the clock
// shows twice in autumn fires the first time only, which holds for each minute of cron(* * * * ? *) too. A rate counts
// elapsed time, so that a day is always 24 hours. The guide says nothing of at(): it is treated as cron is.
package schedexpr

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Expression is one schedule expression. It can be used from any number of goroutines.
type Expression struct {
	text   string
	cron   *cron // nil for the two others
	period int64 // of a rate, in seconds; 0 for the two others
	at     int64 // the wall clock of an at, as if it were UTC, in seconds since 1970
}

// SyntaxError says why an expression is refused.
type SyntaxError struct {
	// Expression is the whole text that was refused.
	Expression string
	// Reason is what is wrong with it, as a clause without a final stop.
	Reason string
}

// Message is what AWS says of it.
func (e *SyntaxError) Message() string { return "Invalid Schedule Expression " + e.Expression + "." }

// Error gives AWS's message, and then the reason, which AWS does not tell.
func (e *SyntaxError) Error() string { return e.Message() + " Reason: " + e.Reason + "." }

// Parse reads an expression; its errors are *[SyntaxError].
func Parse(text string) (*Expression, error) {
	refuse := func(format string, args ...any) (*Expression, error) {
		return nil, &SyntaxError{Expression: text, Reason: fmt.Sprintf(format, args...)}
	}
	if strings.TrimSpace(text) != text {
		return refuse("there must be no blank before or after it")
	}
	kind, rest, ok := strings.Cut(text, "(")
	inner, closed := strings.CutSuffix(rest, ")")
	if !ok || !closed {
		return refuse("it must have the form cron(...), rate(...) or at(...)")
	}
	if strings.TrimSpace(inner) != inner {
		return refuse("there must be no blank next to the parentheses within it")
	}
	e := &Expression{text: text}
	var err error
	switch kind {
	case "cron":
		e.cron, err = parseCron(inner)
	case "rate":
		e.period, err = parseRate(inner)
	case "at":
		e.at, err = parseAt(inner)
	default:
		return refuse("it must begin with cron(, rate( or at(")
	}
	if err != nil {
		return refuse("%s", strings.ReplaceAll(err.Error(), "\n", ", and "))
	}
	return e, nil
}

// String gives the expression as it was written.
func (e *Expression) String() string { return e.text }

// Rate says whether it is a rate expression, which counts elapsed time.
func (e *Expression) Rate() bool { return e.period > 0 }

// OneTime says whether it is an at expression, which fires once.
func (e *Expression) OneTime() bool { return e.cron == nil && !e.Rate() }

// maxRateDigits keeps a rate within what a time can hold: 9 digits of days are 2.7 million years.
const maxRateDigits = 9

func parseRate(inner string) (int64, error) {
	parts := strings.Split(inner, " ")
	if len(parts) != 2 || parts[0] == "" {
		return 0, fmt.Errorf("a rate has a value and a unit with one space between them, as in rate(5 minutes)")
	}
	n, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || n < 1 || len(parts[0]) > maxRateDigits || !isDigit(parts[0][0]) {
		return 0, fmt.Errorf("the value %q of a rate must be a whole number from 1 to 999999999", parts[0])
	}
	switch parts[1] {
	case "minute", "minutes":
		return n * 60, nil
	case "hour", "hours":
		return n * 3600, nil
	case "day", "days":
		return n * 86_400, nil
	}
	return 0, fmt.Errorf("the unit %q of a rate must be minutes, hours or days", parts[1])
}

func parseAt(inner string) (int64, error) {
	const layout = "2006-01-02T15:04:05"
	t, err := time.Parse(layout, inner)
	if err != nil || len(inner) != len(layout) {
		return 0, fmt.Errorf("a one-time schedule is at(yyyy-mm-ddThh:mm:ss)")
	}
	return t.Unix(), nil
}

// Next gives the first instant later than after at which the schedule fires, or the zero time where there is none.
//
// The expression is read in zone; nil is UTC. A cron fires neither before start nor after end; each may be the zero
// time, which is no bound. A rate fires at start and then at each period after it, until end: give it the schedule's
// StartDate or, without one, the time of its creation. An at expression ignores both, as AWS does.
func (e *Expression) Next(after time.Time, zone *time.Location, start, end time.Time) time.Time {
	if zone == nil {
		zone = time.UTC
	}
	if e.OneTime() {
		if t, ok := first(e.at, zone); ok && t.After(after) {
			return t
		}
		return time.Time{}
	}
	var next time.Time
	if e.cron != nil {
		if !start.IsZero() && after.Before(start) {
			after = start.Add(-time.Nanosecond) // start itself may fire
		}
		next = e.cron.next(after, zone)
	} else {
		next = e.tick(after, start).In(zone)
	}
	if next.IsZero() || !end.IsZero() && next.After(end) {
		return time.Time{}
	}
	return next
}

// lastYear is where every schedule ends, as cron's year field does.
const lastYear = 2199

func (e *Expression) tick(after, start time.Time) time.Time {
	next := start
	if !after.Before(start) {
		elapsed := after.Unix() - start.Unix()
		if after.Nanosecond() < start.Nanosecond() {
			elapsed--
		}
		next = time.Unix(start.Unix()+(elapsed/e.period+1)*e.period, int64(start.Nanosecond()))
	}
	if next.UTC().Year() > lastYear {
		return time.Time{}
	}
	return next
}

// first is the earliest instant at which the clock of a zone shows wall, seconds since 1970 as if it were UTC, or false
// where the clock skips it.
func first(wall int64, zone *time.Location) (time.Time, bool) {
	u := time.Unix(wall, 0).UTC()
	t := time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), u.Second(), 0, zone)
	if wallOf(t) != wall {
		return time.Time{}, false
	}
	if begun, _ := t.ZoneBounds(); !begun.IsZero() {
		_, before := begun.Add(-1).Zone()
		if earlier := time.Unix(wall-int64(before), 0).In(zone); earlier.Before(begun) && wallOf(earlier) == wall {
			return earlier, true
		}
	}
	return t, true
}

func wallOf(t time.Time) int64 {
	_, offset := t.Zone()
	return t.Unix() + int64(offset)
}
