package timetable

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// A calendar is a cron expression as sets.
type calendar struct {
	minutes, hours, days, months, weekdays set
	// day and weekday stand for days and weekdays where these are empty: the last of the month, the second Friday.
	day, weekday monthDay
	// either means that a day is due when its number or its weekday is; otherwise both must be, and one of the two fields
	// holds every day.
	either bool
}

const (
	minuteField = iota
	hourField
	dayField
	monthField
	weekdayField
)

var shorthands = map[string]string{
	"@hourly":   "0 * * * *",
	"@daily":    "0 0 * * *",
	"@midnight": "0 0 * * *",
	"@weekly":   "0 0 * * 0",
	"@monthly":  "0 0 1 * *",
	"@yearly":   "0 0 1 1 *",
	"@annually": "0 0 1 1 *",
}

// Cron makes the timetable of a five-field Unix cron expression (minute, hour, day of month, month, day of week), or of a
// shorthand such as @daily, in a time zone. Fields hold lists, ranges, steps, and names of months and weekdays in any
// case; 0 and 7 are Sunday. White space around it does not count. The error is a [*CronError].
//
// As in EventBridge, the day of month can be L, the last of the month, LW, its last working day (Monday to Friday), or
// 15W, the working day nearest to the 15th within the month. The day of week can be 5L, the last Friday of the month,
// or 5#2, its second one. Each stands alone, since EventBridge takes none of them in lists, ranges or steps. A month
// without such a day, a fifth Friday or a 31st, is left out.
//
// When day of month and day of week are both restricted, a day is due when either matches. As in Vixie cron, a field that
// begins with "*" counts as not restricted, so that both must match; EventBridge has no expression for "both", so
// "*/2" in one of the two beside a restriction of the other is refused, with what to write instead.
func Cron(expr string, zone *time.Location) (*Timetable, error) {
	if zone == nil {
		zone = time.UTC
	}
	words := split(expr)
	wrong := func(field string, f *fault) error {
		return &CronError{Expr: expr, Field: field, Pos: f.pos, Len: len(f.text), Problem: f.problem}
	}
	if bad := pasted(expr); bad != nil {
		return nil, wrong("", bad)
	}
	text := join(words)
	if len(words) > 0 && strings.HasPrefix(words[0].text, "@") {
		long, bad := expand(words)
		if bad != nil {
			return nil, wrong("", bad)
		}
		words = split(long)
	}
	if bad := count(expr, words); bad != nil {
		return nil, wrong("", bad)
	}
	var (
		sets [5]set
		days [5]monthDay
	)
	for i := range fields {
		var bad *fault
		if sets[i], days[i], bad = fields[i].read(words[i]); bad != nil {
			return nil, wrong(fields[i].name, bad)
		}
	}
	c := &calendar{
		minutes: sets[minuteField], hours: sets[hourField],
		days: sets[dayField], months: sets[monthField], weekdays: sets[weekdayField],
		day: days[dayField], weekday: days[weekdayField],
	}
	if place, bad := c.combineDays(words[dayField], words[weekdayField]); bad != nil {
		return nil, wrong(fields[place].name, bad)
	}
	return &Timetable{text: text, zone: zone, cron: c}, nil
}

// split returns the words of an expression. What was pasted can be set apart by any white space.
func split(expr string) []word {
	var words []word
	for at := 0; at < len(expr); {
		rest := expr[at:]
		if r, size := utf8.DecodeRuneInString(rest); unicode.IsSpace(r) {
			at += size
			continue
		}
		end := strings.IndexFunc(rest, unicode.IsSpace)
		if end < 0 {
			end = len(rest)
		}
		words = append(words, word{rest[:end], at})
		at += end
	}
	return words
}

// join writes words with one blank between.
func join(words []word) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = w.text
	}
	return strings.Join(texts, " ")
}

func expand(words []word) (string, *fault) {
	name := strings.ToLower(words[0].text)
	long, ok := shorthands[name]
	switch {
	case name == "@reboot":
		return "", words[0].fault("@reboot has no time; run it when the program starts")
	case name == "@every":
		return "", words[0].fault("@every is not Unix cron; use an interval instead")
	case !ok:
		return "", words[0].fault("unknown shorthand; there are @hourly, @daily, @midnight, @weekly, @monthly, @yearly and @annually")
	case len(words) > 1:
		return "", words[1].fault("nothing may follow %s", words[0].text)
	}
	return long, nil
}

func count(expr string, words []word) *fault {
	const want = "minute, hour, day of month, month, day of week"
	switch {
	case len(words) == 0:
		return word{expr, 0}.fault("it is empty; it must have five fields: %s", want)
	case strings.HasPrefix(words[0].text, "TZ=") || strings.HasPrefix(words[0].text, "CRON_TZ="):
		return words[0].fault("the time zone is not part of the expression; it is set beside it")
	case len(words) < len(fields):
		return word{"", len(expr)}.fault("it has %d of five fields: %s", len(words), want)
	case len(words) == 6 && (words[dayField].text == "?" || words[weekdayField].text == "?"):
		return words[len(fields)].fault("%s", sixFields(strings.Fields(join(words))))
	case len(words) > len(fields):
		return words[len(fields)].fault("it has %d fields and must have five (%s); there are no seconds and no years", len(words), want)
	}
	return nil
}

// combineDays decides how the two fields of days go together, and refuses what is never due and what EventBridge has
// no expression for. With a fault it returns the field.
func (c *calendar) combineDays(day, weekday word) (int, *fault) {
	everyDay, everyWeekday := c.days == fields[dayField].all(), c.weekdays == fields[weekdayField].all()
	dayStar, weekdayStar := strings.HasPrefix(day.text, "*"), strings.HasPrefix(weekday.text, "*")
	longest := c.longestMonth()
	possible := c.days & span(1, longest)
	never := possible == 0 && !c.day.possible(longest)
	c.either = !dayStar && !weekdayStar
	if c.either {
		switch {
		case everyWeekday || possible == span(1, longest):
			c.days, c.weekdays, c.either = fields[dayField].all(), fields[weekdayField].all(), false
			c.day, c.weekday = monthDay{}, monthDay{}
		case never:
			c.days, c.day, c.either = fields[dayField].all(), monthDay{}, false // only the weekdays are left
		}
		return 0, nil
	}
	if !everyDay && !everyWeekday {
		place, starred := dayField, day
		if weekdayStar {
			place, starred = weekdayField, weekday
		}
		f := &fields[place]
		return place, starred.fault("beginning with \"*\", it means days that match both this field and the other, which EventBridge can't express; "+
			"for days that match either, write %d-%d%s", f.min, f.max, strings.TrimPrefix(starred.text, "*"))
	}
	if never {
		return dayField, day.fault("no month of this expression has such a day, so it is never due")
	}
	return 0, nil
}

// longestMonth is how many days the longest of the months can have.
func (c *calendar) longestMonth() int {
	longest := 0
	for m := c.months.from(1); m <= 12; m = c.months.from(m + 1) {
		longest = max(longest, daysIn(2000, time.Month(m))) // a leap year
	}
	return longest
}
