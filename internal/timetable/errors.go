package timetable

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A CronError says what is wrong with a cron expression, and where.
type CronError struct {
	// Expr is the expression as it was given.
	Expr string
	// Field names the field that is wrong ("day of month"), or is empty where the expression as a whole is.
	Field string
	// Pos and Len are the place in Expr, in bytes.
	Pos, Len int
	Problem  string
}

func (e *CronError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("cron %q: %s", e.Expr, e.Problem)
	}
	return fmt.Sprintf("cron %q: %s: %s", e.Expr, e.Field, e.Problem)
}

// Caret returns two lines: the expression, and carets under the place that is wrong.
func (e *CronError) Caret() string {
	// One column for each character: what a terminal would not show as one is shown as a blank or a question mark.
	visible := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r) || unicode.Is(unicode.M, r):
			return '?'
		}
		return r
	}, e.Expr)
	pos := min(max(e.Pos, 0), len(e.Expr))
	end := min(pos+max(e.Len, 0), len(e.Expr))
	before, marked := utf8.RuneCountInString(e.Expr[:pos]), utf8.RuneCountInString(e.Expr[pos:end])
	return visible + "\n" + strings.Repeat(" ", before) + strings.Repeat("^", max(marked, 1))
}

// An IntervalError says why an interval can't be had, and which come nearest.
type IntervalError struct {
	Interval time.Duration
	Problem  string
	// Below and Above are the nearest shorter and longer intervals that work, or 0 where there is none.
	Below, Above time.Duration
}

func (e *IntervalError) Error() string {
	var hint string
	switch {
	case e.Below > 0 && e.Above > 0:
		hint = fmt.Sprintf("the nearest that work are %s and %s", short(e.Below), short(e.Above))
	case e.Above > 0:
		hint = "the shortest that works is " + short(e.Above)
	default:
		hint = "the longest that works is " + short(e.Below)
	}
	return fmt.Sprintf("interval %s: %s; %s", short(e.Interval), e.Problem, hint)
}
