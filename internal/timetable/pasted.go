package timetable

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// pasted explains an expression in one of EventBridge's own forms, cron(...), rate(...) and at(...), or is nil where it
// has none of them. It says how to write the same here.
func pasted(expr string) *fault {
	text := strings.TrimSpace(expr)
	kind, inner, found := strings.Cut(text, "(")
	whole := word{text, strings.Index(expr, text)}
	inner = strings.TrimSuffix(strings.TrimSpace(inner), ")")
	switch kind = strings.ToLower(strings.TrimSpace(kind)); {
	case found && kind == "cron":
		return whole.fault("%s", sixFields(strings.Fields(inner)))
	case found && kind == "rate":
		return whole.fault("this is EventBridge's form of an interval; use %s", interval(strings.Fields(inner)))
	case found && kind == "at":
		return whole.fault("this is one point in time, and no schedule; send a job that is due then, with the option At")
	}
	return nil
}

// sixFields says how the fields of EventBridge's cron(...) are written here.
func sixFields(fields []string) string {
	const form = "this is EventBridge's form, with a year, \"?\" and Sunday as 1"
	if len(fields) != 6 {
		return form + "; write the five fields of Unix cron (minute, hour, day of month, month, day of week)"
	}
	five := []string{fields[0], fields[1], orEvery(fields[2]), fields[3], fromAWS(orEvery(fields[4]))}
	text := form + fmt.Sprintf("; in five fields it is %q", strings.Join(five, " "))
	if _, err := Cron(strings.Join(five, " "), nil); err != nil {
		text = form + "; write the five fields of Unix cron (minute, hour, day of month, month, day of week)"
	}
	if fields[5] != "*" {
		text += "; for certain years, bound it with From and Until"
	}
	return text
}

func orEvery(text string) string {
	if text == "?" {
		return "*"
	}
	return text
}

var number = regexp.MustCompile(`[0-9]+`)

// fromAWS counts the weekdays of EventBridge's field as Unix does.
func fromAWS(text string) string {
	if strings.EqualFold(text, "L") {
		return "6" // the last day of EventBridge's week
	}
	day, nth, numbered := strings.Cut(text, "#")
	day = number.ReplaceAllStringFunc(day, func(digits string) string {
		n, err := strconv.Atoi(digits)
		if err != nil || n < 1 || n > 7 {
			return "?" // which Cron refuses
		}
		return strconv.Itoa(n - 1)
	})
	if numbered {
		return day + "#" + nth
	}
	return day
}

// interval says rate(...) as a Go program does.
func interval(words []string) string {
	if len(words) == 2 {
		if n, err := strconv.Atoi(words[0]); err == nil && n > 0 {
			factor := ""
			if n > 1 {
				factor = strconv.Itoa(n) + "*"
			}
			switch strings.TrimSuffix(strings.ToLower(words[1]), "s") {
			case "minute":
				return "Every(" + factor + "time.Minute)"
			case "hour":
				return "Every(" + factor + "time.Hour)"
			case "day":
				if n <= int(maxInterval/(24*time.Hour)) {
					return "Every(" + factor + "24*time.Hour)"
				}
			}
		}
	}
	return "Every, with a duration such as 5*time.Minute"
}
